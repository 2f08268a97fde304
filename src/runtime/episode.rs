//! When a shard begins to skip checks, and when it has ceased to: one word in the log for each, however many there are.

use std::time::Duration;

use crate::model::tick::Tick;

/// An episode is over when nothing has been skipped for this long; shorter would be one line for each burst.
const QUIET: Duration = Duration::from_secs(30);

/// The beginning or the end of an episode.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    /// Checks are being skipped.
    Began,
    /// None has been for a while.
    Ended {
        /// How many were skipped meanwhile.
        skipped: u64,
        /// From the first skip noticed to the last.
        lasted: Duration,
    },
}

/// Follows one shard's count of skipped checks.
#[derive(Debug, Default)]
pub struct Episode {
    count: u64,
    /// The count before the episode that is on, and when it began.
    began: Option<(u64, Tick)>,
    latest: Tick,
}

impl Episode {
    /// Takes the count as it is `now`, and says what that begins or ends.
    pub fn look(&mut self, count: u64, now: Tick) -> Option<Turn> {
        if count != self.count {
            let before = std::mem::replace(&mut self.count, count);
            self.latest = now;
            if self.began.is_none() {
                self.began = Some((before, now));
                return Some(Turn::Began);
            }
        }
        let (before, began) = self.began.filter(|_| self.latest + QUIET <= now)?;
        self.began = None;
        Some(Turn::Ended { skipped: count - before, lasted: self.latest.since(began) })
    }

    /// When the episode that is on ends, if nothing more is skipped.
    #[must_use]
    pub fn ends(&self) -> Option<Tick> {
        self.began.map(|_| self.latest + QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_is_told_once_at_each_end() {
        let mut episode = Episode::default();
        let mut told = Vec::new();
        for (second, count) in [(0, 0), (1, 5), (2, 9), (31, 9), (32, 9), (33, 9), (40, 10), (80, 10)] {
            let now = Tick(second * 1_000);
            told.extend(episode.look(count, now).map(|turn| (second, turn)));
            assert_eq!(episode.ends().is_some(), (1..32).contains(&second) || second == 40, "{second}");
        }
        let ended = |skipped, seconds| Turn::Ended { skipped, lasted: Duration::from_secs(seconds) };
        assert_eq!(told, [(1, Turn::Began), (32, ended(9, 1)), (40, Turn::Began), (80, ended(1, 0))]);
    }
}
