//! What containers wait for before they start.

use super::*;
use crate::model::ecs::task::StopCode;

/// A second container that waits for the first one, and what becomes of it.
fn waiting(condition: Condition) -> (World, Box<str>) {
    let mut world = World::new();
    let first = ContainerDefinition { start_timeout: Some(Duration::from_secs(60)), ..helper("first") };
    let first = ContainerDefinition { check: Some(check()), ..first };
    let id = world.run(vec![after(container("second"), "first", condition), first]);
    assert_eq!(world.actions(), ["start first"]);
    (world, id)
}

fn failed(world: &World, id: &str) -> String {
    let task = world.task(id);
    assert_eq!(task.stop_code, Some(StopCode::TaskFailedToStart), "{task:?}");
    task.stopped_reason.as_deref().unwrap_or_default().to_owned()
}

#[test]
fn a_container_starts_once_the_other_one_has() {
    let (mut world, id) = waiting(Condition::Start);
    world.start(&id, "first");
    assert_eq!(world.actions(), ["start second"]);
    assert_eq!(world.status(&id), TaskStatus::Activating);
    world.start(&id, "second");
    assert_eq!(world.status(&id), TaskStatus::Running);
}

#[test]
fn a_container_that_has_run_and_ended_has_started() {
    let mut world = World::new();
    let id = world.run(vec![
        after(after(container("third"), "first", Condition::Start), "second", Condition::Complete),
        helper("first"),
        helper("second"),
    ]);
    assert_eq!(world.actions(), ["start first", "start second"]);
    world.start(&id, "first");
    world.end(&id, "first", 1);
    world.start(&id, "second");
    assert_eq!(world.actions(), [""; 0]);
    world.end(&id, "second", 1);
    assert_eq!(world.actions(), ["start third"]);
}

#[test]
fn a_task_runs_only_once_those_that_had_to_complete_have_started_too() {
    let (mut world, id) = waiting(Condition::Success);
    world.start(&id, "first");
    assert_eq!(world.actions(), [""; 0]);
    world.end(&id, "first", 0);
    assert_eq!(world.actions(), ["start second"]);
    world.start(&id, "second");
    assert_eq!(world.status(&id), TaskStatus::Running);
}

#[test]
fn a_container_that_had_to_succeed_and_failed_fails_the_task() {
    let (mut world, id) = waiting(Condition::Success);
    world.start(&id, "first");
    world.end(&id, "first", 3);
    assert_eq!(
        failed(&world, &id),
        "TaskDependencyError: container 'second' cannot start: container 'first' ended with exit code 3 and had to \
         be SUCCESS"
    );
    assert_eq!(world.actions(), ["remove first-0"]);
    assert_eq!(world.status(&id), TaskStatus::Stopped);
    assert_eq!(world.task(&id).containers[0].last_status.as_str(), "STOPPED");
    assert_eq!(world.task(&id).containers[0].exit_code, None);
}

#[test]
fn a_container_waits_until_the_other_one_is_healthy() {
    let (mut world, id) = waiting(Condition::Healthy);
    world.start(&id, "first");
    world.wait(10);
    assert_eq!(world.actions(), ["probe first"]);
    world.probe(&id, "first", FAIL);
    assert_eq!(world.actions(), [""; 0]);
    world.wait(10);
    world.probe(&id, "first", Outcome::Pass);
    assert_eq!(world.actions(), ["probe first", "start second"]);
    world.start(&id, "second");
    // Only the start waits: what comes later is nothing to the dependant.
    for _ in 0..3 {
        world.wait(10);
        world.probe(&id, "first", FAIL);
    }
    assert_eq!(world.status(&id), TaskStatus::Running);
}

#[test]
fn a_container_that_turns_unhealthy_while_it_is_waited_for_fails_the_task() {
    let (mut world, id) = waiting(Condition::Healthy);
    world.start(&id, "first");
    for _ in 0..2 {
        world.wait(10);
        world.probe(&id, "first", FAIL);
    }
    assert!(failed(&world, &id).ends_with("container 'first' is UNHEALTHY and had to be HEALTHY"));
    assert_eq!(world.status(&id), TaskStatus::Stopping);
}

#[test]
fn a_container_that_ends_can_no_longer_become_healthy() {
    let (mut world, id) = waiting(Condition::Healthy);
    world.start(&id, "first");
    world.end(&id, "first", 0);
    assert!(failed(&world, &id).contains("ended with exit code 0 and had to be HEALTHY"));
}

#[test]
fn what_is_waited_for_has_its_start_timeout() {
    for condition in [Condition::Complete, Condition::Success, Condition::Healthy] {
        let (mut world, id) = waiting(condition);
        // Before it has started it has all the time it needs.
        world.wait(600);
        world.start(&id, "first");
        let deadline = world.now + Duration::from_secs(60);
        world.wait(59);
        assert_eq!(world.status(&id), TaskStatus::Activating);
        assert!(world.ecs.next_deadline().unwrap() <= deadline);
        world.wait(1);
        let reason = failed(&world, &id);
        assert!(reason.ends_with("within its startTimeout of 60 seconds"), "{reason}");
    }
    let (mut world, id) = waiting(Condition::Start);
    world.wait(600);
    assert_eq!(world.status(&id), TaskStatus::Activating);
}
