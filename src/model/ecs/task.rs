//! Tasks and their containers, as they are at one moment.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::ecs::definition::DefinitionId;
use crate::model::ecs::health::{CheckResult, HealthStatus};
use crate::model::tick::Tick;

/// Names a task: 32 digits of base 16.
pub type TaskId = Box<str>;

/// A task's place in its life (docs/semantics.md, "Tasks"). The order is the order of a life.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TaskStatus {
    /// What it needs before its containers is made.
    #[default]
    Provisioning,
    /// It waits for its turn.
    Pending,
    /// Its containers are made and started, and it is registered in its target groups.
    Activating,
    /// All its containers have started.
    Running,
    /// It is deregistered from its target groups, and drains.
    Deactivating,
    /// Its containers are being stopped.
    Stopping,
    /// What was made for it is given back.
    Deprovisioning,
    /// It is over.
    Stopped,
}

impl TaskStatus {
    /// All eight, in order.
    pub const ALL: [Self; 8] = [
        Self::Provisioning,
        Self::Pending,
        Self::Activating,
        Self::Running,
        Self::Deactivating,
        Self::Stopping,
        Self::Deprovisioning,
        Self::Stopped,
    ];

    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Activating => "ACTIVATING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is wished of a task.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DesiredStatus {
    /// It should run.
    #[default]
    Running,
    /// It should stop, or has.
    Stopped,
}

impl DesiredStatus {
    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// `stopCode`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum StopCode {
    /// A container could not be started.
    TaskFailedToStart,
    /// An essential container ended.
    EssentialContainerExited,
    /// Somebody asked for it.
    UserInitiated,
    /// The service did.
    ServiceSchedulerInitiated,
}

impl StopCode {
    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskFailedToStart => "TaskFailedToStart",
            Self::EssentialContainerExited => "EssentialContainerExited",
            Self::UserInitiated => "UserInitiated",
            Self::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
        }
    }
}

/// Whether what runs containers can be reached.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Connectivity {
    /// It can.
    #[default]
    Connected,
    /// It cannot: what is told of containers is what was last heard.
    Disconnected,
}

impl Connectivity {
    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "CONNECTED",
            Self::Disconnected => "DISCONNECTED",
        }
    }
}

/// `lastStatus` of a container.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ContainerStatus {
    /// Not started yet.
    #[default]
    Pending,
    /// It runs.
    Running,
    /// It has ended, or will never start.
    Stopped,
}

impl ContainerStatus {
    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// A task. What it is made of is said by its definition.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its name.
    pub id: TaskId,
    /// Its cluster.
    pub cluster: Box<str>,
    /// Its definition.
    pub definition: DefinitionId,
    /// `service:NAME`, `family:FAMILY`, or what the caller said.
    pub group: Box<str>,
    /// The deployment's id for a task of a service, or what the caller said.
    pub started_by: Option<Box<str>>,
    /// What the caller said, of no effect; of a task of a service, the service says it.
    #[serde(default)]
    pub launch_type: Option<Box<str>>,
    /// The service it belongs to, and the deployment.
    pub service: Option<Membership>,
    /// What of its definition is overridden, by container.
    pub overrides: BTreeMap<Box<str>, ContainerOverride>,
    /// Its tags.
    pub tags: BTreeMap<Box<str>, Box<str>>,
    /// Where it is in its life.
    pub last_status: TaskStatus,
    /// Where it should be.
    pub desired_status: DesiredStatus,
    /// Rolled up from its containers; the last one heard of once it is stopping.
    pub health: HealthStatus,
    /// When `health` last changed.
    pub health_since: Tick,
    /// Whether what runs its containers can be reached.
    pub connectivity: Connectivity,
    /// When it last became reachable.
    pub connectivity_at: Option<Tick>,
    /// Its own address, in network mode `awsvpc`.
    pub address: Option<IpAddr>,
    /// Grows by one with each change that is told as an event.
    pub version: u64,
    /// When it was asked for.
    pub created_at: Tick,
    /// When its images began to be pulled.
    pub pull_started_at: Option<Tick>,
    /// When they were there.
    pub pull_stopped_at: Option<Tick>,
    /// When it was first `RUNNING`.
    pub started_at: Option<Tick>,
    /// When it was told to stop.
    pub stopping_at: Option<Tick>,
    /// When an essential container ended.
    pub execution_stopped_at: Option<Tick>,
    /// When it was `STOPPED`.
    pub stopped_at: Option<Tick>,
    /// Why it stops.
    pub stop_code: Option<StopCode>,
    /// The same in a sentence.
    pub stopped_reason: Option<Box<str>>,
    /// Its containers, in the order of its definition.
    pub containers: Vec<Container>,
    /// Its places in target groups; empty for a task without.
    pub targets: Vec<TaskTarget>,
}

/// The service a task belongs to.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// The service's name; it is in the task's cluster.
    pub service: Box<str>,
    /// The deployment's id, `ecs-svc/` and digits.
    pub deployment: Box<str>,
}

/// One container of a task.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Its name in the definition.
    pub name: Box<str>,
    /// The last part of its ARN.
    pub uuid: Box<str>,
    /// What the runtime calls it, once it is made.
    pub runtime_id: Option<Box<str>>,
    /// Where it is in its life.
    pub last_status: ContainerStatus,
    /// What its check says; the last one heard of once its task is stopping.
    pub health: HealthStatus,
    /// When `health` last changed; when it started, before that.
    pub health_since: Tick,
    /// Failures in a row; 0 after a pass.
    pub failures: u32,
    /// Whether a check has passed since it started, which ends its start period.
    pub passed: bool,
    /// The latest results of its check, the newest last, at most [`crate::model::ecs::health::RESULTS_KEPT`].
    pub results: VecDeque<CheckResult>,
    /// When it was started last.
    pub started_at: Option<Tick>,
    /// When it ended.
    pub stopped_at: Option<Tick>,
    /// How it ended; `None` where nobody knows.
    pub exit_code: Option<i32>,
    /// What else is to be said of its end.
    pub reason: Option<Box<str>>,
    /// How often it was started again where it was.
    pub restarts: u32,
    /// Where it can be reached: address and port on the host, and its own port.
    pub bindings: Vec<Binding>,
}

/// A port of a container and where it is reached.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// Where it is bound.
    pub address: IpAddr,
    /// The container's own port.
    pub container_port: u16,
    /// The port to be used with `address`.
    pub host_port: u16,
    /// Whether it is of UDP and not of TCP.
    pub udp: bool,
}

/// What a caller of `RunTask` says otherwise than the definition.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ContainerOverride {
    /// In place of the definition's command.
    pub command: Option<Vec<Box<str>>>,
    /// Over the definition's variables.
    pub environment: BTreeMap<Box<str>, Box<str>>,
}

/// A task's place in a target group.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct TaskTarget {
    /// The group's ARN.
    pub arn: Box<str>,
    /// The id it is registered with: an address.
    pub id: Box<str>,
    /// The port it is registered with; 0 before its container has started.
    pub port: u16,
    /// How far its registration is.
    pub registration: Registration,
    /// What the target group last said of it, as [`crate::model::health::State::as_str`]; empty before it has.
    pub state: Box<str>,
    /// The description that goes with an unhealthy target.
    pub description: Box<str>,
}

/// How far the registration of a target is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub enum Registration {
    /// Not asked for yet.
    #[default]
    Absent,
    /// It has been asked for.
    Asked,
    /// It stands.
    Registered,
    /// Its end has been asked for, or it drains.
    Draining,
    /// It is over: the group no longer knows the target.
    Gone,
}

impl Task {
    /// Whether it is over.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.last_status == TaskStatus::Stopped
    }

    /// Whether it should run on.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.desired_status == DesiredStatus::Running
    }

    /// The container of this name.
    #[must_use]
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.containers.iter().find(|container| *container.name == *name)
    }
}

impl Container {
    /// The latest result of its check.
    #[must_use]
    pub fn last_result(&self) -> Option<&CheckResult> {
        self.results.back()
    }
}
