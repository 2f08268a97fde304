//! What must be true of one target, worked out without the engine: two counters, some flags and plain arithmetic. This
//! part knows when it is checked, the other what is said of it.

use std::sync::Arc;
use std::time::Duration;

use tgprobe::engine::shard::{Event, Job, Key, Status};
use tgprobe::model::failure::Failure;
use tgprobe::model::health::State;
use tgprobe::model::outcome::Outcome;
use tgprobe::model::target::TargetDescription;
use tgprobe::model::target_group::TargetGroup;
use tgprobe::model::tick::{Tick, millis};

mod verdict;

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
    passed: bool,
    fresh_at: Tick,
    since: Tick,
    /// When the start period began.
    began: Tick,
    /// When an unhealthy target is done draining.
    unhealthy_at: Option<Tick>,
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
            passed: false,
            fresh_at: now,
            since: now,
            began: now,
            unhealthy_at: None,
        }
    }

    /// Whether the group's targets are checked.
    fn on(&self) -> bool {
        self.group.health_check.enabled && self.group.attributes.in_use
    }

    pub(crate) fn checked(&self) -> bool {
        self.on() && self.target.host().is_some()
    }

    /// Whether the target takes up one of the quick first checks.
    pub(crate) fn is_fresh(&self) -> bool {
        self.is_placed() && !self.started && !self.held
    }

    /// Whether the target has a place on a grid.
    pub(crate) fn is_placed(&self) -> bool {
        self.checked() && (self.drain_ends.is_none() || self.group.attributes.end_drain_when_refused)
    }

    pub(crate) fn interval(&self) -> Duration {
        self.group.health_check.interval
    }

    /// When a check is due, if one is queued.
    pub(crate) fn due(&self) -> Option<Tick> {
        self.window.map(|(due, _)| due)
    }

    /// The target is registered again, drained or not; `quick` says whether few targets are new.
    pub(crate) fn register(
        &mut self,
        key: Key,
        group: Arc<TargetGroup>,
        target: Arc<TargetDescription>,
        held: bool,
        quick: bool,
        now: Tick,
    ) -> Option<Expected> {
        let before = self.state();
        let flight = self.flight;
        *self = Self { held, flight, ..Self::new(key, group, target, now) };
        self.queue_first(quick, now);
        self.changed(before, now)
    }

    pub(crate) fn update(&mut self, group: Arc<TargetGroup>, quick: bool, now: Tick) -> Option<Expected> {
        let (before, was_on, was_placed) = (self.state(), self.on(), self.is_placed());
        let old = std::mem::replace(&mut self.group, group);
        let (was, is) = (&old.health_check, &self.group.health_check);
        let asks_anew = super::turn::asks_anew(&old, &self.group);
        let counts = was.interval != is.interval
            || was.healthy_threshold != is.healthy_threshold
            || was.unhealthy_threshold != is.unhealthy_threshold
            || was.initial_healthy_threshold != is.initial_healthy_threshold
            || was.start_period != is.start_period;
        let moved = was.interval != is.interval || was_placed != self.is_placed();
        if counts || asks_anew {
            (self.passes, self.fails) = (0, 0);
        }
        if let Some(flight) = self.flight.as_mut().filter(|_| asks_anew || !was_on) {
            flight.counts = false;
        }
        if !was_on && self.on() && self.drain_ends.is_none() {
            let (held, flight, since) = (self.held, self.flight, self.since);
            let (group, target) = (Arc::clone(&self.group), Arc::clone(&self.target));
            *self = Self { held, flight, since, ..Self::new(self.key, group, target, now) };
        }
        if moved {
            self.phase = None;
            self.last_start = None;
            if self.started && self.is_placed() {
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
        if !self.is_placed() {
            self.window = None;
        }
        self.changed(before, now)
    }

    pub(crate) fn cut_short(&mut self, now: Tick) {
        self.drain_ends = Some(now);
    }

    pub(crate) fn release(&mut self, now: Tick) {
        let waits = self.window.is_some_and(|(due, _)| now < due) && !self.concluded;
        if self.is_placed() && self.flight.is_none() && (self.held || waits) {
            self.on_place = self.concluded;
            self.window = Some(if self.concluded { self.next_place(now) } else { (now, now) });
            (self.last_start, self.last_due) = (None, None);
        }
        self.held = false;
    }

    /// A job is taken.
    pub(crate) fn start(&mut self, job: &Job, now: Tick) {
        let key = job.key;
        assert_eq!(key, self.key, "a job of a registration that is over");
        assert!(self.is_placed() && !self.held, "{key:?} must not be probed");
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
        if flight.counts && job == self.key && self.checked() {
            if self.drain_ends.is_none() {
                self.count(outcome, flight.started, now);
            } else if self.is_placed() && outcome == Outcome::Fail(Failure::ConnectRefused) {
                self.drain_ends = Some(now);
            }
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
        self.compare_health(status);
        let asked = self.flight.is_some() && self.is_placed();
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

    /// The first place from `from` on, or where it may lie if it is not known.
    fn next_place(&self, from: Tick) -> (Tick, Tick) {
        let interval = millis(self.interval());
        match self.phase {
            Some(phase) => {
                let place = Tick(from.0 + (phase + interval - from.0 % interval) % interval);
                (place, place)
            }
            None => (from, from + (self.interval() - Duration::from_millis(1))),
        }
    }

    fn queue_first(&mut self, quick: bool, now: Tick) {
        let queued = self.is_placed() && !self.held && self.flight.is_none();
        let spread = if quick { Duration::from_millis(100) } else { self.interval() };
        self.window = queued.then(|| (now, now + (spread - Duration::from_millis(1))));
        self.on_place = !quick;
    }
}
