//! An ordered set of moments at which something falls due, where nothing costs more for there being many.
//!
//! ```text
//!   near   128 lists, one a millisecond, of the block that is open   ┐
//!   far    8,191 lists, one for each later block of 128 ms (17 min)  ├ doubly linked through `links`
//!   apart  a tree: what lies before the open block or beyond the far ┘ not linked
//! ```
//!
//! When the near lists are empty, the next block that holds anything is opened once its time has come: its entries
//! move to the near lists in the order in which they came. So an entry is linked twice and unlinked twice, whatever
//! the number of entries, and no memory is allocated. Blocks are short, so that opening one delays nobody: at 20,000
//! checks a second it moves 2,560 entries. What is set in the past or far ahead is rare and may cost a tree operation.

use std::collections::BTreeSet;

use crate::engine::table::{make_room, usize_of};
use crate::model::tick::Tick;

/// Milliseconds in a block, and near lists; one bit each in a `u128`.
const BLOCK: u64 = 128;

/// Blocks the ring of far lists spans, the open one included: 17 minutes, more than nearly all intervals and delays.
const RING: u64 = 8_192;

/// No neighbour on this side.
const END: u32 = u32::MAX;

/// In place of the neighbour before: the index stands in the tree.
const APART: u32 = u32::MAX - 1;

/// In place of the neighbour before: the index does not stand in the queue.
const ABSENT: u32 = u32::MAX - 2;

/// Where one index stands.
#[derive(Clone, Copy, Debug)]
struct Link {
    at: Tick,
    before: u32,
    after: u32,
}

impl Link {
    const NOWHERE: Self = Self { at: Tick(0), before: ABSENT, after: END };
}

/// The two ends of a list of indexes; those between are found in the links.
#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
}

impl List {
    const EMPTY: Self = Self { first: END, last: END };

    fn is_empty(self) -> bool {
        self.first == END
    }

    fn push(&mut self, links: &mut [Link], index: u32) {
        let link = &mut links[usize_of(index)];
        (link.before, link.after) = (self.last, END);
        match self.last {
            END => self.first = index,
            last => links[usize_of(last)].after = index,
        }
        self.last = index;
    }

    fn remove(&mut self, links: &mut [Link], index: u32) {
        let Link { before, after, .. } = links[usize_of(index)];
        match before {
            END => self.first = after,
            before => links[usize_of(before)].after = after,
        }
        match after {
            END => self.last = before,
            after => links[usize_of(after)].before = before,
        }
    }
}

/// Indexes ordered by the moment they fall due; each stands there at most once.
///
/// Among equals those that were set in the past or more than 17 minutes ahead come first, the smaller index before
/// the larger; then the others in the order in which they were set. Takes 16 bytes for each index up to the largest,
/// and 110 KiB. Indexes are below 4,294,967,293.
#[derive(Debug)]
pub struct Queue {
    links: Vec<Link>,
    /// The number of the open block: its first moment divided by [`BLOCK`]. Changes only while `near` is empty.
    open: u64,
    near: Vec<List>,
    /// Which near lists are not empty, the earliest in the lowest bit.
    near_bits: u128,
    /// By block number modulo [`RING`]; the place of the open block is not used.
    far: Vec<List>,
    /// For each far list that is not empty: a moment of its block, at or before that of its earliest entry.
    soonest: Vec<u8>,
    /// Which far lists are not empty.
    far_bits: Vec<u64>,
    apart: BTreeSet<(Tick, u32)>,
    len: usize,
}

impl Default for Queue {
    fn default() -> Self {
        let ring = slot_of(RING);
        Self {
            links: Vec::new(),
            open: 0,
            near: vec![List::EMPTY; slot_of(BLOCK)],
            near_bits: 0,
            far: vec![List::EMPTY; ring],
            soonest: vec![0; ring],
            far_bits: vec![0; ring / 64],
            apart: BTreeSet::new(),
            len: 0,
        }
    }
}

impl Queue {
    /// Makes room for the indexes below `places`.
    pub fn make_room(&mut self, places: usize) {
        make_room(&mut self.links, places);
    }

    /// Moves `index` from where it stands, if it does, to `at`; `None` takes it out.
    pub fn set(&mut self, index: u32, at: Option<Tick>) {
        if self.at(index) == at {
            return;
        }
        self.take_out(index);
        if let Some(at) = at {
            if self.links.len() <= usize_of(index) {
                self.make_room(usize_of(index) + 1);
                self.links.resize(usize_of(index) + 1, Link::NOWHERE);
            }
            self.put(index, at);
        }
    }

    /// The moment at which `index` stands.
    #[must_use]
    pub fn at(&self, index: u32) -> Option<Tick> {
        let link = self.links.get(usize_of(index))?;
        (link.before != ABSENT).then_some(link.at)
    }

    /// Takes the earliest entry if it is due at `now`.
    pub fn pop_due(&mut self, now: Tick) -> Option<(Tick, u32)> {
        self.open_next(now);
        let near = self.first_near().map(|at| (at, self.near[slot_of(at.0 % BLOCK)].first));
        let first = match (near, self.apart.first().copied()) {
            (Some(near), Some(apart)) if near.0 < apart.0 => near,
            (near, apart) => apart.or(near)?,
        };
        if now < first.0 {
            return None;
        }
        self.take_out(first.1);
        Some(first)
    }

    /// The earliest moment, or one up to 127 ms before it where entries of its block have been taken out; never a
    /// later one.
    ///
    /// [`Queue::pop_due`] at the moment told, or later, takes an entry or makes this tell a later one.
    #[must_use]
    pub fn next(&self) -> Option<Tick> {
        let far = || self.first_far().map(|block| Tick(block * BLOCK + u64::from(self.soonest[ring(block)])));
        let apart = self.apart.first().map(|&(at, _)| at);
        self.first_near().or_else(far).into_iter().chain(apart).min()
    }

    /// How many entries stand in the queue.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the queue is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn put(&mut self, index: u32, at: Tick) {
        let block = at.0 / BLOCK;
        if self.wheel_is_empty() {
            // Nobody's order depends on the open block now. The next entry may be earlier than this one or later.
            self.open = block.saturating_sub(RING / 2);
        }
        self.len += 1;
        self.links[usize_of(index)].at = at;
        match block.checked_sub(self.open) {
            Some(0) => self.put_near(index, at),
            Some(ahead) if ahead < RING => {
                let (slot, moment) = (ring(block), u8::try_from(at.0 % BLOCK).unwrap_or(0));
                let list = &mut self.far[slot];
                let soonest = &mut self.soonest[slot];
                *soonest = if list.is_empty() { moment } else { moment.min(*soonest) };
                list.push(&mut self.links, index);
                self.far_bits[slot / 64] |= 1 << (slot % 64);
            }
            _ => {
                self.links[usize_of(index)].before = APART;
                self.apart.insert((at, index));
            }
        }
    }

    fn put_near(&mut self, index: u32, at: Tick) {
        let moment = at.0 % BLOCK;
        self.near[slot_of(moment)].push(&mut self.links, index);
        self.near_bits |= 1 << moment;
    }

    fn take_out(&mut self, index: u32) {
        let Some(&Link { at, before, .. }) = self.links.get(usize_of(index)) else { return };
        let block = at.0 / BLOCK;
        if before == ABSENT {
            return;
        } else if before == APART {
            self.apart.remove(&(at, index));
        } else if block == self.open {
            let moment = at.0 % BLOCK;
            let list = &mut self.near[slot_of(moment)];
            list.remove(&mut self.links, index);
            self.near_bits &= !(u128::from(list.is_empty()) << moment);
        } else {
            let list = &mut self.far[ring(block)];
            list.remove(&mut self.links, index);
            self.far_bits[ring(block) / 64] &= !(u64::from(list.is_empty()) << (ring(block) % 64));
        }
        self.links[usize_of(index)].before = ABSENT;
        self.len -= 1;
    }

    /// Opens the next block that holds anything, once the open one is empty and the time of the next has come.
    fn open_next(&mut self, now: Tick) {
        if self.near_bits != 0 {
            return;
        }
        let current = now.0 / BLOCK;
        let Some(block) = self.first_far() else {
            self.open = current;
            return;
        };
        if current < block {
            // Keeps the reach of the far lists ahead of the time, and what falls due soon out of the tree.
            self.open = self.open.max(current);
            return;
        }
        self.open = block;
        let mut next = std::mem::replace(&mut self.far[ring(block)], List::EMPTY).first;
        self.far_bits[ring(block) / 64] &= !(1 << (ring(block) % 64));
        while next != END {
            let Link { at, after, .. } = self.links[usize_of(next)];
            self.put_near(next, at);
            next = after;
        }
    }

    fn first_near(&self) -> Option<Tick> {
        let moment = u64::from(self.near_bits.trailing_zeros());
        (self.near_bits != 0).then(|| Tick(self.open * BLOCK + moment))
    }

    /// The number of the first block after the open one that holds anything.
    fn first_far(&self) -> Option<u64> {
        if self.wheel_is_empty() {
            return None;
        }
        let (start, words) = (ring(self.open + 1), self.far_bits.len());
        // The first word is looked at twice: its upper part first, and last, a whole turn later, the rest of it.
        (0..=words).find_map(|step| {
            let word = (start / 64 + step) % words;
            let part = if step == 0 { u64::MAX << (start % 64) } else { u64::MAX };
            let bits = self.far_bits[word] & part;
            let slot = u64::try_from(word).unwrap_or(0) * 64 + u64::from(bits.trailing_zeros());
            let ahead = (slot + RING - (self.open + 1) % RING) % RING;
            (bits != 0).then_some(self.open + 1 + ahead)
        })
    }

    fn wheel_is_empty(&self) -> bool {
        self.len == self.apart.len()
    }
}

/// The place of a block in the ring.
fn ring(block: u64) -> usize {
    slot_of(block % RING)
}

/// A table index from a small number.
fn slot_of(small: u64) -> usize {
    usize::try_from(small).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
