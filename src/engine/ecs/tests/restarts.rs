//! Containers that are started again where they were.

use super::*;
use crate::model::ecs::definition::RestartPolicy;
use crate::model::ecs::health::HealthStatus;

fn lasting(definition: ContainerDefinition) -> ContainerDefinition {
    let ignored_exit_codes = [3].into();
    let policy = RestartPolicy { ignored_exit_codes, attempt_period: Duration::from_secs(60) };
    ContainerDefinition { restart: Some(policy), ..definition }
}

#[test]
fn an_essential_container_that_is_started_again_does_not_stop_its_task() {
    let mut world = World::new();
    let id = world.run(vec![lasting(checked("web"))]);
    world.start(&id, "web");
    world.wait(10);
    world.probe(&id, "web", Outcome::Pass);
    world.wait(49);
    world.actions();
    world.now = world.now + Duration::from_secs(1);
    world.end(&id, "web", 1);
    assert_eq!(world.actions(), ["cancel web", "remove web-0", "start web"]);
    let task = world.task(&id);
    assert_eq!((task.last_status, task.containers[0].restarts), (TaskStatus::Running, 1));
    assert_eq!((task.health, task.containers[0].health), (HealthStatus::Unknown, HealthStatus::Unknown));
    assert!(!task.containers[0].passed && task.containers[0].results.is_empty());
    world.start(&id, "web");
    world.wait(9);
    assert_eq!(world.actions(), [""; 0]);
    world.wait(1);
    assert_eq!(world.actions(), ["probe web"]);
}

#[test]
fn a_container_is_not_started_again_too_soon_or_after_an_ignored_exit_code() {
    for (seconds, exit_code, goes_on) in [(59, 1, false), (60, 3, false), (60, 1, true), (60, 0, true)] {
        let mut world = World::new();
        let id = world.run(vec![lasting(container("web"))]);
        world.start(&id, "web");
        world.wait(seconds);
        world.end(&id, "web", exit_code);
        let runs = world.status(&id) == TaskStatus::Running;
        assert_eq!(runs, goes_on, "{exit_code} after {seconds} seconds");
    }
}

#[test]
fn what_is_told_of_an_earlier_start_is_not_taken_for_the_latest() {
    let mut world = World::new();
    let id = world.run(vec![lasting(container("web"))]);
    world.start(&id, "web");
    world.wait(60);
    let old = world.key(&id, "web");
    world.end(&id, "web", 1);
    world.start(&id, "web");
    world.report(Report::Ended { key: old.clone(), exit_code: Some(0), reason: None });
    assert_eq!(world.status(&id), TaskStatus::Running);
    world.actions();
    let stray = Report::Started { key: old, runtime_id: "late".into(), address: LOOPBACK, bindings: vec![] };
    world.report(stray);
    assert_eq!(world.actions(), ["kill web", "remove late"]);
    assert_eq!(world.task(&id).containers[0].runtime_id.as_deref(), Some("web-1"));
}

#[test]
fn a_container_that_is_not_started_again_because_it_cannot_be_has_ended() {
    use crate::engine::ecs::action::{StartError, StartErrorKind};
    let mut world = World::new();
    let id = world.run(vec![lasting(container("web"))]);
    world.start(&id, "web");
    world.wait(60);
    world.end(&id, "web", 1);
    let key = world.key(&id, "web");
    let error = StartError { kind: StartErrorKind::CannotStart, message: "gone".into() };
    world.report(Report::NotStarted(key, error));
    let task = world.task(&id);
    assert_eq!(task.stopped_reason.as_deref(), Some("Essential container in task exited"));
    assert_eq!(task.containers[0].reason.as_deref(), Some("CannotStartContainerError: gone"));
}
