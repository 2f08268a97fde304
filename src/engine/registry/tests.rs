//! Desired sets as short strings and the commands they lead to.

use std::time::Duration;

use super::*;
use crate::model::health_check::HealthCheck;
use crate::model::protocol::Protocol;
use crate::model::target::{More, Reach};

mod remembered;

/// A desired set: `web: a b, api: c` wants two groups; a target may name its zone, as `a@z`.
fn desired(text: &str) -> Desired {
    let describe = |word: &str| {
        let (id, zone) = word.split_once('@').map_or((word, None), |(id, zone)| (id, Some(zone)));
        TargetDescription::new(id, 80).in_zone(zone.map(Into::into))
    };
    let group = |text: &str| {
        let (name, targets) = text.trim().split_once(':').unwrap();
        let targets = targets.split_whitespace().map(describe).map(Arc::new).collect();
        DesiredGroup { group: Arc::new(group(name, HealthCheckProtocol::Http)), targets }
    };
    let groups = text.split(',').filter(|text| !text.is_empty()).map(group).collect();
    Desired { groups, ..Desired::default() }
}

fn group(name: &str, protocol: HealthCheckProtocol) -> TargetGroup {
    TargetGroup {
        health_check: HealthCheck { protocol, ..HealthCheck::default() },
        ..TargetGroup::new(GroupName::parse(name).unwrap(), Protocol::Http, 80)
    }
}

/// The commands that wait, one word each: `+` register, `^` restore, `-` deregister, `~` update, then index and generation.
fn commands(registry: &mut Registry) -> String {
    let word = |command: &Command| match command {
        Command::Register(key, ..) => format!("+{}.{}", key.index, key.generation),
        Command::Restore(restored) => format!("^{}.{}", restored.key.index, restored.key.generation),
        Command::Update(key, _) => format!("~{}.{}", key.index, key.generation),
        Command::Deregister(key, _) => format!("-{}.{}", key.index, key.generation),
        Command::End(key) => format!("x{}.{}", key.index, key.generation),
    };
    let shards = registry.take_commands();
    shards
        .iter()
        .map(|shard| shard.iter().map(word).collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(" | ")
}

/// Applies each set in turn to a registry of one shard and compares the commands.
#[track_caller]
fn check(steps: &[(&str, &str)]) -> Registry {
    let mut registry = Registry::new(1);
    for (wish, expected) in steps {
        registry.apply(desired(wish));
        assert_eq!(commands(&mut registry), *expected, "{wish}");
    }
    registry
}

/// Tells the registry that the target `id` of `web` is gone, with this key.
fn removed(registry: &mut Registry, id: &str, index: u32, generation: u32) {
    let target = TargetDescription::new(id, 80);
    registry.on_removed(0, &GroupName::parse("web").unwrap(), &target, Key { index, generation });
}

#[test]
fn the_same_set_again_gives_no_commands() {
    let mut registry = check(&[("web: a b, api: c", "+0.1 +1.2 +2.3"), ("web: a b, api: c", "")]);
    assert_eq!(registry.apply(desired("api: c, web: b a")), Changes::default());
}

#[test]
fn what_is_no_longer_wanted_drains_once() {
    check(&[("web: a b", "+0.1 +1.2"), ("web: b", "-0.1"), ("web: b", ""), ("", "-1.2"), ("", "")]);
}

#[test]
fn a_target_back_from_its_drain_keeps_its_index_under_a_new_generation() {
    check(&[("web: a b", "+0.1 +1.2"), ("web: b", "-0.1"), ("web: a b", "+0.3"), ("web: b", "-0.3")]);
}

#[test]
fn a_group_may_go_and_come_back() {
    let mut registry = check(&[("web: a", "+0.1"), ("", "-0.1")]);
    assert!(!registry.listings()["web"].desired);
    registry.apply(desired("web: a b"));
    assert_eq!(commands(&mut registry), "+0.2 +1.3");
    let listing = &registry.listings()["web"];
    assert!(listing.desired && listing.targets.iter().all(|one| one.registered));
}

#[test]
fn a_group_is_gone_with_its_last_target() {
    let mut registry = check(&[("web: a b", "+0.1 +1.2"), ("", "-0.1 -1.2")]);
    removed(&mut registry, "a", 0, 1);
    assert_eq!(registry.listings()["web"].targets.len(), 1);
    removed(&mut registry, "b", 1, 2);
    assert!(registry.listings().is_empty());
}

#[test]
fn an_empty_group_is_listed_and_goes_at_once() {
    let mut registry = check(&[("web:", "")]);
    assert!(registry.listings()["web"].desired);
    registry.apply(Desired::default());
    assert!(registry.listings().is_empty());
}

#[test]
fn a_deleted_group_is_in_no_list_at_once_and_may_be_made_anew() {
    let mut registry = check(&[("web: a b, api:", "+0.1 +1.2")]);
    let delete = |registry: &mut Registry| {
        for name in ["web", "api"] {
            registry.delete(&GroupName::parse(name).unwrap());
        }
    };
    delete(&mut registry);
    assert!(registry.listings().is_empty());
    delete(&mut registry);
    registry.apply(desired("web: a"));
    // Their shards have not forgotten them, so no place of theirs is given out.
    assert_eq!(commands(&mut registry), "x0.1 x1.2 +2.3");
    let only = |registry: &mut Registry| {
        let listing = Arc::clone(&registry.listings()["web"]);
        assert_eq!(listing.targets.len(), 1);
        (listing.targets[0].key.index, listing.targets[0].key.generation)
    };
    assert_eq!(only(&mut registry), (2, 3));
    removed(&mut registry, "a", 0, 1);
    removed(&mut registry, "b", 1, 2);
    assert_eq!(only(&mut registry), (2, 3));
    // Now they are, each once.
    registry.apply(desired("web: a c d e"));
    assert_eq!(commands(&mut registry), "+1.4 +0.5 +3.6");
    assert!(registry.leaving.is_empty());
}

#[test]
fn a_target_that_drained_before_its_group_was_deleted_frees_its_place_once() {
    let mut registry = check(&[("web: a", "+0.1"), ("web:", "-0.1")]);
    removed(&mut registry, "a", 0, 1);
    registry.delete(&GroupName::parse("web").unwrap());
    assert_eq!(commands(&mut registry), "");
    assert!(registry.leaving.is_empty());
}

#[test]
fn a_new_zone_is_told_without_a_command() {
    let mut registry = check(&[("web: a", "+0.1"), ("web: a@z", "")]);
    let listings = registry.listings();
    assert_eq!(listings["web"].find("a", 80).unwrap().target.zone(), Some("z"));
}

#[test]
fn a_target_that_is_checked_elsewhere_begins_anew_in_its_place() {
    let mut registry = check(&[("web: a b", "+0.1 +1.2")]);
    let at = |host: Option<&str>| {
        let mut wish = desired("web: a b");
        let reach = host.map_or(Reach::Nowhere, |host| Reach::At(host.into()));
        let more = Some(Box::new(More { reach, ..More::default() }));
        wish.groups[0].targets[0] = Arc::new(TargetDescription { more, ..TargetDescription::new("a", 80) });
        wish
    };
    for (host, expected, was) in [
        (Some("x"), "+0.3", Some("a")),
        (Some("x"), "", None),
        (None, "+0.4", Some("x")),
        (Some("y"), "+0.5", None),
    ] {
        registry.apply(at(host));
        assert_eq!(commands(&mut registry), expected, "{host:?}");
        let moved = registry.take_moved();
        let names: Vec<_> = moved.iter().filter_map(|moved| moved.target.host()).collect();
        assert_eq!(names, Vec::from_iter(was), "{host:?}");
    }
    // Back from its drain and elsewhere: the old name is not followed any more.
    registry.apply(desired("web: b"));
    registry.apply(desired("web: a b"));
    let moved = registry.take_moved();
    assert_eq!(moved[0].target.host(), Some("y"));
    assert_eq!((moved.len(), moved[0].key.generation), (1, 5));
}

#[test]
fn new_settings_go_to_every_target_of_the_group_and_no_other() {
    let mut registry = check(&[("web: a b, api: c", "+0.1 +1.2 +2.3"), ("web: a, api: c", "-1.2")]);
    let mut wish = desired("web: a, api: c");
    wish.groups[0].group = Arc::new(group("web", HealthCheckProtocol::Https));
    let changes = registry.apply(wish);
    assert_eq!(changes, Changes { updated_groups: 1, ..Changes::default() });
    assert_eq!(commands(&mut registry), "~0.1 ~1.2", "the draining one too");
}

#[test]
fn an_index_is_free_only_once_its_target_is_removed() {
    let mut registry = check(&[("web: a b", "+0.1 +1.2"), ("web: b", "-0.1"), ("web: b c", "+2.3")]);
    removed(&mut registry, "a", 0, 1);
    registry.apply(desired("web: b c d"));
    assert_eq!(commands(&mut registry), "+0.4");
}

#[test]
fn news_of_a_former_registration_is_ignored() {
    let mut registry = check(&[("web: a", "+0.1"), ("web:", "-0.1"), ("web: a", "+0.2")]);
    removed(&mut registry, "a", 0, 1);
    assert!(registry.listings()["web"].find("a", 80).unwrap().registered);
    registry.apply(desired("web: a b"));
    assert_eq!(commands(&mut registry), "+1.3", "index 0 is not free");
}

#[test]
fn a_group_that_did_not_change_keeps_its_listing() {
    let mut registry = check(&[("web: a, api: b", "+0.1 +1.2")]);
    let before = registry.listings();
    registry.apply(desired("web: a, api: c"));
    let after = registry.listings();
    assert!(Arc::ptr_eq(&before["web"], &after["web"]));
    assert!(!Arc::ptr_eq(&before["api"], &after["api"]));
    registry.apply(desired("web: a, api: c"));
    assert!(Arc::ptr_eq(&after["api"], &registry.listings()["api"]), "a drain that goes on is no change");
}

#[test]
fn targets_of_a_group_are_placed_in_the_order_of_id_and_port() {
    check(&[("web: c a b", "+0.1 +1.2 +2.3"), ("web: b c a", "")]);
}

#[test]
fn a_target_is_found_by_id_and_port() {
    let mut registry = check(&[("web: c a b", "+0.1 +1.2 +2.3")]);
    let listing = Arc::clone(&registry.listings()["web"]);
    let found = |id, port| listing.find(id, port).map(|one| one.key.generation);
    assert_eq!((found("a", 80), found("b", 80), found("c", 80)), (Some(1), Some(2), Some(3)));
    assert_eq!((found("a", 81), found("d", 80)), (None, None));
}

#[test]
fn a_handshake_weighs_as_much_as_three_plain_checks() {
    let mut registry = Registry::new(2);
    let mut wish = desired("tls: a b, web: c d e f g h");
    wish.groups[0].group = Arc::new(group("tls", HealthCheckProtocol::Https));
    registry.apply(wish);
    // One handshake on each shard, then the plain ones in turn.
    let sizes = |registry: &mut Registry| registry.take_commands().iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(&mut registry), [4, 4]);
    let mut registry = Registry::new(2);
    let mut wish = desired("tls: a, web: c d e");
    wish.groups[0].group = Arc::new(group("tls", HealthCheckProtocol::Https));
    registry.apply(wish);
    assert_eq!(sizes(&mut registry), [1, 3]);
}

#[test]
fn the_load_follows_the_settings_and_leaves_with_the_target() {
    let mut registry = Registry::new(2);
    registry.apply(desired("web: a, api: b"));
    // `web` is checked thirty times as often now; all that follows goes to the other shard.
    let mut wish = desired("web: a, api: b, new: c d e");
    let mut often = group("web", HealthCheckProtocol::Http);
    often.health_check.interval = Duration::from_secs(1);
    wish.groups[0].group = Arc::new(often);
    _ = registry.take_commands();
    registry.apply(wish.clone());
    let register = |commands: &Vec<Command>| {
        commands.iter().filter(|command| matches!(command, Command::Register(..))).count()
    };
    assert_eq!(registry.take_commands().iter().map(register).collect::<Vec<_>>(), [0, 3]);
    // Once it has left, its shard is the empty one.
    wish.groups.remove(0);
    registry.apply(wish.clone());
    removed(&mut registry, "a", 0, 1);
    _ = registry.take_commands();
    wish.groups.push(desired("late: f g").groups.remove(0));
    registry.apply(wish);
    assert_eq!(registry.take_commands().iter().map(register).collect::<Vec<_>>(), [2, 0]);
}
