//! The life of one target, from registration to the end of its drain.
//!
//! This is the only file that decides a state. It is told outcomes and the time and learns what changed.
//!
//! ```text
//!              initial threshold          unhealthy threshold
//!   Initial ───────────────────► Healthy ◄───────────────────► Unhealthy
//!      │ └── unhealthy threshold ───│── healthy threshold ────────┘ │
//!      └───────── deregister ───────┴────────── deregister ─────────┘
//!                                   ▼
//!                               Draining ── delay over ──► gone
//! ```
//!
//! Over the verdict lie four veils, the first that applies wins: draining, group not in use, checks disabled, no
//! conclusive check for too long (docs/semantics.md, "States"). Passes and failures share one counter, so there are
//! no two that could disagree.

use std::num::NonZeroU8;
use std::time::Duration;

use crate::model::failure::Failure;
use crate::model::health::{Reason, State, TargetHealth};
use crate::model::outcome::Outcome;
use crate::model::target_group::TargetGroup;
use crate::model::tick::Tick;

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
    /// Without a conclusive check for this long a target is unavailable.
    pub stale_after: Duration,
    /// How long a deregistered target keeps its place.
    pub deregistration_delay: Duration,
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
}

impl From<&TargetGroup> for Settings {
    fn from(group: &TargetGroup) -> Self {
        let check = &group.health_check;
        Self {
            interval: check.interval.max(Duration::from_millis(1)),
            healthy_threshold: check.healthy_threshold,
            unhealthy_threshold: check.unhealthy_threshold,
            initial_healthy_threshold: check.initial_healthy_threshold,
            stale_after: check.stale_after,
            deregistration_delay: group.attributes.deregistration_delay,
            enabled: check.enabled,
            in_use: group.attributes.in_use,
        }
    }
}

/// A change of state worth telling readers about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Transition {
    /// The state left.
    pub from: State,
    /// The state entered, with its reason.
    pub to: TargetHealth,
    /// When it happened.
    pub at: Tick,
}

/// Equal verdicts in a row; saturating.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Streak {
    /// This many passes.
    Passes(u32),
    /// This many failures.
    Fails(u32),
}

/// What the checks have said so far, whatever veil lies over it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Initial,
    Healthy,
    Unhealthy,
}

/// One target's state machine.
#[derive(Clone, Debug)]
pub struct Machine {
    verdict: Verdict,
    draining: bool,
    /// No conclusive check for too long.
    stale: bool,
    /// Whether a check has been started since registration.
    started: bool,
    /// Whether a check has been conclusive since registration.
    concluded: bool,
    /// Whether the equal verdicts in a row are failures; apart from their number it takes no room.
    failing: bool,
    /// Equal verdicts in a row; saturating.
    run: u32,
    last_failure: Option<Failure>,
    since: Tick,
    /// When a check was last conclusive, or when the wait for the first one began.
    fresh_at: Tick,
}

impl Machine {
    /// Starts the life of a target registered at `now`.
    #[must_use]
    pub fn new(now: Tick) -> Self {
        Self {
            verdict: Verdict::Initial,
            draining: false,
            stale: false,
            started: false,
            concluded: false,
            failing: false,
            run: 0,
            last_failure: None,
            since: now,
            fresh_at: now,
        }
    }

    /// What the world is told (docs/semantics.md, "States": the order of precedence).
    #[must_use]
    pub fn health(&self, settings: &Settings) -> TargetHealth {
        if self.draining {
            return TargetHealth::because(State::Draining, Reason::TargetDeregistrationInProgress);
        }
        if !settings.in_use {
            return TargetHealth::because(State::Unused, Reason::TargetNotInUse);
        }
        if !settings.enabled {
            return TargetHealth::because(State::Unavailable, Reason::TargetHealthCheckDisabled);
        }
        if self.stale {
            return TargetHealth::because(State::Unavailable, Reason::ElbInternalError);
        }
        match (self.verdict, self.last_failure) {
            (Verdict::Healthy, _) => TargetHealth::HEALTHY,
            (Verdict::Unhealthy, Some(failure)) => TargetHealth::failing(State::Unhealthy, failure),
            (Verdict::Unhealthy, None) => {
                TargetHealth::because(State::Unhealthy, Reason::TargetFailedHealthChecks)
            }
            (Verdict::Initial, _) if self.started => {
                TargetHealth::because(State::Initial, Reason::ElbInitialHealthChecking)
            }
            (Verdict::Initial, _) => TargetHealth::because(State::Initial, Reason::ElbRegistrationInProgress),
        }
    }

    /// The last state a conclusive check led to; stays visible under every veil.
    #[must_use]
    pub fn conclusive_state(&self) -> State {
        match self.verdict {
            Verdict::Initial => State::Initial,
            Verdict::Healthy => State::Healthy,
            Verdict::Unhealthy => State::Unhealthy,
        }
    }

    /// Notes that a check has been started.
    pub fn on_start(&mut self) {
        self.started = true;
    }

    /// Counts one verdict and returns the transition it caused, if any.
    pub fn on_outcome(&mut self, outcome: Outcome, settings: &Settings, now: Tick) -> Option<Transition> {
        // A drain is a promise to the deployer, and what was not asked does not count: no late verdict changes either.
        if self.draining || !settings.checked() {
            return None;
        }
        let before = self.health(settings).state;
        match outcome {
            Outcome::Inconclusive(_) => return None,
            Outcome::Pass => self.count_pass(settings),
            Outcome::Fail(failure) => self.count_failure(failure, settings),
        }
        self.concluded = true;
        self.fresh_at = now;
        self.settle(before, settings, now)
    }

    /// Lets the veil of staleness fall once no check has been conclusive for `stale_after`.
    pub fn on_silence(&mut self, settings: &Settings, now: Tick) -> Option<Transition> {
        if self.stale_at(settings).is_none_or(|at| now < at) {
            return None;
        }
        let before = self.health(settings).state;
        self.stale = true;
        self.settle(before, settings, now)
    }

    /// When the target becomes stale if no check is conclusive before; `None` if it is or cannot.
    #[must_use]
    pub fn stale_at(&self, settings: &Settings) -> Option<Tick> {
        let possible = !self.draining && !self.stale && settings.checked();
        possible.then(|| self.fresh_at + settings.stale_after)
    }

    /// Begins the drain. The shard removes the target when its deregistration delay is over.
    pub fn deregister(&mut self, settings: &Settings, now: Tick) -> Option<Transition> {
        let before = self.health(settings).state;
        self.draining = true;
        self.settle(before, settings, now)
    }

    /// Cancels the drain: a target that comes back starts anew (docs/semantics.md, "Draining").
    pub fn reregister(&mut self, settings: &Settings, now: Tick) -> Option<Transition> {
        let before = self.health(settings).state;
        *self = Self::new(now);
        self.settle(before, settings, now)
    }

    /// Changes the settings: the state stays, the running counters start again (docs/semantics.md, "Transitions").
    /// A target whose checks begin with this change starts anew.
    pub fn on_settings(&mut self, old: &Settings, new: &Settings, now: Tick) -> Option<Transition> {
        let before = self.health(old).state;
        let counts = |s: &Settings| {
            (s.interval, s.healthy_threshold, s.unhealthy_threshold, s.initial_healthy_threshold)
        };
        if !self.draining && !old.checked() && new.checked() {
            *self = Self { since: self.since, ..Self::new(now) };
        } else if counts(old) != counts(new) {
            self.forget_streak();
        }
        self.settle(before, new, now)
    }

    /// Starts the running counters again, because what a check asks has changed.
    pub fn forget_streak(&mut self) {
        (self.failing, self.run) = (false, 0);
    }

    /// Whether the target is draining.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Equal verdicts in a row.
    #[must_use]
    pub fn streak(&self) -> Streak {
        if self.failing { Streak::Fails(self.run) } else { Streak::Passes(self.run) }
    }

    /// When the state was entered.
    #[must_use]
    pub fn since(&self) -> Tick {
        self.since
    }

    /// Whether any check has been started since registration.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.started
    }

    /// Whether any check has been conclusive since registration.
    #[must_use]
    pub fn has_concluded(&self) -> bool {
        self.concluded
    }

    fn count_pass(&mut self, settings: &Settings) {
        let passes = self.lengthen(false);
        self.stale = false;
        // ALB lets a new target in after one pass; the healthy threshold guards only the way back.
        let needed = match self.verdict {
            Verdict::Initial => settings.initial_healthy_threshold,
            Verdict::Healthy | Verdict::Unhealthy => settings.healthy_threshold,
        };
        if u32::from(needed.get()) <= passes {
            self.verdict = Verdict::Healthy;
        }
    }

    fn count_failure(&mut self, failure: Failure, settings: &Settings) {
        let fails = self.lengthen(true);
        self.last_failure = Some(failure);
        if u32::from(settings.unhealthy_threshold.get()) <= fails {
            self.verdict = Verdict::Unhealthy;
        }
        // After a long silence one failure must not bring back a `healthy` nobody has seen lately: the target stays
        // unavailable until it passes or reaches the threshold.
        if self.verdict != Verdict::Healthy {
            self.stale = false;
        }
    }

    /// Counts one more verdict of this kind; returns how many there are in a row.
    fn lengthen(&mut self, failing: bool) -> u32 {
        self.run = if self.failing == failing { self.run.saturating_add(1) } else { 1 };
        self.failing = failing;
        self.run
    }

    fn settle(&mut self, before: State, settings: &Settings, now: Tick) -> Option<Transition> {
        let to = self.health(settings);
        if to.state == before {
            return None;
        }
        self.since = now;
        Some(Transition { from: before, to, at: now })
    }
}

#[cfg(test)]
mod tests;
