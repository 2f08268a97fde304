//! What the user wants: a random set of groups and targets that changes in random ways.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use tgprobe::model::desired::{Desired, DesiredGroup};
use tgprobe::model::health_check::HealthCheckProtocol;
use tgprobe::model::protocol::Protocol;
use tgprobe::model::target::{More, Reach, TargetDescription};
use tgprobe::model::target_group::{GroupName, TargetGroup};

use super::dice::Dice;

/// The intervals in calm times, so that they take bounded work.
const BEATS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// One wanted target.
#[derive(Clone, Copy, Default)]
struct Wanted {
    zone: Option<&'static str>,
    /// Where it is checked instead of its id; nowhere if this is empty.
    host: Option<&'static str>,
}

/// The wanted groups, each with the numbers of its targets.
#[derive(Default)]
pub(crate) struct Wish {
    groups: BTreeMap<GroupName, (TargetGroup, BTreeMap<u64, Wanted>)>,
    /// Groups that were deleted, and perhaps made anew since.
    deleted: Vec<GroupName>,
}

impl Wish {
    /// A set to begin with: now and then one so large that not all its targets may be checked at once.
    pub(crate) fn first(dice: &mut Dice) -> Self {
        let mut wish = Self::default();
        wish.add_group(dice);
        if dice.once_in(16) {
            for (_, targets) in wish.groups.values_mut() {
                targets.extend((100..360).map(|number| (number, Wanted::default())));
            }
        }
        wish
    }

    /// Whether there are more targets than one shard checks at once when they are new.
    pub(crate) fn is_crowd(&self) -> bool {
        self.groups.values().any(|(_, targets)| targets.len() > 200)
    }

    /// Changes the wish in one random way.
    pub(crate) fn mutate(&mut self, dice: &mut Dice) {
        let names: Vec<_> = self.groups.keys().cloned().collect();
        if names.is_empty() || dice.once_in(12) {
            self.add_group(dice);
            return;
        }
        let name = &names[dice.index(names.len())];
        if dice.once_in(20) {
            self.groups.remove(name);
            return;
        }
        if dice.once_in(24) {
            self.groups.remove(name);
            self.deleted.push(name.clone());
            if dice.once_in(2) {
                self.make_group(name.clone(), dice);
            }
            return;
        }
        let (group, targets) = self.groups.get_mut(name).unwrap();
        match dice.roll(10) {
            0..3 => _ = targets.insert(dice.roll(12), Wanted::default()),
            3..6 => {
                let present: Vec<_> = targets.keys().copied().collect();
                if !present.is_empty() {
                    targets.remove(&dice.pick(&present));
                }
            }
            6 => _ = targets.entry(dice.roll(12)).and_modify(|wanted| wanted.zone = Some("b")),
            7 => {
                let host = dice.pick(&[None, Some(""), Some("10.1.0.1"), Some("a.test"), Some("b.test")]);
                targets.entry(dice.roll(12)).and_modify(|wanted| wanted.host = host);
            }
            _ => change(group, dice),
        }
    }

    /// Wants nothing any more.
    pub(crate) fn clear(&mut self) {
        self.groups.clear();
    }

    /// Takes the names of the groups that were deleted.
    pub(crate) fn take_deleted(&mut self) -> Vec<GroupName> {
        std::mem::take(&mut self.deleted)
    }

    /// Makes every group in use and checked, every target one that can be, and all patient with silence and no more.
    pub(crate) fn calm(&mut self) {
        for (group, targets) in self.groups.values_mut() {
            targets.values_mut().for_each(|wanted| wanted.host = wanted.host.filter(|host| !host.is_empty()));
            group.attributes.unhealthy_draining = Duration::ZERO;
            group.health_check.start_period = Duration::ZERO;
            group.attributes.in_use = true;
            group.health_check.enabled = true;
            group.health_check.interval = group.health_check.interval.clamp(BEATS.0, BEATS.1);
            group.health_check.stale_after = Duration::from_secs(3_600);
        }
    }

    pub(crate) fn desired(&self) -> Desired {
        let reach = |host: &str| if host.is_empty() { Reach::Nowhere } else { Reach::At(host.into()) };
        let describe = |(number, wanted): (&u64, &Wanted)| {
            let (zone, reach) = (wanted.zone.map(Into::into), wanted.host.map(reach).unwrap_or_default());
            let id = format!("10.0.{}.{}", number / 100, number % 100);
            TargetDescription::new(&id, 80).with(More { zone, reach, ..More::default() })
        };
        let groups = self.groups.values().map(|(group, targets)| DesiredGroup {
            group: Arc::new(group.clone()),
            targets: targets.iter().map(describe).map(Arc::new).collect(),
        });
        Desired { groups: groups.collect(), ..Desired::default() }
    }

    fn add_group(&mut self, dice: &mut Dice) {
        let name = GroupName::parse(dice.pick(&["api", "web", "web-2", "worker"])).unwrap();
        self.make_group(name, dice);
    }

    fn make_group(&mut self, name: GroupName, dice: &mut Dice) {
        let protocol = dice.pick(Protocol::ALL);
        let mut group = TargetGroup::new(name.clone(), protocol, 80);
        (0..8).for_each(|_| change(&mut group, dice));
        let numbers: BTreeSet<u64> = (0..dice.roll(8)).map(|_| dice.roll(12)).collect();
        let targets = numbers.into_iter().map(|number| (number, Wanted::default())).collect();
        self.groups.entry(name).or_insert((group, targets));
    }
}

/// Changes one setting of a group.
fn change(group: &mut TargetGroup, dice: &mut Dice) {
    let check = &mut group.health_check;
    let mut threshold = || NonZeroU8::new(u8::try_from(1 + dice.roll(5)).unwrap()).unwrap();
    let (some, other) = (threshold(), threshold());
    match dice.roll(20) {
        0 => check.healthy_threshold = some,
        1 => check.unhealthy_threshold = other,
        2 => check.initial_healthy_threshold = some,
        3..7 => {
            check.interval = Duration::from_millis(dice.pick(&[1, 90, 333, 1_000, 5_000, 10_000, 30_000]))
        }
        7 | 8 => check.stale_after = check.interval * dice.pick(&[2, 3, 10]),
        9 => check.path = dice.pick(&["/", "/health"]).to_owned(),
        10 => check.protocol = dice.pick(&HealthCheckProtocol::ALL),
        11 => check.enabled = !dice.once_in(3),
        12 => group.attributes.in_use = !dice.once_in(3),
        13 => group.attributes.end_drain_when_refused = dice.once_in(2),
        14 | 15 => group.attributes.unhealthy_draining = check.interval * dice.pick(&[0, 1, 3, 20]),
        16 | 17 => check.start_period = check.interval * dice.pick(&[0, 1, 3, 20]),
        _ => group.attributes.deregistration_delay = Duration::from_secs(dice.pick(&[0, 1, 10, 300])),
    }
}
