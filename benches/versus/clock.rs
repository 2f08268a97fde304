//! The one clock of the comparison's programs.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of the monotonic clock, the same for every process on the machine.
pub(crate) fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}
