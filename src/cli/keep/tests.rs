//! A store beside a view that the tests write themselves.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::engine::registry::{Listed, Listing};
use crate::model::failure::Failure;
use crate::model::health::{Reason, State, TargetHealth};
use crate::model::life::Life;
use crate::model::outcome::{Outcome, Report, Timings};
use crate::model::past::Ask as Query;
use crate::model::protocol::Protocol;
use crate::model::target::TargetDescription;
use crate::model::target_group::{GroupName, TargetGroup};
use crate::model::tick::Tick;
use crate::runtime::clock::Clock;
use crate::runtime::view::{Key, Slots, Status, Streak};

const KEY: Key = Key { index: 0, generation: 1 };

fn web() -> GroupName {
    GroupName::parse("web").unwrap()
}

fn target() -> Arc<TargetDescription> {
    Arc::new(TargetDescription::new("10.0.0.1", 80))
}

/// A server without a fleet: the test writes what a shard would.
struct World {
    dir: tempfile::TempDir,
    view: Arc<View>,
    slots: Slots,
    keep: Keep,
}

impl World {
    fn new() -> Self {
        Self::again(tempfile::tempdir().unwrap()).0
    }

    fn again(dir: tempfile::TempDir) -> (Self, Kept) {
        let view = View::new(Clock::start(), 1);
        let slots = view.slots(0);
        let (keep, kept) = open(dir.path(), Limits::default(), &view).unwrap();
        (Self { dir, view, slots, keep }, kept)
    }

    fn list(&self, registered: Option<bool>) {
        let group = Arc::new(TargetGroup::new(web(), Protocol::Http, 80));
        let listed = registered.map(|registered| Listed { target: target(), shard: 0, key: KEY, registered });
        let listing = Listing { group, desired: true, targets: listed.into_iter().collect() };
        self.view.publish_listings(BTreeMap::from([(web(), Arc::new(listing))]));
    }

    fn happen(&self, from: State, to: TargetHealth) {
        self.view.journal.record(self.view.clock.now(), web(), target(), from, to);
    }

    /// The latest transition in the store, once there are so many of them.
    async fn wait_for(&self, transitions: usize) -> TargetHealth {
        let query = Query { group: "web".into(), target: None, before: None, limit: 99 };
        let end = self.view.clock.now() + Duration::from_secs(20);
        while self.view.clock.now() < end {
            let found = self.keep.reader().transitions(&query).unwrap();
            if found.len() == transitions {
                return found[0].to;
            }
            self.view.clock.sleep(Duration::from_millis(1)).await;
        }
        panic!("{transitions} transitions never came");
    }

    async fn stop(self) -> tempfile::TempDir {
        self.keep.stop().await;
        self.dir
    }
}

fn status(health: TargetHealth, since: u64) -> Status {
    Status {
        health,
        since: Tick(since),
        streak: Streak::Passes(3),
        conclusive_state: State::Healthy,
        next_check: Some(Tick(1_000_007)),
        check_after: None,
        drain_ends: None,
    }
}

fn report(outcome: Outcome) -> Report {
    let timings = Timings { connect: None, tls: None, response: None, total: Duration::ZERO };
    Report { outcome, status: None, timings }
}

fn lives(dir: tempfile::TempDir) -> Vec<(GroupName, Arc<TargetDescription>, Life)> {
    World::again(dir).1.lives
}

#[tokio::test]
async fn a_change_is_durable_once_it_is_answered() {
    let world = World::new();
    let group = Arc::new(TargetGroup::new(web(), Protocol::Http, 80));
    let keeper = world.keep.keeper();
    keeper.keep(vec![Change::PutGroup(group), Change::Register(web(), target())]).await.unwrap();
    let dir = world.stop().await;
    assert!(keeper.keep(Vec::new()).await.is_err(), "nothing is kept once the store is closed");
    let kept = World::again(dir).1;
    assert_eq!((kept.groups.len(), kept.registrations), (1, vec![(web(), target())]));
}

#[tokio::test]
async fn transitions_are_written_with_the_state_they_led_to() {
    let mut world = World::new();
    world.list(Some(true));
    world.keep.record();
    world.slots.tell(KEY, &status(TargetHealth::HEALTHY, 5), None, Some((Tick(4), &report(Outcome::Pass))));
    world.happen(State::Initial, TargetHealth::HEALTHY);
    assert_eq!(world.wait_for(1).await, TargetHealth::HEALTHY);
    let failure = Failure::StatusMismatch(503);
    let unhealthy = TargetHealth::failing(State::Unhealthy, failure);
    let failing =
        Status { streak: Streak::Fails(2), conclusive_state: State::Unhealthy, ..status(unhealthy, 9) };
    world.slots.tell(KEY, &failing, None, Some((Tick(8), &report(Outcome::Fail(failure)))));
    world.happen(State::Healthy, unhealthy);
    assert_eq!(world.wait_for(2).await, unhealthy);
    let expected = Life {
        state: State::Unhealthy,
        since: Tick(9),
        conclusive_state: State::Unhealthy,
        failing: true,
        run: 2,
        failure: Some(failure),
        drain_ends: None,
        grid: Some((Tick(1_000_007 % 30_000), Duration::from_secs(30))),
    };
    assert_eq!(lives(world.stop().await), [(web(), target(), expected)]);
}

#[tokio::test]
async fn what_changes_without_a_transition_is_written_at_the_end_at_the_latest() {
    let mut world = World::new();
    world.list(Some(true));
    world.slots.tell(KEY, &status(TargetHealth::HEALTHY, 5), None, None);
    world.keep.record();
    world.happen(State::Initial, TargetHealth::HEALTHY);
    world.wait_for(1).await;
    let later = Status { streak: Streak::Passes(4), ..status(TargetHealth::HEALTHY, 5) };
    world.slots.tell(KEY, &later, None, None);
    let kept = lives(world.stop().await);
    assert_eq!((kept[0].2.run, kept[0].2.grid), (4, None), "no check was conclusive: the grid is not known");
}

#[tokio::test]
async fn a_target_that_is_gone_is_forgotten_and_one_not_yet_heard_of_is_not() {
    let mut world = World::new();
    world.list(Some(true));
    world.slots.tell(KEY, &status(TargetHealth::HEALTHY, 5), None, None);
    world.keep.record();
    let dir = world.stop().await;
    // The next process lists it, and its shard has told nothing when it ends.
    let (mut world, kept) = World::again(dir);
    assert_eq!(kept.lives.len(), 1);
    world.list(Some(true));
    world.keep.record();
    let (mut world, kept) = World::again(world.stop().await);
    assert_eq!(kept.lives.len(), 1);
    // Its drain is over.
    world.list(Some(false));
    let draining = TargetHealth::because(State::Draining, Reason::TargetDeregistrationInProgress);
    world.slots.tell(KEY, &status(draining, 7), None, None);
    world.slots.forget(KEY);
    world.keep.record();
    world.happen(State::Draining, TargetHealth::NOT_REGISTERED);
    assert_eq!(world.wait_for(1).await, TargetHealth::NOT_REGISTERED);
    let (mut world, kept) = World::again(world.stop().await);
    assert_eq!(kept.lives, []);
    // Known to the store, and in no list.
    world.list(Some(true));
    world.slots.tell(KEY, &status(TargetHealth::HEALTHY, 5), None, None);
    world.keep.record();
    let (mut world, kept) = World::again(world.stop().await);
    assert_eq!(kept.lives.len(), 1);
    world.list(None);
    world.keep.record();
    assert_eq!(lives(world.stop().await), []);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_refuses_and_catches_up_by_itself() {
    let mut world = World::new();
    world.list(Some(true));
    world.slots.tell(KEY, &status(TargetHealth::HEALTHY, 5), None, None);
    let keeper = world.keep.keeper();
    let shell = rusqlite::Connection::open(world.dir.path().join(crate::store::FILE)).unwrap();
    shell.execute_batch("BEGIN EXCLUSIVE").unwrap();
    world.keep.record();
    world.happen(State::Initial, TargetHealth::HEALTHY);
    let refusal = keeper.keep(vec![Change::Register(web(), target())]).await.unwrap_err();
    assert!(refusal.contains("another program holds it locked"), "{refusal}");
    assert!(!world.view.store.healthy.load(Relaxed));
    assert!(world.view.store.failures.value() > 0);
    shell.execute_batch("ROLLBACK").unwrap();
    assert_eq!(world.wait_for(1).await, TargetHealth::HEALTHY);
    assert!(world.view.store.healthy.load(Relaxed));
    keeper.keep(vec![Change::Register(web(), target())]).await.unwrap();
    drop(shell);
    let kept = World::again(world.stop().await).1;
    assert_eq!((kept.lives.len(), kept.registrations.len()), (1, 1));
}
