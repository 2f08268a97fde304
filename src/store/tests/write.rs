//! What was asked for.

use super::*;

#[track_caller]
fn survives(changes: &[Change], expected: &Kept) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.write(changes, NOW).unwrap();
    assert_eq!(store.load(NOW).unwrap(), *expected, "before the restart");
    drop(store);
    assert_eq!(open(dir.path()).load(NOW).unwrap(), *expected, "after it");
}

fn deregister(group: &str, id: &str, drain_ends: Tick) -> Change {
    Change::Deregister { group: name(group), id: id.into(), port: 80, drain_ends: Some(drain_ends) }
}

fn draining(since: Tick, drain_ends: Tick) -> Life {
    Life {
        state: State::Draining,
        since,
        conclusive_state: State::Initial,
        failing: false,
        run: 0,
        failure: None,
        drain_ends: Some(drain_ends),
        grid: None,
    }
}

#[test]
fn groups_come_back_with_every_setting_attribute_and_tag() {
    let rich = rich("eu-west-1:web");
    assert_eq!(rich.health_check.interval, Duration::from_millis(250), "an attribute of ours is in force");
    let lambda = settled(TargetGroup {
        target_type: TargetType::Lambda,
        protocol: None,
        protocol_version: None,
        port: 0,
        ..plain("fn")
    });
    let groups = [rich, lambda, plain("plain")].map(Arc::new);
    let changes = groups.clone().map(Change::PutGroup);
    survives(&changes, &Kept { groups: groups.into(), ..Kept::default() });
}

#[test]
fn a_group_that_is_put_again_loses_what_it_no_longer_has() {
    let target = target("10.0.0.1");
    let changes = [
        Change::PutGroup(Arc::new(rich("web"))),
        Change::Register(name("web"), Arc::clone(&target)),
        Change::PutGroup(Arc::new(plain("web"))),
    ];
    let registrations = vec![(name("web"), target)];
    survives(&changes, &Kept { groups: vec![Arc::new(plain("web"))], registrations, lives: Vec::new() });
}

#[test]
fn a_deleted_group_leaves_nothing_behind() {
    let other = [Change::PutGroup(Arc::new(plain("other"))), Change::Register(name("other"), target("a"))];
    let changes = [
        Change::PutGroup(Arc::new(rich("web"))),
        Change::Register(name("web"), target("10.0.0.1")),
        Change::Register(name("web"), target("10.0.0.2")),
        deregister("web", "10.0.0.2", NOW + Duration::from_secs(9)),
        Change::DeleteGroup(name("web")),
    ];
    let groups = vec![Arc::new(plain("other"))];
    let registrations = vec![(name("other"), target("a"))];
    survives(&[&other[..], &changes].concat(), &Kept { groups, registrations, lives: Vec::new() });
}

#[test]
fn a_registration_keeps_zone_and_server_id_and_the_latest_holds() {
    let zoned = |zone: &str| Arc::new(TargetDescription::new("a", 80).in_zone(Some(zone.into())));
    let more = More { quic_server_id: Some("0x0011223344556677".into()), ..More::default() };
    let quic = Arc::new(TargetDescription { more: Some(Box::new(more)), ..TargetDescription::new("b", 443) });
    let changes = [
        Change::Register(name("web"), zoned("here")),
        Change::Register(name("web"), zoned("there")),
        Change::Register(name("web"), Arc::clone(&quic)),
    ];
    let registrations = vec![(name("web"), zoned("there")), (name("web"), quic)];
    survives(&changes, &Kept { registrations, ..Kept::default() });
}

#[test]
fn a_drain_comes_back_until_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let ends = NOW + Duration::from_secs(300);
    let changes = [Change::Register(name("web"), target("a")), deregister("web", "a", ends)];
    store.write(&changes, NOW).unwrap();
    let lives = vec![(name("web"), target("a"), draining(NOW, ends))];
    let before = Tick(ends.0 - 1);
    assert_eq!(store.load(before).unwrap(), Kept { lives, ..Kept::default() });
    assert_eq!(store.load(ends).unwrap(), Kept::default());
}

#[test]
fn a_drain_that_is_over_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let ends = NOW + Duration::from_secs(300);
    store.write(&[deregister("web", "a", ends), deregister("web", "b", Tick(ends.0 + 1))], NOW).unwrap();
    store.forget_ended(ends).unwrap();
    let left: Vec<_> = store.load(NOW).unwrap().lives.into_iter().map(|(_, target, _)| target).collect();
    assert_eq!(left, [target("b")]);
}

#[test]
fn where_the_clock_was_set_back_nothing_has_happened_in_the_future() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let seconds = Duration::from_secs;
    store.record(&[], &[(name("web"), target("b"), Some(life(State::Healthy, NOW)))], NOW).unwrap();
    store.write(&[deregister("web", "a", NOW + seconds(300))], NOW).unwrap();
    let now = NOW - seconds(86_400);
    let lives = store.load(now).unwrap().lives;
    assert_eq!(lives[0].2, draining(now, now + seconds(300)));
    assert_eq!(lives[1].2, life(State::Healthy, now));
    // Where it went on nothing is moved.
    assert_eq!(store.load(NOW + seconds(9)).unwrap().lives[0].2, draining(NOW, NOW + seconds(300)));
}

#[test]
fn a_drain_keeps_what_was_seen_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let seen = life(State::Unhealthy, NOW);
    store.record(&[], &[(name("web"), target("a"), Some(seen))], NOW).unwrap();
    let (later, ends) = (NOW + Duration::from_secs(1), NOW + Duration::from_secs(9));
    store.write(&[deregister("web", "a", ends)], later).unwrap();
    let expected = Life { state: State::Draining, since: later, drain_ends: Some(ends), ..seen };
    assert_eq!(store.load(later).unwrap().lives, [(name("web"), target("a"), expected)]);
}

#[test]
fn who_stays_because_the_file_lists_it_too_keeps_its_life() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let healthy = [(name("web"), target("a"), life(State::Healthy, NOW))];
    let seen = healthy.clone().map(|(group, target, life)| (group, target, Some(life)));
    store.record(&[], &seen, NOW).unwrap();
    let change = |drain_ends| Change::Deregister { group: name("web"), id: "a".into(), port: 80, drain_ends };
    store.write(&[Change::Register(name("web"), target("a")), change(None)], NOW).unwrap();
    let kept = store.load(NOW).unwrap();
    assert_eq!((kept.registrations, kept.lives), (vec![], healthy.into()));
}

#[test]
fn who_comes_back_from_a_drain_starts_anew_and_who_gets_a_zone_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let seen = [(name("web"), target("stays"), Some(life(State::Healthy, NOW)))];
    store.record(&[], &seen, NOW).unwrap();
    let changes = [
        deregister("web", "back", NOW + Duration::from_secs(9)),
        Change::Register(name("web"), target("back")),
        Change::Register(name("web"), target("stays")),
    ];
    store.write(&changes, NOW).unwrap();
    let kept = store.load(NOW).unwrap();
    assert_eq!(kept.lives, [(name("web"), target("stays"), life(State::Healthy, NOW))]);
    assert_eq!(kept.registrations.len(), 2);
}

#[test]
fn a_registration_beats_a_drain_that_was_recorded_late() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let late = draining(NOW, NOW + Duration::from_secs(9));
    store.write(&[Change::Register(name("web"), target("a"))], NOW).unwrap();
    store.record(&[], &[(name("web"), target("a"), Some(late))], NOW).unwrap();
    assert_eq!(store.load(NOW).unwrap().lives, []);
}

#[test]
fn groups_take_each_others_names_with_all_that_is_known_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let (web, other) = (rich("web"), rich("eu-west-1:web"));
    let changes = [
        Change::PutGroup(Arc::new(TargetGroup { port: 1, ..web })),
        Change::PutGroup(Arc::new(TargetGroup { port: 2, ..other })),
        Change::Register(name("web"), target("a")),
        Change::Register(name("eu-west-1:web"), target("b")),
        deregister("eu-west-1:web", "c", NOW + Duration::from_secs(9)),
    ];
    store.write(&changes, NOW).unwrap();
    let names = [("web", "us-east-1:web"), ("eu-west-1:web", "web")].map(|(old, new)| (name(old), name(new)));
    store.rename(&names.into()).unwrap();
    drop(store);
    let kept = open(dir.path()).load(NOW).unwrap();
    let ports: Vec<_> = kept.groups.iter().map(|group| (group.name.as_str(), group.port)).collect();
    assert_eq!(ports, [("us-east-1:web", 1), ("web", 2)]);
    assert!(kept.groups.iter().all(|group| group.description.tags.len() == 2));
    assert!(kept.groups.iter().all(|group| group.description.attributes.len() == 2));
    let (here, there) = ((name("web"), target("b")), (name("us-east-1:web"), target("a")));
    assert_eq!(kept.registrations, [there, here]);
    assert_eq!((&kept.lives[0].0, kept.lives.len()), (&name("web"), 1));
}
