//! Every target one thread owns, and the order in which they fall due.
//!
//! ```text
//!   shell ──register / update / deregister / release──►┌───────┐──poll_job──► shell probes the target
//!         ──on_tick / on_outcome──────────────────────►│ Shard │──poll_event─► shell publishes it
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
use crate::engine::queue::{Queue, usize_of};
use crate::engine::shard::course::Courses;
pub use crate::engine::shard::job::{Event, Job, Key};
use crate::engine::shard::target::{Flight, Target, Tie};
pub use crate::engine::status::Status;
use crate::model::outcome::Outcome;
use crate::model::tick::Tick;

mod course;
mod job;
mod target;
mod told;

/// New targets on a shard that get a quick first check; more would be a burst (docs/semantics.md, "Schedule").
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
    /// The end of a target's drain, or the moment it may become stale.
    deadlines: Queue,
    events: VecDeque<Event>,
    /// Checked targets with a known address whose first check has not been started.
    fresh: u64,
    skipped: u64,
    /// Places counted as skipped whose targets were checked soon after; as many will not be counted.
    regained: u64,
}

impl Shard {
    /// Adds a target, or takes back the one at the same place if it is draining.
    ///
    /// `hash` breaks ties between places on the grid. With `held` the first check waits for [`Shard::release`].
    pub fn register(&mut self, key: Key, settings: Arc<Settings>, hash: u64, held: bool, now: Tick) {
        let slot = usize_of(key.index);
        if self.targets.len() <= slot {
            self.targets.resize_with(slot + 1, || None);
        }
        let course = self.courses.join(settings);
        let (generation, tie) = (key.generation, Tie::of(hash));
        let mut target = match self.targets[slot].take() {
            Some(mut target) => {
                self.unplace(&mut target, key.index);
                let change = target.machine.reregister(&self.courses[course].settings, now);
                self.events.extend(change.map(|change| Event::Changed(key, change)));
                self.courses.leave(target.course);
                Target { generation, course, ticket: None, held, watched: false, ..target }
            }
            None => {
                let machine = Machine::new(now);
                Target {
                    machine,
                    out: None,
                    generation,
                    course,
                    place: None,
                    ticket: None,
                    tie,
                    held,
                    watched: false,
                }
            }
        };
        self.begin(&mut target, key.index, now);
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
            let moves = new_beat || was_checked != new.settings.checked();
            let change = target.machine.on_settings(&old.settings, &new.settings, now);
            shard.events.extend(change.map(|change| Event::Changed(key, change)));
            if before != target.course {
                target.ticket = None;
            }
            if asks_anew {
                target.machine.forget_streak();
            }
            if let Some(flight) = &mut target.out
                && (asks_anew || !was_checked)
            {
                flight.counts = false;
            }
            if moves && !target.machine.is_draining() {
                // The place lies on the grid of the old interval.
                let after = std::mem::replace(&mut target.course, before);
                shard.unplace(target, key.index);
                target.course = after;
                shard.begin(target, key.index, now);
            }
            shard.courses.leave(before);
            shard.watch(target, key.index);
        });
    }

    /// Starts the drain of a target. Asking twice changes nothing.
    pub fn deregister(&mut self, key: Key, now: Tick) {
        self.with(key, |shard, target| {
            if target.machine.is_draining() {
                return;
            }
            let settings = &shard.courses[target.course].settings;
            let change = target.machine.deregister(settings, now);
            shard.events.extend(change.map(|change| Event::Changed(key, change)));
            shard.unplace(target, key.index);
            let end = now + shard.courses[target.course].settings.deregistration_delay;
            shard.deadlines.set(key.index, Some(end));
        });
        self.on_tick(now);
    }

    /// Says that the target's address is now known: a target that was held, or never had a conclusive check, is
    /// checked at once.
    pub fn release(&mut self, key: Key, now: Tick) {
        self.with(key, |shard, target| {
            let held = std::mem::take(&mut target.held);
            let early =
                shard.checks.at(key.index).is_some_and(|due| now < due) && !target.machine.has_concluded();
            // While it was held it took none of the quick first checks from targets that could be checked.
            shard.fresh += u64::from(held && target.place.is_some());
            if (held || early) && target.place.is_some() && target.out.is_none() {
                shard.courses[target.course].refused = None;
                shard.checks.set(key.index, Some(now));
            }
        });
    }

    /// Ends drains whose time is over and finds targets that have gone without a verdict for too long.
    pub fn on_tick(&mut self, now: Tick) {
        while let Some((_, index)) = self.deadlines.pop_due(now) {
            let slot = usize_of(index);
            let Some(mut target) = self.targets[slot].take() else { continue };
            let key = Key { index, generation: target.generation };
            if target.machine.is_draining() {
                self.events.push_back(Event::Removed(key));
                self.courses.leave(target.course);
                continue;
            }
            let change = target.machine.on_silence(&self.courses[target.course].settings, now);
            self.events.extend(change.map(|change| Event::Changed(key, change)));
            self.watch(&mut target, index);
            self.targets[slot] = Some(target);
        }
    }

    /// Takes the next job that is due, or `None` when there is none at `now`.
    ///
    /// The one that has been due for longest comes first. Where targets of its group have lost their places, by
    /// [`Shard::skip`], the one that has waited longest is offered before it.
    pub fn poll_job(&mut self, now: Tick) -> Option<Job> {
        loop {
            let (due, popped) = self.checks.pop_due(now)?;
            let Some(number) = self.target(popped).map(|target| target.course) else { continue };
            let course = &mut self.courses[number];
            if course.refused == Some(now) {
                // What there was no room for a moment ago has waited longer.
                self.lose_place(popped, due, now);
                continue;
            }
            let senior = course.senior(&self.targets);
            let index = senior.unwrap_or(popped);
            if index != popped {
                self.checks.set(popped, Some(due));
                self.checks.set(index, None);
            }
            let Some(target) = self.targets.get_mut(usize_of(index)).and_then(Option::as_mut) else {
                continue;
            };
            let (senior, off_place) = (senior.is_some(), index != popped);
            let flight = Flight { senior, off_place, ..Flight::new(target, now) };
            if flight.first {
                self.fresh = self.fresh.saturating_sub(1);
                target.machine.on_start();
            }
            target.ticket = None;
            target.out = Some(flight);
            return Some(Job { key: Key { index, generation: target.generation }, due });
        }
    }

    /// Records what became of a job and queues the target's next check.
    pub fn on_outcome(&mut self, job: Job, outcome: Outcome, now: Tick) {
        let Job { key, due } = job;
        let Some((target, flight)) = landed(&mut self.targets, key) else { return };
        let course = &self.courses[target.course];
        if flight.counts && target.generation == key.generation {
            let change = target.machine.on_outcome(outcome, &course.settings, now);
            self.events.extend(change.map(|change| Event::Changed(key, change)));
        }
        if target.place.is_some() && !target.held {
            let next = if target.machine.has_started() {
                let half = course.settings.interval / 2;
                let planned = flight.no_sooner(due + half);
                // A check soon after the place that was lost has made up for it, if no other is left out for it.
                let own = target.place_from(course, flight.started + Duration::from_millis(1));
                let regained = flight.off_place && flight.started + half <= own;
                self.regained += u64::from(regained);
                let (next, skipped) = target.next_place(course, planned, flight.started, now);
                self.skipped += skipped;
                next
            } else {
                now
            };
            self.checks.set(key.index, Some(next));
        }
        if !target.watched {
            watch(&mut self.deadlines, target, &course.settings, key.index);
        }
    }

    /// Takes back a job that was never started for want of room. Nothing is said of the target; it is queued for its
    /// next place, as after a check that started now, and the place it loses counts as skipped.
    ///
    /// A target that was to be checked for the first time is as new as before. What lacks must be room that all
    /// targets given the same settings share. These stand in a line once they have lost a place: as they fall due
    /// and there is room, the one that has waited longest is offered first, so that all lose alike. Between two
    /// checks of one that always fell due, no other is checked more than twice.
    pub fn skip(&mut self, job: Job, now: Tick) {
        let Job { key, due } = job;
        let Some((target, flight)) = landed(&mut self.targets, key) else { return };
        let placed = target.place.is_some() && !target.held;
        let started = target.machine.has_started();
        if flight.first && started {
            target.machine.undo_start();
            self.fresh += u64::from(placed);
        }
        if !placed {
            return;
        }
        if !started {
            // The job was of a former life, and this one's first check only waited for it.
            self.checks.set(key.index, Some(now));
            return;
        }
        let course = &mut self.courses[target.course];
        course.refused = Some(now);
        if flight.off_place {
            // Its own place was lost, and counted, before.
            target.ticket = Some(course.wait(key.index, true));
            self.checks.set(key.index, Some(target.place_from(course, now + Duration::from_millis(1))));
        } else {
            let planned = flight.no_sooner(due + course.settings.interval / 2);
            if flight.senior {
                target.ticket = Some(course.wait(key.index, true));
            }
            self.lose_place_before(key.index, planned, now);
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

    /// Gives a target its place on the grid and its first check, unless its group is not checked.
    fn begin(&mut self, target: &mut Target, index: u32, now: Tick) {
        let course = &self.courses[target.course];
        if course.settings.checked() && target.place.is_none() {
            let grid = self.grids.entry(course.interval).or_insert_with(|| Grid::new(course.interval));
            target.place = Some(grid.take(target.tie.hash()));
            let next = now + Duration::from_millis(1);
            let due = if target.machine.has_started() || target.held {
                target.place_from(course, next)
            } else {
                let before = self.fresh;
                self.fresh += 1;
                // A quick first check while few targets are new; the place in the coming interval otherwise.
                if before < QUICK_FIRST_CHECKS {
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

    /// Queues a target for its next place, the one due at `due` being lost for want of room.
    fn lose_place(&mut self, index: u32, due: Tick, now: Tick) {
        let Some(course) = self.target(index).map(|target| &self.courses[target.course]) else { return };
        self.lose_place_before(index, due + course.settings.interval / 2, now);
    }

    fn lose_place_before(&mut self, index: u32, planned: Tick, now: Tick) {
        let Some(target) = self.targets.get_mut(usize_of(index)).and_then(Option::as_mut) else { return };
        let course = &mut self.courses[target.course];
        let (next, missed) = target.next_place(course, planned, now, now);
        let lost = missed + 1;
        let paid = lost.min(self.regained);
        self.regained -= paid;
        self.skipped += lost - paid;
        self.checks.set(index, Some(next));
        if target.ticket.is_none() {
            target.ticket = Some(course.wait(index, false));
        }
    }

    fn target(&self, index: u32) -> Option<&Target> {
        self.targets.get(usize_of(index))?.as_ref()
    }

    /// Takes a target out of the queue and gives its place back.
    fn unplace(&mut self, target: &mut Target, index: u32) {
        self.checks.set(index, None);
        target.ticket = None;
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

/// Takes a job back from the target at its index, unless that is another target than the one it was given to. The
/// target may have been deregistered meanwhile, or come back.
fn landed(targets: &mut [Option<Target>], job: Key) -> Option<(&mut Target, Flight)> {
    let target = targets.get_mut(usize_of(job.index))?.as_mut()?;
    let flight = target.out.take_if(|flight| flight.generation == job.generation)?;
    Some((target, flight))
}

/// Keeps one entry in the queue of deadlines for the moment a target may become stale. The entry is moved only when it
/// fires, so a check costs nothing here.
fn watch(deadlines: &mut Queue, target: &mut Target, settings: &Settings, index: u32) {
    let at = target.machine.stale_at(settings);
    let early_enough = |&set: &Tick| at.is_some_and(|at| set <= at);
    if !target.machine.is_draining() && deadlines.at(index).filter(early_enough).is_none() {
        deadlines.set(index, at);
    }
    target.watched = deadlines.at(index).is_some();
}

#[cfg(test)]
mod tests;
