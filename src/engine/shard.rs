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

use crate::engine::machine::{Machine, Settings, Transition};
use crate::engine::place::{Grid, Place};
use crate::engine::queue::{Queue, usize_of};
pub use crate::engine::status::Status;
use crate::model::outcome::Outcome;
use crate::model::tick::{Tick, millis};

/// New targets on a shard that get a quick first check; more would be a burst (docs/semantics.md, "Schedule").
pub const QUICK_FIRST_CHECKS: u64 = 200;

/// Quick first checks lie this far apart, so that the last one still starts within 100 ms of registration.
const QUICK_STEP: Duration = Duration::from_micros(450);

/// Names one registration of one target: a place in the shard's table, and how often that place was given out.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Key {
    /// The place in the table.
    pub index: u32,
    /// Tells registrations at the same place apart.
    pub generation: u32,
}

/// Permission to probe one target once.
///
/// Not `Clone`: the shell gives it back with the outcome, so no target is ever probed twice at the same time.
#[derive(Debug)]
#[must_use = "an unanswered job stops its target from ever being probed again"]
pub struct Job {
    /// The target to probe.
    pub key: Key,
    /// When the probe was due; `now - due` is how late we are.
    pub due: Tick,
}

/// Something readers must hear about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// A target entered another state.
    Changed(Key, Transition),
    /// A target's drain is over and the shard has forgotten it.
    Removed(Key),
}

#[derive(Debug)]
struct Target {
    generation: u32,
    machine: Machine,
    settings: Arc<Settings>,
    hash: u64,
    /// The place on the grid of the target's interval; `None` while it is not checked.
    place: Option<Place>,
    /// The job that is out.
    out: Option<Flight>,
    /// Waits for its address before the first check.
    held: bool,
}

/// What a target remembers of its job while that is out.
#[derive(Clone, Copy, Debug)]
struct Flight {
    /// The registration it was given to.
    generation: u32,
    /// When it was taken, perhaps later than it was due.
    started: Tick,
    /// The earliest place of the target's grid that it can cause to be skipped.
    skips_from: Tick,
    /// Whether its answer counts. False once something else is asked: a pass of the old path proves nothing.
    counts: bool,
}

/// A thread's share of the targets.
#[derive(Debug, Default)]
pub struct Shard {
    targets: Vec<Option<Target>>,
    grids: BTreeMap<u64, Grid>,
    checks: Queue,
    /// The end of a target's drain, or the moment it may become stale.
    deadlines: Queue,
    events: VecDeque<Event>,
    /// Checked targets with a known address whose first check has not been started.
    fresh: u64,
    skipped: u64,
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
        let mut target = match self.targets[slot].take() {
            Some(mut target) => {
                self.unplace(&mut target, key.index);
                let change = target.machine.reregister(&settings, now);
                self.events.extend(change.map(|change| Event::Changed(key, change)));
                Target { generation: key.generation, settings, held, ..target }
            }
            None => Target {
                generation: key.generation,
                machine: Machine::new(now),
                settings,
                hash,
                place: None,
                out: None,
                held,
            },
        };
        self.begin(&mut target, key.index, now);
        self.targets[slot] = Some(target);
    }

    /// Gives a target the new settings of its group. `asks_anew` says that what a check asks has changed (path,
    /// matcher, port, protocol), so that running counters start again. Unchanged intervals keep their place.
    pub fn update(&mut self, key: Key, settings: Arc<Settings>, asks_anew: bool, now: Tick) {
        self.with(key, |shard, target| {
            let old = std::mem::replace(&mut target.settings, settings);
            let change = target.machine.on_settings(&old, &target.settings, now);
            shard.events.extend(change.map(|change| Event::Changed(key, change)));
            if asks_anew {
                target.machine.forget_streak();
            }
            if let Some(flight) = &mut target.out
                && (asks_anew || !old.checked())
            {
                flight.counts = false;
            }
            if target.machine.is_draining() {
                return;
            }
            if old.interval != target.settings.interval || old.checked() != target.settings.checked() {
                shard.unplace(target, key.index);
                shard.begin(target, key.index, now);
            }
            shard.watch(target, key.index);
        });
    }

    /// Starts the drain of a target. Asking twice changes nothing.
    pub fn deregister(&mut self, key: Key, now: Tick) {
        self.with(key, |shard, target| {
            if target.machine.is_draining() {
                return;
            }
            let change = target.machine.deregister(&target.settings, now);
            shard.events.extend(change.map(|change| Event::Changed(key, change)));
            shard.unplace(target, key.index);
            let end = now + target.settings.deregistration_delay;
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
                continue;
            }
            let change = target.machine.on_silence(&target.settings, now);
            self.events.extend(change.map(|change| Event::Changed(key, change)));
            self.watch(&target, index);
            self.targets[slot] = Some(target);
        }
    }

    /// Takes the next job that is due, or `None` when there is none at `now`.
    pub fn poll_job(&mut self, now: Tick) -> Option<Job> {
        let (due, index) = self.checks.pop_due(now)?;
        let target = self.targets[usize_of(index)].as_mut()?;
        target.out =
            Some(Flight { generation: target.generation, started: now, skips_from: due, counts: true });
        if !target.machine.has_started() {
            self.fresh = self.fresh.saturating_sub(1);
            target.machine.on_start();
        }
        Some(Job { key: Key { index, generation: target.generation }, due })
    }

    /// Records what became of a job and queues the target's next check.
    pub fn on_outcome(&mut self, job: Job, outcome: Outcome, now: Tick) {
        let slot = usize_of(job.key.index);
        let Some(mut target) = self.targets.get_mut(slot).and_then(Option::take) else { return };
        // The target may have been deregistered, come back, or be another one altogether while its job was out.
        if let Some(flight) = target.out.take_if(|flight| flight.generation == job.key.generation) {
            if flight.counts && target.generation == job.key.generation {
                let change = target.machine.on_outcome(outcome, &target.settings, now);
                self.events.extend(change.map(|change| Event::Changed(job.key, change)));
            }
            if target.place.is_some() && self.checks.at(job.key.index).is_none() && !target.held {
                let first = !target.machine.has_started();
                let next = if first { now } else { self.next_place(&target, flight, job.due, now) };
                self.checks.set(job.key.index, Some(next));
            }
            self.watch(&target, job.key.index);
        }
        self.targets[slot] = Some(target);
    }

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
        (target.generation == key.generation).then(|| Status {
            health: target.machine.health(&target.settings),
            since: target.machine.since(),
            streak: target.machine.streak(),
            conclusive_state: target.machine.conclusive_state(),
            next_check: self.checks.at(key.index),
            check_after: target.place.and(target.out).map(|flight| {
                let half = target.settings.interval / 2;
                place_from(target, (flight.started + half).max(flight.skips_from))
            }),
            drain_ends: self.deadlines.at(key.index).filter(|_| target.machine.is_draining()),
        })
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
        if target.settings.checked() && target.place.is_none() {
            let interval = millis(target.settings.interval);
            let grid = self.grids.entry(interval).or_insert_with(|| Grid::new(interval));
            target.place = Some(grid.take(target.hash));
            let due = if target.machine.has_started() || target.held {
                place_from(target, now + Duration::from_millis(1))
            } else {
                self.first_check(target, now)
            };
            // Places before this moment were never the target's, so a job that is out cannot have missed them. Its
            // return queues the target, even where the job is of a former life.
            if let Some(flight) = &mut target.out {
                flight.skips_from = now + Duration::from_millis(1);
            } else if !target.held {
                self.checks.set(index, Some(due));
            }
        }
        self.watch(target, index);
    }

    /// A quick first check while few targets are new; the target's place in the coming interval otherwise.
    fn first_check(&mut self, target: &Target, now: Tick) -> Tick {
        let before = self.fresh;
        self.fresh += 1;
        if before < QUICK_FIRST_CHECKS {
            now + QUICK_STEP * u32::try_from(before).unwrap_or(0)
        } else {
            place_from(target, now)
        }
    }

    /// The next check after one that was due at `due`: the first place at least half an interval after it started, so
    /// that a late check and the one after it are no burst. Places missed meanwhile are skipped, never made up for.
    fn next_place(&mut self, target: &Target, flight: Flight, due: Tick, now: Tick) -> Tick {
        let half = target.settings.interval / 2;
        let planned = place_from(target, (due + half).max(flight.skips_from));
        let next = place_from(target, (flight.started + half).max(now + Duration::from_millis(1)));
        self.skipped += next.0.saturating_sub(planned.0) / millis(target.settings.interval).max(1);
        next
    }

    /// Takes a target out of the queue and gives its place back.
    fn unplace(&mut self, target: &mut Target, index: u32) {
        self.checks.set(index, None);
        let Some(place) = target.place.take() else { return };
        if !target.machine.has_started() && !target.held {
            self.fresh = self.fresh.saturating_sub(1);
        }
        // The place lies on the grid of the interval it was taken with, which may no longer be the target's.
        let Some(grid) = self.grids.get_mut(&place.interval()) else { return };
        grid.give_back(place);
        if grid.is_empty() {
            self.grids.remove(&place.interval());
        }
    }

    /// Keeps one entry in the queue of deadlines for the moment a target may become stale. The entry is moved only
    /// when it fires, so a check costs nothing here.
    fn watch(&mut self, target: &Target, index: u32) {
        let at = target.machine.stale_at(&target.settings);
        let early_enough = |&set: &Tick| at.is_some_and(|at| set <= at);
        if !target.machine.is_draining() && self.deadlines.at(index).filter(early_enough).is_none() {
            self.deadlines.set(index, at);
        }
    }
}

/// The target's first place at or after `from`.
fn place_from(target: &Target, from: Tick) -> Tick {
    let Some(place) = target.place else { return from };
    let base = from.0 - from.0 % place.interval() + place.offset();
    Tick(if base < from.0 { base + place.interval() } else { base })
}

#[cfg(test)]
mod tests;
