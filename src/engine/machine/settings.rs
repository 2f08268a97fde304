//! What the rules need to know of a target's group.

use std::num::NonZeroU8;
use std::time::Duration;

use crate::model::failure::Failure;
use crate::model::health::{State, TargetHealth};
use crate::model::protocol::Protocol;
use crate::model::target_group::TargetGroup;

/// What the rules need to know of a target's group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// From the start of one check to the start of the next; at least one millisecond.
    pub interval: Duration,
    /// Passes in a row that make an unhealthy target healthy.
    pub healthy_threshold: NonZeroU8,
    /// Failures in a row that make a target unhealthy.
    pub unhealthy_threshold: NonZeroU8,
    /// Passes in a row that make a new target healthy.
    pub initial_healthy_threshold: NonZeroU8,
    /// For this long after registration failures of a target that has never passed do not count.
    pub start_period: Duration,
    /// Without a conclusive check for this long a target is unavailable.
    pub stale_after: Duration,
    /// How long a deregistered target keeps its place.
    pub deregistration_delay: Duration,
    /// How long a target that was healthy is `unhealthy.draining` before it is `unhealthy`; zero where it never is.
    pub unhealthy_draining: Duration,
    /// Whether a draining target is checked and its drain ends once nothing listens there any more.
    pub end_drain_when_refused: bool,
    /// Whether every failure is told with the same reason.
    pub one_reason: bool,
    /// Whether the group's targets are checked.
    pub enabled: bool,
    /// Whether the group takes traffic.
    pub in_use: bool,
}

impl Settings {
    /// Whether targets with these settings are checked at all.
    #[must_use]
    pub fn checked(&self) -> bool {
        self.enabled && self.in_use
    }

    /// What is told of a target that fails its checks.
    pub(super) fn failing(&self, state: State, failure: Failure) -> TargetHealth {
        if self.one_reason {
            TargetHealth::failing_plainly(state, failure)
        } else {
            TargetHealth::failing(state, failure)
        }
    }
}

impl From<&TargetGroup> for Settings {
    fn from(group: &TargetGroup) -> Self {
        let (check, attributes) = (&group.health_check, &group.attributes);
        Self {
            interval: check.interval.max(Duration::from_millis(1)),
            healthy_threshold: check.healthy_threshold,
            unhealthy_threshold: check.unhealthy_threshold,
            initial_healthy_threshold: check.initial_healthy_threshold,
            start_period: check.start_period,
            stale_after: check.stale_after,
            deregistration_delay: attributes.deregistration_delay,
            unhealthy_draining: attributes.unhealthy_draining,
            end_drain_when_refused: attributes.end_drain_when_refused,
            // A Gateway Load Balancer tells mismatches and timeouts apart, as an Application Load Balancer does.
            one_reason: !group.is_application() && group.protocol != Some(Protocol::Geneve),
            enabled: check.enabled,
            in_use: attributes.in_use,
        }
    }
}
