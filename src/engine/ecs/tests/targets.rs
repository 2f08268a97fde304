//! How tasks are registered in target groups, and how they leave them.

use super::*;
use crate::engine::ecs::action::TargetSeen;
use crate::model::ecs::service::{LoadBalancer, ServiceKey};
use crate::model::ecs::task::{Registration, StopCode};
use crate::model::health::TargetHealth;

const ARN: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/web/0123456789abcdef";

/// A task of a service behind a target group, whose containers are to be started.
fn served() -> (World, Box<str>) {
    let mut world = World::new();
    world.define(vec![container("web"), helper("side")]);
    let definition = world.ecs.state().latest("web").unwrap().id.clone();
    let key = ServiceKey { cluster: "default".into(), name: "web".into() };
    let balancer =
        LoadBalancer { target_group_arn: ARN.into(), container_name: "web".into(), container_port: 80 };
    let id = world.ecs.launch(&key, "ecs-svc/1", &definition, &[balancer], world.now).unwrap();
    assert_eq!(world.actions(), ["start web", "start side"]);
    (world, id)
}

fn seen(world: &mut World, id: &str, health: Option<TargetHealth>) {
    let seen = TargetSeen { arn: ARN.into(), id: "127.0.0.1".into(), port: 32_768, health };
    world.report(Report::Targets(id.into(), vec![seen]));
}

fn running() -> (World, Box<str>) {
    let (mut world, id) = served();
    for name in ["web", "side"] {
        world.start(&id, name);
    }
    world.report(Report::Registered(id.clone()));
    assert_eq!(world.status(&id), TaskStatus::Running);
    world.actions();
    (world, id)
}

#[test]
fn a_task_is_registered_once_the_container_that_serves_has_started() {
    let (mut world, id) = served();
    world.start(&id, "web");
    assert_eq!(world.actions(), ["register 1"]);
    let target = &world.task(&id).targets[0];
    assert_eq!((&*target.id, target.port, target.registration), ("127.0.0.1", 32_768, Registration::Asked));
    world.start(&id, "side");
    assert_eq!(world.status(&id), TaskStatus::Activating, "it waits for the answer");
    world.report(Report::Registered(id.clone()));
    assert_eq!(world.status(&id), TaskStatus::Running);
}

#[test]
fn a_registration_that_is_refused_fails_the_task() {
    let (mut world, id) = served();
    world.start(&id, "web");
    world.report(Report::NotRegistered(id.clone(), "no such target group".into()));
    let task = world.task(&id);
    assert_eq!(task.stop_code, Some(StopCode::TaskFailedToStart));
    assert_eq!(task.stopped_reason.as_deref(), Some("no such target group"));
    assert_eq!(task.last_status, TaskStatus::Stopping, "there is nothing to drain");
}

#[test]
fn a_task_stops_only_once_its_targets_have_drained() {
    let (mut world, id) = running();
    seen(&mut world, &id, Some(TargetHealth::HEALTHY));
    assert_eq!(&*world.task(&id).targets[0].state, "healthy");
    world.ecs.stop_task(&id, None, false, world.now).unwrap();
    assert_eq!(world.actions(), ["deregister 1"]);
    world.wait(600);
    seen(&mut world, &id, Some(TargetHealth::HEALTHY));
    assert_eq!((world.actions(), world.status(&id)), (vec![], TaskStatus::Deactivating));
    seen(&mut world, &id, None);
    assert_eq!(world.actions(), ["terminate web", "terminate side"]);
    assert_eq!(world.task(&id).targets[0].registration, Registration::Gone);
}

#[test]
fn a_stop_that_is_forced_does_not_wait_even_if_it_is_forced_later() {
    for later in [false, true] {
        let (mut world, id) = running();
        world.ecs.stop_task(&id, None, !later, world.now).unwrap();
        if later {
            assert_eq!(world.actions(), ["deregister 1"]);
            world.ecs.stop_task(&id, None, true, world.now).unwrap();
            assert_eq!(world.actions(), ["terminate web", "terminate side"]);
        } else {
            assert_eq!(world.actions(), ["deregister 1", "terminate web", "terminate side"]);
        }
    }
}

#[test]
fn a_registration_that_is_under_way_is_answered_before_it_is_ended() {
    let (mut world, id) = served();
    world.start(&id, "web");
    assert_eq!(world.actions(), ["register 1"]);
    world.ecs.stop_task(&id, None, true, world.now).unwrap();
    assert_eq!(world.actions(), [""; 0]);
    world.report(Report::Registered(id));
    assert_eq!(world.actions(), ["deregister 1", "terminate web"]);
}

#[test]
fn a_container_that_comes_back_with_another_port_is_registered_there() {
    let (mut world, id) = running();
    let mut key = world.key(&id, "web");
    // As after a time in which the runtime was unreachable.
    world.report(Report::Connectivity(Connectivity::Disconnected));
    key.run = 1;
    let bindings = vec![Binding { address: LOOPBACK, container_port: 80, host_port: 32_769, udp: false }];
    let found = crate::engine::ecs::action::Found {
        key,
        runtime_id: "web-1".into(),
        started_at: None,
        ended: None,
        address: LOOPBACK,
        bindings,
    };
    let side = crate::engine::ecs::action::Found {
        key: world.key(&id, "side"),
        runtime_id: "side-0".into(),
        ..found.clone()
    };
    world.report(Report::Inventory(vec![found, side]));
    assert_eq!(world.actions(), ["deregister 1", "register 1"]);
    world.report(Report::Registered(id.clone()));
    let target = &world.task(&id).targets[0];
    assert_eq!((target.port, target.registration), (32_769, Registration::Registered));
}

#[test]
fn a_task_that_ends_leaves_alone_the_target_that_another_one_serves() {
    let (mut world, first) = running();
    let definition = world.ecs.state().latest("web").unwrap().id.clone();
    let key = ServiceKey { cluster: "default".into(), name: "web".into() };
    let balancer =
        LoadBalancer { target_group_arn: ARN.into(), container_name: "web".into(), container_port: 80 };
    let second = world.ecs.launch(&key, "ecs-svc/1", &definition, &[balancer], world.now).unwrap();
    world.start(&second, "web");
    world.report(Report::Registered(second.clone()));
    world.actions();
    world.end(&second, "web", 1);
    assert!(!world.actions().iter().any(|action| action.starts_with("deregister")));
    assert_eq!(world.task(&second).targets[0].registration, Registration::Gone);
    assert_eq!(world.task(&first).targets[0].registration, Registration::Registered);
    world.ecs.stop_task(&first, None, false, world.now).unwrap();
    assert_eq!(world.actions(), ["deregister 1"], "the last one takes it along");
}
