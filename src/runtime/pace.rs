//! How many checks start together.
//!
//! Waking an idle core costs more than a check, so on a shard with little to do checks are started in groups; on a
//! busy one the groups are small, because a large group makes the last of it late (docs/capacity.md, "Groups"), and so
//! they are where an interval is short, because a group is late for its first. Every target stays in its group, so the
//! time between two of its checks does not suffer.

use std::time::Duration;

use crate::model::tick::{Tick, millis};

/// From this many checks a second on one shard, a group holds several at one millisecond already.
const BUSY: f64 = 5_000.0;

/// The steps of the groups' starts, on a shard with little to do and on others.
const COARSE: Duration = Duration::from_millis(10);
const FINE: Duration = Duration::from_millis(1);

/// The step of the groups' starts for a shard that is asked for `rate` checks a second, by targets whose intervals are
/// `shortest` and longer: 1 ms or 10 ms.
///
/// Never more than a tenth of an interval, the shortest of which is 10 ms: a group that starts half an interval late
/// would take the place of the next check (docs/semantics.md, "Schedule").
#[must_use]
pub fn step(rate: f64, shortest: Option<Duration>) -> Duration {
    let coarse = rate < BUSY && shortest.is_none_or(|shortest| shortest >= COARSE * 10);
    if coarse { COARSE } else { FINE }
}

/// The start of the group in which a check is that is due at `due`: the next multiple of `step`.
#[must_use]
pub fn start(due: Tick, step: Duration) -> Tick {
    let step = millis(step).max(1);
    Tick(due.0.div_ceil(step).saturating_mul(step))
}

/// The latest start of a group at or before `now`: what is due up to there may start.
#[must_use]
pub fn latest(now: Tick, step: Duration) -> Tick {
    Tick(now.0 - now.0 % millis(step).max(1))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::machine::Settings;
    use crate::engine::shard::{Access, Key, Shard};
    use crate::model::health_check::HealthCheck;
    use crate::model::outcome::Outcome;
    use crate::model::protocol::Protocol;
    use crate::model::target_group::{GroupName, TargetGroup};

    #[test]
    fn a_group_starts_at_the_end_of_its_step() {
        let idle = step(4_999.0, Some(Duration::from_millis(100)));
        for (due, starts) in [(1_000, 1_000), (1_001, 1_010), (1_010, 1_010), (u64::MAX, u64::MAX)] {
            assert_eq!(start(Tick(due), idle), Tick(starts), "{due}");
            assert!(due > 2_000 || latest(Tick(starts), idle) >= Tick(due), "{due} starts with its group");
            assert!(due > 2_000 || latest(Tick(starts - 1), idle) < Tick(due), "{due} starts with its group");
        }
        assert_eq!(start(Tick(1_001), step(5_000.0, None)), Tick(1_001));
    }

    /// Checks started of seven targets in 100 intervals of so many milliseconds, and places passed without one, in
    /// groups by `step`.
    fn checks(millis: u64, step: impl Fn(&Shard) -> Duration) -> (u64, u64) {
        let (mut shard, interval) = (Shard::default(), Duration::from_millis(millis));
        let settings = Arc::new(Settings::from(&TargetGroup {
            health_check: HealthCheck { interval, stale_after: interval * 10, ..HealthCheck::default() },
            ..TargetGroup::new(GroupName::parse("web").unwrap(), Protocol::Http, 80)
        }));
        for index in 0..7 {
            let key = Key { index, generation: 1 };
            shard.register(key, Arc::clone(&settings), u64::from(index) << 61, Access::Known, Tick(0));
        }
        let (step, mut started) = (step(&shard), 0);
        for now in (0..millis * 100).map(Tick) {
            while let Some(job) = shard.poll_job(latest(now, step)) {
                shard.on_outcome(job, Outcome::Pass, now);
                started += 1;
            }
        }
        (started, shard.skipped())
    }

    #[test]
    fn no_interval_is_so_short_that_grouping_loses_checks() {
        for millis in [10, 12, 15, 19, 20, 25, 50, 99, 100, 101, 1_000] {
            let by_rule = |shard: &Shard| step(shard.offered_rate(), shard.shortest_interval());
            let (started, skipped) = checks(millis, by_rule);
            assert_eq!(skipped, 0, "{millis} ms");
            // Each target has all its places, and may have had a quick first check before the first of them.
            assert!((7 * 99..=7 * 101).contains(&started), "{millis} ms: {started}");
        }
        let (_, skipped) = checks(12, |_| COARSE);
        assert!(skipped > 0, "the large step is too large for 12 ms");
    }
}
