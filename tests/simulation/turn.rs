//! One shard beside the shadows of its targets: every call goes to both, and both must say the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tgprobe::engine::machine::Settings;
use tgprobe::engine::place;
use tgprobe::engine::registry::{Command, Restored};
use tgprobe::engine::shard::{Access, Job, Key, QUICK_FIRST_CHECKS, Shard};
use tgprobe::model::outcome::Outcome;
use tgprobe::model::target::TargetDescription;
use tgprobe::model::target_group::{GroupName, TargetGroup};
use tgprobe::model::tick::Tick;

use super::shadow::{Expected, Shadow};

#[derive(Default)]
pub(crate) struct Lane {
    pub(crate) shard: Shard,
    pub(crate) inbox: VecDeque<Command>,
    pub(crate) shadows: BTreeMap<u32, Shadow>,
    pub(crate) jobs: Vec<Job>,
    /// Targets the shard has forgotten, not yet told to the registry.
    pub(crate) removed: Vec<(GroupName, Arc<TargetDescription>, Key)>,
    /// Of each group, so that its targets are given the very same settings, as by the shell.
    settings: BTreeMap<GroupName, (Arc<TargetGroup>, Arc<Settings>)>,
    gone: BTreeSet<Key>,
    skipped: u64,
}

impl Lane {
    /// Does what the registry said; a new target waits for its address if `held`.
    pub(crate) fn obey(&mut self, command: Command, held: bool, now: Tick) {
        match command {
            Command::Register(key, group, target) => self.register(key, group, target, held, now),
            Command::Restore(restored) => self.restore(&restored, held, now),
            Command::Update(key, group) => self.update(key, group, now),
            Command::Deregister(key, _) => {
                self.shard.deregister(key, now);
                let shadow = self.shadows.get_mut(&key.index).unwrap();
                let mut expected = Vec::from_iter(shadow.deregister(now));
                expected.extend(self.shadows.values_mut().filter_map(|shadow| shadow.pass_time(now)));
                self.expect(expected);
            }
            Command::End(key) => {
                self.shard.end(key, now);
                let mut expected = Vec::new();
                // Its drain may have ended while the command was under way.
                if let Some(shadow) = self.shadows.get_mut(&key.index).filter(|shadow| shadow.key == key) {
                    expected.extend(shadow.deregister(now));
                    shadow.cut_short(now);
                }
                expected.extend(self.shadows.values_mut().filter_map(|shadow| shadow.pass_time(now)));
                self.expect(expected);
            }
        }
    }

    /// Ends what is over and takes the jobs that are due, no more than `cap` at once. Returns how many it took.
    pub(crate) fn turn(&mut self, cap: usize, now: Tick) -> usize {
        if self.shard.next_deadline().is_some_and(|at| at <= now) {
            self.shard.on_tick(now);
            let expected = self.shadows.values_mut().filter_map(|shadow| shadow.pass_time(now)).collect();
            self.expect(expected);
        }
        assert!(self.shard.next_deadline().is_none_or(|at| now < at), "a deadline is overdue");
        let (before, mut previous) = (self.jobs.len(), Tick(0));
        while self.jobs.len() < cap {
            let Some(job) = self.shard.poll_job(now) else {
                assert!(self.shard.next_check().is_none_or(|at| now < at), "a check is overdue");
                break;
            };
            assert!(previous <= job.due, "the earlier check comes first");
            previous = job.due;
            self.shadows.get_mut(&job.key.index).unwrap().start(&job, now);
            self.compare(job.key.index);
            self.jobs.push(job);
        }
        self.jobs.len().saturating_sub(before)
    }

    /// Answers one job.
    pub(crate) fn answer(&mut self, position: usize, outcome: Outcome, now: Tick) {
        let job = self.jobs.swap_remove(position);
        let key = job.key;
        self.shard.on_outcome(job, outcome, now);
        let mut expected = None;
        if let Some(shadow) = self.shadows.get_mut(&key.index) {
            let next = self.shard.status(shadow.key).unwrap().next_check;
            let (change, skipped) = shadow.answer(key, outcome, now, next);
            expected = change;
            self.skipped += skipped;
            self.compare(key.index);
        }
        assert_eq!(self.shard.skipped(), self.skipped, "after {key:?}");
        self.expect(Vec::from_iter(expected));
    }

    pub(crate) fn release(&mut self, index: u32, now: Tick) {
        let shadow = self.shadows.get_mut(&index).unwrap();
        shadow.release(now);
        self.shard.release(shadow.key, now);
        self.compare(index);
        self.expect(Vec::new());
    }

    /// Calls everything with the key of a registration that is over: nothing may come of it.
    pub(crate) fn disturb(&mut self, index: u32, now: Tick) {
        let shadow = &self.shadows[&index];
        let past = Key { index, generation: shadow.key.generation.wrapping_sub(1) };
        assert_eq!((self.shard.status(past), self.shard.is_checked(past)), (None, false));
        self.shard.release(past, now);
        let mut group = TargetGroup::clone(&shadow.group);
        group.health_check.enabled = !group.health_check.enabled;
        self.shard.update(past, Arc::new(Settings::from(&group)), true, now);
        self.shard.deregister(past, now);
        let expected = self.shadows.values_mut().filter_map(|shadow| shadow.pass_time(now)).collect();
        self.expect(expected);
    }

    /// Compares everything the shard tells with everything the shadows know.
    pub(crate) fn compare_all(&mut self) {
        let indexes: Vec<u32> = self.shadows.keys().copied().collect();
        indexes.into_iter().for_each(|index| self.compare(index));
        assert_eq!(self.shard.len(), self.shadows.len());
        assert_eq!(self.shard.is_empty(), self.shadows.is_empty());
        let due = self.shadows.values().filter_map(Shadow::due).min();
        let told = self.shard.next_check();
        assert!(told <= due && told.is_some() == due.is_some(), "wakes at {told:?} for the check at {due:?}");
        // Only where a target was taken away may it wake for nothing, and not much too early.
        let early = due.unwrap_or_default().since(told.unwrap_or_default());
        assert!(early < Duration::from_millis(128), "wakes {early:?} too early");
        let deadline = self.shadows.values().filter_map(Shadow::deadline).min();
        let wake = self.shard.next_deadline();
        assert!(wake <= deadline || deadline.is_none(), "wakes at {wake:?}, too late for {deadline:?}");
        assert!(wake.is_some() || deadline.is_none(), "never wakes for {deadline:?}");
        let asks = |shadow: &Shadow| 1.0 / shadow.interval().as_secs_f64();
        let offered: f64 = self.shadows.values().filter(|shadow| shadow.is_placed()).map(asks).sum();
        assert!((self.shard.offered_rate() - offered).abs() < 1e-6 * (1.0 + offered), "the offered rate");
        let told = |&key: &Key| self.shard.status(key).is_some() || self.shard.is_checked(key);
        assert!(!self.gone.iter().any(told), "a removed target is told of");
    }

    fn register(
        &mut self,
        key: Key,
        group: Arc<TargetGroup>,
        target: Arc<TargetDescription>,
        held: bool,
        now: Tick,
    ) {
        let quick = self.quick(key.index);
        let settings = self.settings(&group);
        let hash = place::hash(group.name.as_str(), &target.to_string());
        let (access, held) = access(&target, held);
        let known = self.shadows.get(&key.index).map(|shadow| Arc::clone(&shadow.target));
        self.shard.register(key, settings, hash, access, now);
        let shadow = self
            .shadows
            .entry(key.index)
            .or_insert_with(|| Shadow::new(key, Arc::clone(&group), Arc::clone(&target), now));
        assert_eq!((&shadow.group.name, &shadow.target.id), (&group.name, &target.id), "{key:?} is taken");
        let moved = known.is_some_and(|known| known.host() != target.host());
        assert!(shadow.key == key || shadow.drain_ends.is_some() || moved, "{key:?} is registered twice");
        let change = shadow.register(key, group, target, held, quick, now);
        self.expect(Vec::from_iter(change));
        self.compare(key.index);
    }

    fn restore(&mut self, restored: &Restored, held: bool, now: Tick) {
        let Restored { key, group, target, life } = restored;
        let (quick, (access, held)) = (self.quick(key.index), access(target, held));
        let settings = self.settings(group);
        let hash = place::hash(group.name.as_str(), &target.to_string());
        self.shard.restore(*key, settings, hash, access, life, now);
        let (shadow, change) = Shadow::restore(restored, held, quick, now);
        assert!(self.shadows.insert(key.index, shadow).is_none(), "{key:?} is taken");
        self.expect(Vec::from_iter(change));
        self.compare(key.index);
    }

    fn update(&mut self, key: Key, group: Arc<TargetGroup>, now: Tick) {
        let quick = self.quick(key.index);
        let settings = self.settings(&group);
        // The drain may have ended while the command was under way.
        let Some(shadow) = self.shadows.get_mut(&key.index).filter(|shadow| shadow.key == key) else {
            self.shard.update(key, settings, true, now);
            return self.expect(Vec::new());
        };
        let anew = asks_anew(&shadow.group, &group);
        self.shard.update(key, settings, anew, now);
        let change = shadow.update(group, quick, now);
        self.expect(Vec::from_iter(change));
        self.compare(key.index);
    }

    fn settings(&mut self, group: &Arc<TargetGroup>) -> Arc<Settings> {
        let made = Arc::new(Settings::from(&**group));
        let known =
            self.settings.entry(group.name.clone()).or_insert_with(|| (Arc::clone(group), Arc::clone(&made)));
        if !Arc::ptr_eq(&known.0, group) {
            *known = (Arc::clone(group), made);
        }
        Arc::clone(&known.1)
    }

    /// Whether few enough other targets wait for their first check.
    fn quick(&self, index: u32) -> bool {
        let others = self.shadows.iter().filter(|(other, shadow)| **other != index && shadow.is_fresh());
        u64::try_from(others.count()).unwrap() < QUICK_FIRST_CHECKS
    }

    fn compare(&mut self, index: u32) {
        let shadow = self.shadows.get_mut(&index).unwrap();
        shadow.compare(&self.shard.status(shadow.key).unwrap());
        assert_eq!(self.shard.is_checked(shadow.key), shadow.is_placed(), "{:?}", shadow.key);
    }

    /// Takes the shard's events, which must be exactly these, in any order between targets.
    fn expect(&mut self, mut expected: Vec<Expected>) {
        let mut events: Vec<Expected> =
            std::iter::from_fn(|| self.shard.poll_event()).map(Expected::from).collect();
        events.sort_by_key(|event| event.key());
        expected.sort_by_key(|event| event.key());
        assert_eq!(events, expected);
        for event in events {
            if let Expected::Removed(key) = event {
                let shadow = self.shadows.remove(&key.index).unwrap();
                assert!(self.gone.insert(key), "{key:?} is removed twice");
                self.removed.push((shadow.group.name.clone(), shadow.target, key));
            }
        }
    }
}

/// Whether a target can be checked, and whether it waits for its address, as the dice say, if it has one.
fn access(target: &TargetDescription, held: bool) -> (Access, bool) {
    match (target.host(), held) {
        (None, _) => (Access::Nowhere, false),
        (Some(_), true) => (Access::Awaited, true),
        (Some(_), false) => (Access::Known, false),
    }
}

/// Whether a check of the new group asks something else than one of the old.
pub(crate) fn asks_anew(old: &TargetGroup, new: &TargetGroup) -> bool {
    let asks = |group: &TargetGroup| (group.health_check.path.clone(), group.health_check.protocol);
    asks(old) != asks(new)
}
