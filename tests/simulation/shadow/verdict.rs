//! What is said of a target: the counters behind its state, and what of it outlives a restart.

use std::sync::Arc;

use tgprobe::engine::machine::Streak;
use tgprobe::engine::registry::Restored;
use tgprobe::engine::shard::Status;
use tgprobe::model::failure::Failure;
use tgprobe::model::health::{Reason, State};
use tgprobe::model::life::Life;
use tgprobe::model::outcome::Outcome;
use tgprobe::model::protocol::Protocol;
use tgprobe::model::tick::{Tick, millis};

use super::{Expected, Shadow};

impl Shadow {
    /// A target whose life goes on after a restart, and what is told of that.
    pub(crate) fn restore(
        restored: &Restored,
        held: bool,
        quick: bool,
        now: Tick,
    ) -> (Self, Option<Expected>) {
        let Restored { key, group, target, life } = restored;
        let mut shadow = Self::new(*key, Arc::clone(group), Arc::clone(target), now);
        shadow.held = held;
        let known = life.conclusive_state != State::Initial;
        if !known && life.drain_ends.is_none() {
            shadow.queue_first(quick, now);
            return (shadow, None);
        }
        (shadow.started, shadow.concluded, shadow.passed) = (known, known, known);
        shadow.verdict = life.conclusive_state;
        let slow = group.attributes.unhealthy_draining;
        if life.state == State::UnhealthyDraining && !slow.is_zero() {
            shadow.verdict = State::UnhealthyDraining;
            shadow.unhealthy_at = Some(life.since + slow);
        }
        (shadow.passes, shadow.fails) = if life.failing { (0, life.run) } else { (life.run, 0) };
        shadow.failure = life.failure;
        shadow.stale = life.state == State::Unavailable && shadow.on();
        (shadow.since, shadow.drain_ends) = (life.since, life.drain_ends);
        let same = life.grid.filter(|(_, interval)| *interval == shadow.interval());
        shadow.phase =
            same.map(|(moment, interval)| moment.0 % millis(interval)).filter(|_| shadow.is_placed());
        if known && shadow.is_placed() {
            let next = shadow.next_place(Tick(now.0 + 1));
            shadow.window = (!held).then_some(next);
            shadow.on_place = true;
        } else {
            shadow.queue_first(quick, now);
        }
        let change = shadow.changed(life.state, now);
        (shadow, change)
    }

    /// What a store would keep of a target of which this is told.
    pub(crate) fn life(&self, status: &Status) -> Life {
        let (failing, run) = match status.streak {
            Streak::Passes(run) => (false, run),
            Streak::Fails(run) => (true, run),
        };
        Life {
            state: status.health.state,
            since: status.since,
            conclusive_state: status.conclusive_state,
            failing,
            run,
            failure: status.health.failure,
            drain_ends: status.drain_ends,
            grid: status.next_check.or(status.check_after).map(|moment| (moment, self.interval())),
        }
    }

    pub(crate) fn state(&self) -> State {
        if self.drain_ends.is_some() {
            State::Draining
        } else if !self.group.attributes.in_use {
            State::Unused
        } else if !self.checked() || self.stale {
            State::Unavailable
        } else {
            self.verdict
        }
    }

    /// When time alone will change something: the end of the drain, too long a silence, or being unhealthy for long.
    pub(crate) fn deadline(&self) -> Option<Tick> {
        let stale_at = self.fresh_at + self.group.health_check.stale_after;
        let stale_at = (!self.stale && self.checked()).then_some(stale_at);
        let unhealthy_at = self.unhealthy_at.filter(|_| self.checked());
        let told = stale_at.into_iter().chain(unhealthy_at).min();
        self.drain_ends.or(told)
    }

    /// Time passes: the drain ends, silence has lasted too long, or being unhealthy and draining long enough.
    pub(crate) fn pass_time(&mut self, now: Tick) -> Option<Expected> {
        if let Some(end) = self.drain_ends {
            return (end <= now).then_some(Expected::Removed(self.key));
        }
        let before = self.state();
        if self.checked() && self.fresh_at + self.group.health_check.stale_after <= now {
            self.stale = true;
        }
        if self.checked() && self.unhealthy_at.is_some_and(|at| at <= now) {
            (self.verdict, self.unhealthy_at) = (State::Unhealthy, None);
        }
        self.changed(before, now)
    }

    pub(super) fn compare_health(&self, status: &Status) {
        let (key, health) = (self.key, status.health);
        assert_eq!(health.state, self.state(), "{key:?}");
        let drains = self.verdict == State::UnhealthyDraining;
        let verdict = if drains { State::Unhealthy } else { self.verdict };
        assert_eq!(status.conclusive_state, verdict, "{key:?}");
        assert_eq!(status.since, self.since, "{key:?}");
        assert_eq!(status.drain_ends, self.drain_ends, "{key:?}");
        let streak = if self.fails > 0 { Streak::Fails(self.fails) } else { Streak::Passes(self.passes) };
        assert_eq!(status.streak, streak, "{key:?}");
        let failing = matches!(health.state, State::Unhealthy | State::UnhealthyDraining);
        assert_eq!(health.failure, self.failure.filter(|_| failing), "{key:?}");
        assert_eq!(health.reason, self.reason(), "{key:?}");
    }

    fn reason(&self) -> Option<Reason> {
        let finer = matches!(self.group.protocol, Some(Protocol::Http | Protocol::Https | Protocol::Geneve));
        Some(match self.state() {
            State::Healthy => return None,
            State::Draining => Reason::TargetDeregistrationInProgress,
            State::Unused => Reason::TargetNotInUse,
            State::Unavailable if !self.on() => Reason::TargetHealthCheckDisabled,
            State::Unavailable => Reason::ElbInternalError,
            State::Initial if self.started => Reason::ElbInitialHealthChecking,
            State::Initial => Reason::ElbRegistrationInProgress,
            State::Unhealthy | State::UnhealthyDraining => match self.failure {
                Some(Failure::ResponseTimeout) if finer => Reason::TargetTimeout,
                Some(Failure::StatusMismatch(_)) if finer => Reason::TargetResponseCodeMismatch,
                _ => Reason::TargetFailedHealthChecks,
            },
        })
    }

    pub(super) fn count(&mut self, outcome: Outcome, started: Tick, now: Tick) {
        let (check, slow) = (&self.group.health_check, self.group.attributes.unhealthy_draining);
        match outcome {
            Outcome::Inconclusive(_) => return,
            Outcome::Pass => {
                (self.passes, self.fails) = (self.passes + 1, 0);
                let new = self.verdict == State::Initial;
                let needed = if new { check.initial_healthy_threshold } else { check.healthy_threshold };
                if self.passes >= u32::from(needed.get()) {
                    (self.verdict, self.unhealthy_at) = (State::Healthy, None);
                }
                (self.stale, self.passed) = (false, true);
            }
            // It has time to start in.
            Outcome::Fail(_)
                if !self.passed && started < self.began + check.start_period && self.is_new() =>
            {
                self.stale = false;
            }
            Outcome::Fail(failure) => {
                (self.passes, self.fails) = (0, self.fails + 1);
                self.failure = Some(failure);
                let enough = self.fails >= u32::from(check.unhealthy_threshold.get());
                if enough && self.verdict == State::Healthy && !slow.is_zero() {
                    self.verdict = State::UnhealthyDraining;
                    self.unhealthy_at = Some(now + slow);
                } else if enough && self.unhealthy_at.is_none() {
                    self.verdict = State::Unhealthy;
                }
                // One failure brings no `healthy` back that nobody has seen for long.
                self.stale &= self.verdict == State::Healthy;
            }
        }
        self.concluded = true;
        self.fresh_at = now;
    }

    fn is_new(&self) -> bool {
        self.verdict == State::Initial
    }

    pub(super) fn changed(&mut self, from: State, at: Tick) -> Option<Expected> {
        let to = self.state();
        if from == to {
            return None;
        }
        self.since = at;
        Some(Expected::Changed { key: self.key, from, to, at })
    }
}
