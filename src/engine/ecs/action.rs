//! What the rules ask of whoever runs containers, and what they are told in return.

use std::net::IpAddr;
use std::sync::Arc;

use crate::model::ecs::check::ContainerCheck;
use crate::model::ecs::definition::TaskDefinition;
use crate::model::ecs::health::CheckResult;
use crate::model::ecs::task::{Binding, Connectivity, Task, TaskId, TaskTarget};
use crate::model::health::TargetHealth;
use crate::model::outcome::Outcome;
use crate::model::tick::Tick;

/// Names one start of one container: what is told of an earlier start is not taken for this one.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ContainerKey {
    /// Its task.
    pub task: TaskId,
    /// Its place in the task's definition.
    pub index: usize,
    /// How often it had been started again before.
    pub run: u32,
}

/// What is to be done. Each is done once, and told of by a [`Report`] where it says so.
#[derive(Clone, Debug)]
pub enum Action {
    /// Start a container. Answered by [`Report::Started`], or by [`Report::NotStarted`].
    Start(StartContainer),
    /// Send a container SIGTERM, or the signal its image asks for. The end is told by [`Report::Ended`], as every end is.
    Terminate(ContainerKey, Box<str>),
    /// Send a container SIGKILL.
    Kill(ContainerKey, Box<str>),
    /// Run a container's check once. Answered by [`Report::Probed`], unless the container ends before.
    Probe(Probe),
    /// Stop the check of a container that is under way, if there is one; nothing is told of it.
    CancelProbe(ContainerKey),
    /// Remove what a task has left behind: its containers by what the runtime calls them. Not answered.
    Remove(TaskId, Vec<Box<str>>),
    /// Register a task in its target groups. Answered by [`Report::Registered`] or [`Report::NotRegistered`].
    Register(TaskId, Vec<TaskTarget>),
    /// End these registrations. What becomes of the targets is told by [`Report::Targets`].
    Deregister(TaskId, Vec<TaskTarget>),
}

/// A container to be started.
#[derive(Clone, Debug)]
pub struct StartContainer {
    /// Its name.
    pub key: ContainerKey,
    /// Its task, with what is overridden and its address.
    pub task: Arc<Task>,
    /// What it is.
    pub definition: Arc<TaskDefinition>,
}

/// A check to be run.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The container.
    pub key: ContainerKey,
    /// What the runtime calls it.
    pub runtime_id: Box<str>,
    /// The check.
    pub check: ContainerCheck,
    /// Its task.
    pub task: Arc<Task>,
    /// What it is.
    pub definition: Arc<TaskDefinition>,
}

/// What has happened.
#[derive(Clone, Debug)]
pub enum Report {
    /// An image is being pulled.
    Pulling(ContainerKey),
    /// It is there.
    Pulled(ContainerKey),
    /// A container has started.
    Started {
        /// Which one.
        key: ContainerKey,
        /// What the runtime calls it.
        runtime_id: Box<str>,
        /// The address it is reached at from this host.
        address: IpAddr,
        /// Its ports.
        bindings: Vec<Binding>,
    },
    /// A container could not be started.
    NotStarted(ContainerKey, StartError),
    /// A container has ended.
    Ended {
        /// Which one.
        key: ContainerKey,
        /// 128 and the signal's number where a signal ended it; `None` where nobody knows.
        exit_code: Option<i32>,
        /// What else there is to be said, such as that it used too much memory.
        reason: Option<Box<str>>,
    },
    /// A check has ended. An inconclusive one says nothing about the container.
    Probed(ContainerKey, Outcome, CheckResult),
    /// A task is registered in its target groups.
    Registered(TaskId),
    /// A task could not be registered, for this reason.
    NotRegistered(TaskId, Box<str>),
    /// How targets of a task fare.
    Targets(TaskId, Vec<TargetSeen>),
    /// What runs containers has become reachable or unreachable. With the first comes an [`Report::Inventory`].
    Connectivity(Connectivity),
    /// Every container there is that is ours, as found after a start or a time in which the runtime was unreachable.
    Inventory(Vec<Found>),
}

/// How a target of a task fares.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TargetSeen {
    /// Its group's ARN.
    pub arn: Box<str>,
    /// Its id.
    pub id: Box<str>,
    /// Its port.
    pub port: u16,
    /// What its group says of it; `None` where the group does not know it (any more), or is not there.
    pub health: Option<TargetHealth>,
}

/// A container that was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// Its name.
    pub key: ContainerKey,
    /// What the runtime calls it.
    pub runtime_id: Box<str>,
    /// When it was started, where that is known.
    pub started_at: Option<Tick>,
    /// How it ended, if it has: exit code and reason as in [`Report::Ended`].
    pub ended: Option<(Option<i32>, Option<Box<str>>)>,
    /// The address it is reached at.
    pub address: IpAddr,
    /// Its ports.
    pub bindings: Vec<Binding>,
}

/// Why a container has not started.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StartError {
    /// AWS's name for it.
    pub kind: StartErrorKind,
    /// What was said of it.
    pub message: Box<str>,
}

/// AWS's names for why a container has not started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StartErrorKind {
    /// The image cannot be had.
    CannotPull,
    /// The container cannot be made.
    CannotCreate,
    /// It was made and cannot be started.
    CannotStart,
    /// What it needs cannot be had, such as a secret or a file of variables.
    ResourceInitialization,
    /// This host has no process, no descriptor, no memory or no disk left for it, which is our own trouble. Whoever runs
    /// containers tries again; the rules hear of it only once nobody wants the container any more.
    NoRoom,
}

impl StartErrorKind {
    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CannotPull => "CannotPullContainerError",
            Self::CannotCreate => "CannotCreateContainerError",
            Self::CannotStart => "CannotStartContainerError",
            Self::ResourceInitialization | Self::NoRoom => "ResourceInitializationError",
        }
    }
}
