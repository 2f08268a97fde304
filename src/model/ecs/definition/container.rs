//! One container of a task definition: what its fields mean, without what they mean to other containers.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::ecs::definition::notes::{Notes, quote};
use crate::model::ecs::definition::values::Object;
use crate::model::ecs::definition::{
    Condition, ContainerDefinition, Dependency, Mount, NetworkMode, RestartPolicy, Secret, check, ports,
};

/// Names of `ulimits`.
const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// The least memory an engine gives a container, in MiB.
const LEAST_MEMORY: i64 = 6;

/// The largest whole number of the ECS API.
const MOST: i64 = 2_147_483_647;

/// What a container needs to know of the rest of the definition.
#[derive(Debug)]
pub(super) struct Around<'a> {
    pub(super) network_mode: NetworkMode,
    pub(super) volumes: &'a BTreeMap<Box<str>, Option<Box<str>>>,
    /// The task's memory in MiB.
    pub(super) memory: Option<u32>,
}

/// Reads a container. What is not right is left at its default; a problem is then recorded.
pub(super) fn read(container: &Object<'_>, around: &Around<'_>, notes: &mut Notes) -> ContainerDefinition {
    let text = |name, notes: &mut Notes| container.filled(name, notes).map(Box::from);
    let mut read = ContainerDefinition {
        name: name(container, notes),
        image: image(container, notes),
        essential: container.truth("essential").unwrap_or(true),
        command: container.texts("command"),
        entry_point: container.texts("entryPoint"),
        environment: environment(container, notes),
        environment_files: environment_files(container, notes),
        secrets: secrets(container, notes),
        user: text("user", notes),
        working_directory: text("workingDirectory", notes),
        hostname: text("hostname", notes),
        read_only: container.truth("readonlyRootFilesystem").unwrap_or(false),
        ulimits: ulimits(container, notes),
        mounts: mounts(container, around, notes),
        ports: ports::read(container, around.network_mode, notes),
        check: below(container, "healthCheck").and_then(|check| check::read(&check, notes)),
        depends_on: dependencies(container, notes),
        start_timeout: container.seconds("startTimeout", &(2..=120), notes),
        stop_timeout: container.seconds("stopTimeout", &(2..=120), notes),
        restart: below(container, "restartPolicy").and_then(|policy| restart(&policy, notes)),
        labels: labels(container),
        ..ContainerDefinition::default()
    };
    if let Some(linux) = below(container, "linuxParameters") {
        read.init = linux.truth("initProcessEnabled").unwrap_or(false);
        read.tmpfs = tmpfs(&linux, notes);
    }
    resources(container, around, &mut read, notes);
    if container.truth("privileged") == Some(true) {
        notes.problem(
            &container.scope.field("privileged"),
            "must be false: no container gets all rights over this host",
        );
    }
    if read.hostname.is_some() && around.network_mode == NetworkMode::Awsvpc {
        notes.warning(&container.scope.field("hostname"), "is refused by AWS where networkMode is awsvpc");
    }
    read
}

/// An object below the container.
fn below<'a>(container: &'a Object<'a>, name: &'a str) -> Option<Object<'a>> {
    let map = container.map.get(name)?.as_object()?;
    Some(Object { map, scope: container.scope.field(name) })
}

fn name(container: &Object<'_>, notes: &mut Notes) -> Box<str> {
    if container.map.get("name").is_none_or(|name| name == "") {
        notes.sentence("Container.name should not be null or empty.");
    }
    container.name("name", notes).unwrap_or_default().into()
}

/// The image, empty where there is none: plain processes need none, and an engine says that it is missing.
fn image(container: &Object<'_>, notes: &mut Notes) -> Box<str> {
    let image = container.text("image").unwrap_or_default();
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-_:./#@+".contains(&c);
    if image.len() > 255 || !image.bytes().all(plain) {
        notes.sentence("Container.image contains invalid characters.");
    }
    image.into()
}

fn resources(container: &Object<'_>, around: &Around<'_>, read: &mut ContainerDefinition, notes: &mut Notes) {
    read.cpu = container.number("cpu", &(0..=MOST), notes).unwrap_or(0);
    read.memory = container.number("memory", &(LEAST_MEMORY..=MOST), notes);
    read.memory_reservation = container.number("memoryReservation", &(LEAST_MEMORY..=MOST), notes);
    if let (Some(memory), Some(task)) = (read.memory, around.memory)
        && memory > task
    {
        notes.problem(
            &container.scope.field("memory"),
            format_args!("must not be above the task's memory, which is {task}"),
        );
    }
    if let (Some(memory), Some(reserved)) = (read.memory, read.memory_reservation)
        && reserved > memory
    {
        notes.problem(
            &container.scope.field("memoryReservation"),
            format_args!("must not be above memory, which is {memory}"),
        );
    }
}

/// Whether a variable may have this name; records it where it may not.
fn is_variable(thing: &Object<'_>, notes: &mut Notes) -> bool {
    let good = thing.text("name").is_some_and(|name| !name.is_empty() && !name.contains('='));
    if !good {
        notes.problem(&thing.scope.field("name"), "must be the name of a variable, without =");
    }
    good
}

fn environment(container: &Object<'_>, notes: &mut Notes) -> BTreeMap<Box<str>, Box<str>> {
    let scope = container.scope.field("environment");
    let mut variables = BTreeMap::new();
    for (index, map) in container.things("environment") {
        let thing = Object { map, scope: scope.item(index) };
        let Some(name) = thing.text("name") else { continue };
        if !is_variable(&thing, notes) {
            continue;
        }
        if variables.insert(name.into(), thing.text("value").unwrap_or_default().into()).is_some() {
            notes.warning(
                &thing.scope,
                format_args!("has the name {} again: the last one holds", quote(name)),
            );
        }
    }
    variables
}

fn environment_files(container: &Object<'_>, notes: &mut Notes) -> Vec<Box<str>> {
    let scope = container.scope.field("environmentFiles");
    let mut files = Vec::new();
    for (index, map) in container.things("environmentFiles") {
        let thing = Object { map, scope: scope.item(index) };
        match thing.filled("value", notes) {
            Some(value) if value.starts_with("arn:") => notes.problem(
                &thing.scope.field("value"),
                format_args!("must be the path of a file on this host, and is {}", quote(value)),
            ),
            Some(value) => files.push(value.into()),
            None => {}
        }
    }
    files
}

fn secrets(container: &Object<'_>, notes: &mut Notes) -> BTreeMap<Box<str>, Secret> {
    let scope = container.scope.field("secrets");
    let mut secrets = BTreeMap::new();
    for (index, map) in container.things("secrets") {
        let thing = Object { map, scope: scope.item(index) };
        let (Some(name), Some(from)) = (thing.text("name"), thing.text("valueFrom")) else { continue };
        let secret = match from.split_once(':') {
            Some(("env", name)) if !name.is_empty() && !name.contains('=') => Secret::Variable(name.into()),
            Some(("file", path)) if !path.is_empty() => Secret::File(path.into()),
            _ => {
                notes.problem(
                    &thing.scope.field("valueFrom"),
                    format_args!("must be env:NAME or file:PATH, and is {}", quote(from)),
                );
                continue;
            }
        };
        if is_variable(&thing, notes) && secrets.insert(name.into(), secret).is_some() {
            notes.problem(&thing.scope.field("name"), format_args!("is {} a second time", quote(name)));
        }
    }
    secrets
}

fn ulimits(container: &Object<'_>, notes: &mut Notes) -> BTreeMap<Box<str>, (i64, i64)> {
    let scope = container.scope.field("ulimits");
    let mut limits = BTreeMap::new();
    for (index, map) in container.things("ulimits") {
        let thing = Object { map, scope: scope.item(index) };
        let name = thing.word("name", &ULIMITS, |name| name, notes);
        let every = -1..=i64::MAX;
        let soft = thing.whole("softLimit", &every, notes);
        let hard = thing.whole("hardLimit", &every, notes);
        let (Some(name), Some(soft), Some(hard)) = (name, soft, hard) else { continue };
        // -1 is no limit.
        if hard >= 0 && !(0..=hard).contains(&soft) {
            notes.problem(
                &thing.scope.field("softLimit"),
                format_args!("must not be above hardLimit, which is {hard}"),
            );
        }
        if limits.insert(name.into(), (soft, hard)).is_some() {
            notes.problem(&thing.scope.field("name"), format_args!("is {name} a second time"));
        }
    }
    limits
}

fn mounts(container: &Object<'_>, around: &Around<'_>, notes: &mut Notes) -> Vec<Mount> {
    let scope = container.scope.field("mountPoints");
    let mut mounts = Vec::new();
    for (index, map) in container.things("mountPoints") {
        let thing = Object { map, scope: scope.item(index) };
        let path = thing.path("containerPath", notes);
        let (Some(volume), Some(path)) = (thing.text("sourceVolume"), path) else { continue };
        if !around.volumes.contains_key(volume) {
            notes.problem(
                &thing.scope.field("sourceVolume"),
                format_args!("must be one of volumes, and is {}", quote(volume)),
            );
            continue;
        }
        let read_only = thing.truth("readOnly").unwrap_or(false);
        mounts.push(Mount { volume: volume.into(), path: path.into(), read_only });
    }
    mounts
}

fn tmpfs(linux: &Object<'_>, notes: &mut Notes) -> Vec<(Box<str>, u32, Vec<Box<str>>)> {
    let scope = linux.scope.field("tmpfs");
    let mut all = Vec::new();
    for (index, map) in linux.things("tmpfs") {
        let thing = Object { map, scope: scope.item(index) };
        let path = thing.path("containerPath", notes);
        let size = thing.number("size", &(1..=MOST), notes);
        if let (Some(path), Some(size)) = (path, size) {
            all.push((path.into(), size, thing.texts("mountOptions")));
        }
    }
    all
}

fn dependencies(container: &Object<'_>, notes: &mut Notes) -> Vec<Dependency> {
    let scope = container.scope.field("dependsOn");
    let mut all = Vec::new();
    for (index, map) in container.things("dependsOn") {
        let thing = Object { map, scope: scope.item(index) };
        let condition = thing.word("condition", &Condition::ALL, Condition::as_str, notes);
        if let (Some(other), Some(condition)) = (thing.text("containerName"), condition) {
            all.push(Dependency { container: other.into(), condition });
        }
    }
    all
}

fn restart(policy: &Object<'_>, notes: &mut Notes) -> Option<RestartPolicy> {
    const CODES: usize = 50;
    let attempt_period = policy.seconds("restartAttemptPeriod", &(60..=1_800), notes);
    let codes = policy.map.get("ignoredExitCodes").and_then(serde_json::Value::as_array);
    if codes.is_some_and(|codes| codes.len() > CODES) {
        notes.problem(
            &policy.scope.field("ignoredExitCodes"),
            format_args!("must have at most {CODES} codes"),
        );
    }
    let codes = codes.into_iter().flatten().filter_map(serde_json::Value::as_i64);
    let ignored_exit_codes: BTreeSet<i32> = codes.filter_map(|code| i32::try_from(code).ok()).collect();
    let attempt_period = attempt_period.unwrap_or(std::time::Duration::from_secs(300));
    (policy.truth("enabled") == Some(true)).then_some(RestartPolicy { ignored_exit_codes, attempt_period })
}

fn labels(container: &Object<'_>) -> BTreeMap<Box<str>, Box<str>> {
    let labels =
        container.map.get("dockerLabels").and_then(serde_json::Value::as_object).into_iter().flatten();
    labels.filter_map(|(name, value)| Some((name.as_str().into(), value.as_str()?.into()))).collect()
}
