//! Small lives of a shard, one rule each.

use std::num::NonZeroU8;

use super::*;
use crate::model::failure::Failure;
use crate::model::health::{Reason, State};

mod lives;
mod told;

const SECOND: Duration = Duration::from_secs(1);
const FAIL: Outcome = Outcome::Fail(Failure::ConnectRefused);
const NO_HELP: Outcome = Outcome::Inconclusive(crate::model::outcome::Cause::NoDescriptors);

/// Ten seconds from check to check, three passes or two failures, fifty seconds of silence, a drain of 300 seconds.
fn settings() -> Settings {
    let count = |value| NonZeroU8::new(value).unwrap();
    Settings {
        interval: SECOND * 10,
        healthy_threshold: count(3),
        unhealthy_threshold: count(2),
        initial_healthy_threshold: count(1),
        stale_after: SECOND * 50,
        start_period: Duration::ZERO,
        deregistration_delay: SECOND * 300,
        unhealthy_draining: Duration::ZERO,
        end_drain_when_refused: false,
        one_reason: false,
        enabled: true,
        in_use: true,
    }
}

fn key(index: u32) -> Key {
    Key { index, generation: 1 }
}

/// A shard with one target at place 0, registered at 1,000 s, its first check due at once and none on its place yet.
fn one() -> Shard {
    let mut shard = Shard::default();
    shard.register(key(0), Arc::new(settings()), 0, Access::Known, at(0));
    shard
}

/// So many milliseconds after 1,000 s, when the intervals of ten seconds begin.
fn at(millis: u64) -> Tick {
    Tick(1_000_000 + millis)
}

/// Takes the one job that is due.
#[track_caller]
fn take(shard: &mut Shard, now: Tick) -> Job {
    let job = shard.poll_job(now).unwrap();
    assert!(shard.poll_job(now).is_none(), "only one is due");
    job
}

/// Lets the next check end with `outcome` in the moment it is due; returns that moment.
#[track_caller]
fn check(shard: &mut Shard, outcome: Outcome) -> Tick {
    let now = shard.next_check().unwrap();
    let job = take(shard, now);
    shard.on_outcome(job, outcome, now);
    now
}

/// The states left and entered since the last call, and `None` for each target that is gone.
fn changes(shard: &mut Shard) -> Vec<Option<(State, State)>> {
    let change = |event| match event {
        Event::Changed(_, change) => Some((change.from, change.to.state)),
        Event::Removed(_) => None,
    };
    std::iter::from_fn(|| shard.poll_event()).map(change).collect()
}

fn state(shard: &Shard, key: Key) -> State {
    shard.status(key).unwrap().health.state
}

#[test]
fn few_new_targets_are_first_checked_within_a_hundred_milliseconds_and_not_all_at_once() {
    let mut shard = Shard::default();
    (0..200).for_each(|index| shard.register(key(index), Arc::new(settings()), 0, Access::Known, at(0)));
    let mut moments: Vec<Tick> = std::iter::from_fn(|| shard.poll_job(at(99))).map(|job| job.due).collect();
    assert_eq!(moments.len(), 200);
    moments.dedup();
    assert!(moments.len() > 80, "only {} different moments", moments.len());
}

#[test]
fn further_new_targets_are_first_checked_on_their_places_over_one_interval() {
    let mut shard = Shard::default();
    (0..600).for_each(|index| shard.register(key(index), Arc::new(settings()), 0, Access::Known, at(0)));
    let quarters = [2_500, 5_000, 7_500, 10_000]
        .map(|end| std::iter::from_fn(|| shard.poll_job(at(end - 1))).filter(|job| job.due > at(99)).count());
    assert!(quarters.iter().all(|count| (90..=105).contains(count)), "{quarters:?}");
    assert_eq!(shard.next_check(), None, "each target was asked once");
}

#[test]
fn a_started_check_makes_room_for_another_quick_one() {
    let mut shard = Shard::default();
    (0..201)
        .for_each(|index| shard.register(key(index), Arc::new(settings()), u64::MAX, Access::Known, at(0)));
    assert!(shard.status(key(200)).unwrap().next_check > Some(at(99)), "the 201st waits for its place");
    let jobs: Vec<Job> = std::iter::from_fn(|| shard.poll_job(at(99))).collect();
    shard.register(key(201), Arc::new(settings()), 0, Access::Known, at(99));
    assert!(shard.status(key(201)).unwrap().next_check < Some(at(199)));
    assert_eq!(jobs.len(), 200);
}

#[test]
fn the_second_check_is_at_least_half_an_interval_later_and_then_the_beat_is_exact() {
    let mut shard = Shard::default();
    // Registered six seconds into the interval: the place at 10 s is too near.
    shard.register(key(0), Arc::new(settings()), 0, Access::Known, at(6_000));
    let moments: Vec<Tick> = (0..4).map(|_| check(&mut shard, Outcome::Pass)).collect();
    assert_eq!(moments, [at(6_000), at(20_000), at(30_000), at(40_000)]);
    assert_eq!(shard.skipped(), 0);
}

#[test]
fn the_hash_breaks_the_tie_between_places() {
    for (hash, place) in [(0, 0), (1 << 63, 5_000), (1 << 62, 2_500)] {
        let mut shard = Shard::default();
        shard.register(key(0), Arc::new(settings()), hash, Access::Known, at(0));
        let first = check(&mut shard, Outcome::Pass);
        let second = check(&mut shard, Outcome::Pass);
        assert_eq!((first, second.0 % 10_000), (at(0), place), "hash {hash:#x}");
    }
}

#[test]
fn a_place_given_back_is_given_out_again() {
    let mut shard = one();
    let brief = Settings { deregistration_delay: Duration::ZERO, ..settings() };
    for round in 0..3 {
        let other = Key { index: 1, generation: round };
        shard.register(other, Arc::new(brief), 0, Access::Known, at(0));
        let due = shard.status(other).unwrap().next_check;
        assert!(due < Some(at(100)), "round {round}");
        shard.deregister(other, at(0));
    }
    shard.register(key(1), Arc::new(settings()), 0, Access::Known, at(0));
    let jobs: Vec<Job> = std::iter::from_fn(|| shard.poll_job(at(99))).collect();
    jobs.into_iter().for_each(|job| shard.on_outcome(job, Outcome::Pass, at(99)));
    let place = |index| shard.status(key(index)).unwrap().next_check.unwrap().0 % 10_000;
    assert_eq!((place(0), place(1)), (0, 5_000));
}

#[test]
fn missed_places_are_skipped_and_counted() {
    let mut shard = one();
    check(&mut shard, Outcome::Pass);
    let job = take(&mut shard, at(10_000));
    shard.on_outcome(job, Outcome::Pass, at(43_000));
    assert_eq!((shard.next_check(), shard.skipped()), (Some(at(50_000)), 3), "20, 30 and 40 s went by");
}

#[test]
fn a_late_check_and_the_next_one_are_no_burst() {
    let mut shard = one();
    check(&mut shard, Outcome::Pass);
    let job = take(&mut shard, at(19_900));
    shard.on_outcome(job, Outcome::Pass, at(19_950));
    assert_eq!((shard.next_check(), shard.skipped()), (Some(at(30_000)), 1), "20 s would be too soon");
}

#[test]
fn an_answer_after_the_next_place_is_counted_all_the_same() {
    let mut shard = one();
    check(&mut shard, Outcome::Pass);
    changes(&mut shard);
    let job = take(&mut shard, at(10_000));
    shard.on_outcome(job, FAIL, at(25_000));
    check(&mut shard, FAIL);
    assert_eq!(changes(&mut shard), [Some((State::Healthy, State::Unhealthy))]);
}

#[test]
fn our_own_trouble_keeps_the_beat_and_says_nothing() {
    let mut shard = one();
    check(&mut shard, Outcome::Pass);
    check(&mut shard, FAIL);
    let before = shard.status(key(0)).unwrap();
    assert_eq!(check(&mut shard, NO_HELP), at(20_000));
    let after = shard.status(key(0)).unwrap();
    assert_eq!((after.streak, after.health), (before.streak, before.health));
    assert_eq!(shard.next_check(), Some(at(30_000)));
}

#[test]
fn a_drain_lasts_exactly_its_delay_whatever_is_answered_or_changed() {
    let mut shard = one();
    let job = take(&mut shard, at(0));
    shard.deregister(key(0), at(1_000));
    shard.on_outcome(job, Outcome::Pass, at(2_000));
    shard.deregister(key(0), at(3_000));
    let shorter = Settings { deregistration_delay: SECOND, interval: SECOND, ..settings() };
    shard.update(key(0), Arc::new(shorter), true, at(4_000));
    assert_eq!((shard.next_check(), shard.next_deadline()), (None, Some(at(301_000))));
    shard.on_tick(at(300_999));
    assert_eq!(changes(&mut shard), [Some((State::Initial, State::Draining))]);
    shard.on_tick(at(301_000));
    assert_eq!((changes(&mut shard), shard.status(key(0)), shard.len()), (vec![None], None, 0));
}

#[test]
fn a_drain_without_delay_is_over_in_the_same_turn() {
    let mut shard = Shard::default();
    let brief = Settings { deregistration_delay: Duration::ZERO, ..settings() };
    shard.register(key(0), Arc::new(brief), 0, Access::Known, at(0));
    shard.deregister(key(0), at(5));
    assert_eq!(changes(&mut shard), [Some((State::Initial, State::Draining)), None]);
    assert!(shard.is_empty());
}

#[test]
fn a_target_back_from_its_drain_is_not_probed_twice_at_once() {
    let mut shard = one();
    let job = take(&mut shard, at(0));
    shard.deregister(key(0), at(1_000));
    let back = Key { index: 0, generation: 2 };
    shard.register(back, Arc::new(settings()), 0, Access::Known, at(2_000));
    assert!(shard.poll_job(at(60_000)).is_none(), "the job of its former life is still out");
    shard.on_outcome(job, Outcome::Pass, at(3_000));
    assert_eq!(state(&shard, back), State::Initial, "and its answer is of no account");
    assert_eq!(check(&mut shard, Outcome::Pass), at(3_000));
    let (initial, draining) = (State::Initial, State::Draining);
    let healthy = State::Healthy;
    let lives = [Some((initial, draining)), Some((draining, initial)), Some((initial, healthy))];
    assert_eq!(changes(&mut shard), lives);
}

#[test]
fn a_drain_ends_when_that_was_promised_whenever_its_shard_heard_of_it() {
    for (promised, heard, end) in [(5_000, 1_000, 5_000), (500, 1_000, 1_000)] {
        let mut shard = Shard::default();
        shard.register(key(0), Arc::new(settings()), 0, Access::Known, at(0));
        shard.deregister_until(key(0), at(promised), at(heard));
        let gone = |shard: &Shard| shard.status(key(0)).is_none();
        shard.on_tick(Tick(at(end).0 - 1));
        assert_eq!(gone(&shard), end == heard, "{promised}");
        shard.on_tick(at(end));
        assert!(gone(&shard), "{promised}");
    }
}

#[test]
fn an_answer_for_a_target_long_gone_harms_nobody_at_its_index() {
    let mut shard = Shard::default();
    let brief = Settings { deregistration_delay: Duration::ZERO, ..settings() };
    shard.register(key(0), Arc::new(brief), 0, Access::Known, at(0));
    let old = take(&mut shard, at(0));
    shard.deregister(key(0), at(1));
    let next = Key { index: 0, generation: 2 };
    shard.register(next, Arc::new(settings()), 0, Access::Known, at(2));
    let job = take(&mut shard, at(2));
    shard.on_outcome(old, FAIL, at(3));
    assert_eq!((shard.next_check(), state(&shard, next)), (None, State::Initial), "its job is still out");
    shard.on_outcome(job, Outcome::Pass, at(4));
    assert_eq!(state(&shard, next), State::Healthy);
}

#[test]
fn a_held_target_waits_for_its_address() {
    let mut shard = Shard::default();
    shard.register(key(0), Arc::new(settings()), 0, Access::Awaited, at(0));
    assert_eq!(shard.next_check(), None);
    shard.release(key(0), at(7_000));
    assert_eq!(check(&mut shard, NO_HELP), at(7_000));
    // Still no verdict, and the address has changed: ask at once.
    shard.release(key(0), at(9_000));
    assert_eq!(check(&mut shard, Outcome::Pass), at(9_000));
    shard.release(key(0), at(12_000));
    assert_eq!(shard.next_check(), Some(at(20_000)), "with a verdict the place is kept");
}

#[test]
fn names_that_are_not_resolved_delay_no_other_targets_first_check() {
    let mut shard = Shard::default();
    let many = u32::try_from(QUICK_FIRST_CHECKS).unwrap();
    for index in 0..many {
        shard.register(key(index), Arc::new(settings()), u64::from(index), Access::Awaited, at(0));
    }
    shard.register(key(many), Arc::new(settings()), 0, Access::Known, at(0));
    assert_eq!(shard.next_check(), Some(at(0)));
    // Once resolved they count: the next newcomer finds no room among the quick ones.
    (0..many).for_each(|index| shard.release(key(index), at(0)));
    shard.register(key(many + 1), Arc::new(settings()), 0, Access::Known, at(0));
    let status = shard.status(key(many + 1)).unwrap();
    assert!(status.next_check.is_some_and(|due| at(100) < due), "{status:?}");
}

#[test]
fn where_more_come_than_get_a_quick_check_none_does() {
    let next_checks = |count: u64| {
        let mut shard = Shard::default();
        for index in 0..u32::try_from(count).unwrap() {
            shard.expect(count - 1 - u64::from(index));
            shard.register(key(index), Arc::new(settings()), u64::from(index), Access::Known, at(0));
        }
        let mut checks =
            Vec::from_iter(std::iter::from_fn(|| shard.poll_job(at(9_999))).map(|job| job.due.since(at(0))));
        checks.sort();
        checks
    };
    let (few, many) = (next_checks(QUICK_FIRST_CHECKS), next_checks(QUICK_FIRST_CHECKS + 1));
    assert!(few.last().is_some_and(|&last| last < Duration::from_millis(100)), "{few:?}");
    let within = |end| many.iter().filter(|&&check| check < Duration::from_secs(end)).count();
    assert_eq!(many.len(), 201);
    assert!(
        (1..10).all(|second| within(second).abs_diff(20 * usize::try_from(second).unwrap()) <= 4),
        "{many:?}"
    );
}

#[test]
fn a_release_puts_no_check_off() {
    let mut shard = one();
    shard.release(key(0), at(500));
    assert_eq!(shard.next_check(), Some(at(0)));
}

#[test]
fn a_new_interval_holds_once_the_job_that_is_out_is_back() {
    let mut shard = one();
    check(&mut shard, Outcome::Pass);
    let job = take(&mut shard, at(10_000));
    let faster = Settings { interval: SECOND, ..settings() };
    shard.update(key(0), Arc::new(faster), false, at(14_500));
    assert_eq!(shard.next_check(), None);
    shard.on_outcome(job, Outcome::Pass, at(14_600));
    assert_eq!((shard.next_check(), shard.skipped()), (Some(at(15_000)), 0), "the new places begin now");
}

#[test]
fn other_settings_leave_the_place_alone() {
    let mut shard = one();
    check(&mut shard, Outcome::Pass);
    let patient = Settings { unhealthy_threshold: NonZeroU8::MAX, stale_after: SECOND * 500, ..settings() };
    shard.update(key(0), Arc::new(patient), true, at(3_000));
    assert_eq!(shard.next_check(), Some(at(10_000)));
}

#[test]
fn an_answer_to_what_is_no_longer_asked_counts_for_nothing() {
    let mut shard = one();
    let job = take(&mut shard, at(0));
    shard.update(key(0), Arc::new(settings()), true, at(1_000));
    shard.on_outcome(job, Outcome::Pass, at(2_000));
    assert_eq!(state(&shard, key(0)), State::Initial);
    check(&mut shard, Outcome::Pass);
    assert_eq!(state(&shard, key(0)), State::Healthy);
}

#[test]
fn disabled_checks_stop_and_enabling_starts_them_anew() {
    let mut shard = one();
    check(&mut shard, Outcome::Pass);
    let job = take(&mut shard, at(10_000));
    shard.update(key(0), Arc::new(Settings { enabled: false, ..settings() }), false, at(11_000));
    assert_eq!((shard.next_check(), shard.next_deadline()), (None, None));
    assert_eq!(state(&shard, key(0)), State::Unavailable);
    shard.update(key(0), Arc::new(settings()), false, at(12_000));
    shard.on_outcome(job, Outcome::Pass, at(13_000));
    assert_eq!(state(&shard, key(0)), State::Initial, "the answer is from before");
    assert_eq!(check(&mut shard, Outcome::Pass), at(13_000));
    assert_eq!(state(&shard, key(0)), State::Healthy);
}

#[test]
fn a_target_is_stale_without_any_answer() {
    let mut shard = one();
    let job = take(&mut shard, at(0));
    shard.on_tick(at(49_999));
    assert_eq!((changes(&mut shard), shard.next_deadline()), (vec![], Some(at(50_000))));
    shard.on_tick(at(50_000));
    assert_eq!(changes(&mut shard), [Some((State::Initial, State::Unavailable))]);
    assert_eq!(shard.status(key(0)).unwrap().health.reason, Some(Reason::ElbInternalError));
    shard.on_outcome(job, Outcome::Pass, at(51_000));
    assert_eq!(changes(&mut shard), [Some((State::Unavailable, State::Healthy))]);
    // The deadline is set again: fifty seconds from the last verdict.
    shard.on_tick(at(100_999));
    assert_eq!(state(&shard, key(0)), State::Healthy);
    shard.on_tick(at(101_000));
    assert_eq!(state(&shard, key(0)), State::Unavailable);
}

#[test]
fn a_target_takes_at_most_a_hundred_and_twelve_bytes() {
    // A million targets are promised in little more than a gigabyte, sockets and records included. The queues add
    // sixteen bytes each, and a grid three at 100,000 targets.
    let target = size_of::<Option<Target>>();
    assert!(target + 2 * 16 <= 112, "{target} bytes, and 32 in the queues");
}
