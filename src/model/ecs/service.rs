//! Services and their deployments, as they are at one moment.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::description::Origin;
use crate::model::ecs::definition::{Blueprint, DefinitionId};
use crate::model::tick::Tick;

/// Messages of a service that are kept.
pub const EVENTS_KEPT: usize = 100;

/// Names a service: its cluster and its own name.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct ServiceKey {
    /// The cluster's name.
    pub cluster: Box<str>,
    /// The service's name.
    pub name: Box<str>,
}

/// What is wished of a service.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// Its name.
    pub key: ServiceKey,
    /// What its tasks are.
    pub definition: DefinitionId,
    /// How many there should be; with `DAEMON` one.
    pub desired_count: u32,
    /// Whether it is of the strategy `DAEMON` and not `REPLICA`.
    pub daemon: bool,
    /// The target groups its tasks are registered in.
    pub load_balancers: Vec<LoadBalancer>,
    /// How its tasks are replaced.
    pub deployment: DeploymentConfiguration,
    /// For this long after a task's start nobody minds that it, or its target, is unhealthy.
    pub grace_period: Duration,
    /// `launchType`, as the caller said.
    pub launch_type: Box<str>,
    /// Members of the ECS API that are of no effect, as they were given.
    #[serde(default)]
    pub told: Map<String, Value>,
    /// Its tags.
    pub tags: BTreeMap<Box<str>, Box<str>>,
    /// What it was asked for with, so that the same call makes it once.
    pub client_token: Option<Box<str>>,
    /// Whether the configuration file wants it, so that only the file can change it.
    pub in_file: bool,
}

impl ServiceSpec {
    /// Who wants it.
    #[must_use]
    pub fn origin(&self) -> Origin {
        if self.in_file { Origin::File } else { Origin::Api }
    }
}

/// A service of the configuration file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileService {
    /// What is wished; of its definition only the family counts. Target groups are told by name instead of by ARN where
    /// that is how the file tells them.
    pub spec: ServiceSpec,
    /// What its tasks are. A revision is registered where the newest one of the family says something else.
    pub blueprint: Blueprint,
}

/// A target group of a service.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// The group's ARN.
    pub target_group_arn: Box<str>,
    /// Which container serves it.
    pub container_name: Box<str>,
    /// At which of its ports.
    pub container_port: u16,
}

/// `deploymentConfiguration`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct DeploymentConfiguration {
    /// Percent of the desired count that running tasks never exceed: 200 by default, 100 for `DAEMON`.
    pub maximum_percent: u32,
    /// Percent of the desired count that healthy tasks never fall below by our own doing: 100 by default, 0 for `DAEMON`.
    pub minimum_healthy_percent: u32,
    /// When a deployment is given up.
    pub circuit_breaker: CircuitBreaker,
}

/// `deploymentCircuitBreaker` (docs/semantics.md, "Circuit breaker").
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct CircuitBreaker {
    /// Whether it works at all; not by default.
    pub enable: bool,
    /// Whether the last completed deployment is taken up again; not by default.
    pub rollback: bool,
    /// Whether a healthy task sets the count of failures to 0; it does by default.
    pub reset_on_healthy_task: bool,
    /// How many failures in a row are too many.
    pub threshold: Threshold,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self {
            enable: false,
            rollback: false,
            reset_on_healthy_task: true,
            threshold: Threshold::BoundedPercent(50),
        }
    }
}

impl CircuitBreaker {
    /// Failures in a row that give up a deployment of so many tasks, at least 1; `None` where it is off.
    #[must_use]
    pub fn limit(&self, desired: u32) -> Option<u32> {
        let share = |percent| {
            let exact = (u64::from(desired) * u64::from(percent)).div_ceil(100);
            u32::try_from(exact).unwrap_or(u32::MAX)
        };
        self.enable.then(|| match self.threshold {
            Threshold::BoundedPercent(percent) => share(percent).clamp(3, 200),
            // Nothing has failed before the first task has.
            Threshold::UnboundedPercent(percent) => share(percent).max(1),
            Threshold::Count(count) => count.max(1),
        })
    }
}

/// `thresholdConfiguration`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Threshold {
    /// Percent of the desired count, at least 3 and at most 200.
    BoundedPercent(u32),
    /// Percent of the desired count.
    UnboundedPercent(u32),
    /// So many.
    Count(u32),
}

impl DeploymentConfiguration {
    /// What holds where nothing is said.
    #[must_use]
    pub fn of(daemon: bool) -> Self {
        let (minimum_healthy_percent, maximum_percent) = if daemon { (0, 100) } else { (100, 200) };
        Self { maximum_percent, minimum_healthy_percent, circuit_breaker: CircuitBreaker::default() }
    }
}

/// A service.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// What is wished.
    pub spec: ServiceSpec,
    /// Where it is in its life.
    pub status: ServiceStatus,
    /// When it was made.
    pub created_at: Tick,
    /// Its deployments, the newest (`PRIMARY`) first; old ones leave with their last task.
    pub deployments: Vec<Deployment>,
    /// What the last completed deployment ran, for a rollback.
    pub last_completed: Option<DefinitionId>,
    /// The target groups it was reached by.
    #[serde(default)]
    pub last_load_balancers: Vec<LoadBalancer>,
    /// What was given up last and gone back from, so that the file does not have it tried over and over.
    #[serde(default)]
    pub given_up: Option<DefinitionId>,
    /// Its messages, the newest first, at most [`EVENTS_KEPT`].
    pub events: VecDeque<ServiceEvent>,
    /// Whether it was in a steady state when it was last looked at.
    pub steady: bool,
    /// How often a task in a row has stopped without ever having run.
    pub failed_starts: u32,
    /// No task is started before this, because too many have failed to start.
    pub throttled_until: Option<Tick>,
    /// Tasks replaced because they were unhealthy, since it was made.
    pub replaced: u64,
}

/// `status` of a service.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ServiceStatus {
    /// It is there.
    Active,
    /// It has been deleted and its tasks are stopping.
    Draining,
    /// It has been deleted and has no tasks.
    Inactive,
}

impl ServiceStatus {
    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
            Self::Inactive => "INACTIVE",
        }
    }
}

/// One revision's way through a service.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// `ecs-svc/` and digits.
    pub id: Box<str>,
    /// What its tasks are.
    pub definition: DefinitionId,
    /// The target groups its tasks are registered in.
    pub load_balancers: Vec<LoadBalancer>,
    /// How many tasks it should have.
    pub desired_count: u32,
    /// Failures in a row of its tasks to start or to become healthy.
    pub failed_tasks: u32,
    /// Whether any of its tasks has been `RUNNING`.
    pub has_run: bool,
    /// When it was made.
    pub created_at: Tick,
    /// When it last changed.
    pub updated_at: Tick,
    /// How far it is.
    pub rollout: RolloutState,
    /// The same in a sentence.
    pub rollout_reason: Box<str>,
    /// The deployment that failed and that it takes the place of.
    pub rolls_back: Option<Box<str>>,
}

/// `rolloutState`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RolloutState {
    /// It is on its way.
    InProgress,
    /// It has arrived.
    Completed,
    /// Its circuit breaker has tripped.
    Failed,
}

impl RolloutState {
    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

/// A message of a service.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ServiceEvent {
    /// A UUID.
    pub id: Box<str>,
    /// When.
    pub created_at: Tick,
    /// What, in AWS's words.
    pub message: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_of_the_desired_count_or_a_count() {
        for (kind, desired, expected) in [
            (Threshold::BoundedPercent(50), 1, 3),
            (Threshold::BoundedPercent(50), 6, 3),
            (Threshold::BoundedPercent(50), 25, 13),
            (Threshold::BoundedPercent(50), 400, 200),
            (Threshold::BoundedPercent(50), 5_000, 200),
            (Threshold::UnboundedPercent(50), 1, 1),
            (Threshold::UnboundedPercent(50), 25, 13),
            (Threshold::UnboundedPercent(50), 5_000, 2_500),
            (Threshold::UnboundedPercent(50), 0, 1),
            (Threshold::Count(7), 1_000, 7),
            (Threshold::Count(0), 4, 1),
        ] {
            let mut breaker = CircuitBreaker { enable: true, threshold: kind, ..CircuitBreaker::default() };
            assert_eq!(breaker.limit(desired), Some(expected), "{kind:?} of {desired}");
            breaker.enable = false;
            assert_eq!(breaker.limit(desired), None);
        }
    }
}
