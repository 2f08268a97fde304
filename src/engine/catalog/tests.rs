//! What the file and the APIs wish for, together.

use super::*;
use crate::model::protocol::Protocol;
use proptest::prelude::*;

fn name(text: &str) -> GroupName {
    GroupName::parse(text).unwrap()
}

fn group(text: &str, port: u16) -> Arc<TargetGroup> {
    Arc::new(TargetGroup::new(name(text), Protocol::Http, port))
}

fn target(id: &str) -> Arc<TargetDescription> {
    Arc::new(TargetDescription::new(id, 80))
}

fn register(id: &str) -> Change {
    Change::Register(name("web"), target(id))
}

fn deregister(id: &str) -> Change {
    Change::Deregister { group: name("web"), id: id.into(), port: 80, drain_ends: None }
}

/// The file names one group `web` on this port with these targets, if any.
fn file(port: Option<u16>, targets: &[&str]) -> Desired {
    let targets: Vec<_> = targets.iter().map(|id| target(id)).collect();
    let group = |port| DesiredGroup { group: group("web", port), targets };
    Desired { groups: port.map(group).into_iter().collect(), ..Desired::default() }
}

/// The port of `web` and the ids of its targets, in the order they are told in.
fn told(catalog: &Catalog) -> Option<(u16, Vec<String>)> {
    let desired = catalog.desired(&name("web"))?;
    Some((desired.group.port, desired.targets.iter().map(|target| target.id.to_string()).collect()))
}

fn seen(port: u16, ids: &[&str]) -> Option<(u16, Vec<String>)> {
    Some((port, ids.iter().map(|id| (*id).to_owned()).collect()))
}

#[test]
fn targets_of_the_api_stand_beside_those_of_the_file() {
    let mut catalog = Catalog::default();
    assert_eq!(catalog.apply_file(file(Some(1), &["a"])), [name("web")]);
    catalog.apply(register("b"));
    assert_eq!(told(&catalog), seen(1, &["a", "b"]));
    assert_eq!(catalog.apply_file(file(Some(1), &["c"])), [name("web")]);
    assert_eq!(told(&catalog), seen(1, &["c", "b"]));
    catalog.apply(deregister("b"));
    assert_eq!(told(&catalog), seen(1, &["c"]));
}

#[test]
fn what_a_file_read_anew_has_not_changed_is_the_very_same() {
    let mut catalog = Catalog::default();
    let read = |catalog: &mut Catalog, targets: &[&str]| {
        catalog.apply_file(file(Some(1), targets));
        catalog.desired(&name("web")).unwrap()
    };
    let first = read(&mut catalog, &["c", "a", "b"]);
    let second = read(&mut catalog, &["b", "aa", "c", "d"]);
    assert!(Arc::ptr_eq(&first.group, &second.group));
    let known = |target: &Arc<TargetDescription>| first.targets.iter().any(|one| Arc::ptr_eq(one, target));
    let found: Vec<_> = second.targets.iter().map(|target| (&*target.id, known(target))).collect();
    assert_eq!(found, [("aa", false), ("b", true), ("c", true), ("d", false)]);
}

#[test]
fn a_target_that_both_have_stays_until_both_let_it_go() {
    let mut catalog = Catalog::default();
    catalog.apply_file(file(Some(1), &["a"]));
    catalog.apply(register("a"));
    catalog.apply_file(file(Some(1), &[]));
    assert_eq!(told(&catalog), seen(1, &["a"]));
    catalog.apply(deregister("a"));
    assert_eq!(told(&catalog), seen(1, &[]));
}

#[test]
fn only_a_target_that_nobody_else_wants_drains() {
    let mut catalog = Catalog::default();
    catalog.apply_file(file(Some(1), &["c", "a", "b"]));
    ["a", "d"].into_iter().for_each(|id| _ = catalog.apply(register(id)));
    let wish = catalog.get(&name("web")).unwrap();
    let ends = |id| match wish.deregister(id, 80, Tick(1_000)) {
        Some(Change::Deregister { drain_ends, .. }) => Some(drain_ends),
        other => other.map(|other| panic!("{other:?}")),
    };
    assert_eq!(["a", "b", "c", "d"].map(|id| wish.in_file(id, 80)), [true, true, true, false]);
    assert_eq!(["a", "b", "d"].map(ends), [Some(None), None, Some(Some(Tick(301_000)))]);
}

#[test]
fn a_group_of_the_api_steps_back_while_the_file_names_it() {
    let mut catalog = Catalog::default();
    catalog.apply(Change::PutGroup(group("web", 7)));
    catalog.apply(register("b"));
    let origin = |catalog: &Catalog| catalog.get(&name("web")).unwrap().origin();
    assert_eq!(origin(&catalog), Origin::Api);
    catalog.apply_file(file(Some(1), &[]));
    assert_eq!((told(&catalog), origin(&catalog)), (seen(1, &["b"]), Origin::File));
    assert_eq!(catalog.apply_file(file(None, &[])), [name("web")]);
    assert_eq!((told(&catalog), origin(&catalog)), (seen(7, &["b"]), Origin::Api));
}

#[test]
fn registrations_wait_for_a_group_that_the_file_no_longer_names() {
    let mut catalog = Catalog::default();
    catalog.apply_file(file(Some(1), &[]));
    catalog.apply(register("b"));
    catalog.apply_file(file(None, &[]));
    assert_eq!((told(&catalog), catalog.iter().count()), (None, 0));
    catalog.apply_file(file(Some(2), &[]));
    assert_eq!(told(&catalog), seen(2, &["b"]));
}

#[test]
fn a_deleted_group_takes_its_registrations_with_it() {
    let mut catalog = Catalog::default();
    catalog.apply(Change::PutGroup(group("web", 7)));
    catalog.apply(register("b"));
    catalog.apply(Change::DeleteGroup(name("web")));
    assert_eq!(told(&catalog), None);
    catalog.apply(Change::PutGroup(group("web", 7)));
    assert_eq!(told(&catalog), seen(7, &[]));
}

#[test]
fn a_target_is_checked_where_its_kind_of_id_leads() {
    const INSTANCE: &str = "i-0123456789abcdef0";
    const ARN: &str = "arn:aws:elasticloadbalancing:us-east-1:0:loadbalancer/app/a/1";
    let mut catalog = Catalog::default();
    let instances = [(Box::from(INSTANCE), Box::from("10.0.0.9"))];
    for (kind, id, known, host) in [
        (TargetType::Ip, "10.0.0.1", false, Some("10.0.0.1")),
        (TargetType::Ip, "i-0123456789abcdef0", true, Some("i-0123456789abcdef0")),
        (TargetType::Instance, INSTANCE, true, Some("10.0.0.9")),
        (TargetType::Instance, INSTANCE, false, None),
        (TargetType::Instance, "10.0.0.1", false, Some("10.0.0.1")),
        (TargetType::Instance, "i-am-a-host", false, Some("i-am-a-host")),
        (TargetType::Alb, ARN, false, None),
        (TargetType::Lambda, INSTANCE, true, None),
    ] {
        let group = TargetGroup { target_type: kind, ..TargetGroup::clone(&group("web", 80)) };
        catalog.apply(Change::PutGroup(Arc::new(group)));
        catalog.apply(register(id));
        let instances = if known { instances.clone().into() } else { BTreeMap::new() };
        catalog.apply_file(Desired { instances, ..Desired::default() });
        let desired = catalog.desired(&name("web")).unwrap();
        assert_eq!(desired.targets[0].host(), host, "{kind} {id}");
        catalog.apply(deregister(id));
    }
}

#[test]
fn new_addresses_of_instances_touch_the_groups_that_may_have_them() {
    let mut catalog = Catalog::default();
    catalog.apply(Change::PutGroup(group("web", 80)));
    catalog.apply(register("i-0123456789abcdef0"));
    let with = |host: &str| Desired {
        instances: [(Box::from("i-0123456789abcdef0"), Box::from(host))].into(),
        ..Desired::default()
    };
    assert_eq!(catalog.apply_file(with("10.0.0.1")), [name("web")]);
    assert!(catalog.apply_file(with("10.0.0.1")).is_empty(), "nothing has moved");
}

fn change() -> impl Strategy<Value = Change> {
    let which = prop_oneof![Just("web"), Just("api")];
    let id = prop_oneof![Just("a"), Just("b"), Just("c")];
    prop_oneof![
        (which.clone(), 1..4_u16).prop_map(|(text, port)| Change::PutGroup(group(text, port))),
        which.clone().prop_map(|text| Change::DeleteGroup(name(text))),
        (which.clone(), id.clone()).prop_map(|(text, id)| Change::Register(name(text), target(id))),
        (which, id).prop_map(|(text, id)| Change::Deregister {
            group: name(text),
            id: id.into(),
            port: 80,
            drain_ends: None,
        }),
    ]
}

proptest! {
    #[test]
    fn every_list_of_changes_can_be_taken_back(
        before in prop::collection::vec(change(), 0..8),
        changes in prop::collection::vec(change(), 0..8),
        with_file: bool,
    ) {
        let mut catalog = Catalog::default();
        if with_file {
            catalog.apply_file(file(Some(9), &["a"]));
        }
        before.into_iter().for_each(|change| _ = catalog.apply(change));
        let was = format!("{catalog:?}");
        let mut undo = Vec::new();
        for change in changes {
            undo.extend(catalog.apply(change));
        }
        catalog.undo(undo);
        prop_assert_eq!(format!("{catalog:?}"), was);
    }
}

#[test]
fn what_a_source_has_found_stands_beside_the_rest_and_replaces_what_it_had_found() {
    let mut catalog = Catalog::default();
    let found = |ids: &[&str]| {
        let targets: Vec<_> = ids.iter().map(|id| target(id)).collect();
        BTreeMap::from([(name("web"), targets)])
    };
    // Of a group that is not there yet.
    assert_eq!(catalog.discover("one", found(&["x"])), [name("web")]);
    assert_eq!(told(&catalog), None);
    catalog.apply_file(file(Some(1), &["a"]));
    catalog.apply(register("b"));
    assert_eq!(told(&catalog), seen(1, &["a", "b", "x"]));
    assert_eq!(catalog.discover("two", found(&["y"])), [name("web")]);
    assert_eq!(catalog.discover("one", found(&["x"])), []);
    assert_eq!(catalog.discover("one", found(&["z"])), [name("web")]);
    assert_eq!(told(&catalog), seen(1, &["a", "b", "z", "y"]));
    assert_eq!(catalog.discover("one", BTreeMap::new()), [name("web")]);
    assert_eq!(catalog.discover("two", found(&[])), [name("web")]);
    assert_eq!(told(&catalog), seen(1, &["a", "b"]));
    catalog.discover("one", found(&["x"]));
    catalog.apply(deregister("b"));
    catalog.apply_file(file(None, &[]));
    catalog.discover("one", BTreeMap::new());
    assert_eq!(catalog.names(), []);
}
