//! `[server.journal]`: how much of the past is kept.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::keys;
use crate::config::problems::Problems;
use crate::config::table::Table;

const AGES: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(3_650 * 86_400);
const COUNTS: RangeInclusive<u32> = 1_000..=100_000_000;

/// How much of the journal of transitions is kept; whatever bound is reached first holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Journal {
    /// Older transitions go, 1 minute to 3,650 days, 7 days by default.
    pub max_age: Duration,
    /// So many transitions are kept at most, 1,000 to 100,000,000, a million by default.
    pub max_transitions: u32,
}

impl Default for Journal {
    fn default() -> Self {
        Self { max_age: Duration::from_secs(7 * 86_400), max_transitions: 1_000_000 }
    }
}

/// Reads `[server.journal]` out of `[server]`.
pub(super) fn read(server: &Table<'_>, problems: &mut Problems<'_>) -> Journal {
    let default = Journal::default();
    let Some(table) = server.table("journal", &keys::JOURNAL, problems).given() else {
        return default;
    };
    Journal {
        max_age: table.duration("max_age", &AGES, problems).or(default.max_age),
        max_transitions: table.number("max_transitions", COUNTS, problems).or(default.max_transitions),
    }
}
