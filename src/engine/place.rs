//! Where in its interval a target is checked: a fixed place on a grid, chosen so that checks are spread evenly.
//!
//! The interval is halved again and again; at each step a new target goes to the emptier half, and a hash of its name
//! breaks the tie. So any span of the grid holds its fair share of the targets to within one per halving, at every
//! scale, whatever the order of registration. Pure hashing clumps like dice.

use std::cmp::Ordering;
use std::num::NonZeroU32;
use std::ops::Range;

use crate::engine::table::usize_of;
use crate::model::hash::stable;

/// Halvings beyond a millisecond: with four places in one, every millisecond holds about as many as the next, which
/// is not so where the interval in milliseconds lies between two powers of two.
const FINER: u32 = 2;

/// Halvings at most: 65,536 places, one a millisecond or more for intervals up to a minute.
const MAX_DEPTH: u32 = 16;

/// The occupied places of all targets that share one interval.
///
/// Takes at most 8 bytes a target while few, else at most 64 bytes a target and 512 KiB altogether.
#[derive(Debug)]
pub struct Grid {
    interval: u32,
    depth: u32,
    places: Places,
}

/// Who stands where. A node is numbered as in a heap: the root is 1, the halves of `n` are `2n` and `2n + 1`.
#[derive(Debug)]
enum Places {
    /// The leaves taken, in order; the count of a node is a range of them.
    Few(Vec<u32>),
    /// The count of every node.
    Many(Vec<u32>),
}

impl Grid {
    /// An empty grid for an interval in milliseconds, at least one.
    #[must_use]
    pub fn new(interval_millis: u32) -> Self {
        let interval = interval_millis.max(1);
        Self { interval, depth: (interval.ilog2() + FINER).min(MAX_DEPTH), places: Places::Few(Vec::new()) }
    }

    /// Takes the fairest place for a target with this hash.
    pub fn take(&mut self, hash: u64) -> Place {
        self.unfold();
        let mut node = 1;
        let mut under = 0..self.len();
        for level in 0..self.depth {
            let (left, right) = self.halves(node, &under);
            let second = match (left.end - left.start).cmp(&(right.end - right.start)) {
                Ordering::Less => false,
                Ordering::Greater => true,
                Ordering::Equal => hash >> (63 - level) & 1 == 1,
            };
            node = node * 2 + u32::from(second);
            under = if second { right } else { left };
        }
        self.put(node, under.end);
        Place(NonZeroU32::MIN.saturating_add(node - 1))
    }

    /// Takes the place of a target that is known to be checked this far (milliseconds) into the interval: of the few that
    /// are, the emptiest.
    pub fn take_at(&mut self, offset: u64) -> Place {
        self.unfold();
        let interval = u64::from(self.interval);
        // The first leaf whose offset is this or a later one.
        let first = |offset: u64| (offset << self.depth).div_ceil(interval);
        let (offset, leaves) = (offset % interval, 1_u64 << self.depth);
        let from = first(offset).min(leaves - 1);
        let node = |leaf: u64| u32::try_from(leaves + leaf).unwrap_or(u32::MAX);
        let here = (from..first(offset + 1).max(from + 1)).map(node);
        let leaf = here.min_by_key(|&leaf| self.standing(leaf).len()).unwrap_or_else(|| node(from));
        self.put(leaf, self.standing(leaf).end);
        Place(NonZeroU32::MIN.saturating_add(leaf - 1))
    }

    /// Gives a place back.
    pub fn give_back(&mut self, place: Place) {
        let few = self.many() / 4;
        match &mut self.places {
            Places::Few(leaves) => {
                if let Ok(position) = leaves.binary_search(&place.0.get()) {
                    leaves.remove(position);
                }
            }
            Places::Many(counts) => {
                up(place.0.get()).for_each(|node| counts[usize_of(node)] -= 1);
                if usize_of(counts[1]) < few {
                    self.places = Places::Few(leaves(counts));
                }
            }
        }
    }

    /// How many hold a place.
    #[must_use]
    pub fn len(&self) -> u32 {
        match &self.places {
            Places::Few(leaves) => u32::try_from(leaves.len()).unwrap_or(u32::MAX),
            Places::Many(counts) => counts[1],
        }
    }

    /// Whether nobody holds a place.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Checks a second asked for by all who hold a place.
    #[must_use]
    pub fn rate(&self) -> f64 {
        f64::from(self.len()) * 1_000.0 / f64::from(self.interval)
    }

    /// From this many on, counting every node takes at most 64 bytes for each of them.
    fn many(&self) -> usize {
        (1 << self.depth >> 3_u32).max(1)
    }

    /// Counts every node from now on if there are many to come to.
    fn unfold(&mut self) {
        if let Places::Few(leaves) = &self.places
            && leaves.len() >= self.many()
        {
            self.places = Places::Many(counts(leaves, self.depth));
        }
    }

    /// Those at a leaf, as [`Grid::halves`] tells them.
    fn standing(&self, leaf: u32) -> Range<u32> {
        match &self.places {
            Places::Few(leaves) => {
                let before =
                    |border| u32::try_from(leaves.partition_point(|&leaf| leaf < border)).unwrap_or(u32::MAX);
                before(leaf)..before(leaf + 1)
            }
            Places::Many(counts) => 0..counts[usize_of(leaf)],
        }
    }

    /// Lets one more stand at a leaf, behind so many in the list while few.
    fn put(&mut self, leaf: u32, behind: u32) {
        match &mut self.places {
            Places::Few(leaves) => leaves.insert(usize_of(behind), leaf),
            Places::Many(counts) => up(leaf).for_each(|node| counts[usize_of(node)] += 1),
        }
    }

    /// Those under either half of a node, given those under the node: ranges of the leaves while few, else ranges
    /// that are only as long.
    fn halves(&self, node: u32, under: &Range<u32>) -> (Range<u32>, Range<u32>) {
        match &self.places {
            Places::Few(leaves) => {
                let levels = self.depth - (node * 2).ilog2();
                let border = (node * 2 + 1) << levels;
                let here = &leaves[usize_of(under.start)..usize_of(under.end)];
                let left = u32::try_from(here.partition_point(|&leaf| leaf < border)).unwrap_or(u32::MAX);
                (under.start..under.start + left, under.start + left..under.end)
            }
            Places::Many(counts) => {
                let left = usize_of(node) * 2;
                (0..counts[left], 0..counts[left + 1])
            }
        }
    }
}

/// A leaf and every node above it.
fn up(leaf: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(leaf), |node| Some(node / 2)).take_while(|&node| node > 0)
}

/// The count of every node.
fn counts(leaves: &[u32], depth: u32) -> Vec<u32> {
    let mut counts = vec![0; 2 << depth];
    leaves.iter().for_each(|&leaf| counts[usize_of(leaf)] += 1);
    for node in (1..1 << depth).rev() {
        counts[node] = counts[node * 2] + counts[node * 2 + 1];
    }
    counts
}

/// The leaves taken, in order.
fn leaves(counts: &[u32]) -> Vec<u32> {
    let leaves = (0..).zip(counts).skip(counts.len() / 2);
    leaves.flat_map(|(leaf, &count)| std::iter::repeat_n(leaf, usize_of(count))).collect()
}

/// A leaf of the halving tree of one interval.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place(NonZeroU32);

impl Place {
    /// How far into the interval (milliseconds) of its grid the place lies.
    #[must_use]
    pub fn offset(self, interval: u32) -> u64 {
        let (leaf, depth) = (self.0.get(), self.0.ilog2());
        (u64::from(leaf - (1 << depth)) * u64::from(interval)) >> depth
    }
}

/// What breaks a tie between halves of a grid, the same for a target in every process.
#[must_use]
pub fn hash(group: &str, target: &str) -> u64 {
    stable(group.bytes().chain([0]).chain(target.bytes()))
}

#[cfg(test)]
mod tests;
