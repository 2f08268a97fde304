//! What a shard remembers of one target, in as few bytes as a million targets deserve.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::engine::machine::Machine;
use crate::engine::place::Place;
use crate::engine::shard::Access;
use crate::engine::shard::course::Course;
use crate::model::tick::{Tick, millis};

/// One registered or draining target. Where it stands in the queues, the queues know.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) machine: Machine,
    /// The job that is out.
    pub(super) out: Option<Flight>,
    pub(super) generation: u32,
    /// The number of its course, which holds the settings.
    pub(super) course: u32,
    /// The place on the grid of the course's interval; `None` while its checks rest.
    pub(super) place: Option<Place>,
    pub(super) tie: Tie,
    /// Waits for its address before it is checked.
    pub(super) held: bool,
    /// Stands in the queue of deadlines, early enough for whatever checks say. Spares every check a look there.
    pub(super) watched: bool,
}

/// The part of a target's hash that can ever break a tie between halves of a grid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tie(u16);

impl Tie {
    pub(super) fn of(hash: u64) -> Self {
        Self(u16::try_from(hash >> 48).unwrap_or(0))
    }

    pub(super) fn hash(self) -> u64 {
        u64::from(self.0) << 48
    }
}

/// What a target remembers of its job while that is out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    /// When it was taken, perhaps later than it was due.
    pub(super) started: Tick,
    /// The registration it was given to.
    pub(super) generation: u32,
    /// Places earlier than this many milliseconds after the start were not the target's; saturates after 49 days.
    pub(super) places_after: Option<NonZeroU32>,
    /// Whether its answer counts. False once something else is asked: a pass of the old path proves nothing.
    pub(super) counts: bool,
}

impl Flight {
    pub(super) fn new(generation: u32, started: Tick) -> Self {
        Self { started, generation, places_after: None, counts: true }
    }

    /// Says that the target has a new place, and that no place before `from` was ever its own.
    pub(super) fn places_begin(&mut self, from: Tick) {
        let after = u32::try_from(millis(from.since(self.started))).unwrap_or(u32::MAX);
        self.places_after = NonZeroU32::new(after);
    }

    /// Moves the start to `now`.
    pub(super) fn start_at(&mut self, now: Tick) {
        let places = self.places_after.map(|_| self.no_sooner(Tick(0)));
        self.started = now;
        self.places_after = None;
        if let Some(from) = places {
            self.places_begin(from);
        }
    }

    /// `from`, or the first moment at which a place can be the target's, if that is later.
    pub(super) fn no_sooner(&self, from: Tick) -> Tick {
        self.places_after
            .map_or(from, |after| from.max(self.started + Duration::from_millis(u64::from(after.get()))))
    }
}

impl Target {
    /// One that has not been given a place yet.
    pub(super) fn new(machine: Machine, generation: u32, course: u32, tie: Tie, access: Access) -> Self {
        let held = access == Access::Awaited;
        Self { machine, out: None, generation, course, place: None, tie, held, watched: false }
    }

    /// The target's first place at or after `from`.
    pub(super) fn place_from(&self, course: &Course, from: Tick) -> Tick {
        let Some(place) = self.place else { return from };
        let interval = u64::from(course.interval);
        let base = from.0 - from.0 % interval + place.offset(course.interval);
        Tick(if base < from.0 { base + interval } else { base })
    }

    /// The next check after one that was due at `due`, and how many places are skipped before: the first place at least
    /// half an interval after the start, so that a late check and the one after it are no burst. It would have been the
    /// first one half an interval after `due`; places missed meanwhile are never made up for.
    pub(super) fn next_place(&self, course: &Course, flight: Flight, due: Tick, now: Tick) -> (Tick, u64) {
        let half = course.settings.interval / 2;
        let planned = self.place_from(course, flight.no_sooner(due + half));
        let next = self.place_from(course, (flight.started + half).max(now + Duration::from_millis(1)));
        (next, next.0.saturating_sub(planned.0) / u64::from(course.interval))
    }
}
