//! Services of the configuration file.

use super::*;
use crate::engine::ecs::wish::FileService;
use crate::model::ecs::service::ServiceStatus;

fn of_file(desired_count: u32, command: &str) -> FileService {
    let mut spec = samples::spec(desired_count);
    spec.definition.revision = 0;
    spec.in_file = true;
    FileService { spec, blueprint: blueprint(command) }
}

#[test]
fn the_file_is_followed_and_a_revision_is_registered_where_something_changed() {
    let mut world = World::of(State::default());
    assert!(world.ecs.apply_file(vec![of_file(1, "one")], world.now).is_empty());
    world.wait(6);
    assert_eq!((world.wanted().len(), world.service().spec.definition.revision), (1, 1));
    assert!(world.ecs.apply_file(vec![of_file(2, "one")], world.now).is_empty());
    assert_eq!((world.service().deployments.len(), world.service().spec.definition.revision), (1, 1));
    assert!(world.ecs.apply_file(vec![of_file(2, "two")], world.now).is_empty());
    assert_eq!((world.service().deployments.len(), world.service().spec.definition.revision), (2, 2));
    world.wait(20);
    assert_eq!((world.wanted().len(), world.service().deployments.len()), (2, 1));
    let before = world.ecs.state().clone();
    assert!(world.ecs.apply_file(vec![of_file(2, "two")], world.now).is_empty());
    assert_eq!(*world.ecs.state(), before, "nothing has changed");
    assert!(world.ecs.apply_file(Vec::new(), world.now).is_empty());
    world.wait(2);
    assert_eq!(world.service().status, ServiceStatus::Inactive);
}

#[test]
fn a_service_that_comes_back_does_not_wait_for_the_old_tasks() {
    let mut world = World::of(State::default());
    let mut file = of_file(1, "one");
    file.spec.load_balancers.push(balancer());
    world.ecs.apply_file(vec![file.clone()], world.now);
    world.wait(6);
    world.ecs.apply_file(Vec::new(), world.now);
    world.wait(1);
    assert_eq!(world.service().status, ServiceStatus::Draining);
    assert!(world.ecs.apply_file(vec![file], world.now).is_empty());
    world.wait(20);
    assert_eq!((world.service().status, world.wanted().len()), (ServiceStatus::Active, 1));
}

#[test]
fn only_the_file_changes_what_is_in_it() {
    let mut world = World::of(State::default());
    world.ecs.apply_file(vec![of_file(1, "one")], world.now);
    let key = samples::key();
    let update = ServiceUpdate { desired_count: Some(0), ..ServiceUpdate::default() };
    let text = "The service web is defined in the configuration file, and only changing the file changes it.";
    let refusal = world.ecs.update_service(&key, update, world.now).unwrap_err();
    assert_eq!(refusal.to_string(), text);
    assert_eq!(world.ecs.delete_service(&key, true, world.now).unwrap_err().to_string(), text);
}

#[test]
fn the_api_s_services_are_not_taken_over() {
    let mut world = World::with(samples::spec(1), 6);
    let before = world.ecs.state().clone();
    let wrong = world.ecs.apply_file(vec![of_file(1, "new")], world.now);
    assert_eq!(
        wrong,
        [
            "service \"web\" of the file: there is one of this name that was made through the API; delete that one \
             first"
        ]
    );
    assert_eq!(*world.ecs.state(), before);
}

#[test]
fn what_was_given_up_is_not_tried_again_with_every_look_at_the_file() {
    let mut world = World::of(State::default());
    let file = |command| {
        let mut file = of_file(1, command);
        let breaker = &mut file.spec.deployment.circuit_breaker;
        (breaker.enable, breaker.rollback) = (true, true);
        file
    };
    world.ecs.apply_file(vec![file("one")], world.now);
    world.wait(10);
    world.broken.insert(2);
    world.ecs.apply_file(vec![file("two")], world.now);
    world.wait(120);
    let at = |world: &World| {
        let service = world.service();
        (service.steady, service.deployments.len(), service.spec.definition.revision)
    };
    assert_eq!(at(&world), (true, 1, 1), "gone back");
    world.restart();
    assert!(world.ecs.apply_file(vec![file("two")], world.now).is_empty());
    assert_eq!(at(&world), (true, 1, 1));
    world.ecs.apply_file(vec![file("three")], world.now);
    world.wait(20);
    assert_eq!(at(&world), (true, 1, 3));
}
