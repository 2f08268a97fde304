//! From one revision to the next.

use super::*;
use crate::model::ecs::service::{RolloutState, ServiceStatus, Threshold};

fn breaker(spec: &mut ServiceSpec, rollback: bool) {
    let breaker = &mut spec.deployment.circuit_breaker;
    (breaker.enable, breaker.rollback) = (true, rollback);
}

#[test]
fn a_new_revision_takes_over_task_by_task() {
    let mut spec = samples::spec(1);
    spec.load_balancers.push(balancer());
    let mut world = World::with(spec, 6);
    let before = world.said().len();
    world.deploy(2);
    let statuses = world.service().deployments.iter().map(|it| (it.definition.revision, it.rollout));
    assert_eq!(statuses.collect::<Vec<_>>(), [(2, RolloutState::InProgress), (1, RolloutState::Completed)]);
    world.wait(10);
    assert_eq!(
        world.said_since(before),
        [
            "has started 1 tasks: (task t2).",
            "registered 1 targets in arn",
            "has stopped 1 running tasks: (task t1).",
            "deregistered 1 targets in arn",
            "(service web, taskSet d1) has begun draining connections on 1 tasks.",
            "(deployment d2) deployment completed.",
            "has reached a steady state.",
        ]
    );
    assert_eq!(world.service().deployments.len(), 1);
    let reason = world.short(world.all()[0].stopped_reason.as_deref().unwrap());
    assert_eq!(reason, "Scaling activity initiated by (deployment d2)");
    assert_eq!(
        world.told().into_iter().filter(|told| told.starts_with('d')).collect::<Vec<_>>(),
        [
            "d1 IN_PROGRESS ECS deployment d1 in progress.",
            "d1 COMPLETED ECS deployment d1 completed.",
            "d2 IN_PROGRESS ECS deployment d2 in progress.",
            "d2 COMPLETED ECS deployment d2 completed.",
        ]
    );
}

#[test]
fn only_what_tasks_are_made_of_starts_a_deployment() {
    let mut world = World::with(samples::spec(1), 6);
    world.update(ServiceUpdate { desired_count: Some(2), ..ServiceUpdate::default() });
    world.update(ServiceUpdate { grace_period: Some(SECOND * 9), ..ServiceUpdate::default() });
    let same = Some(revision(1));
    world.update(ServiceUpdate { definition: same, ..ServiceUpdate::default() });
    assert_eq!(world.service().deployments.len(), 1);
    assert_eq!(world.service().deployments[0].desired_count, 2);
    assert!(world.ecs.take_happened().iter().any(|happened| {
        matches!(&happened.what, What::Service { action, .. }
            if action.as_str() == "SERVICE_DESIRED_COUNT_UPDATED")
    }));
    world.wait(10);
    assert_eq!(world.wanted().len(), 2);
    world.update(ServiceUpdate { force_new_deployment: true, ..ServiceUpdate::default() });
    assert_eq!(world.service().deployments.len(), 2);
    world.wait(10);
    world.update(ServiceUpdate { load_balancers: Some(vec![balancer()]), ..ServiceUpdate::default() });
    assert_eq!(world.service().deployments.len(), 2);
}

#[test]
fn scaling_in_stops_what_is_too_much_and_says_for_which_deployment() {
    let mut world = World::with(samples::spec(3), 6);
    let before = world.said().len();
    world.update(ServiceUpdate { desired_count: Some(2), ..ServiceUpdate::default() });
    world.wait(2);
    assert_eq!(world.wanted().len(), 2);
    let gone = world.all().into_iter().find(|task| !task.is_wanted()).unwrap();
    let reason = world.short(gone.stopped_reason.as_deref().unwrap());
    assert_eq!(reason, "Scaling activity initiated by (deployment d1)");
    let said = world.said_since(before);
    assert!(said[0].starts_with("has stopped 1 running tasks: (task t"), "{said:?}");
    assert_eq!(said[1..], ["has reached a steady state."]);
}

#[test]
fn what_has_not_run_yet_is_stopped_as_pending() {
    let mut world = World::new();
    world.ecs.create_service(samples::spec(2), world.now).unwrap();
    world.ecs.tick(world.now);
    world.now = world.now + SECOND;
    world.update(ServiceUpdate { desired_count: Some(0), ..ServiceUpdate::default() });
    world.ecs.tick(world.now);
    assert!(world.said().iter().any(|text| text == "stopped 2 pending tasks."), "{:?}", world.said());
}

#[test]
fn a_deployment_that_cannot_move_says_so_once() {
    let mut spec = samples::spec(1);
    spec.deployment.maximum_percent = 100;
    let mut world = World::with(spec, 6);
    world.deploy(2);
    world.wait(60 * 60);
    let stuck = |world: &World| world.said().iter().filter(|text| text.contains("unable to stop")).count();
    assert_eq!((stuck(&world), world.all().len()), (1, 1));
    world.wait(5 * 60 * 60 + 2);
    assert_eq!(stuck(&world), 2, "and again after six hours");
    let mut config = world.service().spec.deployment.clone();
    config.maximum_percent = 200;
    world.update(ServiceUpdate { deployment: Some(config), ..ServiceUpdate::default() });
    world.wait(10);
    assert_eq!(world.service().deployments.len(), 1);
}

#[test]
fn the_breaker_gives_up_a_revision_that_does_not_start() {
    let mut spec = samples::spec(1);
    breaker(&mut spec, false);
    let mut world = World::new();
    world.broken.insert(1);
    world.ecs.create_service(spec, world.now).unwrap();
    world.wait(600);
    let newest = &world.service().deployments[0];
    assert_eq!((newest.failed_tasks, newest.rollout), (3, RolloutState::Failed));
    assert_eq!(&*newest.rollout_reason, "ECS deployment circuit breaker: tasks failed to start.");
    assert_eq!(world.all().len(), 3, "nothing more is started");
    let said = world.said();
    assert_eq!(said.last().unwrap(), "(deployment d1) deployment failed: tasks failed to start.");
}

#[test]
fn the_breaker_goes_back_to_what_last_worked() {
    let mut spec = samples::spec(1);
    breaker(&mut spec, true);
    let mut world = World::with(spec, 6);
    let (before, first) = (world.said().len(), world.wanted()[0].clone());
    world.broken.insert(2);
    world.deploy(2);
    while world.service().deployments[0].rolls_back.is_none() {
        world.wait(1);
        assert!(world.task(&first).is_wanted(), "the old task serves on");
    }
    let failed = &world.service().deployments[1];
    assert_eq!(failed.rollout, RolloutState::Failed);
    assert_eq!(
        world.short(&failed.rollout_reason),
        "ECS deployment circuit breaker: rolling back to deploymentId d3."
    );
    world.wait(20);
    let said = world.said_since(before);
    let at = said.iter().position(|text| text.contains("deployment failed")).unwrap();
    assert_eq!(
        said[at..at + 3],
        [
            "(deployment d2) deployment failed: tasks failed to start.",
            "rolling back to deployment d3.",
            "has started 1 tasks: (task t5).",
        ]
    );
    let service = world.service();
    assert_eq!((service.deployments.len(), service.spec.definition.revision), (1, 1));
    assert_eq!(service.deployments[0].rollout, RolloutState::Completed);
    let told: Vec<String> = world.told().into_iter().filter(|told| told.starts_with('d')).collect();
    assert_eq!(
        told[3..],
        [
            "d2 FAILED ECS deployment circuit breaker: rolling back to deploymentId d3.",
            "d3 IN_PROGRESS ECS deployment d3 in progress.",
            "d3 COMPLETED ECS deployment d3 completed.",
        ]
    );
}

#[test]
fn a_rollback_that_fails_is_not_rolled_back() {
    let mut spec = samples::spec(1);
    breaker(&mut spec, true);
    let mut world = World::with(spec, 6);
    world.broken.extend([1, 2]);
    world.deploy(2);
    world.wait(600);
    let service = world.service();
    assert_eq!(service.deployments.len(), 3);
    assert!(service.deployments[..2].iter().all(|it| it.rollout == RolloutState::Failed));
    assert_eq!(world.wanted().len(), 1, "the old task serves on");
}

#[test]
fn tasks_that_run_and_then_end_count_too() {
    let mut spec = samples::spec(1);
    breaker(&mut spec, false);
    spec.deployment.circuit_breaker.threshold = Threshold::Count(4);
    let mut world = World::new();
    world.ecs.create_service(spec, world.now).unwrap();
    for _ in 0..4 {
        world.wait(2);
        let id = world.wanted()[0].clone();
        world.exit(&id);
    }
    world.wait(10);
    assert_eq!(world.service().deployments[0].rollout, RolloutState::Failed);
    assert_eq!(world.all().len(), 4);
}

#[test]
fn a_healthy_task_sets_the_count_back_unless_told_otherwise() {
    for (reset, expected) in [(true, 0), (false, 2)] {
        let mut spec = samples::spec(2);
        breaker(&mut spec, false);
        spec.deployment.circuit_breaker.reset_on_healthy_task = reset;
        let mut world = World::new();
        world.ecs.create_service(spec, world.now).unwrap();
        world.wait(0);
        for _ in 0..2 {
            world.wait(2);
            let id = world.wanted()[0].clone();
            world.exit(&id);
        }
        assert_eq!(world.service().deployments[0].failed_tasks, 2);
        world.wait(6);
        assert_eq!(world.service().deployments[0].failed_tasks, expected, "{reset}");
    }
}

#[test]
fn tasks_that_never_become_healthy_trip_the_breaker() {
    let mut spec = samples::spec(1);
    breaker(&mut spec, false);
    let mut world = World::new();
    world.ecs.create_service(spec, world.now).unwrap();
    for _ in 0..200 {
        let wanted = world.wanted();
        wanted.iter().for_each(|id| world.make_sick(id, true));
        world.wait(1);
    }
    let newest = &world.service().deployments[0];
    assert_eq!((newest.rollout, newest.failed_tasks), (RolloutState::Failed, 3));
    assert!(newest.has_run);
}

#[test]
fn a_deleted_service_drains_ends_and_is_forgotten() {
    let mut world = World::with(samples::spec(2), 6);
    let key = samples::key();
    let service = world.ecs.delete_service(&key, true, world.now).unwrap();
    assert_eq!(service.status, ServiceStatus::Draining);
    world.wait(5);
    assert_eq!(world.service().status, ServiceStatus::Inactive);
    assert_eq!(world.service().deployments.len(), 1);
    world.wait(60 * 60 - 10);
    assert!(world.ecs.state().services.contains_key(&key));
    world.wait(20);
    assert!(!world.ecs.state().services.contains_key(&key));
}

#[test]
fn the_breaker_goes_back_to_the_target_groups_of_what_last_worked_too() {
    let mut spec = samples::spec(1);
    breaker(&mut spec, true);
    (spec.deployment.minimum_healthy_percent, spec.deployment.maximum_percent) = (0, 100);
    spec.load_balancers.push(balancer());
    let mut world = World::with(spec, 6);
    let mut renamed = blueprint("four");
    renamed.containers[0].name = "api".into();
    world.ecs.register_definition(renamed, Tags::new(), world.now).unwrap();
    world.broken.insert(4);
    let other = LoadBalancer { container_name: "api".into(), ..balancer() };
    world.update(ServiceUpdate {
        definition: Some(revision(4)),
        load_balancers: Some(vec![other]),
        ..ServiceUpdate::default()
    });
    world.wait(120);
    let service = world.service();
    assert_eq!(
        (service.steady, &service.spec.load_balancers),
        (true, &vec![balancer()]),
        "{:?}",
        world.said()
    );
}

#[test]
fn deployments_that_never_had_a_task_do_not_pile_up() {
    let mut world = World::with(samples::spec(1), 6);
    world.disconnect();
    for _ in 0..20 {
        world.update(ServiceUpdate { force_new_deployment: true, ..ServiceUpdate::default() });
    }
    assert_eq!(world.service().deployments.len(), 3, "the newest, the one before, and the one with a task");
    world.connect();
    world.wait(20);
    assert_eq!((world.service().deployments.len(), world.wanted().len()), (1, 1));
}
