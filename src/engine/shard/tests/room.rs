//! Jobs given back for want of room.

use super::*;

/// A shard with this many targets of one group, each first checked once.
fn several(count: u32) -> Shard {
    let (mut shard, settings) = (Shard::default(), Arc::new(settings()));
    (0..count).for_each(|index| shard.register(key(index), Arc::clone(&settings), 0, false, at(0)));
    let jobs: Vec<Job> = std::iter::from_fn(|| shard.poll_job(at(99))).collect();
    jobs.into_iter().for_each(|job| shard.on_outcome(job, Outcome::Pass, at(99)));
    changes(&mut shard);
    shard
}

#[test]
fn a_job_given_back_costs_its_place_and_nothing_else() {
    for (taken, next, skipped) in
        [(10_000, 20_000, 1), (14_000, 20_000, 1), (16_000, 30_000, 2), (33_000, 40_000, 3)]
    {
        let mut shard = one();
        check(&mut shard, Outcome::Pass);
        check(&mut shard, FAIL);
        changes(&mut shard);
        let before = shard.status(key(0)).unwrap();
        // The check on the place at 10 s was the failure; this is the one ten seconds later.
        let (taken, next) = (at(taken + 10_000), at(next + 10_000));
        let job = take(&mut shard, taken);
        shard.skip(job, taken);
        let after = shard.status(key(0)).unwrap();
        assert_eq!((after.health, after.streak, after.since), (before.health, before.streak, before.since));
        assert_eq!((shard.next_check(), shard.skipped()), (Some(next), skipped), "taken at {taken:?}");
        assert_eq!((changes(&mut shard), shard.next_deadline().is_some()), (vec![], true));
    }
}

#[test]
fn a_target_whose_first_job_is_given_back_is_as_new_as_before() {
    let mut shard = one();
    let job = take(&mut shard, at(0));
    shard.skip(job, at(0));
    let status = shard.status(key(0)).unwrap();
    assert_eq!(status.health.reason, Some(Reason::ElbRegistrationInProgress));
    assert_eq!(status.next_check, Some(at(10_000)));
    // It still counts among those that are new.
    let many = u32::try_from(QUICK_FIRST_CHECKS).unwrap();
    (1..=many).for_each(|index| shard.register(key(index), Arc::new(settings()), 0, false, at(0)));
    let quick = |index| shard.status(key(index)).unwrap().next_check < Some(at(100));
    assert_eq!((quick(many - 1), quick(many)), (true, false));
}

#[test]
fn the_target_that_lost_its_place_is_offered_before_the_next_of_its_group() {
    let mut shard = several(2);
    let before = shard.skipped();
    let now = at(10_000);
    let lost = take(&mut shard, now);
    assert_eq!(lost.key, key(0));
    shard.skip(lost, now);
    // The other one's place comes at 15 s. There is room now, so both are checked.
    let now = at(15_000);
    let (senior, other) = (shard.poll_job(now).unwrap(), shard.poll_job(now).unwrap());
    assert_eq!((senior.key, senior.due, other.key), (key(0), now, key(1)));
    shard.on_outcome(senior, Outcome::Pass, now);
    shard.on_outcome(other, Outcome::Pass, now);
    let next = |index| shard.status(key(index)).unwrap().next_check;
    assert_eq!((next(0), next(1)), (Some(at(20_000)), Some(at(25_000))), "and both keep their places");
    assert_eq!(shard.skipped() - before, 1);
}

#[test]
fn while_there_is_no_room_the_one_that_waits_longest_stays_first() {
    let mut shard = several(2);
    let before = shard.skipped();
    for place in [10_000, 15_000, 20_000, 25_000] {
        let job = shard.poll_job(at(place)).unwrap();
        assert_eq!(job.key, key(0), "at {place}");
        shard.skip(job, at(place));
        assert!(shard.poll_job(at(place)).is_none(), "the other gives way");
    }
    assert_eq!(shard.skipped() - before, 4);
}

#[test]
fn another_group_does_not_give_way() {
    let mut shard = several(1);
    shard.register(key(1), Arc::new(settings()), 0, false, at(0));
    assert_eq!([at(0), at(5_000)], [(); 2].map(|()| check(&mut shard, Outcome::Pass)));
    let job = take(&mut shard, at(10_000));
    shard.skip(job, at(10_000));
    assert_eq!(take(&mut shard, at(15_000)).key, key(1));
}

#[test]
fn a_job_of_a_former_life_may_be_given_back() {
    let mut shard = one();
    let job = take(&mut shard, at(0));
    shard.deregister(key(0), at(1_000));
    let back = Key { index: 0, generation: 2 };
    shard.register(back, Arc::new(settings()), 0, false, at(2_000));
    shard.skip(job, at(3_000));
    assert_eq!((shard.next_check(), shard.skipped()), (Some(at(3_000)), 0), "its own first check is due");
    assert_eq!(check(&mut shard, Outcome::Pass), at(3_000), "and is not lost with the job");
}

#[test]
fn the_offered_rate_follows_the_targets_that_are_checked() {
    let mut shard = Shard::default();
    let faster = Arc::new(Settings { interval: SECOND / 2, ..settings() });
    shard.register(key(0), Arc::new(settings()), 0, false, at(0));
    shard.register(key(1), Arc::clone(&faster), 0, false, at(0));
    shard.register(key(2), faster, 0, true, at(0));
    assert!((shard.offered_rate() - 4.1).abs() < 1e-9);
    shard.deregister(key(1), at(1));
    shard.update(key(0), Arc::new(Settings { enabled: false, ..settings() }), false, at(1));
    assert!((shard.offered_rate() - 2.0).abs() < 1e-9);
}
