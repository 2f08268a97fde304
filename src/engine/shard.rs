//! Every target one thread owns, and the order in which they fall due.
//!
//! ```text
//!   shell ──register / restore / update / deregister──►┌───────┐──poll_job──► shell probes the target
//!         ──release / on_tick / on_outcome────────────►│ Shard │──poll_event─► shell publishes it
//!         ◄─next_check / next_deadline─────────────────└───────┘
//! ```
//!
//! Invariants: a checked target is in exactly one place: queued, out as one [`Job`], or held for its address. A target
//! is never probed twice at once, never before its due moment, and never twice for one place on its grid.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::machine::{Machine, Settings};
use crate::engine::place::Grid;
use crate::engine::queue::Queue;
use crate::engine::shard::course::Courses;
pub use crate::engine::shard::job::{Access, Event, Job, Key};
use crate::engine::shard::target::{Flight, Target, Tie};
pub use crate::engine::status::Status;
use crate::engine::table::{make_room, usize_of};
use crate::model::failure::Failure;
use crate::model::outcome::Outcome;
use crate::model::tick::Tick;

mod course;
mod job;
mod restore;
mod target;
mod told;

/// New targets on a shard up to which they get a quick first check; of more it would be a burst (docs/semantics.md,
/// "Schedule").
pub const QUICK_FIRST_CHECKS: u64 = 200;

/// Quick first checks lie this far apart: the last one still starts within 100 ms of registration, and no millisecond
/// has more than two of them.
const QUICK_STEP: Duration = Duration::from_micros(500);

/// A thread's share of the targets.
#[derive(Debug, Default)]
pub struct Shard {
    targets: Vec<Option<Target>>,
    courses: Courses,
    /// By interval in milliseconds.
    grids: BTreeMap<u32, Grid>,
    checks: Queue,
    /// The end of a target's drain, or the moment at which time alone may change its state.
    deadlines: Queue,
    events: VecDeque<Event>,
    /// Checked targets with a known address whose first check has not been started.
    fresh: u64,
    /// Registrations that are known to follow the next one.
    to_come: u64,
    skipped: u64,
}

impl Shard {
    /// Makes room for the targets with indexes below `places`.
    pub fn make_room(&mut self, places: usize) {
        make_room(&mut self.targets, places);
        self.checks.make_room(places);
        self.deadlines.make_room(places);
    }

    /// Says how many registrations follow the next one, so that of many not the first are checked all at once.
    pub fn expect(&mut self, registrations: u64) {
        self.to_come = registrations;
    }

    /// Adds a target, or has the one at the same place begin anew.
    ///
    /// `hash` breaks ties between places on the grid.
    pub fn register(&mut self, key: Key, settings: Arc<Settings>, hash: u64, access: Access, now: Tick) {
        let slot = self.slot(key);
        let course = self.courses.join(settings);
        let (generation, nowhere) = (key.generation, access == Access::Nowhere);
        let mut target = match self.targets[slot].take() {
            Some(mut target) => {
                self.unplace(&mut target, key.index);
                let change = target.machine.reregister(nowhere, &self.courses[course].settings, now);
                self.events.extend(change.map(|change| Event::Changed(key, change)));
                self.courses.leave(target.course);
                let held = access == Access::Awaited;
                Target { generation, course, held, watched: false, ..target }
            }
            None => Target::new(Machine::new(nowhere, now), generation, course, Tie::of(hash), access),
        };
        self.begin(&mut target, key.index, None, now);
        self.targets[slot] = Some(target);
    }

    /// Gives a target the new settings of its group. `asks_anew` says that what a check asks has changed (path,
    /// matcher, port, protocol), so that running counters start again. Unchanged intervals keep their place.
    pub fn update(&mut self, key: Key, settings: Arc<Settings>, asks_anew: bool, now: Tick) {
        self.with(key, |shard, target| {
            let before = target.course;
            target.course = shard.courses.join(settings);
            let (old, new) = (&shard.courses[before], &shard.courses[target.course]);
            let (was_checked, new_beat) = (old.settings.checked(), old.interval != new.interval);
            let moves = new_beat || target.place.is_some() != target.machine.wants_checks(&new.settings);
            let change = target.machine.on_settings(&old.settings, &new.settings, now);
            shard.events.extend(change.map(|change| Event::Changed(key, change)));
            if asks_anew {
                target.machine.forget_streak();
            }
            if let Some(flight) = &mut target.out
                && (asks_anew || !was_checked)
            {
                flight.counts = false;
            }
            if moves {
                // The place lies on the grid of the old interval.
                let after = std::mem::replace(&mut target.course, before);
                shard.unplace(target, key.index);
                target.course = after;
                shard.begin(target, key.index, None, now);
            }
            shard.courses.leave(before);
            shard.watch(target, key.index);
        });
    }

    /// Starts the drain of a target, which takes the deregistration delay. Asking twice changes nothing.
    pub fn deregister(&mut self, key: Key, now: Tick) {
        self.drain(key, None, now);
    }

    /// The same where it has been promised when the drain ends.
    pub fn deregister_until(&mut self, key: Key, end: Tick, now: Tick) {
        self.drain(key, Some(end), now);
    }

    fn drain(&mut self, key: Key, end: Option<Tick>, now: Tick) {
        self.with(key, |shard, target| {
            if target.machine.is_draining() {
                return;
            }
            let settings = &shard.courses[target.course].settings;
            let change = target.machine.deregister(settings, now);
            let rests = !target.machine.wants_checks(settings);
            shard.events.extend(change.map(|change| Event::Changed(key, change)));
            if rests {
                shard.unplace(target, key.index);
            }
            let delay = shard.courses[target.course].settings.deregistration_delay;
            shard.deadlines.set(key.index, Some(end.unwrap_or(now + delay)));
        });
        self.on_tick(now);
    }

    /// Ends a target's life at once: it does not drain, or its drain is cut short.
    pub fn end(&mut self, key: Key, now: Tick) {
        self.deregister(key, now);
        self.with(key, |shard, _| shard.deadlines.set(key.index, Some(now)));
        self.on_tick(now);
    }

    /// Says that the target's address is now known: a target that was held, or never had a conclusive check, is
    /// checked at once. One with a verdict from before a restart waits for its place.
    pub fn release(&mut self, key: Key, now: Tick) {
        self.with(key, |shard, target| {
            let held = std::mem::take(&mut target.held);
            let machine = &target.machine;
            let early = shard.checks.at(key.index).is_some_and(|due| now < due) && !machine.has_concluded();
            // While it was held it took none of the quick first checks from targets that could be checked.
            shard.fresh += u64::from(held && target.place.is_some() && !machine.has_started());
            if (held || early) && target.place.is_some() && target.out.is_none() {
                let course = &shard.courses[target.course];
                let due = if machine.has_concluded() { target.place_from(course, now) } else { now };
                shard.checks.set(key.index, Some(due));
            }
        });
    }

    /// Ends drains whose time is over, and finds targets that have gone without a verdict, or have been unhealthy and
    /// draining, for too long.
    pub fn on_tick(&mut self, now: Tick) {
        while let Some((_, index)) = self.deadlines.pop_due(now) {
            let slot = usize_of(index);
            let Some(mut target) = self.targets[slot].take() else { continue };
            let key = Key { index, generation: target.generation };
            if target.machine.is_draining() {
                self.events.push_back(Event::Removed(key));
                self.unplace(&mut target, index);
                self.courses.leave(target.course);
                continue;
            }
            let change = target.machine.on_deadline(&self.courses[target.course].settings, now);
            self.events.extend(change.map(|change| Event::Changed(key, change)));
            self.watch(&mut target, index);
            self.targets[slot] = Some(target);
        }
    }

    /// Takes the next job that is due, the one that has been due for longest, or `None` when there is none at `now`.
    pub fn poll_job(&mut self, now: Tick) -> Option<Job> {
        let (due, index) = self.checks.pop_due(now)?;
        let target = self.targets.get_mut(usize_of(index))?.as_mut()?;
        if !target.machine.has_started() {
            self.fresh = self.fresh.saturating_sub(1);
            target.machine.on_start();
        }
        target.out = Some(Flight::new(target.generation, now));
        Some(Job { key: Key { index, generation: target.generation }, due })
    }

    /// Says that a job which was kept waiting for room starts only `now`: its target's next check keeps its distance
    /// from here.
    pub fn on_start(&mut self, job: &Job, now: Tick) {
        let target = self.targets.get_mut(usize_of(job.key.index)).and_then(Option::as_mut);
        let flight = target.and_then(|target| target.out.as_mut());
        if let Some(flight) = flight.filter(|flight| flight.generation == job.key.generation) {
            flight.start_at(now);
        }
    }

    /// Records what became of a job and queues the target's next check.
    pub fn on_outcome(&mut self, job: Job, outcome: Outcome, now: Tick) {
        let Job { key, due } = job;
        let Some(target) = self.targets.get_mut(usize_of(key.index)).and_then(Option::as_mut) else { return };
        // The target may have been deregistered, come back, or be another one altogether while its job was out.
        let Some(flight) = target.out.take_if(|flight| flight.generation == key.generation) else { return };
        let course = &self.courses[target.course];
        if flight.counts && target.generation == key.generation {
            let change = target.machine.on_outcome(outcome, &course.settings, flight.started, now);
            // Another state may have an earlier deadline.
            target.watched &= change.is_none();
            self.events.extend(change.map(|change| Event::Changed(key, change)));
            let refused = outcome == Outcome::Fail(Failure::ConnectRefused);
            if refused && target.machine.is_draining() && target.place.is_some() {
                self.deadlines.set(key.index, Some(now));
            }
        }
        if target.place.is_some() && !target.held {
            let (next, skipped) = if target.machine.has_started() {
                target.next_place(course, flight, due, now)
            } else {
                // The job was of a former life, and this one's first check only waited for it.
                (now, 0)
            };
            self.skipped += skipped;
            self.checks.set(key.index, Some(next));
        }
        if !target.watched {
            watch(&mut self.deadlines, target, &course.settings, key.index);
        }
    }

    /// Runs `change` on the target `key` names, if it is still that one.
    fn with(&mut self, key: Key, change: impl FnOnce(&mut Self, &mut Target)) {
        let slot = usize_of(key.index);
        let Some(mut target) = self.targets.get_mut(slot).and_then(Option::take) else { return };
        if target.generation == key.generation {
            change(self, &mut target);
        }
        self.targets[slot] = Some(target);
    }

    /// The target's place in the table, which has room for it.
    fn slot(&mut self, key: Key) -> usize {
        let slot = usize_of(key.index);
        if self.targets.len() <= slot {
            make_room(&mut self.targets, slot + 1);
            self.targets.resize_with(slot + 1, || None);
        }
        slot
    }

    /// Gives a target its place on the grid, at `offset` milliseconds where that is said, and its first check, unless its
    /// checks rest.
    fn begin(&mut self, target: &mut Target, index: u32, offset: Option<u64>, now: Tick) {
        let course = &self.courses[target.course];
        if target.machine.wants_checks(&course.settings) && target.place.is_none() {
            let grid = self.grids.entry(course.interval).or_insert_with(|| Grid::new(course.interval));
            target.place = Some(match offset {
                Some(offset) => grid.take_at(offset),
                None => grid.take(target.tie.hash()),
            });
            let next = now + Duration::from_millis(1);
            let due = if target.machine.has_started() || target.held {
                target.place_from(course, next)
            } else {
                let before = self.fresh;
                self.fresh += 1;
                // A quick first check while few targets are new; the place in the coming interval otherwise.
                if before + self.to_come < QUICK_FIRST_CHECKS {
                    now + QUICK_STEP * u32::try_from(before).unwrap_or(0)
                } else {
                    target.place_from(course, now)
                }
            };
            // Places before this moment were never the target's, so a job that is out cannot have missed them. Its
            // return queues the target, even where the job is of a former life.
            if let Some(flight) = &mut target.out {
                flight.places_begin(next);
            } else if !target.held {
                self.checks.set(index, Some(due));
            }
        }
        self.watch(target, index);
    }

    /// Takes a target out of the queue and gives its place back.
    fn unplace(&mut self, target: &mut Target, index: u32) {
        self.checks.set(index, None);
        let Some(place) = target.place.take() else { return };
        if !target.machine.has_started() && !target.held {
            self.fresh = self.fresh.saturating_sub(1);
        }
        let interval = self.courses[target.course].interval;
        let Some(grid) = self.grids.get_mut(&interval) else { return };
        grid.give_back(place);
        if grid.is_empty() {
            self.grids.remove(&interval);
        }
    }

    fn watch(&mut self, target: &mut Target, index: u32) {
        watch(&mut self.deadlines, target, &self.courses[target.course].settings, index);
    }
}

/// Keeps one entry in the queue of deadlines for the moment time alone may change a target's state. The entry is put off
/// only when it fires, so a check costs nothing here.
fn watch(deadlines: &mut Queue, target: &mut Target, settings: &Settings, index: u32) {
    let at = target.machine.deadline(settings);
    let early_enough = |&set: &Tick| at.is_some_and(|at| set <= at);
    if !target.machine.is_draining() && deadlines.at(index).filter(early_enough).is_none() {
        deadlines.set(index, at);
    }
    target.watched = deadlines.at(index).is_some();
}

#[cfg(test)]
mod tests;
