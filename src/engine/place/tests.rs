//! How even the places are, how few as well as many.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A grid, and what it must hold.
struct Pair {
    grid: Grid,
    counts: BTreeMap<u32, u32>,
}

impl Pair {
    fn new(interval: u32) -> Self {
        Self { grid: Grid::new(interval), counts: BTreeMap::new() }
    }

    /// Takes a place, which must lie in the emptier half at every halving, or where the hash says.
    fn take(&mut self, hash: u64) -> Place {
        let mut fair = 1;
        for level in 0..self.grid.depth {
            let count = |node| self.counts.get(&node).copied().unwrap_or(0);
            let tie = u32::from(hash << level >> 63 == 1);
            fair = match (count(fair * 2), count(fair * 2 + 1)) {
                (left, right) if left < right => fair * 2,
                (left, right) if left > right => fair * 2 + 1,
                _ => fair * 2 + tie,
            };
        }
        let place = self.grid.take(hash);
        assert_eq!(place.0.get(), fair);
        up(fair).for_each(|node| *self.counts.entry(node).or_default() += 1);
        place
    }

    fn give_back(&mut self, place: Place) {
        self.grid.give_back(place);
        up(place.0.get()).for_each(|node| *self.counts.get_mut(&node).unwrap() -= 1);
    }

    fn is_many(&self) -> bool {
        matches!(self.grid.places, Places::Many(_))
    }
}

#[test]
fn a_place_taken_by_its_offset_has_that_offset() {
    for interval in [1, 2, 3, 7, 10, 333, 999, 1_000, 4_096, 30_000, 65_535, 65_536, 70_001, 86_400_000] {
        let mut first = Grid::new(interval);
        let mut again = Grid::new(interval);
        for number in 0..2_000_u64 {
            let offset = first.take(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).offset(interval);
            let place = again.take_at(offset);
            assert_eq!(place.offset(interval), offset, "interval {interval}");
            let (leaf, depth) = (place.0.get(), again.depth);
            assert!((1 << depth..2 << depth).contains(&leaf), "{leaf} is no leaf");
        }
        assert_eq!(again.len(), 2_000);
    }
    // A moment that lies on no place, as of a grid of another version, takes the nearest there is.
    assert!(Grid::new(86_400_000).take_at(86_399_999).offset(86_400_000) < 86_400_000);
}

#[test]
fn places_taken_by_their_offsets_are_as_even_as_they_were() {
    let (mut grid, mut again) = (Grid::new(1_000), Grid::new(1_000));
    for number in 0..10_000 {
        let place = grid.take(hash("web", &number.to_string()));
        again.take_at(place.offset(1_000));
    }
    // Whoever comes after fills up as if there had been no restart: to within one at every halving.
    let (one, other) = (counts_of(&grid), counts_of(&again));
    let differ = (1..4_096).filter(|&node| one[node].abs_diff(other[node]) > 4).count();
    assert_eq!(differ, 0, "{differ} halves hold another share");
}

fn counts_of(grid: &Grid) -> Vec<u32> {
    match &grid.places {
        Places::Few(leaves) => counts(leaves, grid.depth),
        Places::Many(counts) => counts.clone(),
    }
}

#[test]
fn ten_thousand_targets_fill_every_ten_milliseconds_alike() {
    let mut grid = Grid::new(1_000);
    let mut windows = [0_u32; 100];
    for number in 0..10_000 {
        let place = grid.take(hash("web", &number.to_string()));
        windows[usize::try_from(place.offset(1_000) / 10).unwrap()] += 1;
    }
    let (least, most) = (windows.iter().min().unwrap(), windows.iter().max().unwrap());
    assert!(*least >= 94 && *most <= 106, "between {least} and {most} in 10 ms, 100 are fair");
}

#[test]
fn the_same_names_in_the_same_order_get_the_same_places() {
    let places = || {
        let mut grid = Grid::new(30_000);
        (0..50).map(|n| grid.take(hash("web", &format!("10.0.0.{n}:80")))).collect::<Vec<_>>()
    };
    assert_eq!(places(), places());
}

#[test]
fn memory_is_bounded_by_the_number_of_targets_and_given_back() {
    let mut grid = Grid::new(5_000);
    let places: Vec<Place> = (0..10_000_u64).map(|n| grid.take(n << 48)).collect();
    let bytes = |grid: &Grid| match &grid.places {
        Places::Few(table) | Places::Many(table) => table.capacity() * size_of::<u32>(),
    };
    assert!(matches!(grid.places, Places::Many(_)) && bytes(&grid) <= 512 << 10);
    places[5..].iter().for_each(|&place| grid.give_back(place));
    assert!(bytes(&grid) < 64 << 10, "{} bytes for five places", bytes(&grid));
    let mut longest = Grid::new(u32::MAX);
    (0..100_000).for_each(|n| _ = longest.take(hash("web", &n.to_string())));
    assert!(bytes(&longest) <= 512 << 10);
}

#[test]
fn the_rate_is_that_of_the_places_taken() {
    let mut grid = Grid::new(2_000);
    assert!(grid.rate().abs() < f64::EPSILON && grid.is_empty());
    let place = grid.take(0);
    (0..4).for_each(|hash| _ = grid.take(hash << 60));
    assert!((grid.rate() - 2.5).abs() < 1e-9);
    grid.give_back(place);
    assert!((grid.rate() - 2.0).abs() < 1e-9);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_emptier_half_is_taken_at_every_halving_whatever_comes_and_goes(
        interval in 1..400_u32,
        turns in prop::collection::vec((any::<u64>(), 0..3_u8), 1..900),
    ) {
        let mut pair = Pair::new(interval);
        let (mut places, mut was_many) = (Vec::new(), false);
        for &(hash, kind) in &turns {
            if kind == 0 && !places.is_empty() {
                let position = usize::try_from(hash % 64).unwrap() % places.len();
                pair.give_back(places.swap_remove(position));
            } else {
                let place = pair.take(hash);
                prop_assert!(place.offset(interval) < u64::from(interval));
                places.push(place);
            }
            was_many |= pair.is_many();
        }
        prop_assert!(was_many || places.len() <= pair.grid.many());
        for place in places {
            pair.give_back(place);
        }
        prop_assert!(pair.grid.is_empty() && !(pair.is_many() && pair.grid.depth > 4));
    }

    #[test]
    fn halves_never_differ_by_more_than_one_while_nobody_leaves(hashes in prop::collection::vec(any::<u64>(), 1..300)) {
        let mut pair = Pair::new(300);
        for hash in hashes {
            pair.take(hash);
        }
        let count = |node| pair.counts.get(&node).copied().unwrap_or(0);
        for node in 1..1_u32 << 10 {
            let (left, right) = (count(node * 2), count(node * 2 + 1));
            prop_assert!(left.abs_diff(right) <= 1, "node {node}: {left} and {right}");
        }
    }
}
