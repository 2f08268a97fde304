//! What must be true of one target, worked out without the engine: two counters, four flags and plain arithmetic.

use std::sync::Arc;
use std::time::Duration;

use tgprobe::engine::machine::Streak;
use tgprobe::engine::shard::{Event, Job, Key, Status};
use tgprobe::model::failure::Failure;
use tgprobe::model::health::{Reason, State};
use tgprobe::model::outcome::Outcome;
use tgprobe::model::target::TargetDescription;
use tgprobe::model::target_group::TargetGroup;
use tgprobe::model::tick::{Tick, millis};

/// What one call must make the engine say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Expected {
    Changed { key: Key, from: State, to: State, at: Tick },
    Removed(Key),
}

impl Expected {
    pub(crate) fn key(self) -> Key {
        match self {
            Self::Changed { key, .. } | Self::Removed(key) => key,
        }
    }
}

impl From<Event> for Expected {
    fn from(event: Event) -> Self {
        match event {
            Event::Changed(key, change) => {
                Self::Changed { key, from: change.from, to: change.to.state, at: change.at }
            }
            Event::Removed(key) => Self::Removed(key),
        }
    }
}

/// A job that is out.
#[derive(Clone, Copy)]
struct Flight {
    generation: u32,
    due: Tick,
    started: Tick,
    /// Places before this one were not the target's.
    places_from: Tick,
    counts: bool,
}

/// One target, from its first registration until it is removed.
pub(crate) struct Shadow {
    pub(crate) target: Arc<TargetDescription>,
    pub(crate) group: Arc<TargetGroup>,
    pub(crate) key: Key,
    pub(crate) held: bool,
    pub(crate) started: bool,
    pub(crate) drain_ends: Option<Tick>,
    /// Where the target stands in the queue; narrowed to one moment once the engine has chosen.
    window: Option<(Tick, Tick)>,
    /// Whether the moment in the window lies on the target's place.
    on_place: bool,
    /// Where in the interval the target's place lies, once a check on it has been seen.
    phase: Option<u64>,
    flight: Option<Flight>,
    last_start: Option<Tick>,
    last_due: Option<Tick>,
    passes: u32,
    fails: u32,
    verdict: State,
    failure: Option<Failure>,
    stale: bool,
    concluded: bool,
    fresh_at: Tick,
    since: Tick,
}

impl Shadow {
    pub(crate) fn new(key: Key, group: Arc<TargetGroup>, target: Arc<TargetDescription>, now: Tick) -> Self {
        Self {
            target,
            group,
            key,
            held: false,
            started: false,
            drain_ends: None,
            window: None,
            on_place: false,
            phase: None,
            flight: None,
            last_start: None,
            last_due: None,
            passes: 0,
            fails: 0,
            verdict: State::Initial,
            failure: None,
            stale: false,
            concluded: false,
            fresh_at: now,
            since: now,
        }
    }

    pub(crate) fn checked(&self) -> bool {
        self.group.health_check.enabled && self.group.attributes.in_use
    }

    /// Whether the target takes up one of the quick first checks.
    pub(crate) fn is_fresh(&self) -> bool {
        self.drain_ends.is_none() && self.checked() && !self.started && !self.held
    }

    /// Whether the target has a place on a grid.
    pub(crate) fn is_placed(&self) -> bool {
        self.drain_ends.is_none() && self.checked()
    }

    pub(crate) fn interval(&self) -> Duration {
        self.group.health_check.interval
    }

    pub(crate) fn state(&self) -> State {
        if self.drain_ends.is_some() {
            State::Draining
        } else if !self.group.attributes.in_use {
            State::Unused
        } else if !self.group.health_check.enabled || self.stale {
            State::Unavailable
        } else {
            self.verdict
        }
    }

    /// When a check is due, if one is queued.
    pub(crate) fn due(&self) -> Option<Tick> {
        self.window.map(|(due, _)| due)
    }

    /// When time alone will change something: the end of the drain, or too long a silence.
    pub(crate) fn deadline(&self) -> Option<Tick> {
        let silent = !self.stale && self.checked();
        let stale_at = silent.then(|| self.fresh_at + self.group.health_check.stale_after);
        self.drain_ends.or(stale_at)
    }

    /// The target is registered again, drained or not; `quick` says whether few targets are new.
    pub(crate) fn register(
        &mut self,
        key: Key,
        group: Arc<TargetGroup>,
        held: bool,
        quick: bool,
        now: Tick,
    ) -> Option<Expected> {
        let before = self.state();
        let flight = self.flight;
        *self = Self { held, flight, ..Self::new(key, group, Arc::clone(&self.target), now) };
        self.queue_first(quick, now);
        self.changed(before, now)
    }

    pub(crate) fn update(&mut self, group: Arc<TargetGroup>, quick: bool, now: Tick) -> Option<Expected> {
        let (before, was_checked) = (self.state(), self.checked());
        let old = std::mem::replace(&mut self.group, group);
        let (was, is) = (&old.health_check, &self.group.health_check);
        let asks_anew = super::turn::asks_anew(&old, &self.group);
        let counts = was.interval != is.interval
            || was.healthy_threshold != is.healthy_threshold
            || was.unhealthy_threshold != is.unhealthy_threshold
            || was.initial_healthy_threshold != is.initial_healthy_threshold;
        let moved = was.interval != is.interval || was_checked != self.checked();
        if counts || asks_anew {
            (self.passes, self.fails) = (0, 0);
        }
        if self.drain_ends.is_some() {
            return None;
        }
        let begins = !was_checked && self.checked();
        if let Some(flight) = self.flight.as_mut().filter(|_| asks_anew || begins) {
            flight.counts = false;
        }
        if begins {
            let (held, flight, since) = (self.held, self.flight, self.since);
            let (group, target) = (Arc::clone(&self.group), Arc::clone(&self.target));
            *self = Self { held, flight, since, ..Self::new(self.key, group, target, now) };
        }
        if moved {
            self.phase = None;
            self.last_start = None;
            if self.started && self.checked() {
                let next = now + Duration::from_millis(1);
                let queued = !self.held && self.flight.is_none();
                self.window = queued.then_some((next, now + self.interval()));
                self.on_place = true;
                if let Some(flight) = &mut self.flight {
                    flight.places_from = next;
                }
            } else {
                self.queue_first(quick, now);
            }
        }
        self.changed(before, now)
    }

    pub(crate) fn deregister(&mut self, now: Tick) -> Option<Expected> {
        if self.drain_ends.is_some() {
            return None;
        }
        let before = self.state();
        self.drain_ends = Some(now + self.group.attributes.deregistration_delay);
        self.window = None;
        self.changed(before, now)
    }

    pub(crate) fn cut_short(&mut self, now: Tick) {
        self.drain_ends = Some(now);
    }

    pub(crate) fn release(&mut self, now: Tick) {
        let waits = self.window.is_some_and(|(due, _)| now < due) && !self.concluded;
        let live = self.checked() && self.drain_ends.is_none() && self.flight.is_none();
        if live && (self.held || waits) {
            self.window = Some((now, now));
            self.on_place = false;
            (self.last_start, self.last_due) = (None, None);
        }
        self.held = false;
    }

    /// Time passes: the drain ends, or silence has lasted too long.
    pub(crate) fn pass_time(&mut self, now: Tick) -> Option<Expected> {
        if let Some(end) = self.drain_ends {
            return (end <= now).then_some(Expected::Removed(self.key));
        }
        let before = self.state();
        if self.checked() && self.fresh_at + self.group.health_check.stale_after <= now {
            self.stale = true;
        }
        self.changed(before, now)
    }

    /// A job is taken.
    pub(crate) fn start(&mut self, job: &Job, now: Tick) {
        let key = job.key;
        assert_eq!(key, self.key, "a job of a registration that is over");
        assert!(self.drain_ends.is_none() && self.checked() && !self.held, "{key:?} must not be probed");
        assert!(self.flight.is_none(), "two probes of {key:?} at once");
        assert!(job.due <= now, "{key:?} probed before it was due");
        assert_eq!(self.window, Some((job.due, job.due)), "{key:?} is not due when it was said to be");
        assert!(self.last_due < Some(job.due), "{key:?} used one place twice");
        // A place given anew, or an address found, may ask again sooner; both forget the last start.
        if let Some(last) = self.last_start {
            assert!(last + self.interval() / 2 <= job.due, "{key:?} probed twice within half an interval");
        }
        let (generation, due) = (key.generation, job.due);
        let flight = Flight { generation, due, started: now, places_from: due, counts: true };
        (self.flight, self.window) = (Some(flight), None);
        (self.last_start, self.last_due) = (Some(now), Some(job.due));
        self.started = true;
    }

    /// A job is answered. Also returns how many places were skipped, once the engine's next check is known.
    pub(crate) fn answer(
        &mut self,
        job: Key,
        outcome: Outcome,
        now: Tick,
        next: Option<Tick>,
    ) -> (Option<Expected>, u64) {
        let Some(flight) = self.flight.filter(|flight| flight.generation == job.generation) else {
            return (None, 0);
        };
        self.flight = None;
        let before = self.state();
        if flight.counts && job == self.key && self.drain_ends.is_none() && self.checked() {
            self.count(outcome, now);
        }
        let skipped = self.queue_again(flight, now, next);
        (self.changed(before, now), skipped)
    }

    /// Queues the target after a job. Returns how many places went by.
    fn queue_again(&mut self, flight: Flight, now: Tick, next: Option<Tick>) -> u64 {
        if !self.is_placed() || self.held {
            return 0;
        }
        self.on_place = self.started;
        if !self.started {
            self.window = Some((now, now));
            return 0;
        }
        let half = self.interval() / 2;
        let earliest = (flight.started + half).max(now + Duration::from_millis(1));
        self.window = Some((earliest, earliest + (self.interval() - Duration::from_millis(1))));
        let Some(next) = next else { return 0 };
        let interval = millis(self.interval());
        let phase = *self.phase.get_or_insert(next.0 % interval);
        let place = |from: Tick| from.0 + (phase + interval - from.0 % interval) % interval;
        self.window = Some((Tick(place(earliest)), Tick(place(earliest))));
        let planned = place((flight.due + half).max(flight.places_from));
        (next.0 - planned.min(next.0)) / interval
    }

    /// Compares what a reader is told with what is known here, and notes the moment the engine chose.
    pub(crate) fn compare(&mut self, status: &Status) {
        let key = self.key;
        assert_eq!(status.health.state, self.state(), "{key:?}");
        assert_eq!(status.conclusive_state, self.verdict, "{key:?}");
        assert_eq!(status.since, self.since, "{key:?}");
        assert_eq!(status.drain_ends, self.drain_ends, "{key:?}");
        let streak = if self.fails > 0 { Streak::Fails(self.fails) } else { Streak::Passes(self.passes) };
        assert_eq!(status.streak, streak, "{key:?}");
        let failing = status.health.state == State::Unhealthy;
        assert_eq!(status.health.failure, self.failure.filter(|_| failing), "{key:?}");
        if self.state() == State::Initial {
            let waiting = [Reason::ElbRegistrationInProgress, Reason::ElbInitialHealthChecking];
            assert_eq!(status.health.reason, Some(waiting[usize::from(self.started)]), "{key:?}");
        }
        let asked = self.flight.is_some() && self.checked() && self.drain_ends.is_none();
        assert_eq!(status.check_after.is_some(), asked, "{key:?}");
        match (status.next_check, self.window) {
            (Some(due), Some((from, to))) => {
                assert!(from <= due && due <= to, "{key:?} is checked at {due:?}, not in {from:?}..={to:?}");
                self.window = Some((due, due));
                if self.on_place {
                    let place = due.0 % millis(self.interval());
                    assert_eq!(*self.phase.get_or_insert(place), place, "{key:?} left its place");
                }
            }
            (due, window) => assert_eq!((due, window), (None, None), "{key:?}: queued, and should be"),
        }
    }

    fn queue_first(&mut self, quick: bool, now: Tick) {
        let queued = self.checked() && !self.held && self.flight.is_none();
        let spread = if quick { Duration::from_millis(100) } else { self.interval() };
        self.window = queued.then(|| (now, now + (spread - Duration::from_millis(1))));
        self.on_place = !quick;
    }

    fn count(&mut self, outcome: Outcome, now: Tick) {
        let check = &self.group.health_check;
        match outcome {
            Outcome::Inconclusive(_) => return,
            Outcome::Pass => {
                (self.passes, self.fails) = (self.passes + 1, 0);
                let new = self.verdict == State::Initial;
                let needed = if new { check.initial_healthy_threshold } else { check.healthy_threshold };
                if self.passes >= u32::from(needed.get()) {
                    self.verdict = State::Healthy;
                }
                self.stale = false;
            }
            Outcome::Fail(failure) => {
                (self.passes, self.fails) = (0, self.fails + 1);
                self.failure = Some(failure);
                if self.fails >= u32::from(check.unhealthy_threshold.get()) {
                    self.verdict = State::Unhealthy;
                }
                // One failure brings no `healthy` back that nobody has seen for long.
                self.stale &= self.verdict == State::Healthy;
            }
        }
        self.concluded = true;
        self.fresh_at = now;
    }

    fn changed(&mut self, from: State, at: Tick) -> Option<Expected> {
        let to = self.state();
        if from == to {
            return None;
        }
        self.since = at;
        Some(Expected::Changed { key: self.key, from, to, at })
    }
}
