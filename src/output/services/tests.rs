//! A service on its way, and what is said of it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::sample::{definition, healthy, service, task};
use super::*;
use crate::model::arn::Account;
use crate::model::ecs::health::{CheckResult, HealthStatus};
use crate::model::ecs::service as model;
use crate::model::ecs::service::RolloutState;
use crate::model::ecs::task as model_task;
use crate::model::ecs::task::{Connectivity, Membership, Registration, TaskStatus};
use crate::model::tick::Tick;

/// What the task waits for once it is changed.
#[track_caller]
fn waits(change: impl FnOnce(&mut model_task::Task), expected: &[&str]) {
    let mut state = healthy();
    let mut task = task();
    change(&mut task);
    state.tasks.insert(task.id.clone(), Arc::new(task.clone()));
    let obstacles = obstacle::of_task(&state, &task);
    let said: Vec<_> = obstacles.iter().map(obstacle::Obstacle::message).collect();
    assert_eq!(said, expected);
}

#[test]
fn a_task_that_is_healthy_in_every_way_waits_for_nothing() {
    waits(|_| {}, &[]);
}

#[test]
fn a_task_says_which_container_is_sick_and_what_its_check_said() {
    let result =
        |output: &str| CheckResult { started: Tick(1), ended: Tick(2), exit_code: 7, output: output.into() };
    let sicken = |task: &mut model_task::Task, health, output: Option<&str>| {
        task.health = health;
        task.containers[0].health = health;
        task.containers[0].results.extend(output.map(result));
    };
    waits(
        |task| sicken(task, HealthStatus::Unhealthy, Some("cannot connect\n  to the database\n")),
        &["container app is UNHEALTHY: exit code 7, cannot connect to the database"],
    );
    waits(
        |task| sicken(task, HealthStatus::Unknown, None),
        &["container app is UNKNOWN: its check has not run yet"],
    );
    let cut = format!("container app is UNHEALTHY: exit code 7, {}…", "ä".repeat(160));
    waits(|task| sicken(task, HealthStatus::Unhealthy, Some(&"ä".repeat(4_000))), &[&cut]);
    // As the strict rule has it.
    waits(|task| task.health = HealthStatus::Unknown, &["it is UNKNOWN"]);
}

#[test]
fn a_task_without_a_check_need_only_run() {
    let mut state = healthy();
    let mut task = task();
    task.definition.revision = 3;
    task.health = HealthStatus::Unknown;
    let mut unchecked = (*state.definitions[&definition()]).clone();
    unchecked.blueprint.containers[0].check = None;
    state.definitions.insert(task.definition.clone(), Arc::new(unchecked));
    assert_eq!(obstacle::of_task(&state, &task), []);
}

#[test]
fn a_task_says_what_its_target_group_says() {
    waits(
        |task| {
            task.targets[0].state = "unhealthy".into();
            task.targets[0].description = "Request timed out".into();
        },
        &["target 127.0.0.1:80 in web is unhealthy: Request timed out"],
    );
    waits(|task| task.targets[0].registration = Registration::Asked, &["it is not in target group web yet"]);
}

#[test]
fn a_task_that_starts_or_stops_says_so() {
    let starts = |task: &mut model_task::Task| {
        task.last_status = TaskStatus::Pending;
        task.targets.clear();
        task.containers[1].last_status = model_task::ContainerStatus::Pending;
    };
    waits(starts, &["it is PENDING: container sidecar has not started"]);
    let stops = |task: &mut model_task::Task| {
        task.desired_status = DesiredStatus::Stopped;
        task.stopped_reason = Some("Task failed container health checks".into());
    };
    waits(stops, &["it is stopping: Task failed container health checks"]);
    waits(|task| task.last_status = TaskStatus::Deactivating, &["it is stopping"]);
}

#[test]
fn a_service_says_what_holds_it_up() {
    let mut state = healthy();
    state.connectivity = Connectivity::Disconnected;
    let mut service = service();
    service.throttled_until = Some(Tick(70_000));
    service.failed_starts = 4;
    service.deployments[0].rollout = RolloutState::InProgress;
    service.deployments[0].failed_tasks = 2;
    let old = model::Deployment { id: "ecs-svc/1".into(), ..service.deployments[0].clone() };
    service.deployments.push(old);
    let of_old = Membership { service: "web".into(), deployment: "ecs-svc/1".into() };
    let old_task = model_task::Task { id: "0e".into(), service: Some(of_old), ..task() };
    state.tasks.insert("0e".into(), Arc::new(old_task));
    let expected = [
        "what runs containers cannot be reached: all that is told of them is what was last heard",
        "4 tasks in a row have failed to start; none is started before 1970-01-01T00:01:10.000Z",
        "2 of 3 failures at which the circuit breaker trips",
        "the deployment ecs-svc/2 is IN_PROGRESS",
        "the deployment ecs-svc/1 before it still has 1 tasks",
    ];
    assert_eq!(obstacle::of_service(&state, &service, Tick(60_000)), expected);
    service.deployments.truncate(1);
    service.deployments[0].failed_tasks = 0;
    service.deployments[0].rollout = RolloutState::Completed;
    assert_eq!(obstacle::of_service(&healthy(), &service, Tick(70_000)), [""; 0], "the wait is over");
}

#[test]
fn a_service_is_shown_with_its_tasks_and_the_last_that_stopped() {
    let mut state = healthy();
    for number in 0..15_u64 {
        let stopped = model_task::Task {
            id: format!("1{number:02}").into(),
            last_status: TaskStatus::Stopped,
            stopped_at: Some(Tick(number)),
            ..task()
        };
        state.tasks.insert(stopped.id.clone(), Arc::new(stopped));
    }
    let shown = in_full(&state, &Account::default(), &service(), Tick(5_000));
    let shown = serde_json::to_value(shown).unwrap();
    let ids: Vec<&str> =
        shown["tasks"].as_array().unwrap().iter().map(|t| t["task"].as_str().unwrap()).collect();
    assert_eq!(ids, ["0f", "105", "106", "107", "108", "109", "110", "111", "112", "113", "114"]);
    assert_eq!(shown["time"], "1970-01-01T00:00:05.000Z");
    let counts =
        ["desired_count", "running_count", "pending_count", "healthy_count"].map(|name| &shown[name]);
    assert_eq!(counts, [&json!(1), &json!(1), &json!(0), &json!(1)]);
    assert_eq!(shown["deployments"][0]["failure_limit"], 3);
    assert_eq!(shown["tasks"][0]["targets"][0]["target_group"], "web");
    assert_eq!(shown["tasks"][0]["containers"][0]["checked"], true);
    assert_eq!(shown["tasks"][0]["containers"][0].get("checks"), None::<&Value>);
}
