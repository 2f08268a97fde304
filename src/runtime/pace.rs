//! How many checks start together.
//!
//! Waking an idle core costs more than a check, so on a shard with little to do checks are started in groups; on a
//! busy one the groups are small, because a large group makes the last of it late (docs/capacity.md, "Groups"). Every
//! target stays in its group, so the time between two of its checks does not suffer.

use std::time::Duration;

use crate::model::tick::{Tick, millis};

/// From this many checks a second on one shard, a group holds several at one millisecond already.
const BUSY: f64 = 5_000.0;

/// The step of the groups' starts for a shard that is asked for `rate` checks a second: 1 ms or 10 ms.
#[must_use]
pub fn step(rate: f64) -> Duration {
    Duration::from_millis(if rate < BUSY { 10 } else { 1 })
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
    use super::*;

    #[test]
    fn a_group_starts_at_the_end_of_its_step() {
        let idle = step(4_999.0);
        for (due, starts) in [(1_000, 1_000), (1_001, 1_010), (1_010, 1_010), (u64::MAX, u64::MAX)] {
            assert_eq!(start(Tick(due), idle), Tick(starts), "{due}");
            assert!(due > 2_000 || latest(Tick(starts), idle) >= Tick(due), "{due} starts with its group");
            assert!(due > 2_000 || latest(Tick(starts - 1), idle) < Tick(due), "{due} starts with its group");
        }
        assert_eq!(start(Tick(1_001), step(5_000.0)), Tick(1_001));
    }
}
