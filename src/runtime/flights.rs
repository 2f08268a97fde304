//! The checks of one shard that are under way: started together, looked at together, and ended by their deadline.
//!
//! A check is first only remembered. A millisecond later, when the next ones start, the thread is awake anyway and
//! most answers have come: they are read without a word to the poller. Only a check that takes longer is watched. So
//! an answer within the first millisecond may be noticed up to a millisecond late, and later ones at once.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use slab::Slab;

use crate::engine::queue::Queue;
use crate::engine::shard::Job;
use crate::engine::table::usize_of;
use crate::model::outcome::{Cause, Outcome, Report, Timings};
use crate::model::target::TargetDescription;
use crate::model::tick::Tick;
use crate::probe::{Attempt, Kit};
use crate::runtime::clock::Clock;
use crate::runtime::group::Group;
use crate::runtime::poller::Poller;

/// How long a check is only remembered.
const YOUNG: Duration = Duration::from_millis(1);

/// A check that ended.
#[derive(Debug)]
pub struct Done {
    /// The permission, to be given back.
    pub job: Job,
    /// Whose check it was, as the group was when it began.
    pub group: Arc<Group>,
    /// When it began.
    pub started: Tick,
    /// How long this thread had been late altogether when it began.
    pub stalled: Duration,
    /// What became of it.
    pub report: Report,
}

/// One check under way.
#[derive(Debug)]
struct Flight {
    job: Job,
    attempt: Attempt,
    target: Arc<TargetDescription>,
    group: Arc<Group>,
    started: Tick,
    stalled: Duration,
}

/// All checks under way.
#[derive(Debug, Default)]
pub struct Flights {
    flights: Slab<Flight>,
    kit: Kit,
    /// Only remembered so far, the oldest first.
    young: Vec<u32>,
    /// The deadlines of those that are watched.
    deadlines: Queue,
    done: VecDeque<Done>,
}

impl Flights {
    /// Starts a check as far as it goes at once.
    pub fn start(
        &mut self,
        job: Job,
        group: Arc<Group>,
        target: Arc<TargetDescription>,
        address: SocketAddr,
        (started, stalled): (Tick, Duration),
        clock: &Clock,
    ) {
        let attempt = group.prober.attempt(address, clock);
        let flight = Flight { job, attempt, target, group, started, stalled };
        let slot = self.flights.insert(flight);
        if let Some(slot) = self.step(slot, clock) {
            self.young.push(u32::try_from(slot).unwrap_or(u32::MAX));
        }
    }

    /// Goes on with a check whose socket is ready.
    pub fn on_ready(&mut self, name: u32, poller: &Poller, clock: &Clock) {
        let slot = usize_of(name);
        // One that ended together with its deadline may have been named before.
        if self.flights.contains(slot)
            && let Some(slot) = self.step(slot, clock)
        {
            self.watch(slot, poller, clock);
        }
    }

    /// Looks at the checks that were only remembered so far, and has those watched that are not over.
    pub fn look(&mut self, now: Tick, poller: &Poller, clock: &Clock) {
        let old = |slots: &Slab<Flight>, &slot: &u32| {
            slots.get(usize_of(slot)).is_none_or(|flight| flight.started + YOUNG <= now)
        };
        let count = self.young.iter().take_while(|slot| old(&self.flights, slot)).count();
        let mut young = std::mem::take(&mut self.young);
        for slot in young.drain(..count) {
            if let Some(slot) = self.step(usize_of(slot), clock) {
                self.watch(slot, poller, clock);
            }
        }
        self.young = young;
    }

    /// Ends the checks whose deadline has passed.
    pub fn expire(&mut self, now: Tick, clock: &Clock) {
        while let Some((_, name)) = self.deadlines.pop_due(now) {
            let slot = usize_of(name);
            let Some(flight) = self.flights.get_mut(slot) else { continue };
            if flight.attempt.remaining(clock) > Duration::ZERO {
                self.deadlines.set(name, Some(now + Duration::from_millis(1)));
                continue;
            }
            let Flight { attempt, target, .. } = flight;
            let kit = &mut self.kit;
            let report = guarded(|| attempt.expire(&target.id, kit, clock));
            self.end(slot, report.unwrap_or_else(panicked));
        }
    }

    /// When [`Flights::look`] or [`Flights::expire`] has something to do next.
    #[must_use]
    pub fn next(&self) -> Option<Tick> {
        // The first ones may be over already, by their deadline or a word of the poller.
        let young = self.young.iter().find_map(|&slot| self.flights.get(usize_of(slot)));
        let look = young.map(|flight| flight.started + YOUNG);
        [look, self.deadlines.next()].into_iter().flatten().min()
    }

    /// Whether no check is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// Takes a check that ended.
    pub fn poll_done(&mut self) -> Option<Done> {
        self.done.pop_front()
    }

    /// Goes on with a check; gives its place back if it is not over.
    fn step(&mut self, slot: usize, clock: &Clock) -> Option<usize> {
        let Flight { attempt, target, .. } = self.flights.get_mut(slot)?;
        let kit = &mut self.kit;
        match guarded(|| attempt.step(&target.id, kit, clock)) {
            Some(None) => return Some(slot),
            Some(Some(report)) => self.end(slot, report),
            None => self.end(slot, panicked()),
        }
        None
    }

    fn watch(&mut self, slot: usize, poller: &Poller, clock: &Clock) {
        let Some(flight) = self.flights.get_mut(slot) else { return };
        let (name, interest) = (u32::try_from(slot).unwrap_or(u32::MAX), flight.attempt.interest());
        let watched = flight.attempt.watch().map(|(fd, again)| poller.watch(fd, name, interest, again));
        if !matches!(watched, Some(Ok(()))) {
            // The kernel has no memory left to watch it, or the limit of watched descriptors is reached.
            let report = flight.attempt.abandon(Cause::NoBuffers, &mut self.kit, clock);
            return self.end(slot, report);
        }
        if self.deadlines.at(name).is_none() {
            let at = clock.now() + flight.attempt.remaining(clock) + Duration::from_millis(1);
            self.deadlines.set(name, Some(at));
        }
    }

    fn end(&mut self, slot: usize, report: Report) {
        let Some(flight) = self.flights.try_remove(slot) else { return };
        let name = u32::try_from(slot).unwrap_or(u32::MAX);
        self.deadlines.set(name, None);
        let Flight { job, group, started, stalled, .. } = flight;
        self.done.push_back(Done { job, group, started, stalled, report });
    }
}

/// A probe that panics is our own trouble, and its job still comes back.
fn guarded<T>(probe: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(probe)).ok()
}

fn panicked() -> Report {
    Report { outcome: Outcome::Inconclusive(Cause::Internal), status: None, timings: Timings::default() }
}
