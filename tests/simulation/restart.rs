//! The process is killed and starts again: only what a store would have kept is known, and the wish may be another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tgprobe::engine::registry::Registry;
use tgprobe::model::health::State;
use tgprobe::model::life::Life;
use tgprobe::model::target::{Reach, TargetDescription};

use super::turn::Lane;
use super::world::{Id, World};

impl World {
    /// Kills everything, lets time pass and starts again.
    pub(crate) fn restart(&mut self) {
        let mut past: BTreeMap<Id, (Arc<TargetDescription>, Life)> = BTreeMap::new();
        for (shard, lane) in self.lanes.iter().enumerate() {
            // Of targets that no reader sees any more nothing is kept.
            let seen = |key| !self.leaving.iter().any(|home| home.shard == shard && home.key == key);
            for shadow in lane.shadows.values().filter(|shadow| seen(shadow.key)) {
                let id = (shadow.group.name.clone(), shadow.target.id.clone());
                let life = shadow.life(&lane.shard.status(shadow.key).unwrap());
                past.insert(id, (Arc::clone(&shadow.target), life));
            }
        }
        if self.dice.once_in(2) {
            (0..=self.dice.roll(3)).for_each(|_| self.wish.mutate(&mut self.dice));
        }
        let longest = self.dice.pick(&[2, 3_000, 60_000]);
        self.now = self.now + self.dice.millis(longest);
        let shards = if self.wish.is_crowd() { 1 } else { self.dice.pick(&[1, 2, 3]) };
        self.registry = Registry::new(shards);
        self.lanes = (0..shards).map(|_| Lane::default()).collect();
        self.homes.clear();
        self.leaving.clear();
        self.groups.clear();
        self.names.clear();
        self.restored.clear();
        let lives = past.iter().map(|((name, _), (target, life))| (name.clone(), Arc::clone(target), *life));
        self.registry.remember(lives, self.now);
        let expected = self.lives_that_go_on(&past);
        self.apply();
        self.registry.forget_remembered();
        assert_eq!(self.restored, expected, "the lives that go on");
    }

    /// Whose life from before the restart goes on, or whose drain.
    fn lives_that_go_on(&self, past: &BTreeMap<Id, (Arc<TargetDescription>, Life)>) -> BTreeSet<Id> {
        let desired = self.wish.desired();
        let goes_on = |(name, id): &Id, known: &TargetDescription, life: &Life| {
            let Some(one) = desired.groups.iter().find(|one| one.group.name == *name) else { return false };
            let Some(target) = one.targets.iter().find(|target| target.id == *id) else {
                return life.drain_ends.is_none_or(|end| self.now < end);
            };
            let idle = life.state == State::Unused && one.group.attributes.in_use;
            let decided = life.conclusive_state != State::Initial;
            // A store may not have kept where it was checked.
            let told = known.more.as_ref().is_some_and(|more| more.reach != Reach::Id);
            let there = target.host().is_some() && (!told || known.host() == target.host());
            decided && life.drain_ends.is_none() && !idle && there
        };
        let lives = past.iter().filter(|(id, (target, life))| goes_on(id, target, life));
        lives.map(|(id, _)| id.clone()).collect()
    }
}
