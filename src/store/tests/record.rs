//! What was seen.

use super::*;
use crate::model::health::{Reason, TargetHealth};
use crate::model::past::{Ask, History as _, Past};

fn past(at: Tick, id: &str, from: State, to: TargetHealth) -> Happened {
    (name("web"), Past { number: 0, at, id: id.into(), port: 80, from, to })
}

fn passing(number: u64) -> Happened {
    past(NOW + Duration::from_secs(number), "a", State::Initial, TargetHealth::HEALTHY)
}

fn ask(limit: usize) -> Ask {
    Ask { group: "web".into(), target: None, before: None, limit }
}

fn numbers(dir: &Path, ask: &Ask) -> Vec<u64> {
    Reader::new(dir).transitions(ask).unwrap().iter().map(|past| past.number).collect()
}

fn seen(group: &str, id: &str, life: Option<Life>) -> Seen {
    (name(group), target(id), life)
}

#[test]
fn lives_come_back_with_everything_and_the_forgotten_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let bare = Life { failure: None, grid: None, failing: false, ..life(State::Healthy, NOW) };
    let lives = [seen("web", "a", Some(life(State::Unhealthy, NOW))), seen("web", "b", Some(bare))];
    store.record(&[], &lives, NOW).unwrap();
    store.record(&[], &[seen("web", "c", Some(bare))], NOW).unwrap();
    store.record(&[], &[seen("web", "c", None), seen("web", "never", None)], NOW).unwrap();
    drop(store);
    let kept = open(dir.path()).load(NOW).unwrap().lives;
    let expected: Vec<_> =
        lives.into_iter().filter_map(|(group, target, life)| Some((group, target, life?))).collect();
    assert_eq!(kept, expected);
}

#[test]
fn every_state_and_failure_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    for (number, state) in (0..).zip(State::ALL) {
        let failure = Failure::ALL.get(number).copied();
        let one = Life { failure, ..life(state, Tick(5)) };
        store.record(&[], &[seen("web", "a", Some(one))], NOW).unwrap();
        assert_eq!(store.load(NOW).unwrap().lives, [(name("web"), target("a"), one)]);
    }
}

#[test]
fn a_place_on_the_grid_stays_known_until_there_is_another() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let known = life(State::Healthy, NOW);
    store.record(&[], &[seen("web", "a", Some(known))], NOW).unwrap();
    let without = Life { grid: None, run: 8, ..known };
    store.record(&[], &[seen("web", "a", Some(without))], NOW).unwrap();
    assert_eq!(store.load(NOW).unwrap().lives[0].2, Life { run: 8, ..known });
}

#[test]
fn transitions_come_back_newest_first_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let failing = TargetHealth::failing(State::Unhealthy, Failure::TlsAlert(40));
    let gone = TargetHealth::because(State::Unused, Reason::TargetNotRegistered);
    let all = [
        past(Tick(1), "a", State::Initial, TargetHealth::HEALTHY),
        past(Tick(2), "b", State::Healthy, failing),
        past(Tick(3), "a", State::Draining, gone),
    ];
    store.record(&all[..1], &[], Tick(3)).unwrap();
    store.record(&all[1..], &[], Tick(3)).unwrap();
    let other = (name("other"), all[0].1.clone());
    store.record(&[other], &[], Tick(3)).unwrap();
    let reader = Reader::new(dir.path());
    let told = |number: usize| Past { number: number.try_into().unwrap(), ..all[number - 1].1.clone() };
    assert_eq!(reader.transitions(&ask(9)).unwrap(), [told(3), told(2), told(1)]);
    assert_eq!(reader.transitions(&ask(2)).unwrap(), [told(3), told(2)]);
    let rest = Ask { before: Some(2), ..ask(9) };
    assert_eq!(reader.transitions(&rest).unwrap(), [told(1)]);
    let one = |id: &str, port| Ask { target: Some((id.into(), port)), ..ask(9) };
    assert_eq!(reader.transitions(&one("a", 80)).unwrap(), [told(3), told(1)]);
    assert_eq!(reader.transitions(&one("a", 81)).unwrap(), []);
    // It sees what is written after it has begun to read.
    store.record(&[passing(9)], &[], Tick(3)).unwrap();
    assert_eq!(reader.transitions(&ask(1)).unwrap()[0].number, 5);
}

#[test]
fn the_journal_keeps_no_more_than_it_may_and_numbers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { max_transitions: 10, ..Limits::default() };
    let mut store = Store::open(dir.path(), limits).unwrap();
    for number in 0..25 {
        store.record(&[passing(number)], &[], NOW).unwrap();
    }
    assert_eq!(numbers(dir.path(), &ask(99)), (16..=25).rev().collect::<Vec<_>>());
    drop(store);
    // All of them are too old.
    let mut store = Store::open(dir.path(), Limits { max_age: Duration::from_secs(5), ..limits }).unwrap();
    store.record(&[passing(100)], &[], NOW + Duration::from_secs(100)).unwrap();
    assert_eq!(numbers(dir.path(), &ask(99)), [26]);
    store.record(&[], &[], NOW + Duration::from_secs(200)).unwrap();
    assert_eq!(numbers(dir.path(), &ask(99)), [0_u64; 0]);
    store.record(&[passing(200)], &[], NOW + Duration::from_secs(200)).unwrap();
    assert_eq!(numbers(dir.path(), &ask(99)), [27], "no number is given twice");
}

#[test]
fn a_journal_whose_bounds_were_lowered_becomes_smaller_little_by_little() {
    let dir = tempfile::tempdir().unwrap();
    let many: Vec<_> = (0..2_000).map(passing).collect();
    open(dir.path()).record(&many, &[], NOW).unwrap();
    let mut store = Store::open(dir.path(), Limits { max_transitions: 5, ..Limits::default() }).unwrap();
    let mut left = vec![numbers(dir.path(), &ask(9_999)).len()];
    while left.last().is_some_and(|&left| left > 5) && left.len() < 99 {
        store.record(&[], &[], NOW).unwrap();
        left.push(numbers(dir.path(), &ask(9_999)).len());
    }
    assert_eq!(left.last(), Some(&5));
    assert!(left.windows(2).all(|pair| pair[0] - pair[1] <= 256), "{left:?}");
}

#[test]
fn what_was_seen_before_a_write_was_live_does_not_undo_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let (before, written, ends) = (NOW, NOW + Duration::from_secs(1), NOW + Duration::from_secs(300));
    let healthy = life(State::Healthy, before);
    let after = NOW + Duration::from_secs(2);
    store.record(&[], &["a", "b", "c"].map(|id| seen("web", id, Some(healthy))), before).unwrap();
    let leave =
        |id: &str| Change::Deregister { group: name("web"), id: id.into(), port: 80, drain_ends: Some(ends) };
    store.write(&[leave("a")], written).unwrap();
    // Whatever else is written behind it.
    store.write(&[Change::Register(name("web"), target("d"))], written).unwrap();
    // The shard has not heard of it; it may even see another change first.
    let unaware = Life { state: State::Unhealthy, since: after, ..healthy };
    let told =
        [seen("web", "a", Some(healthy)), seen("web", "b", Some(unaware)), seen("web", "a", Some(unaware))];
    assert_eq!(store.record(&[], &told, after).unwrap(), [0, 2]);
    let lives = store.load(after).unwrap().lives;
    assert_eq!((lives[0].2.state, lives[0].2.drain_ends), (State::Draining, Some(ends)));
    assert_eq!(lives[1].2, unaware);
    // Now it has.
    let aware = Life { state: State::Draining, since: after, drain_ends: Some(ends), ..healthy };
    assert_eq!(store.record(&[], &[seen("web", "a", Some(aware))], after).unwrap(), [0_usize; 0]);
    // The same the other way round: the drain that was seen does not come back.
    store.write(&[Change::Register(name("web"), target("a"))], after).unwrap();
    let stale = Life { since: written, ..aware };
    assert_eq!(store.record(&[], &[seen("web", "a", Some(stale))], after).unwrap(), [0]);
    store.write(&[Change::DeleteGroup(name("web"))], after).unwrap();
    assert_eq!(store.record(&[], &[seen("web", "c", Some(healthy))], after).unwrap(), [0]);
    let anew = Life { since: after, ..healthy };
    assert_eq!(store.record(&[], &[seen("web", "c", Some(anew))], after).unwrap(), [0_usize; 0]);
    // In the end everything is live.
    let much_later = after + Duration::from_secs(11);
    assert_eq!(store.record(&[], &[seen("web", "c", Some(healthy))], much_later).unwrap(), [0_usize; 0]);
}
