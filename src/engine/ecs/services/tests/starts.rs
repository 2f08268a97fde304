//! How often tasks are started.

use super::*;
use crate::model::ecs::task::TaskStatus;

/// Seconds between the starts of the service's tasks.
fn gaps(world: &World) -> Vec<u64> {
    let made = world.happened.iter().filter_map(|happened| match &happened.what {
        What::Task(task) if task.last_status == TaskStatus::Provisioning => Some(task.created_at),
        What::Task(_) | What::Health(_) | What::Service { .. } | What::Deployment { .. } => None,
    });
    let made: Vec<Tick> = made.collect();
    made.windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect()
}

#[test]
fn tasks_that_fail_to_start_are_started_ever_less_often() {
    let mut world = World::new();
    world.broken.insert(1);
    world.ecs.create_service(samples::spec(1), world.now).unwrap();
    world.wait(3 * 60 * 60);
    assert_eq!(gaps(&world)[..11], [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 1_620, 1_620]);
    let impaired = world.said().iter().filter(|text| text.contains("unable to consistently start")).count();
    assert_eq!(impaired, 1, "the same is said once in six hours");
    assert!(world.told().contains(&"SERVICE_TASK_START_IMPAIRED".to_owned()));
}

#[test]
fn tasks_that_fail_together_are_one_failure() {
    let mut world = World::new();
    world.broken.insert(1);
    world.ecs.create_service(samples::spec(4), world.now).unwrap();
    world.wait(4);
    assert_eq!((world.all().len(), world.service().failed_starts), (4, 1));
    world.wait(1);
    assert_eq!((world.all().len(), world.service().failed_starts), (8, 2));
}

#[test]
fn another_definition_is_tried_at_once_and_a_start_ends_the_wait() {
    let mut world = World::new();
    world.broken.insert(1);
    world.ecs.create_service(samples::spec(1), world.now).unwrap();
    world.wait(100);
    assert!(world.service().throttled_until.is_some());
    world.deploy(2);
    world.wait(1);
    assert_eq!(world.wanted().len(), 1);
    assert_eq!((world.service().failed_starts, world.service().throttled_until), (0, None));
}

#[test]
fn tasks_that_run_and_end_at_once_are_started_once_a_second() {
    let mut world = World::new();
    world.ecs.create_service(samples::spec(1), world.now).unwrap();
    world.wait(0);
    for _ in 0..10 {
        let id = world.wanted()[0].clone();
        world.exit(&id);
        assert!(world.wanted().is_empty());
        world.wait(1);
    }
    assert!(gaps(&world).iter().all(|gap| *gap == 1), "{:?}", gaps(&world));
    assert_eq!(world.service().failed_starts, 0);
}

#[test]
fn a_service_is_looked_at_only_when_something_it_goes_by_has_changed() {
    let mut world = World::with(samples::spec(2), 20);
    let looked_at = world.ecs.scheduler.looked_at;
    world.wait(60);
    assert_eq!(world.ecs.scheduler.looked_at, looked_at, "its checks go on passing");
    let id = world.wanted()[0].clone();
    world.make_sick(&id, true);
    world.wait(15);
    assert_eq!(world.task(&id).health.as_str(), "UNHEALTHY");
    assert!(world.ecs.scheduler.looked_at > looked_at);
}

#[test]
fn a_look_does_not_go_through_the_tasks_that_ended_long_ago() {
    let mut world = World::with(samples::spec(1), 6);
    for _ in 0..20 {
        let id = world.wanted()[0].clone();
        world.exit(&id);
        world.wait(2);
    }
    assert_eq!(world.all().len(), 21);
    assert_eq!(world.ecs.lately(world.now).count(), 1);
}
