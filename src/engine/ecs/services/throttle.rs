//! How long a service waits whose tasks do not start (docs/semantics.md, "Replacement").

use std::time::Duration;

/// Batches of tasks that have failed to start, after which it is said.
pub(super) const IMPAIRED_AFTER: u32 = 3;

/// From one start of tasks of a service to the next at least: a task that ends as soon as it runs is no reason to wait,
/// and must not keep the host busy either.
pub(super) const BETWEEN_STARTS: Duration = Duration::from_secs(1);

/// How long to wait after so many failures in a row: `first`, doubled with each further one, `longest` at most.
pub(super) fn wait(failures: u32, first: Duration, longest: Duration) -> Duration {
    let doublings = failures.saturating_sub(1);
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let seconds = Duration::from_secs;
        for (failures, expected) in [
            (1, 5),
            (2, 10),
            (3, 20),
            (8, 640),
            (9, 1_280),
            (10, 1_620),
            (31, 1_620),
            (33, 1_620),
            (u32::MAX, 1_620),
        ] {
            assert_eq!(wait(failures, seconds(5), seconds(1_620)), seconds(expected), "{failures}");
        }
        assert_eq!(wait(40, Duration::ZERO, seconds(9)), Duration::ZERO);
    }
}
