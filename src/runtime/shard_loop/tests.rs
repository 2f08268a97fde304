//! A turn of the loop, done by hand: what commands and stops do to what is there.

use std::collections::BTreeMap;
use std::net::TcpListener;

use super::*;
use crate::engine::registry::{Listed, Listing};
use crate::model::health::State;
use crate::model::protocol::Protocol;
use crate::model::target_group::{Attributes, TargetGroup};

fn key(generation: u32) -> Key {
    Key { index: 0, generation }
}

/// A loop of one shard that knows one group, with no thread to run it.
fn shard_loop(group: &Arc<TargetGroup>) -> (Loop, mpsc::Receiver<(u16, Happening)>) {
    let clock = Clock::start();
    let view = View::new(clock, 1);
    let listing = Listing { group: Arc::clone(group), desired: true, targets: Vec::<Listed>::new() };
    view.publish_listings(BTreeMap::from([(group.name.clone(), Arc::new(listing))]));
    let (happenings, heard) = mpsc::channel(16);
    let shell = Shell { number: 0, clock, view, happenings, in_flight_limit: 8, tell_checks: false };
    (Loop::new(shell), heard)
}

fn group(port: u16, attributes: Attributes) -> Arc<TargetGroup> {
    Arc::new(TargetGroup {
        attributes,
        ..TargetGroup::new(GroupName::parse("web").unwrap(), Protocol::Http, port)
    })
}

fn target(port: u16) -> Arc<TargetDescription> {
    Arc::new(TargetDescription::new("127.0.0.1", port))
}

#[test]
fn a_target_that_comes_back_in_the_turn_its_drain_ends_stays() {
    let at_once = Attributes { deregistration_delay: Duration::ZERO, ..Attributes::default() };
    let group = group(80, at_once);
    let (mut state, mut heard) = shard_loop(&group);
    let register = |generation| Command::Register(key(generation), Arc::clone(&group), target(80));
    let now = state.shell.clock.now();
    state.backlog.push_commands(vec![register(1), Command::Deregister(key(1), None), register(2)]);
    state.carry_out(now);
    state.take_events();
    state.publish(now);
    assert!(state.backlog.is_empty());
    assert!(state.roster.get(key(1)).is_none());
    assert!(state.roster.get(key(2)).is_some());
    assert!(state.shard.next_check().is_some());
    let listed = Listed { target: target(80), shard: 0, key: key(2), registered: true };
    let listing = Listing { group, desired: true, targets: Vec::new() };
    assert_eq!(
        state.shell.view.snapshot().health(&listing, &listed).map(|health| health.state),
        Some(State::Initial)
    );
    let told: Vec<Happening> = std::iter::from_fn(|| heard.try_recv().ok().map(|(_, told)| told)).collect();
    assert!(
        told.iter().any(|told| matches!(told, Happening::Removed(_, _, gone, _) if *gone == key(1))),
        "{told:?}"
    );
}

#[test]
fn settings_for_a_target_that_is_gone_bring_no_group_back() {
    let group = group(80, Attributes::default());
    let (mut state, _heard) = shard_loop(&group);
    let holders = Arc::strong_count(&group);
    state.backlog.push_commands(vec![Command::Update(key(1), Arc::clone(&group))]);
    state.carry_out(state.shell.clock.now());
    assert_eq!(Arc::strong_count(&group), holders);
}

#[test]
fn the_end_of_a_target_whose_group_was_deleted_before_it_was_taken_in_is_told() {
    let group = group(80, Attributes::default());
    let (mut state, mut heard) = shard_loop(&group);
    state.shell.view.publish_listings(BTreeMap::new());
    let register = Command::Register(key(1), Arc::clone(&group), target(80));
    state.backlog.push_commands(vec![register, Command::End(key(1))]);
    let now = state.shell.clock.now();
    state.carry_out(now);
    state.publish(now);
    // Its place is given out again only after this.
    let told: Vec<Happening> = std::iter::from_fn(|| heard.try_recv().ok().map(|(_, told)| told)).collect();
    assert!(matches!(told.last(), Some(Happening::Removed(_, _, gone, _)) if *gone == key(1)), "{told:?}");
    assert!(state.roster.get(key(1)).is_none());
}

#[test]
fn while_a_check_is_under_way_a_stop_of_the_whole_process_would_be_noticed() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let group = group(port, Attributes::default());
    let (poller, _bell) = Poller::new().unwrap();
    let (mut state, _heard) = shard_loop(&group);
    state.backlog.push_commands(vec![Command::Register(key(1), Arc::clone(&group), target(port))]);
    let (clock, now) = (state.shell.clock, state.shell.clock.now());
    state.carry_out(now);
    let due = pace::start(state.shard.next_check().unwrap(), state.step);
    assert!(state.next_wake(now).unwrap() <= due);
    assert!(!state.start_due(due));
    // Once it is watched, nothing else is due before its timeout.
    let later = due + Duration::from_millis(1);
    state.flights.look(later, &poller, &clock);
    state.publish(later + PUBLISH_EVERY);
    assert!(!state.flights.is_empty());
    assert!(state.flights.next().unwrap() > later + LOOK_AROUND * 2);
    assert_eq!(state.next_wake(later), Some(later + LOOK_AROUND));
}

#[test]
fn transitions_that_do_not_fit_the_queue_are_counted_and_their_loss_is_told() {
    let group = group(80, Attributes::default());
    let (mut state, mut heard) = shard_loop(&group);
    let keys = || (0..20).map(|index| Key { index, generation: 1 });
    let register =
        (8_000..).zip(keys()).map(|(port, key)| Command::Register(key, Arc::clone(&group), target(port)));
    state.backlog.push_commands(register.chain(keys().map(|key| Command::Deregister(key, None))).collect());
    let now = state.shell.clock.now();
    state.carry_out(now);
    state.publish(now);
    let stats = state.shell.view.stats(&group.name).unwrap();
    assert_eq!(stats.transitions[State::Initial.index()][State::Draining.index()].value(), 20);
    assert_eq!(state.stats.events_dropped.value(), 4);
    let mut hear =
        || -> Vec<Happening> { std::iter::from_fn(|| heard.try_recv().ok().map(|(_, told)| told)).collect() };
    // While there is no room for it, it waits.
    state.publish(now);
    let told = hear();
    assert!(told.len() == 16 && told.iter().all(|told| matches!(told, Happening::Changed(..))), "{told:?}");
    assert!(state.next_wake(now).is_some_and(|wake| wake <= now + PUBLISH_EVERY));
    state.publish(now + PUBLISH_EVERY);
    let told = hear();
    assert!(matches!(told[..], [Happening::Lost]), "{told:?}");
    state.publish(now + PUBLISH_EVERY * 2);
    assert!(hear().is_empty());
    assert_eq!(state.stats.events_dropped.value(), 4);
}
