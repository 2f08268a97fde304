//! What a shard tells, and when to ask it again.

use std::time::Duration;

use crate::engine::place::Grid;
use crate::engine::shard::{Event, Key, Shard, Status};
use crate::engine::table::usize_of;
use crate::model::tick::Tick;

impl Shard {
    /// Takes the oldest event not yet told to anyone.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When a check falls due next; up to 127 ms earlier, never later, where targets were taken away.
    /// [`Shard::poll_job`] at that moment takes a job or makes this tell a later one.
    #[must_use]
    pub fn next_check(&self) -> Option<Tick> {
        self.checks.next()
    }

    /// When [`Shard::on_tick`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        self.deadlines.next()
    }

    /// What may be told of a target; `None` once the shard has forgotten it or the place belongs to another.
    #[must_use]
    pub fn status(&self, key: Key) -> Option<Status> {
        let target = self.targets.get(usize_of(key.index))?.as_ref()?;
        let course = &self.courses[target.course];
        (target.generation == key.generation).then(|| Status {
            health: target.machine.health(&course.settings),
            since: target.machine.since(),
            streak: target.machine.streak(),
            conclusive_state: target.machine.conclusive_state(),
            next_check: self.checks.at(key.index),
            check_after: target.place.and(target.out).map(|flight| {
                let half = course.settings.interval / 2;
                target.place_from(course, flight.no_sooner(flight.started + half))
            }),
            drain_ends: self.deadlines.at(key.index).filter(|_| target.machine.is_draining()),
        })
    }

    /// Whether the target is still checked: it is not forgotten, has an address, its group is in use and checked, and it
    /// is not draining, or is checked while it drains. A shell that kept a job waiting asks before it starts it.
    #[must_use]
    pub fn is_checked(&self, key: Key) -> bool {
        let target = self.targets.get(usize_of(key.index)).and_then(Option::as_ref);
        target.is_some_and(|target| target.generation == key.generation && target.place.is_some())
    }

    /// How many targets the shard holds, draining ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.targets.iter().flatten().count()
    }

    /// Whether the shard holds no target.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Places on the grid that passed without a check because we were late or at the limit of checks in flight.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The shortest interval of all targets with a place on a grid, one millisecond at least; `None` without any.
    #[must_use]
    pub fn shortest_interval(&self) -> Option<Duration> {
        self.grids.keys().next().map(|&interval| Duration::from_millis(interval.into()))
    }

    /// Checks a second that all targets with a place on a grid ask for, whatever becomes of them.
    #[must_use]
    pub fn offered_rate(&self) -> f64 {
        self.grids.values().map(Grid::rate).sum()
    }
}
