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
use crate::engine::table::make_room;
use crate::model::desired::{Desired, DesiredGroup};
use crate::model::health_check::HealthCheckProtocol;
use crate::model::target::TargetDescription;
use crate::model::target_group::{GroupName, TargetGroup};
use crate::model::tick::{Tick, millis};

pub use remembered::{Remembered, Restored};

mod remembered;

/// What one shard must do.
#[derive(Clone, Debug)]
pub enum Command {
    /// Take a target in, take it back from its drain, or check it elsewhere from now on, which begins it anew.
    Register(Key, Arc<TargetGroup>, Arc<TargetDescription>),
    /// Take up the life of a target from before a restart.
    Restore(Box<Restored>),
    /// Give a target the new settings of its group.
    Update(Key, Arc<TargetGroup>),
    /// Begin a target's drain, which ends at this moment where that is promised, else after its group's delay.
    Deregister(Key, Option<Tick>),
    /// Forget a target without a drain, or before its drain is over.
    End(Key),
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
        let order = |listed: &Listed| identity(&listed.target).cmp(&(id, port));
        self.targets.binary_search_by(order).ok().map(|index| &self.targets[index])
    }

    /// Whether exactly these targets are registered, whatever else is draining.
    fn registers(&self, targets: &[Arc<TargetDescription>]) -> bool {
        self.targets.iter().filter(|listed| listed.registered).map(|listed| &listed.target).eq(targets)
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

/// When drains end that begin with what is applied next, by group and by id and port.
pub type Drains = BTreeMap<GroupName, BTreeMap<(Box<str>, u16), Tick>>;

/// The free places of one shard's table, and what its targets cost.
#[derive(Debug, Default)]
struct Table {
    free: Vec<u32>,
    size: u32,
    load: u64,
}

/// All groups and targets, and the shard each target lives on.
///
/// What it knows of targets are the listings themselves, shared with readers, so that a target costs one entry in one
/// list. A listing that is to change is made anew.
#[derive(Debug)]
pub struct Registry {
    groups: BTreeMap<GroupName, Arc<Listing>>,
    /// Targets that are listed and were forgotten by their shard: they leave all at once, when it is next looked.
    ended: BTreeMap<GroupName, BTreeSet<(u16, Key)>>,
    /// What each target of a deleted group costs until its shard has forgotten it. No reader sees them any more.
    leaving: BTreeMap<(u16, Key), u64>,
    remembered: Remembered,
    drains: Drains,
    shards: Shards,
}

/// What lives on the shards, and what they must be told.
#[derive(Debug)]
struct Shards {
    tables: Vec<Table>,
    /// Ever growing, so that no two registrations on one shard share a key; wraps after four billion of them.
    generation: u32,
    commands: Vec<Vec<Command>>,
    moved: Vec<Moved>,
    /// When drains end that begin in the group at hand.
    ends: BTreeMap<(Box<str>, u16), Tick>,
}

/// A registration that has ended because its target is checked elsewhere from now on.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The shard the target lives on.
    pub shard: u16,
    /// The registration that has ended.
    pub key: Key,
    /// The target as it was.
    pub target: Arc<TargetDescription>,
}

impl Registry {
    /// An empty registry over this many shards (at least one).
    #[must_use]
    pub fn new(shards: u16) -> Self {
        let shards = usize::from(shards.max(1));
        let tables = (0..shards).map(|_| Table::default()).collect();
        let commands = vec![Vec::new(); shards];
        let shards = Shards { tables, generation: 0, commands, moved: Vec::new(), ends: BTreeMap::new() };
        let (remembered, drains) = (Remembered::default(), Drains::new());
        let (groups, ended, leaving) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { groups, ended, leaving, remembered, drains, shards }
    }

    /// Makes `desired` the truth. [`Registry::take_commands`] then holds what the shards must do.
    pub fn apply(&mut self, desired: Desired) -> Changes {
        let wanted: BTreeSet<GroupName> = desired.groups.iter().map(|one| one.group.name.clone()).collect();
        let gone: Vec<GroupName> =
            self.groups.keys().filter(|name| !wanted.contains(*name)).cloned().collect();
        self.apply_some(desired.groups, &gone)
    }

    /// Says when drains end that begin with what is applied next, as far as that has been promised. Others end when the
    /// delay of their group is over.
    pub fn promise(&mut self, drains: Drains) {
        self.drains = drains;
    }

    /// Makes each of `groups`, complete, the truth about that group, and lets the groups named in `gone` go. Others stay
    /// as they are.
    pub fn apply_some(&mut self, groups: Vec<DesiredGroup>, gone: &[GroupName]) -> Changes {
        self.sweep();
        let mut changes = Changes::default();
        self.shards.make_room(&groups);
        for one in groups {
            self.apply_group(one, &mut changes);
        }
        for name in gone {
            self.remove_group(name, &mut changes);
        }
        self.drains.clear();
        changes
    }

    /// Lets a group go with everything in it at once: nothing drains, and no list shows any of it from now on.
    pub fn delete(&mut self, name: &GroupName) {
        self.sweep();
        let Some(listing) = self.groups.remove(name) else { return };
        let weight = weight(&listing.group);
        for gone in &listing.targets {
            self.shards.commands[usize::from(gone.shard)].push(Command::End(gone.key));
            self.leaving.insert((gone.shard, gone.key), weight);
        }
    }

    /// Takes what each shard must do, one list per shard.
    pub fn take_commands(&mut self) -> Vec<Vec<Command>> {
        self.shards.commands.iter_mut().map(std::mem::take).collect()
    }

    /// Takes the registrations that ended because their targets are checked elsewhere from now on.
    pub fn take_moved(&mut self) -> Vec<Moved> {
        std::mem::take(&mut self.shards.moved)
    }

    /// Hears that a shard has forgotten a target.
    pub fn on_removed(&mut self, shard: u16, name: &GroupName, target: &TargetDescription, key: Key) {
        if let Some(weight) = self.leaving.remove(&(shard, key)) {
            self.shards.free(shard, key, weight);
            return;
        }
        let Some(listing) = self.groups.get(name) else { return };
        // A target that came back while the message was under way has another generation.
        let ours = |listed: &&Listed| listed.key == key && listed.shard == shard;
        if listing.find(&target.id, target.port).filter(ours).is_none() {
            return;
        }
        if self.ended.entry(name.clone()).or_default().insert((shard, key)) {
            self.shards.free(shard, key, weight(&listing.group));
        }
    }

    /// Every group by name, for readers. Groups that did not change keep their listing.
    pub fn listings(&mut self) -> BTreeMap<GroupName, Arc<Listing>> {
        self.sweep();
        self.groups.clone()
    }

    /// Takes targets that have ended out of their listings, and groups that are done with.
    fn sweep(&mut self) {
        for (name, ended) in std::mem::take(&mut self.ended) {
            let Some(listing) = self.groups.get_mut(&name) else { continue };
            let stays = |listed: &&Listed| !ended.contains(&(listed.shard, listed.key));
            let targets: Vec<Listed> = listing.targets.iter().filter(stays).cloned().collect();
            if targets.is_empty() && !listing.desired {
                self.groups.remove(&name);
            } else {
                let group = Arc::clone(&listing.group);
                *listing = Arc::new(Listing { group, desired: listing.desired, targets });
            }
        }
    }

    fn apply_group(&mut self, desired: DesiredGroup, changes: &mut Changes) {
        let DesiredGroup { mut group, mut targets } = desired;
        targets.sort_by(|one, other| identity(one).cmp(&identity(other)));
        targets.dedup_by(|one, other| identity(one) == identity(other));
        let name = group.name.clone();
        self.shards.ends = self.drains.remove(&name).unwrap_or_default();
        let before = self.groups.get(&name);
        if let Some(before) = before {
            if before.group == group {
                if before.desired && before.registers(&targets) {
                    return;
                }
                // Readers and shards tell by the pointer that nothing has changed.
                group = Arc::clone(&before.group);
            } else {
                changes.updated_groups += 1;
                self.shards.update(before, &group);
            }
        }
        let lives = self.remembered.take(&name);
        if before.is_none() && !lives.is_empty() {
            let targets = self.shards.restore(lives, &group, targets, changes);
            self.groups.insert(name, Arc::new(Listing { group, desired: true, targets }));
            return;
        }
        let mut listed = Vec::with_capacity(targets.len());
        let mut old = before.map_or(&[][..], |before| &before.targets).iter().cloned().peekable();
        // Both lists are in the same order, so one walk finds what comes, stays and goes.
        for target in targets {
            while let Some(gone) = old.next_if(|old| identity(&old.target) < identity(&target)) {
                listed.push(self.shards.deregister(gone, changes));
            }
            let known = old.next_if(|old| identity(&old.target) == identity(&target));
            listed.push(self.shards.register(known, &group, target, changes));
        }
        listed.extend(old.map(|gone| self.shards.deregister(gone, changes)));
        listed.shrink_to_fit();
        self.groups.insert(name, Arc::new(Listing { group, desired: true, targets: listed }));
    }

    fn remove_group(&mut self, name: &GroupName, changes: &mut Changes) {
        self.shards.ends = self.drains.remove(name).unwrap_or_default();
        let Some(listing) = self.groups.get_mut(name).filter(|listing| listing.desired) else { return };
        if listing.targets.is_empty() {
            self.groups.remove(name);
            return;
        }
        let gone = listing.targets.iter().cloned();
        let targets = gone.map(|gone| self.shards.deregister(gone, changes)).collect();
        *listing = Arc::new(Listing { group: Arc::clone(&listing.group), desired: false, targets });
    }
}

impl Shards {
    /// Lets the lists of commands grow once where every target is new, as at the start.
    fn make_room(&mut self, groups: &[DesiredGroup]) {
        if self.tables.iter().all(|table| table.size == 0) {
            let targets: usize = groups.iter().map(|one| one.targets.len()).sum();
            let shards = self.commands.len();
            self.commands.iter_mut().for_each(|commands| make_room(commands, targets.div_ceil(shards)));
        }
    }

    /// Gives every target of a group its new settings.
    fn update(&mut self, before: &Listing, group: &Arc<TargetGroup>) {
        let (old, new) = (weight(&before.group), weight(group));
        for listed in &before.targets {
            let shard = usize::from(listed.shard);
            let table = &mut self.tables[shard];
            table.load = table.load.saturating_sub(old) + new;
            self.commands[shard].push(Command::Update(listed.key, Arc::clone(group)));
        }
    }

    /// The entry of a target that should be there, from what it was before.
    fn register(
        &mut self,
        known: Option<Listed>,
        group: &Arc<TargetGroup>,
        target: Arc<TargetDescription>,
        changes: &mut Changes,
    ) -> Listed {
        let (shard, index) = match known {
            Some(known) if known.registered && known.target == target => return known,
            // Only the zone changed; it is told, not compared.
            Some(known) if known.registered && known.target.host() == target.host() => {
                return Listed { target, ..known };
            }
            Some(known) => {
                if known.target.host() != target.host() {
                    self.moved.push(Moved { shard: known.shard, key: known.key, target: known.target });
                }
                (known.shard, known.key.index)
            }
            None => place(&mut self.tables, weight(group)),
        };
        let key = self.key(index);
        let command = Command::Register(key, Arc::clone(group), Arc::clone(&target));
        self.commands[usize::from(shard)].push(command);
        changes.registered += 1;
        Listed { target, shard, key, registered: true }
    }

    /// A key that was never given out at this place.
    fn key(&mut self, index: u32) -> Key {
        self.generation = self.generation.wrapping_add(1);
        Key { index, generation: self.generation }
    }

    /// The entry of a target that should not be there.
    fn deregister(&mut self, mut listed: Listed, changes: &mut Changes) -> Listed {
        if std::mem::take(&mut listed.registered) {
            let target = &listed.target;
            // Almost always none, and then nothing is looked for.
            let end =
                (!self.ends.is_empty()).then(|| self.ends.get(&(target.id.clone(), target.port)).copied());
            self.commands[usize::from(listed.shard)].push(Command::Deregister(listed.key, end.flatten()));
            changes.deregistered += 1;
        }
        listed
    }

    /// Takes back the place of a target that its shard has forgotten.
    fn free(&mut self, shard: u16, key: Key, weight: u64) {
        let table = &mut self.tables[usize::from(shard)];
        table.free.push(key.index);
        table.load = table.load.saturating_sub(weight);
    }
}

fn identity(target: &TargetDescription) -> (&str, u16) {
    (&target.id, target.port)
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
        HealthCheckProtocol::Http | HealthCheckProtocol::Tcp => 1,
        HealthCheckProtocol::Https => 3,
    };
    price * 1_000_000_000 / millis(group.health_check.interval).max(1)
}

#[cfg(test)]
mod tests;
