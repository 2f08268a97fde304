//! What lists tell while shards have yet to hear of what changed.

use super::*;
use crate::model::protocol::Protocol;
use crate::model::target::{More, Reach};
use crate::model::target_group::TargetGroup;

const KEY: Key = Key { index: 0, generation: 1 };

/// A group with one target.
fn listing(registered: bool) -> Listing {
    let group = TargetGroup::new(GroupName::parse("web").unwrap(), Protocol::Http, 80);
    let target = Arc::new(TargetDescription::new("10.0.0.1", 80));
    let listed = Listed { target, shard: 0, key: KEY, registered };
    Listing { group: Arc::new(group), desired: true, targets: vec![listed] }
}

fn status(health: TargetHealth) -> Status {
    Status {
        health,
        since: Tick(1),
        streak: Streak::Passes(0),
        conclusive_state: State::Initial,
        next_check: None,
        check_after: None,
        drain_ends: None,
    }
}

#[test]
fn a_list_tells_each_target_as_it_is_when_it_is_read() {
    let view = View::new(Clock::start(), 1);
    let mut slots = view.slots(0);
    let draining = TargetHealth::because(State::Draining, Reason::TargetDeregistrationInProgress);
    let told = |registered| {
        let (snapshot, listing) = (view.snapshot(), listing(registered));
        let seen = snapshot.target(&listing, &listing.targets[0]);
        assert_eq!(seen.map(|seen| seen.health), snapshot.health(&listing, &listing.targets[0]));
        seen.map(|seen| seen.health)
    };
    let registering = TargetHealth::because(State::Initial, Reason::ElbRegistrationInProgress);
    // Its shard may have heard of neither: what was never there cannot have ended.
    assert_eq!((told(true), told(false)), (Some(registering), Some(draining)));
    slots.tell(KEY, &status(TargetHealth::HEALTHY), None, None);
    assert_eq!((told(true), told(false)), (Some(TargetHealth::HEALTHY), Some(draining)));
    // The end of its drain is told even by a list made while it was registered.
    slots.forget(KEY);
    assert_eq!((told(true), told(false)), (None, None));
}

#[test]
fn what_a_list_says_of_its_group_holds_whatever_the_shard_has_heard() {
    use Reason::{ElbInternalError, ElbRegistrationInProgress, TargetHealthCheckDisabled, TargetNotInUse};
    let view = View::new(Clock::start(), 1);
    let mut slots = view.slots(0);
    let unused = TargetHealth::because(State::Unused, TargetNotInUse);
    let off = TargetHealth::because(State::Unavailable, TargetHealthCheckDisabled);
    let starting = TargetHealth::because(State::Initial, ElbRegistrationInProgress);
    let nowhere = TargetHealth::because(State::Unavailable, ElbInternalError);
    let checking = TargetHealth::because(State::Initial, Reason::ElbInitialHealthChecking);
    let told = |id: &str, (in_use, enabled): (bool, bool)| {
        let mut listing = listing(true);
        let group = Arc::make_mut(&mut listing.group);
        (group.attributes.in_use, group.health_check.enabled) = (in_use, enabled);
        let mut target = TargetDescription::new(id, 80);
        if target.id.starts_with("i-") {
            target.more = Some(Box::new(More { reach: Reach::Nowhere, ..More::default() }));
        }
        listing.targets[0].target = Arc::new(target);
        let (snapshot, listed) = (view.snapshot(), &listing.targets[0]);
        let health = snapshot.health(&listing, listed).unwrap();
        assert_eq!(snapshot.target(&listing, listed).map(|seen| seen.health), Some(health));
        let counts = snapshot.counts(&listing);
        assert_eq!((counts.of(health.state), counts.registered()), (1, 1));
        health
    };
    let all = [(false, true), (false, false), (true, false), (true, true)];
    for (heard, here, there) in [
        (None, starting, nowhere),
        (Some(unused), starting, nowhere),
        (Some(off), starting, nowhere),
        (Some(checking), checking, checking),
        (Some(TargetHealth::HEALTHY), TargetHealth::HEALTHY, TargetHealth::HEALTHY),
    ] {
        if let Some(health) = heard {
            slots.tell(KEY, &status(health), None, None);
        }
        assert_eq!(all.map(|of| told("10.0.0.1", of)), [unused, unused, off, here], "{heard:?}");
        assert_eq!(all.map(|of| told("i-0", of)), [unused, unused, off, there], "{heard:?}");
    }
}

#[test]
fn who_looked_earlier_does_not_take_back_that_it_is_ready() {
    let view = View::new(Clock::start(), 1);
    let publish = |registered| {
        let listing = listing(registered);
        view.publish_listings(BTreeMap::from([(listing.group.name.clone(), Arc::new(listing))]));
    };
    publish(true);
    let early = view.snapshot();
    // A target that leaves is not waited for, whether or not its shard has heard of it.
    publish(false);
    let late = view.snapshot();
    view.look_at(&early);
    assert!(!view.is_ready());
    view.look_at(&late);
    assert!(view.is_ready());
    view.look_at(&early);
    assert!(view.is_ready());
}
