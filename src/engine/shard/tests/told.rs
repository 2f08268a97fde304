//! What a shard tells of its targets.

use super::*;

#[test]
fn while_a_check_runs_the_one_after_it_is_told() {
    let mut shard = one();
    let job = take(&mut shard, at(0));
    let told = |shard: &Shard| shard.status(key(0)).map(|status| (status.next_check, status.check_after));
    assert_eq!(told(&shard), Some((None, Some(at(10_000)))));
    shard.on_outcome(job, Outcome::Pass, at(4_000));
    assert_eq!(told(&shard), Some((Some(at(10_000)), None)));
}

/// What may happen to a target while its job is out.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Update { enabled: bool, in_use: bool },
    Deregister,
    DrainEnds,
    Return { held: bool },
}

#[test]
fn a_target_is_checked_until_it_drains_or_is_disabled_and_a_former_life_never() {
    let back = Key { generation: 2, ..key(0) };
    let update = |enabled, in_use| Fate::Update { enabled, in_use };
    let (calm, disabled, unused) = (update(true, true), update(false, true), update(true, false));
    let (leave, gone) = (Fate::Deregister, Fate::DrainEnds);
    let (known, nameless) = (Fate::Return { held: false }, Fate::Return { held: true });
    // The fates of one target, and whether each of its two lives is checked after them.
    let rows: [(&[Fate], bool, bool); 11] = [
        (&[], true, false),
        (&[calm], true, false),
        (&[disabled], false, false),
        (&[unused], false, false),
        (&[disabled, calm], true, false),
        (&[leave], false, false),
        (&[leave, calm], false, false),
        (&[leave, gone], false, false),
        (&[leave, known], false, true),
        (&[leave, nameless], false, true),
        (&[leave, gone, known], false, true),
    ];
    for (fates, before, after) in rows {
        let mut shard = one();
        let job = take(&mut shard, at(0));
        for fate in fates {
            match *fate {
                Fate::Update { enabled, in_use } => {
                    let settings = Settings { enabled, in_use, ..settings() };
                    shard.update(key(0), Arc::new(settings), true, at(1));
                }
                Fate::Deregister => shard.deregister(key(0), at(1)),
                Fate::DrainEnds => shard.on_tick(at(300_001)),
                Fate::Return { held } => {
                    let access = if held { Access::Awaited } else { Access::Known };
                    shard.register(back, Arc::new(settings()), 0, access, at(300_001));
                }
            }
        }
        let told = |shard: &Shard| (shard.is_checked(key(0)), shard.is_checked(back));
        assert_eq!(told(&shard), (before, after), "{fates:?}");
        shard.on_outcome(job, NO_HELP, at(300_002));
        assert_eq!(told(&shard), (before, after), "{fates:?}, and the job is given back");
        let waits = matches!(fates.last(), Some(Fate::Return { held: true }));
        assert_eq!(shard.next_check().is_some(), (before || after) && !waits, "{fates:?}");
    }
    assert!(!one().is_checked(key(7)), "nobody is there");
}

#[test]
fn the_offered_rate_follows_the_targets_that_are_checked() {
    let mut shard = Shard::default();
    let faster = Arc::new(Settings { interval: SECOND / 2, ..settings() });
    shard.register(key(0), Arc::new(settings()), 0, Access::Known, at(0));
    shard.register(key(1), Arc::clone(&faster), 0, Access::Known, at(0));
    shard.register(key(2), faster, 0, Access::Awaited, at(0));
    assert!((shard.offered_rate() - 4.1).abs() < 1e-9);
    shard.deregister(key(1), at(1));
    shard.update(key(0), Arc::new(Settings { enabled: false, ..settings() }), false, at(1));
    assert!((shard.offered_rate() - 2.0).abs() < 1e-9);
}

#[test]
fn a_check_that_waited_for_room_keeps_its_distance_from_the_next() {
    for (waits, next) in [(false, at(10_000)), (true, at(20_000))] {
        let mut shard = one();
        let job = take(&mut shard, at(0));
        if waits {
            shard.on_start(&job, at(9_900));
        }
        shard.on_outcome(job, NO_HELP, at(9_950));
        assert_eq!(shard.next_check(), Some(next));
    }
}
