//! An ordered set of moments at which something falls due.
//!
//! Each index stands in a queue at most once; the caller remembers where, so that it can be moved.

use std::collections::BTreeSet;

use crate::model::tick::Tick;

/// Indexes ordered by the moment they fall due, the smaller index first among equals.
#[derive(Debug, Default)]
pub struct Queue {
    entries: BTreeSet<(Tick, u32)>,
}

impl Queue {
    /// Moves `index` from where it stands, remembered in `place`, to `at`; `None` takes it out.
    pub fn set(&mut self, index: u32, place: &mut Option<Tick>, at: Option<Tick>) {
        if *place == at {
            return;
        }
        if let Some(previous) = std::mem::replace(place, at) {
            self.entries.remove(&(previous, index));
        }
        if let Some(at) = at {
            self.entries.insert((at, index));
        }
    }

    /// Takes the earliest entry if it is due at `now`.
    pub fn pop_due(&mut self, now: Tick) -> Option<(Tick, u32)> {
        let &(at, _) = self.entries.first()?;
        if now < at { None } else { self.entries.pop_first() }
    }

    /// The earliest moment.
    #[must_use]
    pub fn next(&self) -> Option<Tick> {
        self.entries.first().map(|&(at, _)| at)
    }

    /// How many entries stand in the queue.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the queue is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
