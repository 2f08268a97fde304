//! The life of one target, from registration to the end of its drain.
//!
//! This is the only file that decides a state. It is told outcomes and the time and learns what changed.
//!
//! ```text
//!              initial threshold          unhealthy threshold
//!   Initial ───────────────────► Healthy ◄───────────────────► Unhealthy
//!      │ └── unhealthy threshold ───│── healthy threshold ────────┘ │
//!      │                            └─► UnhealthyDraining ─ time ─┘  │
//!      └───────── deregister ───────┴────────── deregister ─────────┘
//!                                   ▼
//!                               Draining ── delay over ──► gone
//! ```
//!
//! `UnhealthyDraining` stands between only in groups that ask for it. Over the verdict lie five veils, the first that
//! applies wins: draining, group not in use, checks disabled, checked nowhere, no conclusive check for too long
//! (docs/semantics.md, "States"). Passes and failures share one counter, so there are no two that could disagree.

use crate::model::failure::Failure;
use crate::model::health::{Reason, State, TargetHealth};
use crate::model::life::Life;
use crate::model::outcome::Outcome;
use crate::model::tick::Tick;

pub use settings::Settings;

mod settings;

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
    UnhealthyDraining,
    Unhealthy,
}

/// One target's state machine.
#[derive(Clone, Debug)]
pub struct Machine {
    verdict: Verdict,
    draining: bool,
    /// There is no address to check it at.
    nowhere: bool,
    /// No conclusive check for too long.
    stale: bool,
    /// Whether a check has been started since registration.
    started: bool,
    /// Whether a check has been conclusive since registration.
    concluded: bool,
    /// Whether a check has passed since registration, which ends the start period.
    passed: bool,
    /// Whether the equal verdicts in a row are failures; apart from their number it takes no room.
    failing: bool,
    /// Equal verdicts in a row; saturating.
    run: u32,
    last_failure: Option<Failure>,
    since: Tick,
    /// When a check was last conclusive, or when the wait for the first one began.
    fresh_at: Tick,
    /// When the start period began; of a target that is unhealthy and draining, when it is no more than unhealthy. It
    /// is never both, since only a target that was healthy drains.
    mark: Tick,
}

impl Machine {
    /// Starts the life of a target registered at `now`; `nowhere` says that there is no address to check it at.
    #[must_use]
    pub fn new(nowhere: bool, now: Tick) -> Self {
        Self {
            verdict: Verdict::Initial,
            draining: false,
            nowhere,
            stale: false,
            started: false,
            concluded: false,
            passed: false,
            failing: false,
            run: 0,
            last_failure: None,
            since: now,
            fresh_at: now,
            mark: now,
        }
    }

    /// Takes up a life from before a restart, with the transition that changed settings cause, if any
    /// (docs/semantics.md, "After a restart"). `nowhere` is as for [`Machine::new`].
    #[must_use]
    pub fn restore(life: &Life, nowhere: bool, settings: &Settings, now: Tick) -> (Self, Option<Transition>) {
        let verdict = match (life.state, life.conclusive_state) {
            (State::UnhealthyDraining, _) if !settings.unhealthy_draining.is_zero() => {
                Verdict::UnhealthyDraining
            }
            (_, State::Initial) => Verdict::Initial,
            (_, State::Healthy) => Verdict::Healthy,
            _ => Verdict::Unhealthy,
        };
        let known = verdict != Verdict::Initial;
        let mut machine = Self {
            verdict,
            draining: life.drain_ends.is_some(),
            stale: life.state == State::Unavailable && settings.checked(),
            started: known,
            concluded: known,
            passed: known,
            failing: life.failing,
            run: life.run,
            last_failure: life.failure,
            since: life.since,
            ..Self::new(nowhere, now)
        };
        if verdict == Verdict::UnhealthyDraining {
            machine.mark = life.since + settings.unhealthy_draining;
        }
        let change = machine.settle(life.state, settings, now);
        (machine, change)
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
        if self.nowhere || self.stale {
            return TargetHealth::because(State::Unavailable, Reason::ElbInternalError);
        }
        let failing = |state| match self.last_failure {
            Some(failure) => settings.failing(state, failure),
            None => TargetHealth::because(state, Reason::TargetFailedHealthChecks),
        };
        match self.verdict {
            Verdict::Healthy => TargetHealth::HEALTHY,
            Verdict::UnhealthyDraining => failing(State::UnhealthyDraining),
            Verdict::Unhealthy => failing(State::Unhealthy),
            Verdict::Initial if self.started => {
                TargetHealth::because(State::Initial, Reason::ElbInitialHealthChecking)
            }
            Verdict::Initial => TargetHealth::because(State::Initial, Reason::ElbRegistrationInProgress),
        }
    }

    /// Whether the target is one that is checked: its settings say so, and there is an address to check it at.
    #[must_use]
    pub fn is_checked(&self, settings: &Settings) -> bool {
        settings.checked() && !self.nowhere
    }

    /// Whether its checks go on: it is checked, and not draining or checked while it drains.
    #[must_use]
    pub fn wants_checks(&self, settings: &Settings) -> bool {
        self.is_checked(settings) && (!self.draining || settings.end_drain_when_refused)
    }

    /// The last of `initial`, `healthy` and `unhealthy` that a conclusive check led to; stays visible under every veil.
    #[must_use]
    pub fn conclusive_state(&self) -> State {
        match self.verdict {
            Verdict::Initial => State::Initial,
            Verdict::Healthy => State::Healthy,
            Verdict::UnhealthyDraining | Verdict::Unhealthy => State::Unhealthy,
        }
    }

    /// Notes that a check has been started.
    pub fn on_start(&mut self) {
        self.started = true;
    }

    /// Counts the verdict of a check that began at `started`, and returns the transition it caused, if any.
    pub fn on_outcome(
        &mut self,
        outcome: Outcome,
        settings: &Settings,
        started: Tick,
        now: Tick,
    ) -> Option<Transition> {
        // A drain is a promise to the deployer, and what was not asked does not count: no late verdict changes either.
        if self.draining || !self.is_checked(settings) {
            return None;
        }
        let before = self.health(settings).state;
        match outcome {
            Outcome::Inconclusive(_) => return None,
            Outcome::Pass => self.count_pass(settings),
            // Nobody asks yet why a target fails that is still starting.
            Outcome::Fail(_) if self.is_starting(settings, started) => self.stale = false,
            Outcome::Fail(failure) => self.count_failure(failure, settings, now),
        }
        self.concluded = true;
        self.fresh_at = now;
        self.settle(before, settings, now)
    }

    /// Does what falls due with time: lets the veil of staleness fall once no check has been conclusive for
    /// `stale_after`, and ends the time in which an unhealthy target is draining.
    pub fn on_deadline(&mut self, settings: &Settings, now: Tick) -> Option<Transition> {
        let before = self.health(settings).state;
        if self.unhealthy_at(settings).is_some_and(|at| at <= now) {
            self.verdict = Verdict::Unhealthy;
        }
        if self.stale_at(settings).is_some_and(|at| at <= now) {
            self.stale = true;
        }
        self.settle(before, settings, now)
    }

    /// When [`Machine::on_deadline`] has something to do next if no check is conclusive before.
    #[must_use]
    pub fn deadline(&self, settings: &Settings) -> Option<Tick> {
        self.stale_at(settings).into_iter().chain(self.unhealthy_at(settings)).min()
    }

    /// Begins the drain. The shard removes the target when its deregistration delay is over.
    pub fn deregister(&mut self, settings: &Settings, now: Tick) -> Option<Transition> {
        let before = self.health(settings).state;
        self.draining = true;
        self.settle(before, settings, now)
    }

    /// Cancels the drain: a target that comes back starts anew (docs/semantics.md, "Draining"). So does one that is now
    /// checked elsewhere.
    pub fn reregister(&mut self, nowhere: bool, settings: &Settings, now: Tick) -> Option<Transition> {
        let before = self.health(settings).state;
        *self = Self::new(nowhere, now);
        self.settle(before, settings, now)
    }

    /// Changes the settings: the state stays, the running counters start again (docs/semantics.md, "Transitions").
    /// A target whose checks begin with this change starts anew.
    pub fn on_settings(&mut self, old: &Settings, new: &Settings, now: Tick) -> Option<Transition> {
        let before = self.health(old).state;
        let counts = |s: &Settings| {
            let thresholds = (s.healthy_threshold, s.unhealthy_threshold, s.initial_healthy_threshold);
            (s.interval, thresholds, s.start_period)
        };
        if !self.draining && !old.checked() && new.checked() {
            *self = Self { since: self.since, ..Self::new(self.nowhere, now) };
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
        (self.stale, self.passed) = (false, true);
        // ALB lets a new target in after one pass; the healthy threshold guards only the way back.
        let needed = match self.verdict {
            Verdict::Initial => settings.initial_healthy_threshold,
            Verdict::Healthy | Verdict::UnhealthyDraining | Verdict::Unhealthy => settings.healthy_threshold,
        };
        if u32::from(needed.get()) <= passes {
            self.verdict = Verdict::Healthy;
        }
    }

    fn count_failure(&mut self, failure: Failure, settings: &Settings, now: Tick) {
        let fails = self.lengthen(true);
        self.last_failure = Some(failure);
        if u32::from(settings.unhealthy_threshold.get()) <= fails {
            self.verdict = match self.verdict {
                Verdict::Healthy if !settings.unhealthy_draining.is_zero() => {
                    self.mark = now + settings.unhealthy_draining;
                    Verdict::UnhealthyDraining
                }
                Verdict::UnhealthyDraining => Verdict::UnhealthyDraining,
                Verdict::Initial | Verdict::Healthy | Verdict::Unhealthy => Verdict::Unhealthy,
            };
        }
        // After a long silence one failure must not bring back a `healthy` nobody has seen lately: the target stays
        // unavailable until it passes or reaches the threshold.
        if self.verdict != Verdict::Healthy {
            self.stale = false;
        }
    }

    /// Whether failures of checks that began at `started` do not count.
    fn is_starting(&self, settings: &Settings, started: Tick) -> bool {
        self.verdict == Verdict::Initial && !self.passed && started < self.mark + settings.start_period
    }

    /// When the target becomes stale if no check is conclusive before; `None` if it is or cannot.
    fn stale_at(&self, settings: &Settings) -> Option<Tick> {
        let possible = !self.draining && !self.stale && self.is_checked(settings);
        possible.then(|| self.fresh_at + settings.stale_after)
    }

    /// When an unhealthy target is done draining.
    fn unhealthy_at(&self, settings: &Settings) -> Option<Tick> {
        let drains = self.verdict == Verdict::UnhealthyDraining && !self.draining;
        (drains && self.is_checked(settings)).then_some(self.mark)
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
