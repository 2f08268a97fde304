//! The registry with its shards, a wish that changes, time that jumps, and answers that come late.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tgprobe::engine::registry::{Command, Listing, Registry, Restored};
use tgprobe::engine::shard::Key;
use tgprobe::model::desired::Desired;
use tgprobe::model::failure::Failure;
use tgprobe::model::outcome::{Cause, Outcome};
use tgprobe::model::target::TargetDescription;
use tgprobe::model::target_group::{GroupName, TargetGroup};
use tgprobe::model::tick::Tick;

use super::dice::Dice;
use super::turn::Lane;
use super::wish::Wish;

/// A group's name and a target's id; all ports are equal here.
pub(super) type Id = (GroupName, Box<str>);

/// Where the registry has put a target.
#[derive(Clone)]
pub(super) struct Home {
    pub(super) shard: usize,
    pub(super) key: Key,
    registered: bool,
    /// The target as it was registered, whatever its zone since.
    target: Arc<TargetDescription>,
}

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) now: Tick,
    pub(crate) registry: Registry,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) wish: Wish,
    pub(super) homes: BTreeMap<Id, Home>,
    /// Where the targets of deleted groups were put, until they are heard to be forgotten.
    pub(super) leaving: Vec<Home>,
    pub(super) groups: BTreeMap<GroupName, Arc<TargetGroup>>,
    /// Names that are followed for a place on a shard, and for which registration there, as the resolver would.
    pub(super) names: BTreeMap<(Box<str>, usize, u32), u32>,
    /// What became of the lives from before a restart that were taken up.
    pub(super) restored: BTreeSet<Id>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let wish = Wish::first(&mut dice);
        let shards = if wish.is_crowd() { 1 } else { dice.pick(&[1, 2, 3]) };
        let mut world = Self {
            now: Tick(1_790_000_000_000 + dice.roll(100_000)),
            dice,
            registry: Registry::new(shards),
            lanes: (0..shards).map(|_| Lane::default()).collect(),
            wish,
            homes: BTreeMap::new(),
            leaving: Vec::new(),
            groups: BTreeMap::new(),
            names: BTreeMap::new(),
            restored: BTreeSet::new(),
        };
        world.apply();
        world
    }

    pub(crate) fn steps(&mut self) -> u64 {
        100 + self.dice.roll(300)
    }

    /// Lets one random thing happen, then gives every shard its turn.
    pub(crate) fn step(&mut self) {
        if self.dice.once_in(200) {
            self.restart();
        }
        match self.dice.roll(100) {
            0..10 => {
                (0..=self.dice.roll(3)).for_each(|_| self.wish.mutate(&mut self.dice));
                self.apply();
            }
            10..40 => self.answer_some(),
            40..46 => self.pick_target(Lane::release),
            46..48 => self.pick_target(Lane::disturb),
            48..56 => {
                let shard = self.dice.index(self.lanes.len());
                let waiting = self.lanes[shard].removed.len();
                if waiting > 0 {
                    let position = self.dice.index(waiting);
                    self.tell_removed(shard, position);
                }
            }
            56..97 => {
                let longest = self.dice.pick(&[20, 500, 500, 3_000, 3_000, 12_000]);
                self.now = self.now + self.dice.millis(longest);
            }
            // We stall ourselves.
            _ => self.now = self.now + self.dice.millis(150_000),
        }
        let cap = self.dice.pick(&[usize::MAX, usize::MAX, usize::MAX, 3]);
        for lane in &mut self.lanes {
            let obeyed = if self.dice.once_in(4) { self.dice.index(3) } else { usize::MAX };
            for command in lane.inbox.drain(..obeyed.min(lane.inbox.len())).collect::<Vec<_>>() {
                lane.obey(command, self.dice.once_in(5), self.now);
            }
            lane.turn(cap, self.now);
            lane.compare_all();
        }
    }

    /// Hands the wish to the registry and checks that its commands lead exactly there.
    pub(crate) fn apply(&mut self) {
        let desired = self.wish.desired();
        for name in self.wish.take_deleted() {
            self.registry.delete(&name);
        }
        self.registry.apply(desired.clone());
        for moved in self.registry.take_moved() {
            self.forget(usize::from(moved.shard), moved.key, &moved.target);
        }
        let commands = self.registry.take_commands();
        let mut updated: BTreeSet<Key> = BTreeSet::new();
        // What ends has ended before anything is registered, on whichever shard.
        let ends = |command: &Command| matches!(command, Command::End(_));
        for (shard, commands) in commands.iter().enumerate() {
            for command in commands.iter().filter(|command| ends(command)) {
                self.check_command(shard, command, &mut updated);
            }
        }
        for (shard, commands) in commands.into_iter().enumerate() {
            for command in commands {
                if !ends(&command) {
                    self.check_command(shard, &command, &mut updated);
                }
                self.lanes[shard].inbox.push_back(command);
            }
        }
        for one in &desired.groups {
            self.groups.insert(one.group.name.clone(), Arc::clone(&one.group));
        }
        let wanted: BTreeSet<Id> = ids(&desired).collect();
        let registered = self.homes.iter().filter(|(_, home)| home.registered);
        assert_eq!(registered.map(|(id, _)| id.clone()).collect::<BTreeSet<_>>(), wanted);
        if self.dice.once_in(4) {
            self.registry.apply(desired);
            assert!(self.registry.take_commands().iter().all(Vec::is_empty), "the same wish changes nothing");
        }
        self.check_listings();
    }

    /// Lets the registry hear, perhaps late, that a shard has forgotten a target.
    pub(crate) fn tell_removed(&mut self, shard: usize, position: usize) {
        let (name, target, key) = self.lanes[shard].removed.swap_remove(position);
        self.registry.on_removed(u16::try_from(shard).unwrap(), &name, &target, key);
        self.forget(shard, key, &target);
        self.leaving.retain(|home| home.shard != shard || home.key != key);
        let id = (name, target.id.clone());
        if self.homes.get(&id).is_some_and(|home| home.shard == shard && home.key == key) {
            self.homes.remove(&id);
        }
        self.check_listings();
    }

    fn check_command(&mut self, shard: usize, command: &Command, updated: &mut BTreeSet<Key>) {
        match command {
            Command::Register(key, group, target) => {
                let id = (group.name.clone(), target.id.clone());
                if let Some(home) = self.homes.get(&id) {
                    let moved = home.target.host() != target.host();
                    assert!(!home.registered || moved, "{id:?} is registered already");
                    assert_eq!((home.shard, home.key.index), (shard, key.index), "{id:?} has moved");
                } else {
                    let taken = |home: &Home| home.shard == shard && home.key.index == key.index;
                    assert!(
                        !self.homes.values().chain(&self.leaving).any(taken),
                        "the place of {id:?} is not free"
                    );
                }
                assert!(self.homes.values().all(|home| home.key.generation != key.generation));
                self.follow(shard, *key, target);
                self.homes
                    .insert(id, Home { shard, key: *key, registered: true, target: Arc::clone(target) });
            }
            Command::Restore(restored) => {
                let Restored { key, group, target, life } = &**restored;
                let id = (group.name.clone(), target.id.clone());
                self.follow(shard, *key, target);
                let registered = life.drain_ends.is_none();
                let home = Home { shard, key: *key, registered, target: Arc::clone(target) };
                assert!(self.homes.insert(id.clone(), home).is_none(), "{id:?} is there already");
                self.restored.insert(id);
            }
            Command::Update(key, group) => {
                assert_ne!(self.groups.get(&group.name), Some(group), "{} did not change", group.name);
                assert!(updated.insert(*key), "{key:?} is updated twice");
                assert!(self.homes.values().any(|home| home.shard == shard && home.key == *key));
            }
            Command::Deregister(key, _) => {
                let home = self.homes.values_mut().find(|home| home.shard == shard && home.key == *key);
                assert!(std::mem::replace(&mut home.unwrap().registered, false), "{key:?} drains already");
            }
            Command::End(key) => {
                let here = |(_, home): &(&Id, &Home)| home.shard == shard && home.key == *key;
                let (id, _) = self.homes.iter().find(here).unwrap();
                let id = id.clone();
                self.leaving.extend(self.homes.remove(&id));
            }
        }
    }

    fn follow(&mut self, shard: usize, key: Key, target: &TargetDescription) {
        if let Some(name) = target.name() {
            self.names.insert((name.into(), shard, key.index), key.generation);
        }
    }

    fn forget(&mut self, shard: usize, key: Key, target: &TargetDescription) {
        if let Some(name) = target.name() {
            let place = (name.into(), shard, key.index);
            if self.names.get(&place) == Some(&key.generation) {
                self.names.remove(&place);
            }
        }
    }

    fn check_listings(&mut self) {
        let named = |home: &Home| {
            let place = (home.target.name()?.into(), home.shard, home.key.index);
            Some((place, home.key.generation))
        };
        let names: BTreeMap<_, _> = self.homes.values().chain(&self.leaving).filter_map(named).collect();
        assert_eq!(self.names, names, "the names that are followed");
        let listings = self.registry.listings();
        let listed = listings.iter().flat_map(|(name, listing): (_, &Arc<Listing>)| {
            let all = listing.targets.iter();
            all.map(|one| {
                (name.clone(), one.target.id.clone(), usize::from(one.shard), one.key, one.registered)
            })
        });
        let homes = self.homes.iter();
        let homes =
            homes.map(|((name, id), home)| (name.clone(), id.clone(), home.shard, home.key, home.registered));
        assert_eq!(listed.collect::<BTreeSet<_>>(), homes.collect::<BTreeSet<_>>());
    }

    fn answer_some(&mut self) {
        let Self { dice, lanes, now, .. } = self;
        for lane in lanes {
            let many = if dice.once_in(4) { lane.jobs.len() } else { dice.index(4).min(lane.jobs.len()) };
            for _ in 0..many {
                let position = dice.index(lane.jobs.len());
                let outcome = outcome(dice, u64::from(lane.jobs[position].key.index), *now);
                lane.answer(position, outcome, *now);
            }
        }
    }

    fn pick_target(&mut self, act: impl FnOnce(&mut Lane, u32, Tick)) {
        let shard = self.dice.index(self.lanes.len());
        let indexes: Vec<u32> = self.lanes[shard].shadows.keys().copied().collect();
        if !indexes.is_empty() {
            act(&mut self.lanes[shard], self.dice.pick(&indexes), self.now);
        }
    }
}

/// An answer by the target's mood, which lasts a minute: good, bad, wavering, or of no help at all.
fn outcome(dice: &mut Dice, index: u64, now: Tick) -> Outcome {
    let failure =
        dice.pick(&[Failure::ConnectRefused, Failure::ResponseTimeout, Failure::StatusMismatch(500)]);
    let mood = Dice(index << 40 ^ (now.0 / 60_000)).roll(5);
    match (mood, dice.roll(10)) {
        (0 | 1, 0..9) | (2, 9) | (3, 0..4) => Outcome::Pass,
        (0..3, _) | (3, 4..8) => Outcome::Fail(failure),
        _ => Outcome::Inconclusive(dice.pick(&Cause::ALL)),
    }
}

fn ids(desired: &Desired) -> impl Iterator<Item = Id> {
    let groups = desired.groups.iter();
    groups.flat_map(|one| one.targets.iter().map(|target| (one.group.name.clone(), target.id.clone())))
}
