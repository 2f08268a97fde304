//! Everything that is wished for, from every source: what the file says, and what was asked for through the APIs.
//!
//! A call of an API is a list of [`Change`]s, decided by looking at this catalog, and each can be taken back where it
//! cannot be made durable. Whatever changed is told as complete [`DesiredGroup`]s, as every source tells it.
//!
//! A group belongs to who made it. Where the file names a group that was made through the API, the file's holds and the
//! other steps back with its settings until the file no longer names it; its registrations stay in force
//! (docs/semantics.md, "File and API").

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::change::Change;
use crate::model::description::Origin;
use crate::model::desired::{Desired, DesiredGroup};
use crate::model::protocol::TargetType;
use crate::model::target::{More, Reach, TargetDescription, is_instance};
use crate::model::target_group::{GroupName, TargetGroup};
use crate::model::tick::Tick;

/// What identifies a target within its group.
type Identity = (Box<str>, u16);

/// One group, as every source wishes it.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The group as the file has it, and its targets.
    file: Option<DesiredGroup>,
    /// The group as the API made it.
    api: Option<Arc<TargetGroup>>,
    /// Targets registered through an API.
    registered: BTreeMap<Identity, Arc<TargetDescription>>,
    /// Targets that were found, by what has found them.
    discovered: BTreeMap<Box<str>, Vec<Arc<TargetDescription>>>,
}

impl Wish {
    /// The group in force; `None` while there are only registrations for a group that the file no longer names.
    #[must_use]
    pub fn group(&self) -> Option<&Arc<TargetGroup>> {
        self.file.as_ref().map(|file| &file.group).or(self.api.as_ref())
    }

    /// Whether the file names it, so that only the file can change it.
    #[must_use]
    pub fn origin(&self) -> Origin {
        if self.file.is_some() { Origin::File } else { Origin::Api }
    }

    /// Whether a target is registered through an API.
    #[must_use]
    pub fn registered(&self, id: &str, port: u16) -> Option<&Arc<TargetDescription>> {
        self.registered.get(&(Box::from(id), port))
    }

    /// Whether the file lists a target.
    #[must_use]
    pub fn in_file(&self, id: &str, port: u16) -> bool {
        let file = self.file.as_ref().map_or(&[][..], |file| &file.targets);
        file.binary_search_by(|target| (&*target.id, target.port).cmp(&(id, port))).is_ok()
    }

    /// What ends the registration of a target at `now`; `None` where an API has registered no such target.
    #[must_use]
    pub fn deregister(&self, id: &str, port: u16, now: Tick) -> Option<Change> {
        let group = self.group()?;
        self.registered(id, port)?;
        let drains = !self.in_file(id, port);
        let drain_ends = drains.then(|| now + group.attributes.deregistration_delay);
        Some(Change::Deregister { group: group.name.clone(), id: id.into(), port, drain_ends })
    }

    /// A target of these, by id and port, that the file lists.
    #[must_use]
    pub fn first_in_file(&self, these: &BTreeSet<(Box<str>, u16)>) -> Option<&Arc<TargetDescription>> {
        let file = self.file.as_ref().map_or(&[][..], |file| &file.targets);
        let mut file = file.iter().filter(|_| !these.is_empty());
        file.find(|target| these.contains(&(target.id.clone(), target.port)))
    }

    /// Targets registered through an API, by id and port.
    pub fn registrations(&self) -> impl Iterator<Item = &Arc<TargetDescription>> {
        self.registered.values()
    }

    /// How many targets are registered through an API.
    #[must_use]
    pub fn count(&self) -> usize {
        self.registered.len()
    }

    fn is_empty(&self) -> bool {
        self.file.is_none() && self.api.is_none() && self.registered.is_empty() && self.discovered.is_empty()
    }
}

/// What takes a change back.
#[derive(Debug)]
pub struct Undo(Step);

#[derive(Debug)]
enum Step {
    Change(Change),
    /// The API's group was not there before.
    Unmake(GroupName),
}

/// Every group that is wished for.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    wishes: BTreeMap<GroupName, Wish>,
    /// Addresses or host names by the ids of instances and load balancers.
    instances: BTreeMap<Box<str>, Box<str>>,
}

impl Catalog {
    /// One group's wishes, if any group of that name is in force.
    #[must_use]
    pub fn get(&self, name: &GroupName) -> Option<&Wish> {
        self.wishes.get(name).filter(|wish| wish.group().is_some())
    }

    /// The group with this ARN.
    #[must_use]
    pub fn find(&self, arn: &str) -> Option<(&GroupName, &Wish)> {
        self.iter().find(|(_, wish)| wish.group().is_some_and(|group| *group.description.arn == *arn))
    }

    /// Every group in force, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&GroupName, &Wish)> {
        self.wishes.iter().filter(|(_, wish)| wish.group().is_some())
    }

    /// Every name that anything is wished for.
    #[must_use]
    pub fn names(&self) -> Vec<GroupName> {
        self.wishes.keys().cloned().collect()
    }

    /// Takes a change in. Gives the steps that take it back, for [`Catalog::undo`].
    pub fn apply(&mut self, change: Change) -> Vec<Undo> {
        self.step(change).into_iter().map(Undo).collect()
    }

    /// Takes changes back; `steps` are in the order in which they were given.
    pub fn undo(&mut self, steps: Vec<Undo>) {
        for Undo(step) in steps.into_iter().rev() {
            match step {
                Step::Change(change) => _ = self.step(change),
                Step::Unmake(name) => {
                    if let Some(wish) = self.wishes.get_mut(&name) {
                        wish.api = None;
                    }
                    self.tidy(&name);
                }
            }
        }
    }

    fn step(&mut self, change: Change) -> Vec<Step> {
        match change {
            Change::PutGroup(group) => {
                let name = group.name.clone();
                let wish = self.wishes.entry(name.clone()).or_default();
                match wish.api.replace(group) {
                    Some(before) => vec![Step::Change(Change::PutGroup(before))],
                    None => vec![Step::Unmake(name)],
                }
            }
            Change::DeleteGroup(name) => {
                let Some(wish) = self.wishes.get_mut(&name) else { return Vec::new() };
                let before = wish.api.take().map(Change::PutGroup);
                let targets = std::mem::take(&mut wish.registered).into_values();
                let back = targets.map(|target| Change::Register(name.clone(), target));
                let undo = before.into_iter().chain(back).map(Step::Change).collect();
                self.tidy(&name);
                undo
            }
            Change::Register(name, target) => {
                let identity = (target.id.clone(), target.port);
                let wish = self.wishes.entry(name.clone()).or_default();
                match wish.registered.insert(identity, Arc::clone(&target)) {
                    Some(before) => vec![Step::Change(Change::Register(name, before))],
                    None => vec![Step::Change(Change::Deregister {
                        group: name,
                        id: target.id.clone(),
                        port: target.port,
                        drain_ends: None,
                    })],
                }
            }
            Change::Deregister { group, id, port, .. } => {
                let wish = self.wishes.get_mut(&group);
                let before = wish.and_then(|wish| wish.registered.remove(&(id, port)));
                self.tidy(&group);
                before.map(|target| Step::Change(Change::Register(group, target))).into_iter().collect()
            }
        }
    }

    /// Makes `desired` what the file says. Gives the names of all groups that may have changed by it.
    pub fn apply_file(&mut self, desired: Desired) -> Vec<GroupName> {
        let Desired { groups, instances } = desired;
        let moved = self.instances != instances;
        self.instances = instances;
        let mut changed: Vec<GroupName> = Vec::new();
        let mut before: BTreeMap<GroupName, DesiredGroup> = BTreeMap::new();
        for (name, wish) in &mut self.wishes {
            if let Some(file) = wish.file.take() {
                before.insert(name.clone(), file);
            } else if moved && !(wish.registered.is_empty() && wish.discovered.is_empty()) {
                changed.push(name.clone());
            }
        }
        for mut group in groups {
            let name = group.group.name.clone();
            // So that one of many is soon found.
            group.targets.sort_by(|one, other| (&one.id, one.port).cmp(&(&other.id, other.port)));
            if let Some(before) = before.remove(&name) {
                keep_known(&mut group, before);
            }
            changed.push(name.clone());
            self.wishes.entry(name).or_default().file = Some(group);
        }
        for name in before.into_keys() {
            self.tidy(&name);
            changed.push(name);
        }
        changed
    }

    /// Makes `targets`, by their groups, what `source` has found, in place of what it had found before. It is not durable:
    /// a source finds it again. Gives the names of the groups that may have changed by it.
    pub fn discover(
        &mut self,
        source: &str,
        mut targets: BTreeMap<GroupName, Vec<Arc<TargetDescription>>>,
    ) -> Vec<GroupName> {
        let mut changed = Vec::new();
        for (name, wish) in &mut self.wishes {
            let new = targets.remove(name).filter(|new| !new.is_empty());
            if wish.discovered.get(source) != new.as_ref() {
                changed.push(name.clone());
                match new {
                    Some(new) => _ = wish.discovered.insert(source.into(), new),
                    None => _ = wish.discovered.remove(source),
                }
            }
        }
        // Those of groups that are not there yet wait for them.
        for (name, new) in targets.into_iter().filter(|(_, new)| !new.is_empty()) {
            self.wishes.entry(name.clone()).or_default().discovered.insert(source.into(), new);
            changed.push(name);
        }
        changed.iter().for_each(|name| self.tidy(name));
        changed
    }

    /// What should be there of a group, complete; `None` if the group should not.
    #[must_use]
    pub fn desired(&self, name: &GroupName) -> Option<DesiredGroup> {
        let wish = self.wishes.get(name)?;
        let group = Arc::clone(wish.group()?);
        let file = wish.file.as_ref().map_or(&[][..], |file| &file.targets);
        let found = wish.discovered.values().flatten();
        let targets = file.iter().chain(wish.registered.values()).chain(found);
        let targets = if group.target_type == TargetType::Ip {
            // An address is checked where it is, so the many targets of a file are not looked at one by one.
            targets.cloned().collect()
        } else {
            targets.map(|target| self.reach(&group, target)).collect()
        };
        Some(DesiredGroup { group, targets })
    }

    /// The target with where it is checked (docs/semantics.md, "Targets").
    fn reach(&self, group: &TargetGroup, target: &Arc<TargetDescription>) -> Arc<TargetDescription> {
        let reach = match self.instances.get(&target.id) {
            _ if !is_checkable(group) => Reach::Nowhere,
            Some(host) => Reach::At(host.clone()),
            None if group.target_type == TargetType::Alb || is_instance(&target.id) => Reach::Nowhere,
            None => Reach::Id,
        };
        let more = target.more.as_deref().cloned().unwrap_or_default();
        if more.reach == reach {
            return Arc::clone(target);
        }
        Arc::new(TargetDescription::clone(target).with(More { reach, ..more }))
    }

    fn tidy(&mut self, name: &GroupName) {
        if self.wishes.get(name).is_some_and(Wish::is_empty) {
            self.wishes.remove(name);
        }
    }
}

/// Lets what has not changed be the very same as before, so that a file read anew takes no memory for it: shards and
/// readers hold what they were given first.
fn keep_known(group: &mut DesiredGroup, before: DesiredGroup) {
    if group.group == before.group {
        group.group = before.group;
    }
    let mut old = before.targets.into_iter().peekable();
    for target in &mut group.targets {
        let identity = (&target.id, target.port);
        while old.next_if(|old| (&old.id, old.port) < identity).is_some() {}
        if let Some(same) = old.next_if(|old| old == target) {
            *target = same;
        }
    }
}

/// Whether anything of its kind can be checked: a Lambda function is behind no address.
fn is_checkable(group: &TargetGroup) -> bool {
    group.target_type != TargetType::Lambda
}

#[cfg(test)]
mod tests;
