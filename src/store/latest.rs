//! What was written lately. It may not be live yet: what is recorded from a look at the targets before it was must not
//! undo it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::life::Life;
use crate::model::target::TargetDescription;
use crate::model::target_group::GroupName;
use crate::model::tick::Tick;

/// By now every change that was written is live: hundreds of times what that takes.
const SETTLED: Duration = Duration::from_secs(10);

/// A target: its group, its id and its port.
pub(super) type Whose = (GroupName, Box<str>, u16);

/// What a write did that a look from before must not undo.
#[derive(Debug)]
pub(super) enum Done {
    /// A target was registered, and whether that ended a drain.
    Registered(Whose, bool),
    /// A target began to drain.
    Deregistered(Whose),
    /// A group was deleted.
    Deleted(GroupName),
}

/// What was written lately, and when.
#[derive(Debug, Default)]
pub(super) struct Latest {
    deregistered: BTreeMap<Whose, Tick>,
    registered: BTreeMap<Whose, Tick>,
    deleted: BTreeMap<GroupName, Tick>,
    /// When what had settled was let go.
    tidied: Tick,
}

impl Latest {
    /// Learns what a write did; `now` is before any of it is live.
    pub(super) fn take_in(&mut self, done: Vec<Done>, now: Tick) {
        if self.tidied + SETTLED < now {
            self.tidied = now;
            let recent = |at: &mut Tick| now <= *at + SETTLED;
            self.deregistered.retain(|_, at| recent(at));
            self.registered.retain(|_, at| recent(at));
            self.deleted.retain(|_, at| recent(at));
        }
        for one in done {
            match one {
                Done::Registered(whose, back) => {
                    self.deregistered.remove(&whose);
                    if back {
                        self.registered.insert(whose, now);
                    }
                }
                Done::Deregistered(whose) => {
                    self.registered.remove(&whose);
                    self.deregistered.insert(whose, now);
                }
                Done::Deleted(group) => _ = self.deleted.insert(group, now),
            }
        }
    }

    /// Whether what is told of a target at `now` may have been seen before a write was live, and would undo what that
    /// wrote.
    pub(super) fn may_be_before(
        &self,
        group: &GroupName,
        target: &TargetDescription,
        life: Option<&Life>,
        now: Tick,
    ) -> bool {
        // Whoever is gone when looked at was gone, or is put back by what is seen of it next.
        let Some(life) = life else { return false };
        let recent = |at: &&Tick| now <= **at + SETTLED;
        let older = |at: &Tick| life.since < *at;
        if self.deleted.get(group).filter(recent).is_some_and(older) {
            return true;
        }
        if self.deregistered.is_empty() && self.registered.is_empty() {
            return false;
        }
        let whose = (group.clone(), target.id.clone(), target.port);
        if let Some(at) = self.deregistered.get(&whose).filter(recent) {
            return older(at) || life.drain_ends.is_none();
        }
        self.registered.get(&whose).filter(recent).is_some_and(older)
    }
}
