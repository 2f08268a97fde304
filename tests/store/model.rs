//! Random changes, kept by the store and by the catalog that serves the APIs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tgprobe::engine::catalog::Catalog;
use tgprobe::model::attribute::in_force;
use tgprobe::model::change::Change;
use tgprobe::model::description::{Description, Origin};
use tgprobe::model::protocol::Protocol;
use tgprobe::model::target::TargetDescription;
use tgprobe::model::target_group::{GroupName, TargetGroup};
use tgprobe::store::Kept;

use crate::{NOW, alone, open};

const NAMES: [&str; 3] = ["web", "api", "eu-west-1:web"];

fn name() -> impl Strategy<Value = GroupName> {
    (0..NAMES.len()).prop_map(|index| GroupName::parse_shown(NAMES[index]).unwrap())
}

fn group() -> impl Strategy<Value = Arc<TargetGroup>> {
    let tags = proptest::collection::btree_map("\\PC{1,5}", "\\PC{0,5}", 0..3);
    (name(), 1..u16::MAX, tags, "\\PC{1,9}").prop_map(|(name, port, tags, vpc)| {
        let tags = tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let description = Description {
            origin: Origin::Api,
            arn: format!("arn:{name}").into(),
            region: "us-east-1".into(),
            vpc_id: Some(vpc.into()),
            tags,
            ..Description::default()
        };
        let group = TargetGroup::new(name, Protocol::Tcp, port);
        let mut group = TargetGroup { description: Arc::new(description), ..group };
        in_force(&mut group);
        Arc::new(group)
    })
}

fn change() -> impl Strategy<Value = Change> {
    let whose = || (name(), 0..4_u8, 80..82_u16);
    prop_oneof![
        2 => group().prop_map(Change::PutGroup),
        1 => name().prop_map(Change::DeleteGroup),
        6 => (whose(), proptest::option::of("[a-c]")).prop_map(|((name, id, port), zone)| {
            let target = TargetDescription::new(&format!("10.0.0.{id}"), port);
            Change::Register(name, Arc::new(target.in_zone(zone.map(Into::into))))
        }),
        4 => (whose(), proptest::option::weighted(0.8, 0..20_u64)).prop_map(|((group, id, port), seconds)| {
            let drain_ends = seconds.map(|seconds| NOW + Duration::from_secs(seconds));
            Change::Deregister { group, id: format!("10.0.0.{id}").into(), port, drain_ends }
        }),
    ]
}

/// The drains that run, by target.
type Drains = BTreeMap<(GroupName, Box<str>, u16), u64>;

fn follow(drains: &mut Drains, change: &Change) {
    match change {
        Change::PutGroup(_) => {}
        Change::DeleteGroup(name) => drains.retain(|(group, ..), _| group != name),
        Change::Register(name, target) => {
            drains.remove(&(name.clone(), target.id.clone(), target.port));
        }
        Change::Deregister { group, id, port, drain_ends } => {
            // Without one it stays as it is, and so does a drain that it may be in.
            if let Some(end) = drain_ends {
                drains.insert((group.clone(), id.clone(), *port), end.0);
            }
        }
    }
}

/// What the next process makes of what it finds.
fn restored(kept: &Kept) -> Catalog {
    let mut catalog = Catalog::default();
    for group in &kept.groups {
        catalog.apply(Change::PutGroup(Arc::clone(group)));
    }
    for (name, target) in &kept.registrations {
        catalog.apply(Change::Register(name.clone(), Arc::clone(target)));
    }
    catalog
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn a_restart_finds_what_the_catalog_held(calls in vec((vec(change(), 1..5), any::<bool>()), 1..12)) {
        let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
        let mut store = open(dir.path());
        let (mut catalog, mut drains) = (Catalog::default(), Drains::new());
        for (changes, restart) in calls {
            store.write(&changes, NOW).unwrap();
            for change in changes {
                follow(&mut drains, &change);
                catalog.apply(change);
            }
            if restart {
                drop(store);
                store = open(dir.path());
            }
            let kept = store.load(NOW).unwrap();
            let found = restored(&kept);
            for name in NAMES {
                let name = GroupName::parse_shown(name).unwrap();
                prop_assert_eq!(found.desired(&name), catalog.desired(&name));
            }
            let left = kept.lives.iter().filter_map(|(group, target, life)| {
                Some(((group.clone(), target.id.clone(), target.port), life.drain_ends?.0))
            });
            let running: Drains =
                drains.iter().filter(|(_, ends)| **ends > NOW.0).map(|(whose, ends)| (whose.clone(), *ends)).collect();
            prop_assert_eq!(left.collect::<Drains>(), running);
        }
    }
}
