//! What may be wished of services.

use super::*;
use crate::engine::ecs::refusal::Refusal;
use crate::model::ecs::service::ServiceStatus;

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Refusal>) -> String {
    answer.unwrap_err().to_string()
}

#[test]
fn the_same_call_makes_a_service_once() {
    let mut world = World::with(samples::spec(1), 6);
    let made = world.ecs.create_service(samples::spec(1), world.now).unwrap();
    assert_eq!(made.created_at, world.service().created_at);
    for change in [
        |spec: &mut ServiceSpec| spec.desired_count = 2,
        |spec: &mut ServiceSpec| spec.client_token = Some("token".into()),
    ] {
        let mut spec = samples::spec(1);
        change(&mut spec);
        let text = refused(world.ecs.create_service(spec, world.now));
        assert_eq!(text, "Creation of service was not idempotent.");
    }
}

#[test]
fn a_name_is_free_again_once_its_service_is_inactive() {
    let mut spec = samples::spec(1);
    spec.load_balancers.push(balancer());
    let (mut world, key) = (World::with(spec.clone(), 6), samples::key());
    let text = refused(world.ecs.delete_service(&key, false, world.now));
    assert_eq!(text, "The service cannot be stopped while it is scaled above 0.");
    world.ecs.delete_service(&key, true, world.now).unwrap();
    world.wait(1);
    let text = refused(world.ecs.create_service(spec.clone(), world.now));
    assert_eq!(text, "Unable to Start a service that is still Draining.");
    assert_eq!(world.ecs.delete_service(&key, false, world.now).unwrap().status, ServiceStatus::Draining);
    let update = ServiceUpdate::default();
    assert_eq!(world.ecs.update_service(&key, update, world.now), Err(Refusal::ServiceNotActive));
    world.wait(5);
    assert_eq!(world.ecs.delete_service(&key, true, world.now), Err(Refusal::ServiceNotFound));
    let again = world.ecs.create_service(spec, world.now).unwrap();
    assert_eq!((again.status, again.created_at), (ServiceStatus::Active, world.now));
}

#[test]
fn a_service_scaled_to_0_is_deleted_without_force() {
    let (mut world, key) = (World::with(samples::spec(1), 6), samples::key());
    world.update(ServiceUpdate { desired_count: Some(0), ..ServiceUpdate::default() });
    world.ecs.delete_service(&key, false, world.now).unwrap();
    world.wait(2);
    assert_eq!(world.service().status, ServiceStatus::Inactive);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut world = World::new();
    let (now, key) = (world.now, samples::key());
    assert_eq!(world.ecs.delete_service(&key, true, now), Err(Refusal::ServiceNotFound));
    let update = ServiceUpdate::default();
    assert_eq!(world.ecs.update_service(&key, update, now), Err(Refusal::ServiceNotFound));
    let mut spec = samples::spec(1);
    spec.key.cluster = "elsewhere".into();
    assert_eq!(world.ecs.create_service(spec, now), Err(Refusal::ClusterNotFound));
    let mut spec = samples::spec(1);
    spec.definition.revision = 9;
    assert_eq!(refused(world.ecs.create_service(spec, now)), "TaskDefinition not found.");
    world.ecs.deregister_definition(&revision(3), now).unwrap();
    let mut spec = samples::spec(1);
    spec.definition.revision = 3;
    assert_eq!(refused(world.ecs.create_service(spec, now)), "TaskDefinition is inactive");
    for (name, port, text) in [
        ("api", 80, "The container api does not exist in the task definition."),
        ("web", 81, "The container web did not have a container port 81 defined."),
    ] {
        let mut spec = samples::spec(1);
        let balancer = LoadBalancer { container_name: name.into(), container_port: port, ..balancer() };
        spec.load_balancers.push(balancer);
        assert_eq!(refused(world.ecs.create_service(spec, now)), text);
    }
    let text = refused(world.ecs.create_service(samples::spec(5_001), now));
    assert_eq!(text, "desiredCount must be between 0 and 5000, and is 5001.");
    assert!(world.ecs.state().services.is_empty());
}

#[test]
fn a_daemon_is_one_task_and_cannot_be_scaled() {
    let mut spec = samples::spec(7);
    spec.daemon = true;
    (spec.deployment.minimum_healthy_percent, spec.deployment.maximum_percent) = (0, 100);
    let mut world = World::with(spec, 6);
    assert_eq!((world.wanted().len(), world.service().spec.desired_count), (1, 1));
    let update = ServiceUpdate { desired_count: Some(2), ..ServiceUpdate::default() };
    let text = refused(world.ecs.update_service(&samples::key(), update, world.now));
    assert!(text.starts_with("The daemon scheduling strategy does not support a desired count"), "{text}");
    world.ecs.delete_service(&samples::key(), false, world.now).unwrap();
}
