//! The records of one shard: a table that only grows, written by the shard and read by anyone.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::engine::shard::{Key, Status};
use crate::engine::table::usize_of;
use crate::model::health::TargetHealth;
use crate::model::outcome::Report;
use crate::model::tick::Tick;
use crate::runtime::record::{Lookup, Record, Slot};

/// Slots that are made together, 96 kilobytes: a table of a million targets is a list of a thousand.
const CHUNK: usize = 1_024;

/// The chunks there were at one moment. What is in them lives on.
type Chunks = Vec<Arc<[Slot]>>;

/// What readers hold of a table. Reading waits for nobody.
#[derive(Clone, Debug, Default)]
pub struct Records(Arc<Chunks>);

impl Records {
    /// The record of one registration.
    #[must_use]
    pub fn record(&self, key: Key) -> Lookup<Record> {
        slot(&self.0, key).map_or(Lookup::Unpublished, |slot| slot.record(key))
    }

    /// State, reason and failure of one registration, cheaper than its record.
    #[must_use]
    pub fn health(&self, key: Key) -> Lookup<TargetHealth> {
        slot(&self.0, key).map_or(Lookup::Unpublished, |slot| slot.health(key))
    }
}

fn slot(chunks: &Chunks, key: Key) -> Option<&Slot> {
    let index = usize_of(key.index);
    chunks.get(index / CHUNK)?.get(index % CHUNK)
}

/// Where readers find a table, however much it has grown.
#[derive(Debug, Default)]
pub struct Published(ArcSwap<Chunks>);

impl Published {
    /// The table as large as it is now.
    #[must_use]
    pub fn records(&self) -> Records {
        Records(self.0.load_full())
    }
}

/// The writer of a table; a table has one.
#[derive(Debug)]
pub struct Slots {
    chunks: Arc<Chunks>,
    published: Arc<Published>,
}

impl Slots {
    /// Writes what `published` shows.
    #[must_use]
    pub fn new(published: Arc<Published>) -> Self {
        Self { chunks: published.0.load_full(), published }
    }

    /// Writes what is known of a registration. Without `check` the latest check of this registration stays.
    pub fn tell(
        &mut self,
        key: Key,
        status: &Status,
        address: Option<IpAddr>,
        check: Option<(Tick, &Report)>,
    ) {
        let index = usize_of(key.index);
        if self.chunks.len() <= index / CHUNK {
            self.grow(index / CHUNK + 1);
        }
        self.chunks[index / CHUNK][index % CHUNK].tell(key, status, address, check);
    }

    /// Empties the place of a registration that has ended.
    pub fn forget(&mut self, key: Key) {
        if let Some(slot) = slot(&self.chunks, key) {
            slot.forget(key);
        }
    }

    fn grow(&mut self, chunks: usize) {
        let mut grown = Chunks::clone(&self.chunks);
        grown.resize_with(chunks, || (0..CHUNK).map(|_| Slot::default()).collect());
        self.chunks = Arc::new(grown);
        self.published.0.store(Arc::clone(&self.chunks));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::machine::Streak;
    use crate::model::health::{Reason, State};

    const STATUS: Status = Status {
        health: TargetHealth::because(State::Initial, Reason::ElbRegistrationInProgress),
        since: Tick(1),
        streak: Streak::Passes(0),
        conclusive_state: State::Initial,
        next_check: None,
        check_after: None,
        drain_ends: None,
    };

    #[test]
    fn a_table_grows_under_its_readers() {
        let published = Arc::new(Published::default());
        let mut slots = Slots::new(Arc::clone(&published));
        let [first, second, far] = [0, 1, 5_000].map(|index| Key { index, generation: 1 });
        slots.tell(first, &STATUS, None, None);
        let early = published.records();
        slots.tell(second, &STATUS, None, None);
        slots.tell(far, &STATUS, None, None);
        let late = published.records();
        for key in [first, second, far] {
            assert_eq!(late.health(key), Lookup::Found(STATUS.health), "{key:?}");
        }
        // Records are live; only places that did not exist yet are not found.
        assert_eq!(early.health(second), Lookup::Found(STATUS.health));
        assert_eq!(early.health(far), Lookup::Unpublished);
        slots.forget(first);
        assert_eq!((early.record(first), late.health(first)), (Lookup::Forgotten, Lookup::Forgotten));
    }
}
