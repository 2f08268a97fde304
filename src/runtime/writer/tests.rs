//! Calls and files through a running fleet of one shard.

use super::*;
use crate::model::desired::DesiredGroup;
use crate::model::protocol::Protocol;
use crate::model::target::TargetDescription;
use crate::model::target_group::TargetGroup;
use crate::runtime::fleet::{Fleet, Layout};
use crate::runtime::view::View;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// Keeps what it is given, or refuses while it is full.
#[derive(Clone, Default)]
struct Memory {
    /// Whoever has it, has everything wait that is to be kept.
    hangs: Arc<tokio::sync::Mutex<()>>,
    full: Arc<AtomicBool>,
    kept: Arc<Mutex<Vec<Vec<Change>>>>,
}

impl Keeper for Memory {
    async fn keep(&self, changes: Vec<Change>) -> Result<(), String> {
        let _hangs = self.hangs.lock().await;
        if self.full.load(SeqCst) {
            return Err("the disk is full".to_owned());
        }
        self.kept.lock().unwrap().push(changes);
        Ok(())
    }
}

struct House {
    view: Arc<View>,
    fleet: Fleet,
    writer: Writer,
    memory: Memory,
}

impl House {
    fn start() -> Self {
        let view = View::new(Clock::start(), 1);
        let layout = Layout { shards: 1, in_flight_limit: 8, resolve_interval: Duration::from_secs(60) };
        let fleet = Fleet::start(&view, layout, Vec::new()).unwrap();
        let memory = Memory::default();
        let (account, catalog) = (Account::default(), Catalog::default());
        let writer = Writer::start(account, catalog, memory.clone(), view.clock, fleet.applies());
        Self { view, fleet, writer, memory }
    }

    /// The registered targets of `web`; `None` without such a group.
    fn seen(&self) -> Option<Vec<String>> {
        let snapshot = self.view.snapshot();
        let listing = snapshot.groups.get("web").filter(|listing| listing.desired)?;
        let registered = listing.targets.iter().filter(|listed| listed.registered);
        Some(registered.map(|listed| listed.target.id.to_string()).collect())
    }

    async fn put(&self) -> Result<(), Unwritten<()>> {
        self.writer.call(|_, _| Ok((vec![Change::PutGroup(group())], ()))).await
    }

    async fn register(&self, id: &'static str) -> Result<usize, Unwritten<&'static str>> {
        self.writer
            .call(move |catalog, _| {
                let wish = catalog.get(&name()).ok_or("no such group")?;
                let target = Arc::new(TargetDescription::new(id, 80));
                Ok((vec![Change::Register(name(), target)], wish.count()))
            })
            .await
    }

    async fn stop(self) {
        drop(self.writer);
        self.fleet.stop().await;
    }
}

fn name() -> GroupName {
    GroupName::parse("web").unwrap()
}

fn group() -> Arc<TargetGroup> {
    let mut group = TargetGroup::new(name(), Protocol::Http, 80);
    group.attributes.in_use = false;
    Arc::new(group)
}

#[tokio::test]
async fn what_was_answered_is_seen_by_the_next_reader() {
    let house = House::start();
    assert_eq!(house.register("10.0.0.1").await, Err(Unwritten::Refused("no such group")));
    assert_eq!(house.put().await, Ok(()));
    assert_eq!(house.seen(), Some(vec![]));
    assert_eq!(house.register("10.0.0.1").await, Ok(0));
    assert_eq!(house.register("10.0.0.2").await, Ok(1));
    assert_eq!(house.seen(), Some(vec!["10.0.0.1".to_owned(), "10.0.0.2".to_owned()]));
    assert_eq!(house.memory.kept.lock().unwrap().len(), 3, "the refused call is not kept");
    house.stop().await;
}

#[tokio::test]
async fn calls_that_wait_together_are_kept_together_and_see_each_other() {
    let house = House::start();
    // One task runs at a time here, so all three wait before the first is looked at.
    let (put, first, second) =
        tokio::join!(house.put(), house.register("10.0.0.1"), house.register("10.0.0.2"));
    assert_eq!((put, first, second), (Ok(()), Ok(0), Ok(1)));
    let kept = house.memory.kept.lock().unwrap().clone();
    assert_eq!(kept.iter().map(Vec::len).collect::<Vec<_>>(), [3]);
    house.stop().await;
}

#[tokio::test]
async fn what_cannot_be_kept_has_not_happened() {
    let house = House::start();
    house.put().await.unwrap();
    house.memory.full.store(true, SeqCst);
    let full = || "the disk is full".to_owned();
    let (first, second) = tokio::join!(house.register("10.0.0.1"), house.register("10.0.0.2"));
    assert_eq!((first, second), (Err(Unwritten::NotDurable(full())), Err(Unwritten::NotDurable(full()))));
    assert_eq!(house.seen(), Some(vec![]));
    house.memory.full.store(false, SeqCst);
    assert_eq!(house.register("10.0.0.3").await, Ok(0));
    assert_eq!(house.seen(), Some(vec!["10.0.0.3".to_owned()]));
    house.stop().await;
}

#[tokio::test]
async fn a_store_that_hangs_keeps_no_call_waiting_and_every_answer_is_true() {
    let mut house = House::start();
    house.put().await.unwrap();
    let hangs = Arc::clone(&house.memory.hangs).lock_owned().await;
    house.writer.patience = Duration::from_millis(100);
    let why = || "the store has not answered for 100ms".to_owned();
    assert_eq!(house.register("10.0.0.1").await, Err(Unwritten::Unknown(why())));
    assert_eq!(house.register("10.0.0.2").await, Err(Unwritten::NotDurable(why())), "its turn never came");
    assert_eq!(house.seen(), Some(vec![]));
    drop(hangs);
    house.writer.patience = PATIENCE;
    assert_eq!(house.register("10.0.0.3").await, Ok(1));
    assert_eq!(house.seen(), Some(vec!["10.0.0.1".to_owned(), "10.0.0.3".to_owned()]));
    house.stop().await;
}

#[tokio::test]
async fn a_group_made_anew_begins_without_what_was_in_it() {
    let house = House::start();
    house.put().await.unwrap();
    house.register("10.0.0.1").await.unwrap();
    let delete = || house.writer.call(|_, _| Ok::<_, ()>((vec![Change::DeleteGroup(name())], ())));
    delete().await.unwrap();
    assert_eq!(house.seen(), None);
    house.put().await.unwrap();
    assert_eq!(house.seen(), Some(vec![]));
    let (deleted, put) = tokio::join!(delete(), house.put());
    assert_eq!((deleted, put, house.seen()), (Ok(()), Ok(()), Some(vec![])));
    house.stop().await;
}

#[tokio::test]
async fn a_drain_ends_when_what_was_kept_says() {
    let house = House::start();
    house.put().await.unwrap();
    house.register("10.0.0.1").await.unwrap();
    let end = house.view.clock.now() + Duration::from_secs(77);
    let leave = Change::Deregister { group: name(), id: "10.0.0.1".into(), port: 80, drain_ends: Some(end) };
    house.writer.call(|_, _| Ok::<_, ()>((vec![leave], ()))).await.unwrap();
    let mut changes = house.view.changes();
    let told = loop {
        let snapshot = house.view.snapshot();
        let listing = &snapshot.groups["web"];
        let record = snapshot.target(listing, &listing.targets[0]).and_then(|seen| seen.record);
        if let Some(end) = record.and_then(|record| record.status.drain_ends) {
            break end;
        }
        changes.changed().await.unwrap();
    };
    assert_eq!(told, end);
    house.stop().await;
}

#[tokio::test]
async fn the_file_changes_only_what_is_the_files() {
    let house = House::start();
    let desired = |id: &str| Desired {
        groups: vec![DesiredGroup {
            group: group(),
            targets: vec![Arc::new(TargetDescription::new(id, 80))],
        }],
        ..Desired::default()
    };
    assert_eq!(house.writer.file(desired("10.0.0.1")).await.unwrap().registered, 1);
    house.register("10.0.0.9").await.unwrap();
    let changes = house.writer.file(desired("10.0.0.2")).await.unwrap();
    assert_eq!((changes.registered, changes.deregistered), (1, 1));
    assert_eq!(house.seen(), Some(vec!["10.0.0.2".to_owned(), "10.0.0.9".to_owned()]));
    house.stop().await;
}

#[tokio::test]
async fn nothing_is_answered_once_the_fleet_has_stopped() {
    let house = House::start();
    let writer = house.writer.clone();
    house.stop().await;
    assert!(writer.file(Desired::default()).await.is_none());
    let call = writer.call(|_, _| Ok::<_, ()>((vec![Change::PutGroup(group())], ())));
    assert_eq!(call.await, Err(Unwritten::Stopping));
}
