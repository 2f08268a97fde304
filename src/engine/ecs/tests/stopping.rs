//! How tasks stop.

use super::*;
use crate::engine::ecs::action::{StartError, StartErrorKind};
use crate::model::ecs::task::{ContainerStatus, StopCode};

fn stop(world: &mut World, id: &str, force: bool) {
    world.ecs.stop_task(id, Some("enough"), force, world.now).unwrap();
}

#[test]
fn containers_stop_in_the_reverse_order_of_their_dependencies() {
    let mut world = World::new();
    let id = world.run(vec![
        container("base"),
        after(container("middle"), "base", Condition::Start),
        after(container("top"), "middle", Condition::Start),
    ]);
    for name in ["base", "middle", "top"] {
        world.start(&id, name);
    }
    world.actions();
    stop(&mut world, &id, false);
    for name in ["top", "middle", "base"] {
        assert_eq!(world.actions(), [format!("terminate {name}")]);
        world.end(&id, name, 143);
    }
    assert_eq!(world.actions(), ["remove base-0 middle-0 top-0"]);
    assert_eq!(world.task(&id).stopped_reason.as_deref(), Some("enough"));
    assert_eq!(world.task(&id).stop_code, Some(StopCode::UserInitiated));
}

#[test]
fn a_container_that_does_not_end_is_killed_after_its_stop_timeout_and_again() {
    let mut world = World::new();
    let slow = ContainerDefinition { stop_timeout: Some(Duration::from_secs(3)), ..container("slow") };
    let id = world.run(vec![slow, container("web")]);
    for name in ["slow", "web"] {
        world.start(&id, name);
    }
    world.actions();
    stop(&mut world, &id, false);
    assert_eq!(world.actions(), ["terminate slow", "terminate web"]);
    assert_eq!(world.ecs.next_deadline(), Some(world.now + Duration::from_secs(3)));
    world.wait(2);
    assert_eq!(world.actions(), [""; 0]);
    world.wait(1);
    assert_eq!(world.actions(), ["kill slow"]);
    world.wait(5);
    assert_eq!(world.actions(), ["kill slow"]);
    world.end(&id, "slow", 137);
    world.wait(21);
    assert_eq!(world.actions(), [""; 0]);
    world.wait(1);
    assert_eq!(world.actions(), ["kill web"], "30 seconds where nothing is said");
    world.end(&id, "web", 137);
    assert_eq!(world.status(&id), TaskStatus::Stopped);
    assert_eq!(world.ecs.next_deadline(), Some(world.now + Duration::from_secs(3_600)));
}

#[test]
fn a_container_whose_start_is_under_way_is_stopped_once_it_has_started() {
    let mut world = World::new();
    let id = world.run(vec![container("base"), after(container("top"), "base", Condition::Start)]);
    world.actions();
    stop(&mut world, &id, false);
    assert_eq!((world.actions(), world.status(&id)), (vec![], TaskStatus::Stopping));
    assert_eq!(world.task(&id).containers[1].last_status, ContainerStatus::Stopped, "never started");
    world.start(&id, "base");
    assert_eq!(world.actions(), ["terminate base"]);
    world.end(&id, "base", 0);
    assert_eq!(world.status(&id), TaskStatus::Stopped);
    assert_eq!(world.task(&id).started_at, None);
}

#[test]
fn the_end_of_an_essential_container_stops_the_task() {
    let mut world = World::new();
    let id = world.run(vec![container("web"), helper("side")]);
    for name in ["web", "side"] {
        world.start(&id, name);
    }
    world.end(&id, "side", 1);
    assert_eq!(world.status(&id), TaskStatus::Running);
    world.actions();
    world.end(&id, "web", 1);
    let task = world.task(&id);
    assert_eq!(task.stop_code, Some(StopCode::EssentialContainerExited));
    assert_eq!(task.stopped_reason.as_deref(), Some("Essential container in task exited"));
    assert_eq!(task.execution_stopped_at, Some(world.now));
    assert_eq!(task.last_status, TaskStatus::Stopped);
}

#[test]
fn a_container_that_cannot_start_fails_the_task_in_awss_words() {
    for (kind, reason) in [
        (StartErrorKind::CannotPull, "CannotPullContainerError: no such image"),
        (StartErrorKind::CannotCreate, "CannotCreateContainerError: no such image"),
        (StartErrorKind::CannotStart, "CannotStartContainerError: no such image"),
        (StartErrorKind::ResourceInitialization, "ResourceInitializationError: no such image"),
    ] {
        let mut world = World::new();
        let id = world.run(vec![container("web"), helper("side")]);
        world.start(&id, "web");
        world.actions();
        let key = world.key(&id, "side");
        world.report(Report::NotStarted(key, StartError { kind, message: "no such image".into() }));
        let task = world.task(&id);
        assert_eq!(task.stop_code, Some(StopCode::TaskFailedToStart));
        assert_eq!(task.stopped_reason.as_deref(), Some(reason));
        assert_eq!(task.containers[1].reason.as_deref(), Some(reason));
        assert_eq!(world.actions(), ["terminate web"]);
    }
}

#[test]
fn an_essential_container_that_cannot_start_is_no_container_that_exited() {
    let mut world = World::new();
    let id = world.run(vec![container("web")]);
    let error = StartError { kind: StartErrorKind::CannotStart, message: "no such file".into() };
    world.report(Report::NotStarted(world.key(&id, "web"), error));
    let task = world.task(&id);
    let reason = "CannotStartContainerError: no such file";
    assert_eq!(task.stop_code, Some(StopCode::TaskFailedToStart));
    assert_eq!(task.stopped_reason.as_deref(), Some(reason));
    assert_eq!(task.containers[0].reason.as_deref(), Some(reason));
    assert_eq!(task.last_status, TaskStatus::Stopped);
}

#[test]
fn why_a_task_was_first_told_to_stop_is_what_stays() {
    let mut world = World::new();
    let id = world.run(vec![container("web")]);
    world.start(&id, "web");
    stop(&mut world, &id, false);
    let stopping_at = world.task(&id).stopping_at;
    world.wait(1);
    let again = world.ecs.stop_task(&id, None, false, world.now).unwrap();
    assert_eq!(again.stopped_reason.as_deref(), Some("enough"));
    world.end(&id, "web", 0);
    let task = world.task(&id);
    assert_eq!((task.stop_code, task.stopping_at), (Some(StopCode::UserInitiated), stopping_at));
    assert!(world.ecs.stop_task("0f", None, false, world.now).is_err());
}

#[test]
fn stopped_tasks_are_forgotten_in_the_end() {
    let mut world = World::new();
    let id = world.run(vec![container("web")]);
    stop(&mut world, &id, false);
    world.start(&id, "web");
    world.end(&id, "web", 0);
    world.wait(3_599);
    assert!(world.ecs.state().tasks.contains_key(&id));
    world.wait(1);
    assert!(world.ecs.state().tasks.is_empty());
    assert_eq!(world.ecs.next_deadline(), None);
}
