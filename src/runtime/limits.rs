//! How many descriptors this process may have, and how many checks that allows at once.

use std::sync::OnceLock;

use rustix::process::{
    Resource, Rlimit, getpid, getpriority_process, getrlimit, setpriority_process, setrlimit,
};

/// Descriptors kept back for listeners, clients, logs, the resolver and the runtimes' own.
const RESERVE: u64 = 256;

/// Descriptors a shard holds beside its checks: what it waits with, what wakes it, and a second one of each.
const PER_SHARD: u64 = 4;

/// Each step takes a fifth of a thread's weight; three parts to one are enough to keep checks on time, and leave API and
/// log alive on a machine that is full.
const NICENESS: i32 = 5;

/// More checks at once than this no shard is asked for, whatever the descriptor limit.
const CEILING: u64 = 1_000_000;

/// The soft limit of open descriptors as it was before it was raised.
static DESCRIPTORS: OnceLock<Option<u64>> = OnceLock::new();

/// The soft limit of open descriptors we were started with, for what we start ourselves: programs that know nothing of a
/// higher one fail beyond 1,023. `None` where it is none, or still in force.
#[must_use]
pub fn descriptors_at_start() -> Option<u64> {
    DESCRIPTORS.get().copied().flatten()
}

/// Raises the soft limit of open descriptors to the hard one and returns what is in force.
pub fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // The first time counts; what is in force later is our own doing.
    _ = DESCRIPTORS.set(limit.current);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Refused only where the kernel's own ceiling is lower; the limit as it was is then still in force.
    _ = setrlimit(Resource::Nofile, wanted);
    getrlimit(Resource::Nofile).current.unwrap_or(CEILING)
}

/// Lets the calling thread stand back behind threads of the same process that do not: three parts of a contended core
/// are theirs. A client that scrapes without a pause otherwise takes what checks need to be on time.
///
/// Counted from the main thread: a thread inherits from whoever starts it, and is not to stand back twice.
pub fn stand_back() {
    if let Ok(main) = getpriority_process(Some(getpid())) {
        // Never refused: nobody needs a permission to be nice.
        _ = setpriority_process(None, main.saturating_add(NICENESS));
    }
}

/// How many checks may be in flight on each of `shards` shards; at least one.
///
/// A check in flight is one descriptor. The sockets that lie idle on a shard need none beyond these: together with
/// those connected they are never more than the checks that were in flight there at once (`src/probe/socket.rs`).
#[must_use]
pub fn in_flight_per_shard(descriptors: u64, configured: Option<u64>, shards: u16) -> u64 {
    // Half is kept back where descriptors are very few, so that the server still answers: some twenty are its own.
    let shards = u64::from(shards.max(1));
    let reserve = (RESERVE + PER_SHARD * shards).min(descriptors / 2);
    let total = configured.unwrap_or(u64::MAX).min(descriptors - reserve).min(CEILING);
    (total / shards).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_started_by_one_that_stands_back_does_not_do_so_twice() {
        let main = getpriority_process(Some(getpid())).unwrap();
        let niceness = std::thread::spawn(|| {
            stand_back();
            let heir = std::thread::spawn(|| {
                stand_back();
                getpriority_process(None).unwrap()
            });
            (getpriority_process(None).unwrap(), heir.join().unwrap())
        });
        let expected = (main + NICENESS).min(19);
        assert_eq!(niceness.join().unwrap(), (expected, expected));
    }

    #[test]
    fn checks_in_flight_leave_descriptors_for_everything_else() {
        for (descriptors, configured, shards, each) in [
            (20_000, None, 2, 9_868),
            (20_000, Some(100), 2, 50),
            (20_000, Some(1), 2, 1),
            (64, None, 1, 32),
            (1_024, Some(5_000), 1, 764),
            (20_000, None, 64, 304),
            (u64::MAX, None, 1, 1_000_000),
        ] {
            assert_eq!(in_flight_per_shard(descriptors, configured, shards), each);
        }
    }
}
