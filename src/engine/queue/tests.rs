//! The queue beside a plain ordered map, and the promises the map cannot show.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The reach of the far lists in milliseconds.
const REACH: u64 = BLOCK * RING;

/// The queue, and what must stand in it.
#[derive(Default)]
struct Pair {
    queue: Queue,
    model: BTreeMap<u32, Tick>,
    now: u64,
}

impl Pair {
    fn set(&mut self, index: u32, at: Option<Tick>) {
        self.queue.set(index, at);
        match at {
            Some(at) => _ = self.model.insert(index, at),
            None => _ = self.model.remove(&index),
        }
        assert_eq!(self.queue.at(index), at);
        self.compare();
    }

    /// Takes what is due, at most `most` entries.
    fn pop(&mut self, most: usize) {
        for _ in 0..most {
            let now = Tick(self.now);
            let earliest = self.model.values().min().copied().filter(|&at| at <= now);
            let popped = self.queue.pop_due(now);
            assert_eq!(popped.map(|(at, _)| at), earliest, "the earliest comes first");
            let Some((at, index)) = popped else { break };
            assert_eq!(self.model.remove(&index), Some(at), "{index} stood elsewhere");
            assert_eq!(self.queue.at(index), None);
            self.compare();
        }
    }

    /// Sleeps until the queue says so, as the shell does, until the next entry is taken.
    fn sleep(&mut self) {
        let before = self.queue.len();
        while let Some(next) = self.queue.next().filter(|_| self.queue.len() == before) {
            self.now = self.now.max(next.0);
            self.pop(1);
            let later = self.queue.next();
            assert!(self.queue.len() < before || Some(next) < later, "{next:?} is told twice");
        }
    }

    fn compare(&self) {
        assert_eq!(self.queue.len(), self.model.len());
        assert_eq!(self.queue.is_empty(), self.model.is_empty());
        let (told, exact) = (self.queue.next(), self.model.values().min().copied());
        assert_eq!(told.is_some(), exact.is_some());
        assert!(told <= exact, "wakes at {told:?}, too late for {exact:?}");
        assert!(exact.unwrap_or_default().since(told.unwrap_or_default()).as_millis() < u128::from(BLOCK));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Ahead(u32, u64),
    Behind(u32, u64),
    At(u32, u64),
    Out(u32),
    Jump(u64),
    Pop(usize),
    Sleep,
}

fn step() -> impl Strategy<Value = Step> {
    let ahead = prop_oneof![
        4 => 0..300_u64,
        4 => 0..20_000_u64,
        2 => REACH - 1_000..REACH + 1_000,
        1 => 0..5 * REACH,
        1 => any::<u64>(),
    ];
    let jump = prop_oneof![6 => 0..20_u64, 4 => 0..3_000_u64, 1 => 0..3 * REACH];
    let index = 0..24_u32;
    prop_oneof![
        8 => (index.clone(), ahead).prop_map(|(index, ahead)| Step::Ahead(index, ahead)),
        1 => (index.clone(), 0..5_000_u64).prop_map(|(index, behind)| Step::Behind(index, behind)),
        1 => (index.clone(), any::<u64>()).prop_map(|(index, at)| Step::At(index, at)),
        2 => index.prop_map(Step::Out),
        4 => jump.prop_map(Step::Jump),
        4 => (0..30_usize).prop_map(Step::Pop),
        2 => Just(Step::Sleep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn it_does_what_an_ordered_map_does(
        start in prop_oneof![Just(0), Just(1_790_000_000_000_u64)],
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut pair = Pair { now: start, ..Pair::default() };
        for step in steps {
            match step {
                Step::Ahead(index, ahead) => pair.set(index, Some(Tick(pair.now.saturating_add(ahead)))),
                Step::Behind(index, behind) => pair.set(index, Some(Tick(pair.now.saturating_sub(behind)))),
                Step::At(index, at) => pair.set(index, Some(Tick(at))),
                Step::Out(index) => pair.set(index, None),
                Step::Jump(by) => pair.now = pair.now.saturating_add(by),
                Step::Pop(most) => pair.pop(most),
                Step::Sleep => pair.sleep(),
            }
        }
        pair.now = u64::MAX;
        pair.pop(usize::MAX);
        prop_assert!(pair.queue.is_empty());
    }

    #[test]
    fn among_equals_the_one_set_first_comes_first(
        early in prop::collection::vec(0..400_u64, 1..200),
        late in prop::collection::vec(0..400_u64, 1..200),
        wait in 0..300_u64,
    ) {
        let (mut queue, mut popped) = (Queue::default(), Vec::new());
        let at = |moment| Tick(1_790_000_000_000 + moment);
        // The indexes fall, so that an order by index is found out.
        let mut indexes = (0..400).rev();
        let mut expected: Vec<_> = early.into_iter().map(at).zip(&mut indexes).collect();
        expected.iter().for_each(|&(at, index)| queue.set(index, Some(at)));
        // Some are set when their block is open already.
        popped.extend(std::iter::from_fn(|| queue.pop_due(at(wait))));
        for (at, index) in late.into_iter().map(|moment| at(moment.max(wait + 1))).zip(&mut indexes) {
            queue.set(index, Some(at));
            expected.push((at, index));
        }
        popped.extend(std::iter::from_fn(|| queue.pop_due(at(400))));
        expected.sort_by_key(|&(at, _)| at);
        prop_assert_eq!(popped, expected);
    }
}

#[test]
fn the_next_moment_is_exact_while_nothing_is_taken_out_or_moved() {
    let mut queue = Queue::default();
    let moments = [5_000, 4_999, 70, 90_000, 4_998, REACH * 2];
    for (index, at) in (0..).zip(moments) {
        queue.set(index, Some(Tick(at)));
        assert_eq!(queue.next(), moments[..=usize_of(index)].iter().min().map(|&at| Tick(at)));
    }
    for at in [70, 4_998, 4_999, 5_000, 90_000, REACH * 2] {
        assert_eq!(queue.next(), Some(Tick(at)));
        assert_eq!(queue.pop_due(Tick(at - 1)), None);
        assert_eq!(queue.pop_due(Tick(at)).map(|(at, _)| at), Some(Tick(at)));
    }
    assert_eq!(queue.next(), None);
}

#[test]
fn the_steady_path_neither_grows_nor_touches_the_tree() {
    let mut queue = Queue::default();
    for index in 0..1_000 {
        queue.set(index, Some(Tick(1_790_000_000_000 + u64::from(index) * 5)));
    }
    let links = queue.links.capacity();
    for _ in 0..100_000 {
        let now = queue.next().unwrap();
        let (at, index) = queue.pop_due(now).unwrap();
        queue.set(index, Some(Tick(at.0 + 5_000)));
        assert!(queue.apart.is_empty());
    }
    assert_eq!((queue.len(), queue.links.capacity()), (1_000, links));
}

#[test]
fn one_entry_costs_sixteen_bytes() {
    // A million targets stand in two queues each.
    assert_eq!(size_of::<Link>(), 16);
}
