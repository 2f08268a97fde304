//! What is known of targets from before a restart, until it is known which of them are still wished for
//! (docs/semantics.md, "After a restart").

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::registry::{Changes, Command, Listed, Registry, Shards, identity, place, weight};
use crate::engine::shard::Key;
use crate::model::health::State;
use crate::model::life::Life;
use crate::model::target::TargetDescription;
use crate::model::target_group::{GroupName, TargetGroup};
use crate::model::tick::Tick;

/// The life of a target that goes on.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Its place.
    pub key: Key,
    /// Its group.
    pub group: Arc<TargetGroup>,
    /// As registered; not any more if its life says that it drains.
    pub target: Arc<TargetDescription>,
    /// What is known of it.
    pub life: Life,
}

/// One target's life from before the restart.
type Former = (Arc<TargetDescription>, Life);

/// Lives from before the restart by group, in no order.
#[derive(Debug, Default)]
pub struct Remembered(BTreeMap<GroupName, Vec<Former>>);

impl Remembered {
    /// Takes the lives of one group, in the order of id and port.
    pub(super) fn take(&mut self, name: &GroupName) -> Vec<Former> {
        let mut lives = self.0.remove(name).unwrap_or_default();
        lives.sort_by(|(one, _), (other, _)| identity(one).cmp(&identity(other)));
        lives.dedup_by(|(one, _), (other, _)| identity(one) == identity(other));
        lives
    }
}

impl Registry {
    /// Learns what is known of targets from before a restart; `now` is the moment of the restart, at which some drains
    /// may be over. To be called before anything is wished for. A life is taken up when its group is first wished for.
    pub fn remember(
        &mut self,
        lives: impl IntoIterator<Item = (GroupName, Arc<TargetDescription>, Life)>,
        now: Tick,
    ) {
        for (name, target, life) in lives {
            if life.drain_ends.is_none_or(|end| now < end) {
                self.remembered.0.entry(name).or_default().push((target, life));
            }
        }
    }

    /// Drops the lives that nobody has taken up: their groups are no longer wished for.
    pub fn forget_remembered(&mut self) {
        self.remembered.0.clear();
    }
}

impl Shards {
    /// The entries of a group that is wished for the first time since the restart.
    pub(super) fn restore(
        &mut self,
        lives: Vec<Former>,
        group: &Arc<TargetGroup>,
        targets: Vec<Arc<TargetDescription>>,
        changes: &mut Changes,
    ) -> Vec<Listed> {
        let mut listed = Vec::with_capacity(targets.len());
        let mut lives = lives.into_iter().peekable();
        for target in targets {
            while let Some(gone) = lives.next_if(|(old, _)| identity(old) < identity(&target)) {
                listed.push(self.drain_on(gone, group, changes));
            }
            let known = lives.next_if(|(old, _)| identity(old) == identity(&target));
            let known = known.filter(|former| goes_on(former, group, &target));
            listed.push(match known {
                Some((_, life)) => {
                    changes.registered += 1;
                    self.take_up(life, group, target)
                }
                None => self.register(None, group, target, changes),
            });
        }
        listed.extend(lives.map(|gone| self.drain_on(gone, group, changes)));
        listed.shrink_to_fit();
        listed
    }

    /// The entry of a target that should not be there and whose drain goes on, or begins.
    fn drain_on(&mut self, former: Former, group: &Arc<TargetGroup>, changes: &mut Changes) -> Listed {
        let (target, life) = former;
        let drains = life.drain_ends.is_some();
        let listed = self.take_up(life, group, target);
        if drains { Listed { registered: false, ..listed } } else { self.deregister(listed, changes) }
    }

    /// The entry of a target whose life goes on.
    fn take_up(&mut self, life: Life, group: &Arc<TargetGroup>, target: Arc<TargetDescription>) -> Listed {
        let (shard, index) = place(&mut self.tables, weight(group));
        let key = self.key(index);
        let restored = Restored { key, group: Arc::clone(group), target: Arc::clone(&target), life };
        self.commands[usize::from(shard)].push(Command::Restore(Box::new(restored)));
        Listed { target, shard, key, registered: true }
    }
}

/// Whether a target that is wished for takes up its former life.
fn goes_on(former: &Former, group: &TargetGroup, target: &TargetDescription) -> bool {
    let (old, life) = former;
    let drained = life.drain_ends.is_some();
    // Its group takes traffic again, so its checks begin anew.
    let idle = life.state == State::Unused && group.attributes.in_use;
    let elsewhere = old.host() != target.host();
    life.conclusive_state != State::Initial && !drained && !idle && !elsewhere
}
