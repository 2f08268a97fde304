//! What the check of a container has said: the state machine of targets under the rules of containers.

use std::num::NonZeroU8;
use std::time::Duration;

use crate::engine::machine::{Machine, Settings, Streak};
use crate::model::ecs::check::ContainerCheck;
use crate::model::ecs::health::HealthStatus;
use crate::model::ecs::task::Container;
use crate::model::health::State;
use crate::model::life::Life;
use crate::model::outcome::Outcome;
use crate::model::tick::Tick;

/// What the check of a container has said since it started (docs/semantics.md, "Task health").
#[derive(Clone, Debug)]
pub(in crate::engine) struct Verdict {
    machine: Machine,
    settings: Settings,
}

impl Verdict {
    /// Nothing yet: the container has started at `started`.
    pub(in crate::engine) fn new(check: &ContainerCheck, started: Tick) -> Self {
        Self { machine: Machine::new(false, started), settings: policy(check) }
    }

    /// What is known of a container from before.
    pub(super) fn restore(check: &ContainerCheck, container: &Container, started: Tick) -> Self {
        let state = match container.health {
            HealthStatus::Healthy => State::Healthy,
            HealthStatus::Unhealthy => State::Unhealthy,
            HealthStatus::Unknown => State::Initial,
        };
        let life = Life {
            state,
            since: container.health_since,
            conclusive_state: state,
            failing: container.failures > 0,
            run: container.failures,
            failure: None,
            drain_ends: None,
            grid: None,
        };
        let settings = policy(check);
        Self { machine: Machine::restore(&life, false, &settings, started).0, settings }
    }

    /// Counts what a check said that began at `started`.
    pub(in crate::engine) fn take(&mut self, outcome: Outcome, started: Tick, now: Tick) {
        self.machine.on_outcome(outcome, &self.settings, started, now);
    }

    pub(in crate::engine) fn health(&self) -> HealthStatus {
        match self.machine.conclusive_state() {
            State::Healthy => HealthStatus::Healthy,
            State::Unhealthy => HealthStatus::Unhealthy,
            State::Initial
            | State::UnhealthyDraining
            | State::Unused
            | State::Draining
            | State::Unavailable => HealthStatus::Unknown,
        }
    }

    /// Failures in a row that count.
    pub(super) fn failures(&self) -> u32 {
        match self.machine.streak() {
            Streak::Fails(run) => run,
            Streak::Passes(_) => 0,
        }
    }
}

/// The rules of containers: one pass is enough from everywhere, silence changes nothing, and nothing drains.
fn policy(check: &ContainerCheck) -> Settings {
    Settings {
        interval: check.interval,
        healthy_threshold: NonZeroU8::MIN,
        unhealthy_threshold: check.retries,
        initial_healthy_threshold: NonZeroU8::MIN,
        start_period: check.start_period,
        stale_after: Duration::MAX,
        deregistration_delay: Duration::ZERO,
        unhealthy_draining: Duration::ZERO,
        end_drain_when_refused: false,
        one_reason: false,
        enabled: true,
        in_use: true,
    }
}
