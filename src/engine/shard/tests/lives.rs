//! Targets without an address, drains that end early, failing targets that drain, and lives from before a restart.

use super::*;
use crate::model::life::Life;

fn life(state: State, grid: Option<(Tick, Duration)>) -> Life {
    Life {
        state,
        since: at(0),
        conclusive_state: State::Healthy,
        failing: false,
        run: 3,
        failure: None,
        drain_ends: None,
        grid,
    }
}

/// A shard with one target, taken up at 100 s after the moment it was healthy.
fn restored(settings: Settings, access: Access, life: &Life) -> Shard {
    let mut shard = Shard::default();
    shard.restore(key(0), Arc::new(settings), 0, access, life, at(100_000));
    shard
}

#[test]
fn a_target_without_address_takes_no_place_and_no_room() {
    let mut shard = Shard::default();
    let many = u32::try_from(QUICK_FIRST_CHECKS).unwrap();
    for index in 0..many {
        shard.register(key(index), Arc::new(settings()), 0, Access::Nowhere, at(0));
    }
    assert_eq!((shard.next_check(), shard.next_deadline(), shard.offered_rate()), (None, None, 0.0));
    let health = shard.status(key(0)).unwrap().health;
    assert_eq!((health.state, health.reason), (State::Unavailable, Some(Reason::ElbInternalError)));
    shard.register(key(many), Arc::new(settings()), 0, Access::Known, at(0));
    assert_eq!(shard.next_check(), Some(at(0)));
    // Once it has an address it is a new target.
    let found = Key { index: 0, generation: 2 };
    shard.register(found, Arc::new(settings()), 0, Access::Known, at(5));
    assert_eq!(changes(&mut shard), [Some((State::Unavailable, State::Initial))]);
    assert!(shard.is_checked(found));
}

#[test]
fn a_drain_ends_as_soon_as_nothing_listens_where_its_group_says_so() {
    let early = Settings { end_drain_when_refused: true, ..settings() };
    let mut shard = Shard::default();
    shard.register(key(0), Arc::new(early), 0, Access::Known, at(0));
    check(&mut shard, Outcome::Pass);
    shard.deregister(key(0), at(1_000));
    changes(&mut shard);
    let timeout = Outcome::Fail(Failure::ConnectTimeout);
    for outcome in [Outcome::Pass, timeout, timeout, timeout, NO_HELP] {
        assert!(shard.is_checked(key(0)));
        check(&mut shard, outcome);
    }
    let status = shard.status(key(0)).unwrap();
    assert_eq!((status.next_check, status.drain_ends), (Some(at(60_000)), Some(at(301_000))));
    assert_eq!(status.conclusive_state, State::Healthy, "what is checked in a drain is no verdict");
    assert_eq!(check(&mut shard, FAIL), at(60_000), "it keeps its beat");
    assert_eq!((changes(&mut shard), shard.next_deadline()), (vec![], Some(at(60_000))));
    shard.on_tick(at(60_000));
    assert_eq!((changes(&mut shard), shard.len(), shard.next_check()), (vec![None], 0, None));
    assert!((shard.offered_rate() - 0.0).abs() < f64::EPSILON, "its place is given back");
}

#[test]
fn a_drain_that_is_not_to_end_early_does_not() {
    let mut shard = one();
    let job = take(&mut shard, at(0));
    shard.deregister(key(0), at(1_000));
    shard.on_outcome(job, FAIL, at(1_001));
    assert_eq!((shard.next_check(), shard.next_deadline()), (None, Some(at(301_000))));
    // Switched on and off, it goes on and rests.
    let early = Settings { end_drain_when_refused: true, interval: SECOND, ..settings() };
    shard.update(key(0), Arc::new(early), false, at(2_000));
    assert!(shard.is_checked(key(0)) && shard.next_check().is_some());
    shard.update(key(0), Arc::new(settings()), false, at(3_000));
    assert!(!shard.is_checked(key(0)) && shard.next_check().is_none());
    assert_eq!(shard.next_deadline(), Some(at(301_000)));
}

#[test]
fn an_unhealthy_target_is_done_draining_on_time_though_it_would_be_stale_later() {
    let slow = Settings { unhealthy_draining: SECOND * 15, stale_after: SECOND * 1_000, ..settings() };
    let mut shard = Shard::default();
    shard.register(key(0), Arc::new(slow), 0, Access::Known, at(0));
    for outcome in [Outcome::Pass, FAIL, FAIL] {
        check(&mut shard, outcome);
    }
    assert_eq!(shard.next_deadline(), Some(at(35_000)));
    shard.on_tick(at(34_999));
    assert_eq!(state(&shard, key(0)), State::UnhealthyDraining);
    shard.on_tick(at(35_000));
    assert_eq!(state(&shard, key(0)), State::Unhealthy);
}

#[test]
fn a_restored_target_waits_for_the_place_it_had() {
    for (grid, due) in [
        (Some((at(3_217), SECOND * 10)), at(103_217)),
        (Some((at(3_217), SECOND * 9)), at(110_000)),
        (None, at(110_000)),
    ] {
        let mut shard = restored(settings(), Access::Known, &life(State::Healthy, grid));
        assert_eq!((shard.next_check(), changes(&mut shard)), (Some(due), vec![]), "{grid:?}");
        assert_eq!((shard.next_deadline(), state(&shard, key(0))), (Some(at(150_000)), State::Healthy));
        let status = shard.status(key(0)).unwrap();
        assert_eq!((status.since, status.streak), (at(0), crate::engine::machine::Streak::Passes(3)));
        // It takes up none of the quick first checks.
        assert_eq!(shard.fresh, 0);
        check(&mut shard, Outcome::Pass);
        assert_eq!(shard.next_check(), Some(due + SECOND * 10), "{grid:?}");
    }
}

#[test]
fn a_restored_name_waits_for_its_address_and_then_for_its_place() {
    let grid = Some((at(3_217), SECOND * 10));
    let mut shard = restored(settings(), Access::Awaited, &life(State::Healthy, grid));
    assert_eq!(shard.next_check(), None);
    shard.release(key(0), at(104_000));
    assert_eq!((shard.next_check(), shard.fresh), (Some(at(113_217)), 0));
}

#[test]
fn a_restored_drain_ends_when_it_would_have() {
    let life = Life { drain_ends: Some(at(123_456)), ..life(State::Draining, None) };
    let mut shard = restored(settings(), Access::Known, &life);
    assert_eq!((shard.next_check(), shard.next_deadline()), (None, Some(at(123_456))));
    shard.on_tick(at(123_456));
    assert_eq!((changes(&mut shard), shard.len()), (vec![None], 0));
}

#[test]
fn a_life_without_verdict_begins_anew() {
    let life = Life { conclusive_state: State::Initial, ..life(State::Initial, None) };
    let shard = restored(settings(), Access::Known, &life);
    assert_eq!(shard.next_check(), Some(at(100_000)), "a quick first check");
    assert_eq!(shard.status(key(0)).unwrap().since, at(100_000));
}
