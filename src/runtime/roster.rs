//! What a shard's loop keeps of its targets and their groups beside the rules' part.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::machine::Settings;
use crate::engine::shard::Key;
use crate::engine::table::{make_room, usize_of};
use crate::model::target::TargetDescription;
use crate::model::target_group::{GroupName, TargetGroup};
use crate::probe::Prober;
use crate::runtime::admission::Admission;
use crate::runtime::group::Group;
use crate::runtime::resolver::Resolution;
use crate::runtime::view::View;

/// One target.
#[derive(Debug)]
pub struct Local {
    /// As registered.
    pub target: Arc<TargetDescription>,
    /// Its group.
    pub group: Arc<Group>,
    /// What its name resolves to, or the address that it is.
    pub resolution: Resolution,
    generation: u32,
}

/// A group's shared part, and how many targets of this shard share it.
#[derive(Debug)]
struct Members {
    group: Arc<Group>,
    targets: usize,
}

/// The targets of one shard by their keys, and their groups by name.
#[derive(Debug, Default)]
pub struct Roster {
    locals: Vec<Option<Local>>,
    groups: BTreeMap<GroupName, Members>,
}

impl Roster {
    /// One registration.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&Local> {
        self.locals.get(usize_of(key.index))?.as_ref().filter(|local| local.generation == key.generation)
    }

    /// One registration, to be changed.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut Local> {
        self.locals.get_mut(usize_of(key.index))?.as_mut().filter(|local| local.generation == key.generation)
    }

    /// Makes room for the targets with indexes below `places`.
    pub fn make_room(&mut self, places: usize) {
        make_room(&mut self.locals, places);
    }

    /// Takes a target in. A draining one that comes back takes the place of its former self.
    pub fn put(
        &mut self,
        key: Key,
        group: Arc<Group>,
        target: Arc<TargetDescription>,
        resolution: Resolution,
    ) {
        let slot = usize_of(key.index);
        if self.locals.len() <= slot {
            self.make_room(slot + 1);
            self.locals.resize_with(slot + 1, || None);
        }
        let members = self.groups.get_mut(&group.group.name);
        let local = Local { target, group, resolution, generation: key.generation };
        if self.locals[slot].replace(local).is_none()
            && let Some(members) = members
        {
            members.targets += 1;
        }
    }

    /// Forgets a target, and its group with the last one.
    pub fn remove(&mut self, key: Key, admission: &mut Admission) -> Option<Local> {
        let local =
            self.locals.get_mut(usize_of(key.index))?.take_if(|local| local.generation == key.generation)?;
        let name = &local.group.group.name;
        if let Some(members) = self.groups.get_mut(name) {
            members.targets -= 1;
            if members.targets == 0 {
                admission.leave(members.group.share);
                self.groups.remove(name);
            }
        }
        Some(local)
    }

    /// The shared part of a group, made anew when its settings are new.
    pub fn group(&mut self, group: &Arc<TargetGroup>, view: &View, admission: &mut Admission) -> Arc<Group> {
        let known = self.groups.get(&group.name);
        if let Some(known) = known.filter(|known| Arc::ptr_eq(&known.group.group, group)) {
            return Arc::clone(&known.group);
        }
        // A group is published before anything is said of it, so one that is not there has been deleted since: its
        // targets are about to end, and nobody asks any more what was counted of them.
        let stats = view.stats(&group.name).unwrap_or_default();
        let (targets, share) = known.map_or((0, None), |known| (known.targets, Some(known.group.share)));
        let made = Arc::new(Group {
            settings: Arc::new(Settings::from(&**group)),
            prober: Prober::new(&group.health_check, group.protocol_version),
            stats,
            share: share.unwrap_or_else(|| admission.enter()),
            group: Arc::clone(group),
        });
        self.groups.insert(group.name.clone(), Members { group: Arc::clone(&made), targets });
        made
    }
}
