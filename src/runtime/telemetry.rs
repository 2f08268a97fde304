//! Counters and histograms the probing threads write and a scrape reads.
//!
//! Plain relaxed atomics, read a few times a minute, so a scrape costs the probing threads nothing and no count is ever
//! lost. A shard's are written by its own thread, a group's by the threads of all shards that have targets of it.

pub mod ecs;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::model::failure::Failure;
use crate::model::health::State;
use crate::model::outcome::{Cause, Outcome, Report};

/// Upper bounds of the buckets of a check's duration, in microseconds: 1 ms to 10 s.
const DURATION_BOUNDS: [u64; 13] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];

/// Upper bounds of the buckets of our own lateness, in microseconds: 1 ms to 5 s.
const LATENESS_BOUNDS: [u64; 12] =
    [1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000];

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to the count.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Relaxed);
    }

    /// Replaces the count: for numbers counted elsewhere, and for gauges.
    pub fn set(&self, count: u64) {
        self.0.store(count, Relaxed);
    }

    /// The count.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What has been counted of the store. Of no meaning in a process that has none.
#[derive(Debug, Default)]
pub struct StoreStats {
    /// Whether there is one.
    pub present: AtomicBool,
    /// Whether the latest write succeeded; until the first one whether it could be opened.
    pub healthy: AtomicBool,
    /// Writes that succeeded.
    pub writes: Counter,
    /// Writes that failed.
    pub failures: Counter,
    /// Transitions that are in no journal of the store, because it could not be written for long.
    pub transitions_lost: Counter,
}

/// A histogram with fixed bounds.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    bounds: &'static [u64; N],
    buckets: [Counter; N],
    /// Values above the last bound.
    above: Counter,
    sum_micros: Counter,
}

impl<const N: usize> Histogram<N> {
    /// An empty histogram; `bounds` are upper bounds in microseconds, ascending.
    #[must_use]
    pub fn new(bounds: &'static [u64; N]) -> Self {
        let buckets = std::array::from_fn(|_| Counter::default());
        Self { bounds, buckets, above: Counter::default(), sum_micros: Counter::default() }
    }

    /// Counts one value.
    pub fn observe(&self, value: Duration) {
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        let bucket = self.bounds.partition_point(|&bound| bound < micros);
        self.buckets.get(bucket).unwrap_or(&self.above).add(1);
        self.sum_micros.add(micros);
    }

    /// `(upper bound in microseconds, values up to it)`, cumulative. The last one has no bound: it is how many values
    /// there were. Each bucket is read once, so that none is larger than the next, whatever is counted meanwhile.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let bounded = self.bounds.iter().map(|bound| Some(*bound)).zip(&self.buckets);
        bounded.chain([(None, &self.above)]).scan(0, |sum, (bound, bucket)| {
            *sum += bucket.value();
            Some((bound, *sum))
        })
    }

    /// The sum of all values, in microseconds.
    #[must_use]
    pub fn sum_micros(&self) -> u64 {
        self.sum_micros.value()
    }
}

/// What has been counted for one target group.
#[derive(Debug)]
pub struct GroupStats {
    /// Checks that ended, whatever became of them.
    pub checks: Counter,
    /// Checks that failed, by [`Failure::kind`].
    pub failures: [Counter; Failure::KINDS],
    /// Checks without a verdict, by [`Cause::kind`].
    pub inconclusive: [Counter; Cause::KINDS],
    /// How long conclusive checks took.
    pub duration: Histogram<13>,
    /// Transitions, by [`State::index`] of the state left and of the state entered.
    pub transitions: [[Counter; State::ALL.len()]; State::ALL.len()],
}

impl Default for GroupStats {
    fn default() -> Self {
        Self {
            checks: Counter::default(),
            failures: std::array::from_fn(|_| Counter::default()),
            inconclusive: std::array::from_fn(|_| Counter::default()),
            duration: Histogram::new(&DURATION_BOUNDS),
            transitions: std::array::from_fn(|_| std::array::from_fn(|_| Counter::default())),
        }
    }
}

impl GroupStats {
    /// Counts one check.
    pub fn observe(&self, report: &Report) {
        self.checks.add(1);
        match report.outcome {
            Outcome::Pass => (),
            Outcome::Fail(failure) => self.failures[failure.kind()].add(1),
            Outcome::Inconclusive(cause) => {
                self.inconclusive[cause.kind()].add(1);
                return;
            }
        }
        self.duration.observe(report.timings.total);
    }

    /// Counts one transition.
    pub fn count(&self, from: State, to: State) {
        self.transitions[from.index()][to.index()].add(1);
    }
}

/// What has been counted for one shard.
#[derive(Debug)]
pub struct ShardStats {
    /// From the moment the group a check belongs to was due to its start.
    pub lateness: Histogram<12>,
    /// Checks running now.
    pub in_flight: Counter,
    /// The most checks that may run at once.
    pub in_flight_limit: Counter,
    /// Checks that are due and wait for one in flight to end.
    pub waiting: Counter,
    /// Places on the grid that passed without a check.
    pub skipped: Counter,
    /// Transitions, and notices that checks are skipped or no longer are, that were not told to logs and event streams
    /// because their queue was full.
    pub events_dropped: Counter,
}

impl Default for ShardStats {
    fn default() -> Self {
        Self {
            lateness: Histogram::new(&LATENESS_BOUNDS),
            in_flight: Counter::default(),
            in_flight_limit: Counter::default(),
            waiting: Counter::default(),
            skipped: Counter::default(),
            events_dropped: Counter::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_in_its_bucket_and_all_above() {
        let histogram = Histogram::new(&DURATION_BOUNDS);
        for micros in [1_000, 1_001, 60_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let counts: Vec<_> = histogram.cumulative().map(|(_, count)| count).collect();
        assert_eq!(counts, [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3]);
        assert_eq!(histogram.cumulative().last(), Some((None, 3)));
        assert_eq!(histogram.sum_micros(), 60_002_001);
    }
}
