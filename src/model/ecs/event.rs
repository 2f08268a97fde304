//! What is told of tasks and services as it happens (docs/api.md, "Events").

use std::sync::Arc;

use crate::model::ecs::health::{CheckResult, HealthStatus};
use crate::model::ecs::service::{RolloutState, ServiceKey};
use crate::model::ecs::task::{Task, TaskId};
use crate::model::tick::Tick;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    /// A UUID.
    pub id: Box<str>,
    /// When.
    pub at: Tick,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// `ECS Task State Change`: the task as it is after it.
    Task(Arc<Task>),
    /// `ECS Container Health Change`, which AWS lacks.
    Health(HealthChange),
    /// `ECS Service Action`.
    Service {
        /// Which service.
        service: ServiceKey,
        /// What kind of action.
        action: ServiceAction,
        /// More about it.
        reason: Option<Box<str>>,
    },
    /// `ECS Deployment State Change`.
    Deployment {
        /// Which service.
        service: ServiceKey,
        /// The deployment's id.
        deployment: Box<str>,
        /// Where it is now.
        state: RolloutState,
        /// AWS's sentence.
        reason: Box<str>,
    },
}

/// A container whose health has changed.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthChange {
    /// Its task's cluster.
    pub cluster: Box<str>,
    /// Its task.
    pub task: TaskId,
    /// Its task's group.
    pub group: Box<str>,
    /// Its name.
    pub container: Box<str>,
    /// What it was.
    pub from: HealthStatus,
    /// What it is.
    pub to: HealthStatus,
    /// What the task's is now.
    pub task_health: HealthStatus,
    /// The check that decided it; `None` where none did, as after a restart.
    pub result: Option<CheckResult>,
}

/// `eventName` of an `ECS Service Action`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ServiceAction {
    /// It has all the tasks it should have, and they are healthy.
    SteadyState,
    /// Its desired count has changed.
    DesiredCountUpdated,
    /// Tasks have been stopped.
    TasksStopped,
    /// Its tasks do not start.
    TaskStartImpaired,
    /// A task cannot be placed.
    TaskPlacementFailure,
}

impl ServiceAction {
    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SteadyState => "SERVICE_STEADY_STATE",
            Self::DesiredCountUpdated => "SERVICE_DESIRED_COUNT_UPDATED",
            Self::TasksStopped => "TASKS_STOPPED",
            Self::TaskStartImpaired => "SERVICE_TASK_START_IMPAIRED",
            Self::TaskPlacementFailure => "SERVICE_TASK_PLACEMENT_FAILURE",
        }
    }

    /// `eventType`: `INFO`, `WARN` or `ERROR`.
    #[must_use]
    pub fn level(self) -> &'static str {
        match self {
            Self::SteadyState | Self::DesiredCountUpdated | Self::TasksStopped => "INFO",
            Self::TaskStartImpaired => "WARN",
            Self::TaskPlacementFailure => "ERROR",
        }
    }
}
