//! What should exist and where it lives: compares the desired set with what is and says what the shards must do.
//!
//! Sources send complete sets, so a lost message is repaired by the next one. This module does not know whether a
//! target is healthy; see [`crate::engine::machine`].
//!
//! Invariants: a target lives on the shard it was first placed on until it is removed. A place in a shard's table is
//! given out again only after the shard has said that it forgot the target there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::shard::Key;
use crate::model::desired::{Desired, DesiredGroup};
use crate::model::health_check::Protocol;
use crate::model::target::TargetDescription;
use crate::model::target_group::{GroupName, TargetGroup};
use crate::model::tick::millis;

/// What one shard must do.
#[derive(Clone, Debug)]
pub enum Command {
    /// Take a target in, or take it back from its drain.
    Register(Key, Arc<TargetGroup>, Arc<TargetDescription>),
    /// Give a target the new settings of its group.
    Update(Key, Arc<TargetGroup>),
    /// Begin a target's drain.
    Deregister(Key),
}

/// One target in a [`Listing`].
#[derive(Clone, Debug)]
pub struct Listed {
    /// As registered.
    pub target: Arc<TargetDescription>,
    /// The shard it lives on.
    pub shard: u16,
    /// Its place there.
    pub key: Key,
    /// False once it has been deregistered.
    pub registered: bool,
}

/// A group with all targets that are registered or still draining, ordered by id and port.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The group's settings.
    pub group: Arc<TargetGroup>,
    /// False once the group has been removed and only its draining targets are left.
    pub desired: bool,
    /// The targets.
    pub targets: Vec<Listed>,
}

impl Listing {
    /// Finds a target by what identifies it.
    #[must_use]
    pub fn find(&self, id: &str, port: u16) -> Option<&Listed> {
        let order = |listed: &Listed| (&*listed.target.id, listed.target.port).cmp(&(id, port));
        self.targets.binary_search_by(order).ok().map(|index| &self.targets[index])
    }
}

/// How many things a new desired set changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// Targets registered, or taken back from their drain.
    pub registered: usize,
    /// Targets whose drain began.
    pub deregistered: usize,
    /// Groups whose settings changed.
    pub updated_groups: usize,
}

#[derive(Debug)]
struct Group {
    settings: Arc<TargetGroup>,
    desired: bool,
    targets: BTreeMap<(Box<str>, u16), Listed>,
}

/// The free places of one shard's table, and what its targets cost.
#[derive(Debug, Default)]
struct Table {
    free: Vec<u32>,
    size: u32,
    load: u64,
}

/// All groups and targets, and the shard each target lives on.
#[derive(Debug)]
pub struct Registry {
    groups: BTreeMap<GroupName, Group>,
    tables: Vec<Table>,
    /// Ever growing, so that no two registrations on one shard share a key; wraps after four billion of them.
    generation: u32,
    listings: BTreeMap<GroupName, Arc<Listing>>,
    stale: BTreeSet<GroupName>,
    commands: Vec<Vec<Command>>,
}

impl Registry {
    /// An empty registry over this many shards (at least one).
    #[must_use]
    pub fn new(shards: u16) -> Self {
        let shards = usize::from(shards.max(1));
        Self {
            groups: BTreeMap::new(),
            tables: (0..shards).map(|_| Table::default()).collect(),
            generation: 0,
            listings: BTreeMap::new(),
            stale: BTreeSet::new(),
            commands: vec![Vec::new(); shards],
        }
    }

    /// Makes `desired` the truth. [`Registry::take_commands`] then holds what the shards must do.
    pub fn apply(&mut self, desired: Desired) -> Changes {
        let mut changes = Changes::default();
        let wanted: BTreeSet<GroupName> = desired.groups.iter().map(|one| one.group.name.clone()).collect();
        for one in desired.groups {
            self.apply_group(one, &mut changes);
        }
        let gone: Vec<GroupName> =
            self.groups.keys().filter(|name| !wanted.contains(*name)).cloned().collect();
        for name in gone {
            self.remove_group(&name, &mut changes);
        }
        changes
    }

    /// Takes what each shard must do, one list per shard.
    pub fn take_commands(&mut self) -> Vec<Vec<Command>> {
        self.commands.iter_mut().map(std::mem::take).collect()
    }

    /// Hears that a shard has forgotten a drained target.
    pub fn on_removed(&mut self, shard: u16, name: &GroupName, target: &TargetDescription, key: Key) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let id = (target.id.clone(), target.port);
        // A target that came back while the message was under way has another generation.
        if group.targets.get(&id).is_none_or(|entry| entry.key != key || entry.shard != shard) {
            return;
        }
        group.targets.remove(&id);
        let table = &mut self.tables[usize::from(shard)];
        table.free.push(key.index);
        table.load = table.load.saturating_sub(weight(&group.settings));
        if group.targets.is_empty() && !group.desired {
            self.groups.remove(name);
        }
        self.stale.insert(name.clone());
    }

    /// Every group by name, for readers. Groups that did not change keep their listing.
    pub fn listings(&mut self) -> BTreeMap<GroupName, Arc<Listing>> {
        for name in std::mem::take(&mut self.stale) {
            match self.groups.get(&name) {
                Some(group) => {
                    let listing = Listing {
                        group: Arc::clone(&group.settings),
                        desired: group.desired,
                        targets: group.targets.values().cloned().collect(),
                    };
                    self.listings.insert(name, Arc::new(listing));
                }
                None => _ = self.listings.remove(&name),
            }
        }
        self.listings.clone()
    }

    fn apply_group(&mut self, desired: DesiredGroup, changes: &mut Changes) {
        let name = desired.group.name.clone();
        let Self { groups, tables, generation, commands, stale, .. } = self;
        let mut changed = groups.get(&name).is_none_or(|group| !group.desired);
        let group = groups.entry(name.clone()).or_insert_with(|| Group {
            settings: Arc::clone(&desired.group),
            desired: true,
            targets: BTreeMap::new(),
        });
        group.desired = true;
        if group.settings != desired.group {
            changes.updated_groups += 1;
            changed = true;
            let (old, new) = (weight(&group.settings), weight(&desired.group));
            group.settings = desired.group;
            for entry in group.targets.values() {
                let table = &mut tables[usize::from(entry.shard)];
                table.load = table.load.saturating_sub(old) + new;
                let update = Command::Update(entry.key, Arc::clone(&group.settings));
                commands[usize::from(entry.shard)].push(update);
            }
        }
        let mut unseen: BTreeSet<(Box<str>, u16)> = group.targets.keys().cloned().collect();
        for target in desired.targets {
            let id = (target.id.clone(), target.port);
            unseen.remove(&id);
            let entry = group.targets.get_mut(&id);
            if let Some(entry) = &entry
                && entry.registered
                && *entry.target == target
            {
                continue;
            }
            changed = true;
            let target = Arc::new(target);
            if let Some(entry) = entry {
                entry.target = Arc::clone(&target);
                if entry.registered {
                    // Only the zone changed; it is told, not compared.
                    continue;
                }
                *generation = generation.wrapping_add(1);
                entry.key.generation = *generation;
                entry.registered = true;
                let command = Command::Register(entry.key, Arc::clone(&group.settings), target);
                commands[usize::from(entry.shard)].push(command);
            } else {
                *generation = generation.wrapping_add(1);
                let (shard, index) = place(tables, weight(&group.settings));
                let key = Key { index, generation: *generation };
                commands[usize::from(shard)].push(Command::Register(
                    key,
                    Arc::clone(&group.settings),
                    Arc::clone(&target),
                ));
                group.targets.insert(id, Listed { target, shard, key, registered: true });
            }
            changes.registered += 1;
        }
        for id in unseen {
            let Some(entry) = group.targets.get_mut(&id) else { continue };
            if entry.registered {
                changed = true;
                entry.registered = false;
                commands[usize::from(entry.shard)].push(Command::Deregister(entry.key));
                changes.deregistered += 1;
            }
        }
        if changed {
            stale.insert(name);
        }
    }

    fn remove_group(&mut self, name: &GroupName, changes: &mut Changes) {
        let Some(group) = self.groups.get_mut(name).filter(|group| group.desired) else { return };
        group.desired = false;
        for entry in group.targets.values_mut().filter(|entry| entry.registered) {
            entry.registered = false;
            self.commands[usize::from(entry.shard)].push(Command::Deregister(entry.key));
            changes.deregistered += 1;
        }
        if group.targets.is_empty() {
            self.groups.remove(name);
        }
        self.stale.insert(name.clone());
    }
}

/// The least loaded shard, and a free place in its table.
fn place(tables: &mut [Table], weight: u64) -> (u16, u32) {
    let Some((shard, table)) = (0..).zip(tables).min_by_key(|(_, table)| table.load) else { return (0, 0) };
    table.load += weight;
    let index = table.free.pop().unwrap_or_else(|| {
        table.size += 1;
        table.size - 1
    });
    (shard, index)
}

/// What checking one target of a group costs, in checks per billion milliseconds. A TLS handshake counts three
/// times, the rough price of its cryptography beside the system calls of a plain check.
fn weight(group: &TargetGroup) -> u64 {
    let price = match group.health_check.protocol {
        Protocol::Http => 1,
        Protocol::Https => 3,
    };
    price * 1_000_000_000 / millis(group.health_check.interval).max(1)
}

#[cfg(test)]
mod tests;
