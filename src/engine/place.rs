//! Where in its interval a target is checked: a fixed place on a grid, chosen so that checks are spread evenly.
//!
//! The interval is halved again and again; at each step a new target goes to the emptier half, and a hash of its name
//! breaks the tie. So any span of the grid holds its fair share of the targets to within one per halving, at every
//! scale, whatever the order of registration. Pure hashing clumps like dice.

use std::collections::BTreeMap;

/// Halvings at most: places lie at least a millisecond apart, and 32,768 of them are plenty below an hour.
const MAX_DEPTH: u32 = 15;

/// The occupied places of all targets that share one interval.
#[derive(Debug)]
pub struct Grid {
    interval: u32,
    depth: u32,
    /// Targets under each node of the halving tree, numbered as in a heap with the root at 1; only occupied ones.
    counts: BTreeMap<u32, u32>,
}

impl Grid {
    /// An empty grid for an interval in milliseconds; one of at least a millisecond and at most 49 days.
    #[must_use]
    pub fn new(interval_millis: u64) -> Self {
        let interval = u32::try_from(interval_millis).unwrap_or(u32::MAX).max(1);
        Self { interval, depth: interval.ilog2().min(MAX_DEPTH), counts: BTreeMap::new() }
    }

    /// Takes the fairest place for a target with this hash.
    pub fn take(&mut self, hash: u64) -> Place {
        let mut node = 1;
        self.add(node);
        for level in 0..self.depth {
            let left = node * 2;
            let (in_left, in_right) = (self.count(left), self.count(left + 1));
            let tie = u32::from(hash >> (63 - level) & 1 == 1);
            node = left
                + match in_left.cmp(&in_right) {
                    std::cmp::Ordering::Less => 0,
                    std::cmp::Ordering::Greater => 1,
                    std::cmp::Ordering::Equal => tie,
                };
            self.add(node);
        }
        Place { interval: self.interval, node }
    }

    /// Gives a place back.
    pub fn give_back(&mut self, place: Place) {
        let mut node = place.node;
        while node > 0 {
            if let Some(count) = self.counts.get_mut(&node) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&node);
                }
            }
            node /= 2;
        }
    }

    /// Whether nobody holds a place.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    fn count(&self, node: u32) -> u32 {
        self.counts.get(&node).copied().unwrap_or(0)
    }

    fn add(&mut self, node: u32) {
        *self.counts.entry(node).or_insert(0) += 1;
    }
}

/// A leaf of the halving tree of one interval.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    interval: u32,
    node: u32,
}

impl Place {
    /// The interval whose grid the place lies on, in milliseconds.
    #[must_use]
    pub fn interval(self) -> u64 {
        u64::from(self.interval)
    }

    /// How far into the interval the place lies, in milliseconds.
    #[must_use]
    pub fn offset(self) -> u64 {
        let depth = self.node.ilog2();
        (u64::from(self.node - (1 << depth)) * u64::from(self.interval)) >> depth
    }
}

/// A hash that never changes between versions or machines (FNV-1a, 64 bit, then mixed so that high bits vary).
#[must_use]
pub fn hash(group: &str, target: &str) -> u64 {
    let bytes = group.bytes().chain([0]).chain(target.bytes());
    let fnv = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (fnv ^ fnv >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ten_thousand_targets_fill_every_ten_milliseconds_alike() {
        let mut grid = Grid::new(1_000);
        let mut windows = [0_u32; 100];
        for number in 0..10_000 {
            let place = grid.take(hash("web", &number.to_string()));
            windows[usize::try_from(place.offset() / 10).unwrap()] += 1;
        }
        let (least, most) = (windows.iter().min().unwrap(), windows.iter().max().unwrap());
        assert!(*least >= 85 && *most <= 120, "between {least} and {most} in 10 ms, 100 are fair");
    }

    #[test]
    fn the_same_names_in_the_same_order_get_the_same_places() {
        let places = || {
            let mut grid = Grid::new(30_000);
            (0..50).map(|n| grid.take(hash("web", &format!("10.0.0.{n}:80")))).collect::<Vec<_>>()
        };
        assert_eq!(places(), places());
    }

    proptest! {
        #[test]
        fn halves_never_differ_by_more_than_one(hashes in prop::collection::vec(any::<u64>(), 1..300)) {
            let mut grid = Grid::new(5_000);
            for hash in hashes {
                grid.take(hash);
            }
            for node in 1..1_u32 << 10 {
                let (left, right) = (grid.count(node * 2), grid.count(node * 2 + 1));
                prop_assert!(left.abs_diff(right) <= 1, "node {node}: {left} and {right}");
            }
        }

        #[test]
        fn what_is_given_back_is_free_again(hashes in prop::collection::vec(any::<u64>(), 1..100), interval in 1..100_000_u64) {
            let mut grid = Grid::new(interval);
            let places: Vec<_> = hashes.into_iter().map(|hash| grid.take(hash)).collect();
            for place in &places {
                prop_assert!(place.offset() < interval);
            }
            for place in places {
                grid.give_back(place);
            }
            prop_assert!(grid.is_empty());
        }
    }
}
