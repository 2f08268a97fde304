//! Whatever sets the sources send, in whatever order the shards answer, the shards end up with what is wanted.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tgprobe::engine::registry::{Command, Registry};
use tgprobe::engine::shard::Key;
use tgprobe::model::desired::{Desired, DesiredGroup};
use tgprobe::model::health_check::{HealthCheck, HealthCheckProtocol};
use tgprobe::model::protocol::Protocol;
use tgprobe::model::target::TargetDescription;
use tgprobe::model::target_group::{GroupName, TargetGroup};

/// One group of a wish: how it is checked, and which of ten targets it wants.
type Part = (u8, BTreeSet<u8>);

/// What a shard's table holds at one index, as its commands say.
#[derive(Clone, Debug)]
struct Held {
    key: Key,
    group: Arc<TargetGroup>,
    target: Arc<TargetDescription>,
    draining: bool,
    /// Its group has been deleted.
    ended: bool,
}

/// A wish of up to three groups.
fn wish() -> impl Strategy<Value = BTreeMap<u8, Part>> {
    let part = (0..4_u8, prop::collection::btree_set(0..10_u8, 0..10));
    prop::collection::btree_map(0..3_u8, part, 0..=3)
}

fn desired(wish: &BTreeMap<u8, Part>) -> Desired {
    let group = |(&name, (check, targets)): (&u8, &Part)| {
        let health_check = HealthCheck {
            protocol: HealthCheckProtocol::ALL[usize::from(check % 2)],
            interval: Duration::from_secs(if *check < 2 { 5 } else { 30 }),
            ..HealthCheck::default()
        };
        let group = TargetGroup {
            health_check,
            ..TargetGroup::new(GroupName::parse(&format!("group-{name}")).unwrap(), Protocol::Http, 80)
        };
        let describe = |number: &u8| TargetDescription {
            id: format!("10.0.0.{}", number / 2).into(),
            port: 80 + u16::from(number % 2),
            more: None,
        };
        DesiredGroup { group: Arc::new(group), targets: targets.iter().map(describe).map(Arc::new).collect() }
    };
    Desired { groups: wish.iter().map(group).collect(), ..Desired::default() }
}

/// Does what the commands say to a table, as a shard would.
fn obey(table: &mut BTreeMap<u32, Held>, commands: Vec<Command>) {
    for command in commands {
        match command {
            Command::Register(key, group, target) => {
                let previous = table.insert(
                    key.index,
                    Held { key, group, target: Arc::clone(&target), draining: false, ended: false },
                );
                if let Some(previous) = previous {
                    assert!(previous.draining, "the place is not free");
                    let (was, is) = (&*previous.target, &*target);
                    assert_eq!((&was.id, was.port), (&is.id, is.port), "another target's place");
                    assert!(previous.key.generation < key.generation);
                }
            }
            Command::Restore(restored) => unreachable!("nothing was remembered: {restored:?}"),
            Command::Update(key, group) => {
                if let Some(held) = table.get_mut(&key.index).filter(|held| held.key == key) {
                    assert_ne!(held.group, group, "nothing to update");
                    held.group = group;
                }
            }
            Command::Deregister(key, _) => {
                let held = table.get_mut(&key.index).unwrap();
                assert_eq!((held.key, held.draining), (key, false));
                held.draining = true;
            }
            Command::End(key) => {
                let held = table.get_mut(&key.index).unwrap();
                assert_eq!((held.key, held.ended), (key, false));
                (held.draining, held.ended) = (true, true);
            }
        }
    }
}

/// Groups as (name, settings), targets as (group, id, port): all that is registered.
fn registered(tables: &[BTreeMap<u32, Held>]) -> BTreeSet<(GroupName, Box<str>, u16)> {
    let held = tables.iter().flat_map(BTreeMap::values).filter(|held| !held.draining);
    held.map(|held| (held.group.name.clone(), held.target.id.clone(), held.target.port)).collect()
}

proptest! {
    #[test]
    fn what_the_shards_hold_is_what_was_wanted(
        wishes in prop::collection::vec((wish(), any::<u8>(), any::<u32>()), 1..12),
        shards in 1..4_u16,
    ) {
        let mut registry = Registry::new(shards);
        let mut tables = vec![BTreeMap::new(); usize::from(shards)];
        for (wish, deletions, endings) in wishes {
            let desired = desired(&wish);
            for number in (0..3).filter(|number| deletions >> number & 1 == 1) {
                registry.delete(&GroupName::parse(&format!("group-{number}")).unwrap());
            }
            registry.apply(desired.clone());
            for (table, commands) in tables.iter_mut().zip(registry.take_commands()) {
                obey(table, commands);
            }
            let wanted: BTreeSet<_> = desired.groups.iter().flat_map(|one| {
                one.targets.iter().map(|target| (one.group.name.clone(), target.id.clone(), target.port))
            }).collect();
            prop_assert_eq!(registered(&tables), wanted);
            for one in &desired.groups {
                let of_group = |held: &&Held| held.group.name == one.group.name && !held.draining;
                for held in tables.iter().flat_map(BTreeMap::values).filter(of_group) {
                    prop_assert_eq!(&held.group, &one.group);
                }
            }
            prop_assert_eq!(registry.apply(desired), <_>::default());
            prop_assert!(registry.take_commands().iter().all(Vec::is_empty));
            // Some drains end, in an order of chance.
            for (shard, table) in (0..).zip(&mut tables) {
                let over = |held: &&Held| held.draining && endings >> (held.key.index % 32) & 1 == 1;
                let over: Vec<Held> = table.values().filter(over).cloned().collect();
                for held in over {
                    table.remove(&held.key.index);
                    registry.on_removed(shard, &held.group.name, &held.target, held.key);
                }
            }
            let listed = registry.listings().values().map(|listing| listing.targets.len()).sum::<usize>();
            let lives = tables.iter().flat_map(BTreeMap::values).filter(|held| !held.ended).count();
            prop_assert_eq!(listed, lives);
        }
    }

    #[test]
    fn no_two_shards_differ_by_more_than_the_dearest_target(wish in wish(), shards in 1..4_u16) {
        let mut registry = Registry::new(shards);
        registry.apply(desired(&wish));
        let load = |command: &Command| match command {
            Command::Register(_, group, _) => {
                let price = if group.health_check.protocol == HealthCheckProtocol::Https { 3 } else { 1 };
                price * 30 / group.health_check.interval.as_secs()
            }
            Command::Restore(_) | Command::Update(..) | Command::Deregister(..) | Command::End(_) => 0,
        };
        let commands = registry.take_commands();
        let dearest = commands.iter().flatten().map(load).max().unwrap_or(0);
        let loads: Vec<u64> = commands.iter().map(|commands| commands.iter().map(load).sum()).collect();
        let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
        prop_assert!(most - least <= dearest, "{:?}, the dearest target costs {}", loads, dearest);
    }
}
