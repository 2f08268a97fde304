//! Task definitions: which containers make up a task, and how each is run and checked.

mod check;
mod container;
mod fields;
mod notes;
mod paths;
mod ports;
mod read;
mod relations;
mod shape;
#[cfg(test)]
mod tests;
mod told;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use crate::model::ecs::definition::notes::Problems;
pub use crate::model::ecs::definition::read::Reading;

use crate::model::ecs::check::ContainerCheck;
use crate::model::tick::Tick;

/// How long a container has between SIGTERM and SIGKILL where its definition does not say.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Names a task definition: `family:revision`.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct DefinitionId {
    /// 1 to 255 letters, digits, hyphens and underscores.
    pub family: Box<str>,
    /// Counts from 1.
    pub revision: u32,
}

impl fmt::Display for DefinitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.family, self.revision)
    }
}

/// One revision of a task definition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TaskDefinition {
    /// Its name.
    pub id: DefinitionId,
    /// When it was registered.
    pub registered: Tick,
    /// When it was deregistered, which makes it `INACTIVE`.
    pub deregistered: Option<Tick>,
    /// What its tasks are.
    pub blueprint: Blueprint,
    /// Its tags.
    pub tags: BTreeMap<Box<str>, Box<str>>,
}

/// What a task definition says, without the name and the number it was given.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Blueprint {
    /// The family it belongs to.
    pub family: Box<str>,
    /// At least one, one of them essential; names are unique, and dependencies have no cycle.
    pub containers: Vec<ContainerDefinition>,
    /// How its containers see the network.
    pub network_mode: NetworkMode,
    /// Folders of the host by their names here; `None` for one that lives as long as the task.
    pub volumes: BTreeMap<Box<str>, Option<Box<str>>>,
    /// MiB that all its containers together may use; `None` is no limit.
    pub memory: Option<u32>,
    /// What `DescribeTaskDefinition` tells, from `family` on: what was registered, with defaults filled in. Reading this
    /// again gives the same.
    pub told: Map<String, Value>,
}

/// `networkMode`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum NetworkMode {
    /// A network of the engine's, with ports of the host mapped into it; for plain processes, the host's network.
    #[default]
    Bridge,
    /// The host's network.
    Host,
    /// An address for each task; here one of 127.0.0.0/8 on the host's network.
    Awsvpc,
    /// None but loopback; for plain processes, the host's network.
    None,
}

impl NetworkMode {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Bridge, Self::Host, Self::Awsvpc, Self::None];

    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Host => "host",
            Self::Awsvpc => "awsvpc",
            Self::None => "none",
        }
    }
}

/// One container of a task definition.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ContainerDefinition {
    /// 1 to 255 letters, digits, hyphens and underscores.
    pub name: Box<str>,
    /// The image; plain processes need none.
    pub image: Box<str>,
    /// Whether the task stops when it stops.
    pub essential: bool,
    /// Docker's `Cmd`; a plain process runs `entry_point` and `command` one behind the other.
    pub command: Vec<Box<str>>,
    /// Docker's `Entrypoint`.
    pub entry_point: Vec<Box<str>>,
    /// Variables.
    pub environment: BTreeMap<Box<str>, Box<str>>,
    /// Files of further variables, which those of `environment` override.
    pub environment_files: Vec<Box<str>>,
    /// Variables whose values are looked up when the container starts.
    pub secrets: BTreeMap<Box<str>, Secret>,
    /// `user`, `user:group`, by name or number.
    pub user: Option<Box<str>>,
    /// Where it starts.
    pub working_directory: Option<Box<str>>,
    /// The name of its host.
    pub hostname: Option<Box<str>>,
    /// Whether its root file system is read only.
    pub read_only: bool,
    /// Whether an init process reaps what its main process leaves behind.
    pub init: bool,
    /// Docker's CPU shares; 0 is none.
    pub cpu: u32,
    /// MiB it may use; `None` is no limit.
    pub memory: Option<u32>,
    /// MiB that are kept for it.
    pub memory_reservation: Option<u32>,
    /// Limits by name, soft and hard.
    pub ulimits: BTreeMap<Box<str>, (i64, i64)>,
    /// Volumes by where they are in the container.
    pub mounts: Vec<Mount>,
    /// File systems in memory: where, MiB, options.
    pub tmpfs: Vec<(Box<str>, u32, Vec<Box<str>>)>,
    /// Its ports.
    pub ports: Vec<PortMapping>,
    /// Its health check; `None` is none, not even the image's.
    pub check: Option<ContainerCheck>,
    /// What has to have happened to others before it starts.
    pub depends_on: Vec<Dependency>,
    /// How long others wait for it to be what they depend on.
    pub start_timeout: Option<Duration>,
    /// From SIGTERM to SIGKILL, [`STOP_TIMEOUT`] by default.
    pub stop_timeout: Option<Duration>,
    /// Whether it is started again where it is, should it end.
    pub restart: Option<RestartPolicy>,
    /// Labels for Docker.
    pub labels: BTreeMap<Box<str>, Box<str>>,
}

/// Where a secret is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Secret {
    /// `env:NAME`: a variable of this program's own.
    Variable(Box<str>),
    /// `file:PATH`: a file, without the line end at its end.
    File(Box<str>),
}

/// A volume in a container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mount {
    /// The volume's name.
    pub volume: Box<str>,
    /// Where it is in the container.
    pub path: Box<str>,
    /// Whether it cannot be written.
    pub read_only: bool,
}

/// A port of a container.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PortMapping {
    /// In the container.
    pub container_port: u16,
    /// On the host; 0 is any.
    pub host_port: u16,
    /// Whether it is of UDP and not of TCP.
    pub udp: bool,
}

/// What a container waits for before it starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dependency {
    /// The other container.
    pub container: Box<str>,
    /// What must be true of it.
    pub condition: Condition,
}

/// `condition` of a dependency (docs/semantics.md, "Dependencies").
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Condition {
    /// It runs, or has run.
    Start,
    /// It has ended.
    Complete,
    /// It has ended with exit code 0.
    Success,
    /// It is `HEALTHY`.
    Healthy,
}

impl Condition {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Start, Self::Complete, Self::Success, Self::Healthy];

    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Complete => "COMPLETE",
            Self::Success => "SUCCESS",
            Self::Healthy => "HEALTHY",
        }
    }
}

/// `restartPolicy`, where it is enabled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RestartPolicy {
    /// Exit codes after which it stays stopped.
    pub ignored_exit_codes: BTreeSet<i32>,
    /// It is started again at most once in this time, and only if it has run for it: 60 s to 1,800 s, 300 s by default.
    pub attempt_period: Duration,
}

impl Blueprint {
    /// The container of this name.
    #[must_use]
    pub fn container(&self, name: &str) -> Option<&ContainerDefinition> {
        self.containers.iter().find(|container| *container.name == *name)
    }
}
