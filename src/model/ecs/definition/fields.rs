//! Every field that the ECS API knows in a task definition, what type it has, and what becomes of it here.
//!
//! docs/ecs.md, "Task definitions", has the same table in words.

/// One field of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) done: Done,
}

/// The type of a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    Whole,
    Truth,
    Texts,
    Wholes,
    /// An object whose names are the user's own, and whose values are texts.
    TextMap,
    /// A text, or a number that means the same.
    TextOrWhole,
    /// A list of texts, or the console's form of it: one text.
    TextsOrText,
    /// Any object, any list: nothing in it is looked at.
    Object,
    List,
    Thing(&'static [Field]),
    Things(&'static [Field]),
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Done {
    /// It must be there, and is obeyed.
    Required,
    /// It is obeyed, or at least told again and of no further consequence.
    Used,
    /// It is kept, told again and ignored, and this is said with the reason.
    Ignored(&'static str),
    /// AWS gives it: it is left out, and this is said.
    Given,
}

use Done::{Given, Ignored, Required, Used};
use Kind::{
    List, Object, Text, TextMap, TextOrWhole, Texts, TextsOrText, Thing, Things, Truth, Whole, Wholes,
};

const fn field(name: &'static str, kind: Kind, done: Done) -> Field {
    Field { name, kind, done }
}

const NO_IAM: &str = "there is no IAM here; containers get no credentials";
const ONE_HOST: &str = "tasks run on this host";
const NO_DEVICE: &str = "devices are not handed out";
const NO_MESH: &str = "there is no service mesh here";
const NO_VOLUME: &str = "the volume is an empty folder that lives as long as the task";
const SHARED: &str = "the host's own are used";
const DNS: &str = "names are resolved as the host does it";
const NO_TERMINAL: &str = "containers have no terminal";
const PULL: &str = "the engine pulls with what it is logged in with";

pub(super) static DEFINITION: [Field; 28] = [
    field("family", Text, Required),
    field("containerDefinitions", Things(&CONTAINER), Required),
    field("networkMode", Text, Used),
    field("volumes", Things(&VOLUME), Used),
    field("cpu", TextOrWhole, Used),
    field("memory", TextOrWhole, Used),
    field("requiresCompatibilities", Texts, Used),
    field("tags", Things(&TAG), Used),
    field("taskRoleArn", Text, Ignored(NO_IAM)),
    field("executionRoleArn", Text, Ignored(NO_IAM)),
    field("placementConstraints", List, Ignored(ONE_HOST)),
    field("pidMode", Text, Ignored("each container has the processes the runtime gives it")),
    field("ipcMode", Text, Ignored("each container has the memory the runtime gives it")),
    field("proxyConfiguration", Object, Ignored(NO_MESH)),
    field("inferenceAccelerators", List, Ignored(NO_DEVICE)),
    field("ephemeralStorage", Object, Ignored("tasks use the host's disk")),
    field("runtimePlatform", Object, Ignored(ONE_HOST)),
    field("enableFaultInjection", Truth, Ignored("there is no fault injection here")),
    field("trustedExecutionConfiguration", Object, Ignored(ONE_HOST)),
    field("taskDefinitionArn", Text, Given),
    field("revision", Whole, Given),
    field("status", Text, Given),
    field("requiresAttributes", List, Given),
    field("compatibilities", List, Given),
    field("registeredAt", TextOrWhole, Given),
    field("registeredBy", Text, Given),
    field("deregisteredAt", TextOrWhole, Given),
    field("deleteRequestedAt", TextOrWhole, Given),
];

/// What `DescribeTaskDefinition` has beside the definition.
pub(super) static BESIDE: [Field; 1] = [field("tags", Things(&TAG), Used)];

static CONTAINER: [Field; 42] = [
    field("name", Text, Used),
    field("image", Text, Used),
    field("essential", Truth, Used),
    field("command", Texts, Used),
    field("entryPoint", Texts, Used),
    field("environment", Things(&VARIABLE), Used),
    field("environmentFiles", Things(&ENVIRONMENT_FILE), Used),
    field("secrets", Things(&SECRET), Used),
    field("portMappings", Things(&PORT), Used),
    field("healthCheck", Thing(&HEALTH_CHECK), Used),
    field("dependsOn", Things(&DEPENDENCY), Used),
    field("startTimeout", Whole, Used),
    field("stopTimeout", Whole, Used),
    field("restartPolicy", Thing(&RESTART_POLICY), Used),
    field("user", Text, Used),
    field("workingDirectory", Text, Used),
    field("hostname", Text, Used),
    field("readonlyRootFilesystem", Truth, Used),
    field("privileged", Truth, Used),
    field("linuxParameters", Thing(&LINUX), Used),
    field("cpu", Whole, Used),
    field("memory", Whole, Used),
    field("memoryReservation", Whole, Used),
    field("ulimits", Things(&ULIMIT), Used),
    field("mountPoints", Things(&MOUNT), Used),
    field("volumesFrom", Things(&VOLUMES_FROM), Used),
    field("dockerLabels", TextMap, Used),
    field("logConfiguration", Object, Ignored("output is kept here")),
    field("links", Texts, Ignored("containers find each other by address")),
    field("repositoryCredentials", Object, Ignored(PULL)),
    field("firelensConfiguration", Object, Ignored("output is kept here")),
    field("resourceRequirements", List, Ignored(NO_DEVICE)),
    field("versionConsistency", Text, Ignored("an image is looked up whenever a container starts")),
    field("disableNetworking", Truth, Ignored("the network is that of the task's network mode")),
    field("dnsServers", Texts, Ignored(DNS)),
    field("dnsSearchDomains", Texts, Ignored(DNS)),
    field("extraHosts", List, Ignored(DNS)),
    field("dockerSecurityOptions", Texts, Ignored(SHARED)),
    field("interactive", Truth, Ignored(NO_TERMINAL)),
    field("pseudoTerminal", Truth, Ignored(NO_TERMINAL)),
    field("systemControls", List, Ignored(SHARED)),
    field("credentialSpecs", Texts, Ignored(NO_IAM)),
];

static HEALTH_CHECK: [Field; 5] = [
    field("command", TextsOrText, Required),
    field("interval", Whole, Used),
    field("timeout", Whole, Used),
    field("retries", Whole, Used),
    field("startPeriod", Whole, Used),
];

static DEPENDENCY: [Field; 2] = [field("containerName", Text, Required), field("condition", Text, Required)];

static RESTART_POLICY: [Field; 3] = [
    field("enabled", Truth, Required),
    field("ignoredExitCodes", Wholes, Used),
    field("restartAttemptPeriod", Whole, Used),
];

static PORT: [Field; 6] = [
    field("containerPort", Whole, Used),
    field("hostPort", Whole, Used),
    field("protocol", Text, Used),
    field("name", Text, Used),
    field("appProtocol", Text, Used),
    field("containerPortRange", Text, Ignored("name each port by itself")),
];

static LINUX: [Field; 7] = [
    field("initProcessEnabled", Truth, Used),
    field("tmpfs", Things(&TMPFS), Used),
    field("capabilities", Object, Ignored("containers have the capabilities the runtime gives them")),
    field("devices", List, Ignored(NO_DEVICE)),
    field("sharedMemorySize", Whole, Ignored(SHARED)),
    field("maxSwap", Whole, Ignored(SHARED)),
    field("swappiness", Whole, Ignored(SHARED)),
];

static TMPFS: [Field; 3] = [
    field("containerPath", Text, Required),
    field("size", Whole, Required),
    field("mountOptions", Texts, Used),
];

static VOLUME: [Field; 7] = [
    field("name", Text, Required),
    field("host", Thing(&HOST), Used),
    field("dockerVolumeConfiguration", Object, Ignored(NO_VOLUME)),
    field("efsVolumeConfiguration", Object, Ignored(NO_VOLUME)),
    field("s3filesVolumeConfiguration", Object, Ignored(NO_VOLUME)),
    field("fsxWindowsFileServerVolumeConfiguration", Object, Ignored(NO_VOLUME)),
    field("configuredAtLaunch", Truth, Ignored(NO_VOLUME)),
];

static HOST: [Field; 1] = [field("sourcePath", Text, Used)];

static MOUNT: [Field; 3] = [
    field("sourceVolume", Text, Required),
    field("containerPath", Text, Required),
    field("readOnly", Truth, Used),
];

static VOLUMES_FROM: [Field; 2] = [field("sourceContainer", Text, Required), field("readOnly", Truth, Used)];

static ULIMIT: [Field; 3] =
    [field("name", Text, Required), field("softLimit", Whole, Required), field("hardLimit", Whole, Required)];

static VARIABLE: [Field; 2] = [field("name", Text, Required), field("value", Text, Used)];
static ENVIRONMENT_FILE: [Field; 2] = [field("value", Text, Required), field("type", Text, Used)];
static SECRET: [Field; 2] = [field("name", Text, Required), field("valueFrom", Text, Required)];
static TAG: [Field; 2] = [field("key", Text, Required), field("value", Text, Used)];

/// The path of every field of a definition and of its first container.
#[cfg(test)]
pub(super) fn names() -> Vec<String> {
    let own = DEFINITION.iter().map(|field| field.name.to_owned());
    own.chain(CONTAINER.iter().map(|field| format!("containerDefinitions.0.{}", field.name))).collect()
}
