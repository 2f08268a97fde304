//! What becomes of the targets known from before a restart.

use super::*;
use crate::model::health::State;
use crate::model::life::Life;
use crate::model::tick::Tick;

const NOW: Tick = Tick(1_000);

/// Lives as short strings: `web/a` was healthy, `web/a-5` is draining until 5, `web/a?` had no verdict, `web/a!` was not
/// in use.
fn registry(lives: &str) -> Registry {
    let mut registry = Registry::new(1);
    let one = |word: &str| {
        let (group, target) = word.split_once('/').unwrap();
        let (id, end) = target.split_once('-').map_or((target, None), |(id, end)| (id, Some(end)));
        let (state, conclusive_state) = match id.chars().last() {
            _ if end.is_some() => (State::Draining, State::Healthy),
            Some('?') => (State::Initial, State::Initial),
            Some('!') => (State::Unused, State::Healthy),
            _ => (State::Healthy, State::Healthy),
        };
        let life = Life {
            state,
            since: Tick(7),
            conclusive_state,
            failing: false,
            run: 1,
            failure: None,
            drain_ends: end.map(|end| Tick(end.parse().unwrap())),
            grid: None,
        };
        let target = TargetDescription::new(id.trim_end_matches(['?', '!']), 80);
        (GroupName::parse(group).unwrap(), Arc::new(target), life)
    };
    registry.remember(lives.split_whitespace().map(one).collect::<Vec<_>>(), NOW);
    registry
}

/// What the registry lists of a group, those that are not registered in brackets.
fn listed(registry: &mut Registry, group: &str) -> String {
    let listings = registry.listings();
    let word = |one: &Listed| {
        if one.registered { one.target.id.to_string() } else { format!("({})", one.target.id) }
    };
    listings[group].targets.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_life_goes_on_only_where_there_is_one_to_go_on() {
    for (lives, wish, expected, list) in [
        ("web/a web/b", "web: a b c", "^0.1 ^1.2 +2.3", "a b c"),
        // Neither wished for nor draining: it drains from now on.
        ("web/a web/b web/z", "web: b", "^0.1 -0.1 ^1.2 ^2.3 -2.3", "(a) b (z)"),
        // Draining: it drains on, unless that is over, or it is wished for again.
        ("web/a-1001 web/b-1000 web/c-2000", "web: c d", "^0.1 +1.2 +2.3", "(a) c d"),
        // No verdict, or none that still counts.
        ("web/a? web/b!", "web: a b", "+0.1 +1.2", "a b"),
        ("other/a", "web: a", "+0.1", "a"),
        ("web/a", "web:", "^0.1 -0.1", "(a)"),
    ] {
        let mut registry = registry(lives);
        registry.apply(desired(wish));
        assert_eq!(commands(&mut registry), expected, "{lives}");
        assert_eq!(listed(&mut registry, "web"), list, "{lives}");
    }
}

#[test]
fn a_life_is_taken_up_once() {
    let mut registry = registry("web/a api/b");
    registry.apply(desired("web: a"));
    assert_eq!(commands(&mut registry), "^0.1");
    registry.apply(desired("web:"));
    removed(&mut registry, "a", 0, 1);
    registry.apply(desired("web: a, api: b"));
    assert_eq!(commands(&mut registry), "-0.1 +0.2 ^1.3");
    let mut registry = self::registry("api/b");
    registry.forget_remembered();
    registry.apply(desired("api: b"));
    assert_eq!(commands(&mut registry), "+0.1");
}

#[test]
fn a_target_that_is_known_to_be_checked_elsewhere_since_the_restart_begins_anew() {
    let (id, at) = (|| Reach::Id, |host: &str| Reach::At(host.into()));
    for (before, after, expected) in [
        // What was kept does not say where it was checked.
        (id(), at("x"), "^0.1"),
        (at("x"), at("x"), "^0.1"),
        (at("x"), at("y"), "+0.1"),
        (at("x"), id(), "+0.1"),
        (at("x"), Reach::Nowhere, "+0.1"),
        (id(), Reach::Nowhere, "+0.1"),
    ] {
        let target = |reach| {
            let more = Some(Box::new(More { reach, ..More::default() }));
            Arc::new(TargetDescription { more, ..TargetDescription::new("a", 80) })
        };
        let life = Life {
            state: State::Healthy,
            since: Tick(7),
            conclusive_state: State::Healthy,
            failing: false,
            run: 1,
            failure: None,
            drain_ends: None,
            grid: None,
        };
        let (mut registry, mut wish) = (Registry::new(1), desired("web: a"));
        registry.remember([(GroupName::parse("web").unwrap(), target(before), life)], NOW);
        wish.groups[0].targets[0] = target(after);
        registry.apply(wish);
        assert_eq!(commands(&mut registry), expected);
    }
}
