//! What becomes of an unhealthy task.

use super::*;

fn stop_first() -> ServiceSpec {
    let mut spec = samples::spec(1);
    (spec.deployment.minimum_healthy_percent, spec.deployment.maximum_percent) = (0, 100);
    spec.load_balancers.push(balancer());
    spec
}

#[test]
fn a_service_starts_registers_and_is_steady() {
    let mut spec = samples::spec(2);
    spec.load_balancers.push(balancer());
    let world = World::with(spec, 6);
    assert_eq!(
        world.said(),
        [
            "has started 2 tasks: (task t1) (task t2).",
            "registered 2 targets in arn",
            "(deployment d1) deployment completed.",
            "has reached a steady state.",
        ]
        .map(|text| in_order(&world, text))
    );
    let newest = &world.service().deployments[0];
    assert_eq!(*newest.rollout_reason, *format!("ECS deployment {} completed.", newest.id));
    assert_eq!(world.service().last_completed, Some(revision(1)));
}

/// Ids are random, and the order of two made at once is theirs: both are written in either order.
fn in_order(world: &World, text: &str) -> String {
    let swapped = text.replace("(task t1) (task t2)", "(task t2) (task t1)");
    if world.said().contains(&swapped) { swapped } else { text.to_owned() }
}

#[test]
fn with_room_the_replacement_is_healthy_before_the_unhealthy_task_goes() {
    let mut spec = samples::spec(1);
    spec.load_balancers.push(balancer());
    let mut world = World::with(spec, 6);
    let (before, first) = (world.said().len(), world.wanted()[0].clone());
    world.make_sick(&first, true);
    world.wait(10);
    assert_eq!(world.task(&first).health.as_str(), "UNHEALTHY");
    assert!(world.task(&first).is_wanted(), "its replacement is not healthy yet");
    world.wait(10);
    assert_eq!(
        world.said_since(before),
        [
            "has started 1 tasks: (task t2). Amazon ECS replaced 1 tasks due to an unhealthy status.",
            "registered 1 targets in arn",
            "(task t1) failed container health checks.",
            "has stopped 1 running tasks: (task t1).",
            "deregistered 1 targets in arn",
            "(service web, taskSet d1) has begun draining connections on 1 tasks.",
            "has reached a steady state.",
        ]
    );
    let task = world.task(&first);
    assert_eq!(task.stopped_reason.as_deref(), Some("Task failed container health checks"));
    assert_eq!(task.stop_code.unwrap().as_str(), "ServiceSchedulerInitiated");
    assert_eq!(world.service().replaced, 1);
}

#[test]
fn without_room_the_unhealthy_task_stops_before_its_replacement_starts() {
    let mut world = World::with(stop_first(), 6);
    let (before, told, first) = (world.said().len(), world.told().len(), world.wanted()[0].clone());
    world.make_sick(&first, true);
    world.wait(20);
    let states: Vec<String> =
        world.told().split_off(told).into_iter().filter(|told| !told.starts_with("SERVICE")).collect();
    assert_eq!(
        states,
        [
            "t1 UNHEALTHY",
            "t1 DEACTIVATING",
            "TASKS_STOPPED",
            "t1 STOPPING",
            "t1 DEPROVISIONING",
            "t1 STOPPED",
            "t2 PROVISIONING",
            "t2 PENDING",
            "t2 ACTIVATING",
            "t2 RUNNING",
            "t2 HEALTHY",
        ]
    );
    assert_eq!(
        world.said_since(before),
        [
            "(task t1) failed container health checks.",
            "has stopped 1 running tasks: (task t1).",
            "deregistered 1 targets in arn",
            "(service web, taskSet d1) has begun draining connections on 1 tasks.",
            "has started 1 tasks: (task t2). Amazon ECS replaced 1 tasks due to an unhealthy status.",
            "registered 1 targets in arn",
            "has reached a steady state.",
        ]
    );
}

#[test]
fn an_unhealthy_target_has_its_task_replaced() {
    let mut spec = samples::spec(1);
    spec.load_balancers.push(balancer());
    let mut world = World::with(spec, 6);
    let (before, first) = (world.said().len(), world.wanted()[0].clone());
    world.make_unreached(&first, true);
    world.wait(10);
    let said = world.said_since(before);
    assert_eq!(said[2], "(task t1) (port 80) is unhealthy in arn due to (reason Health checks failed).");
    let reason = "Task failed ELB health checks in (target-group arn)";
    assert_eq!(world.task(&first).stopped_reason.as_deref(), Some(reason));
}

#[test]
fn nobody_minds_within_the_grace_period() {
    let mut spec = samples::spec(1);
    spec.grace_period = SECOND * 60;
    let mut world = World::new();
    world.ecs.create_service(spec, world.now).unwrap();
    world.wait(0);
    let first = world.wanted()[0].clone();
    world.make_sick(&first, true);
    world.wait(59);
    assert_eq!(world.all().len(), 1);
    assert_eq!(world.task(&first).health.as_str(), "UNHEALTHY");
    world.wait(1);
    assert_eq!(world.all().len(), 2);
}

#[test]
fn nothing_is_replaced_while_nobody_can_be_asked() {
    let mut world = World::with(samples::spec(2), 6);
    let first = world.wanted()[0].clone();
    world.make_sick(&first, true);
    world.wait(4);
    world.disconnect();
    world.wait(100);
    assert_eq!(world.all().len(), 2);
    world.connect();
    world.wait(20);
    assert!(!world.task(&first).is_wanted());
    assert_eq!(world.wanted().len(), 2);
}

#[test]
fn a_replacement_that_is_under_way_is_gone_on_with_after_a_restart() {
    let mut world = World::with(samples::spec(1), 6);
    let first = world.wanted()[0].clone();
    world.make_sick(&first, true);
    while world.all().len() < 2 {
        world.wait(1);
    }
    world.restart();
    world.wait(20);
    assert_eq!((world.all().len(), world.wanted().len()), (2, 1));
    let reason = "Task failed container health checks";
    assert_eq!(world.task(&first).stopped_reason.as_deref(), Some(reason));
}

#[test]
fn steady_is_said_again_every_six_hours() {
    let mut world = World::with(samples::spec(1), 6);
    let steady = |world: &World| world.said().iter().filter(|text| text.contains("steady")).count();
    assert_eq!(steady(&world), 1);
    world.wait(6 * 60 * 60 - 2);
    assert_eq!(steady(&world), 1);
    world.wait(2);
    assert_eq!(steady(&world), 2);
}

#[test]
fn a_task_that_is_stopped_for_its_health_keeps_it() {
    let mut spec = samples::spec(1);
    spec.load_balancers.push(balancer());
    let mut world = World::with(spec, 6);
    let first = world.wanted()[0].clone();
    world.make_sick(&first, true);
    while world.task(&first).is_wanted() {
        world.wait(1);
    }
    world.make_sick(&first, false);
    world.draining.iter_mut().for_each(|(at, _)| *at = *at + SECOND * 60);
    world.wait(30);
    let seen = |world: &World| {
        let task = world.task(&first);
        (task.last_status.as_str(), task.health.as_str(), task.containers[0].health.as_str())
    };
    assert_eq!(seen(&world), ("DEACTIVATING", "UNHEALTHY", "UNHEALTHY"));
    world.wait(60);
    assert_eq!(seen(&world), ("STOPPED", "UNHEALTHY", "UNHEALTHY"));
}

#[test]
fn a_clock_that_was_set_back_holds_nothing_up() {
    let mut spec = samples::spec(1);
    spec.grace_period = SECOND * 10;
    let mut world = World::with(spec, 6);
    world.broken.insert(1);
    let id = world.wanted()[0].clone();
    world.exit(&id);
    world.wait(60);
    world.broken.clear();
    world.now = world.now - SECOND * 3_600;
    world.restart();
    world.wait(120);
    assert_eq!((world.wanted().len(), world.service().steady), (1, true), "{:?}", world.said());
    let id = world.wanted()[0].clone();
    world.now = world.now - SECOND * 3_600;
    world.restart();
    world.make_sick(&id, true);
    world.wait(30);
    assert!(!world.task(&id).is_wanted(), "it is checked, and its grace period is over");
    assert!(world.service().steady);
}
