//! Targets of tasks, in a group that a running fleet has.

use super::*;
use crate::engine::ecs::action::{Report, TargetSeen};
use crate::model::ecs::task::{Registration, TaskTarget};
use crate::model::health::State as Health;
use crate::model::protocol::TargetType;
use crate::runtime::agent::lookout::news;
use crate::runtime::agent::targets::{Order, carry_out, next};
use std::collections::{BTreeMap, VecDeque};

const ARN: &str = "arn:web";

fn group(target_type: TargetType) -> Change {
    let description = Description { origin: Origin::Api, arn: ARN.into(), ..Description::default() };
    let name = GroupName::parse("web").unwrap();
    let mut group = TargetGroup { target_type, ..TargetGroup::new(name, Protocol::Http, 80) };
    group.description = Arc::new(description);
    group.attributes.deregistration_delay = Duration::ZERO;
    Change::PutGroup(Arc::new(group))
}

fn order(task: &str, arn: &str, register: bool) -> Order {
    let target = TaskTarget { arn: arn.into(), id: "127.0.1.1".into(), port: 80, ..TaskTarget::default() };
    Order { task: task.into(), targets: vec![target], register }
}

async fn put(house: &House, target_type: TargetType) {
    house.writer.call(move |_, _| Ok::<_, ()>((vec![group(target_type)], ()))).await.unwrap();
}

async fn told(house: &House, orders: Vec<Order>) -> Vec<String> {
    let reports = carry_out(house.writer.clone(), orders).await.unwrap();
    let tell = |report: Report| {
        if let Report::NotRegistered(task, why) = &report {
            return format!("{task}: {why}");
        }
        assert!(matches!(report, Report::Registered(_)), "{report:?}");
        "registered".to_owned()
    };
    reports.into_iter().map(tell).collect()
}

fn registered(house: &House) -> usize {
    let snapshot = house.view.snapshot();
    let listing = snapshot.groups.get("web");
    listing.map_or(0, |listing| listing.targets.iter().filter(|listed| listed.registered).count())
}

#[tokio::test]
async fn a_group_that_is_not_there_refuses_its_tasks_alone() {
    let house = House::start();
    put(&house, TargetType::Ip).await;
    let orders = vec![order("a", ARN, true), order("b", "arn:gone", true), order("c", "web", true)];
    let expected = ["registered", "b: The target group arn:gone does not exist", "registered"];
    assert_eq!(told(&house, orders).await, expected);
    assert_eq!(registered(&house), 1, "a name leads to the same group as its ARN");
    house.stop().await;
}

#[tokio::test]
async fn a_group_for_load_balancers_takes_no_task() {
    let house = House::start();
    put(&house, TargetType::Alb).await;
    let told = told(&house, vec![order("a", ARN, true)]).await;
    assert!(told[0].starts_with("a: 127.0.1.1 cannot be registered in the target group web: "), "{told:?}");
    assert_eq!(registered(&house), 0);
    house.stop().await;
}

#[tokio::test]
async fn what_is_done_already_may_be_asked_for_again() {
    let house = House::start();
    put(&house, TargetType::Ip).await;
    for _ in 0..2 {
        assert_eq!(told(&house, vec![order("a", ARN, true)]).await, ["registered"]);
        assert_eq!(registered(&house), 1);
    }
    for _ in 0..2 {
        assert_eq!(told(&house, vec![order("a", ARN, false)]).await, [""; 0]);
        assert_eq!(registered(&house), 0);
    }
    house.stop().await;
}

#[test]
fn no_two_orders_of_one_task_are_given_together() {
    let orders = [("a", true), ("b", true), ("a", false), ("b", false)];
    let mut orders: VecDeque<_> = orders.map(|(task, register)| order(task, ARN, register)).into();
    let together = |orders: &mut VecDeque<Order>| -> Vec<_> {
        next(orders).into_iter().map(|order| (order.task, order.register)).collect()
    };
    assert_eq!(together(&mut orders), [("a".into(), true), ("b".into(), true)]);
    assert_eq!(together(&mut orders), [("a".into(), false), ("b".into(), false)]);
    assert_eq!(together(&mut orders), []);
}

#[tokio::test]
async fn how_a_target_fares_is_told_when_it_changes_and_until_it_is_gone() {
    let house = House::start();
    put(&house, TargetType::Ip).await;
    told(&house, vec![order("a", ARN, true)]).await;
    let show = |registration| {
        let mut targets = order("a", ARN, true).targets;
        targets[0].registration = registration;
        let task = EcsTask { id: "a".into(), targets, ..EcsTask::default() };
        let tasks = BTreeMap::from([("a".into(), Arc::new(task))]);
        house.view.publish_ecs(Arc::new(State { tasks, ..State::default() }));
    };
    let mut known = BTreeMap::new();
    show(Registration::Asked);
    assert_eq!(news(&house.view, &mut known), [], "whether it is there is not known yet");
    show(Registration::Registered);
    let first = news(&house.view, &mut known);
    let state = |news: &[(Box<str>, Vec<TargetSeen>)]| news[0].1[0].health.map(|health| health.state);
    assert_eq!(state(&first), Some(Health::Initial));
    assert_eq!(news(&house.view, &mut known), [], "nothing has changed");
    show(Registration::Draining);
    told(&house, vec![order("a", ARN, false)]).await;
    let mut changes = house.view.changes();
    let last = loop {
        let news = news(&house.view, &mut known);
        if !news.is_empty() && state(&news).is_none() {
            break news;
        }
        changes.changed().await.unwrap();
    };
    assert_eq!(&*last[0].0, "a");
    house.stop().await;
}

#[tokio::test]
async fn a_target_that_somebody_else_took_out_of_its_group_need_not_drain() {
    let house = House::start();
    put(&house, TargetType::Ip).await;
    let mut known = BTreeMap::new();
    for registration in [Registration::Registered, Registration::Draining] {
        let mut targets = order("a", ARN, true).targets;
        targets[0].registration = registration;
        let task = EcsTask { id: "a".into(), targets, ..EcsTask::default() };
        let tasks = BTreeMap::from([("a".into(), Arc::new(task))]);
        house.view.publish_ecs(Arc::new(State { tasks, ..State::default() }));
        let news = news(&house.view, &mut known);
        assert_eq!(news.len(), 1, "{registration:?}");
        assert!(news[0].1[0].health.is_none());
    }
    house.stop().await;
}
