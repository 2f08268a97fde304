//! A gate over what the server really says of a service made by hand.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::arn::Account;
use crate::model::ecs::health::{CheckResult, HealthStatus};
use crate::model::ecs::service as model;
use crate::model::ecs::service::{RolloutState, ServiceStatus};
use crate::model::ecs::state::State;
use crate::model::ecs::task as model_task;
use crate::model::ecs::task::{Connectivity, DesiredStatus, Membership, TaskStatus};
use crate::model::tick::Tick;
use crate::output::services::{in_full, sample};

const NOW: Duration = Duration::from_secs(100);

/// A service that has arrived, and what a test changes of it.
struct Scene {
    state: State,
    service: model::Service,
}

impl Scene {
    fn new() -> Self {
        Self { state: sample::healthy(), service: sample::service() }
    }

    /// The service as a client reads it.
    fn told(&self) -> Event {
        let shown = in_full(&self.state, &Account::default(), &self.service, Tick(5_000));
        let text = serde_json::to_string(&shown).unwrap();
        Event::Service(serde_json::from_str(&text).unwrap())
    }

    fn task(&mut self, id: &str, change: impl FnOnce(&mut model_task::Task)) {
        let mut task = model_task::Task { id: id.into(), ..sample::task() };
        change(&mut task);
        self.state.tasks.insert(id.into(), Arc::new(task));
    }

    /// Another deployment before those there are.
    fn newer(&mut self, id: &str) -> &mut model::Deployment {
        let newer = model::Deployment { id: id.into(), ..self.service.deployments[0].clone() };
        self.service.deployments.insert(0, newer);
        &mut self.service.deployments[0]
    }

    fn fail(&mut self) {
        let failed = &mut self.service.deployments[0];
        failed.rollout = RolloutState::Failed;
        failed.rollout_reason = "ECS deployment circuit breaker: tasks failed to start.".into();
        self.task("0f", |task| {
            task.desired_status = DesiredStatus::Stopped;
            task.last_status = TaskStatus::Stopped;
            task.stopped_reason = Some("Task failed container health checks".into());
            task.containers[0].exit_code = Some(137);
            let result =
                CheckResult { started: Tick(1), ended: Tick(2), exit_code: 7, output: "no\ndatabase".into() };
            task.containers[0].results.push_back(result);
        });
    }
}

fn gate(aim: Aim, scene: &Scene) -> Rollout {
    let mut gate = Rollout::new(aim);
    gate.on(scene.told(), NOW);
    gate
}

#[track_caller]
fn waits(aim: Aim, change: impl FnOnce(&mut Scene), blockers: &[&str]) {
    let mut scene = Scene::new();
    change(&mut scene);
    let gate = gate(aim, &scene);
    let said: Vec<_> = gate.blockers(usize::MAX).iter().map(ToString::to_string).collect();
    assert_eq!(said, blockers);
    assert_eq!(gate.blocker_count(), blockers.len());
    let verdict = gate.verdict(NOW);
    assert!(matches!(verdict, Verdict::Waiting(Progress { holds_until: None, .. })), "{verdict:?}");
}

#[track_caller]
fn hopeless(aim: Aim, change: impl FnOnce(&mut Scene), reason: &str) -> Rollout {
    let mut scene = Scene::new();
    change(&mut scene);
    let gate = gate(aim, &scene);
    assert_eq!(gate.verdict(NOW), Verdict::Hopeless(reason.to_owned()));
    gate
}

fn of(deployment: &str) -> Aim {
    Aim { deployment: Some(deployment.to_owned()), ..Aim::default() }
}

#[test]
fn a_complete_deployment_whose_tasks_are_all_healthy_opens_the_gate() {
    for aim in [Aim::default(), of("ecs-svc/2"), Aim { old_tasks_stopped: true, ..Aim::default() }] {
        let gate = gate(aim, &Scene::new());
        assert_eq!(gate.verdict(NOW), Verdict::Reached);
        assert_eq!(gate.deployment(), Some("ecs-svc/2"));
        assert_eq!(gate.blocker_count(), 0);
    }
}

#[test]
fn one_that_is_under_way_keeps_it_shut_even_with_every_task_healthy() {
    waits(
        Aim::default(),
        |scene| scene.service.deployments[0].rollout = RolloutState::InProgress,
        &["the deployment ecs-svc/2 is IN_PROGRESS"],
    );
}

#[test]
fn a_task_that_is_not_healthy_keeps_it_shut_and_says_why() {
    let unhealthy = |scene: &mut Scene| {
        scene.task("0123456789abcdef", |task| {
            task.health = HealthStatus::Unhealthy;
            task.containers[0].health = HealthStatus::Unhealthy;
        });
    };
    // Every task must be healthy, not only as many as there should be.
    waits(
        Aim::default(),
        unhealthy,
        &["task 01234567: container app is UNHEALTHY: its check has not run yet"],
    );
    let refused = |scene: &mut Scene| scene.task("0f", |task| task.targets[0].state = "initial".into());
    waits(Aim::default(), refused, &["task 0f: target 127.0.0.1:80 in web is initial"]);
}

#[test]
fn a_task_that_fails_is_told_before_one_that_was_not_checked_yet() {
    let mut scene = Scene::new();
    for (id, health) in [("0a", HealthStatus::Unknown), ("0b", HealthStatus::Unhealthy)] {
        scene.task(id, |task| {
            task.health = health;
            task.containers[0].health = health;
        });
    }
    let said = gate(Aim::default(), &scene).blockers(1);
    assert_eq!(said[0].task.as_deref(), Some("0b"), "{said:?}");
}

#[test]
fn too_few_tasks_keep_it_shut() {
    waits(Aim::default(), |scene| scene.service.spec.desired_count = 2, &["1 task is still to be started"]);
    waits(Aim::default(), |scene| scene.service.spec.desired_count = 4, &["3 tasks are still to be started"]);
}

#[test]
fn what_cannot_be_reached_has_not_arrived() {
    waits(
        Aim::default(),
        |scene| scene.state.connectivity = Connectivity::Disconnected,
        &["what runs containers cannot be reached: all that is told of them is what was last heard"],
    );
}

#[test]
fn tasks_of_an_earlier_deployment_keep_it_shut_where_that_is_asked_for() {
    let draining = |scene: &mut Scene| {
        scene.task("0e", |task| {
            task.service = Some(Membership { service: "web".into(), deployment: "ecs-svc/1".into() });
            task.desired_status = DesiredStatus::Stopped;
            task.last_status = TaskStatus::Deactivating;
        });
    };
    let aim = Aim { old_tasks_stopped: true, ..Aim::default() };
    waits(aim, draining, &["task 0e: it is of ecs-svc/1 and DEACTIVATING"]);
    let mut scene = Scene::new();
    draining(&mut scene);
    assert_eq!(gate(Aim::default(), &scene).verdict(NOW), Verdict::Reached);
}

#[test]
fn a_deployment_that_failed_will_not_arrive_and_its_tasks_say_what_went_wrong() {
    let reason = "the deployment ecs-svc/2 failed: ECS deployment circuit breaker: tasks failed to start";
    let gate = hopeless(Aim::default(), Scene::fail, reason);
    let said: Vec<_> = gate.blockers(usize::MAX).iter().map(Blocker::in_full).collect();
    let last = "task 0f: it is STOPPED: Task failed container health checks; container app ended with exit code \
                137; its check said 7: no database";
    assert_eq!(said.last().map(String::as_str), Some(last), "{said:?}");
}

#[test]
fn a_rollback_fails_the_gate_though_the_service_is_steady() {
    let mut scene = Scene::new();
    let mut gate = gate(Aim::default(), &scene);
    scene.fail();
    scene.newer("ecs-svc/3").rolls_back = Some("ecs-svc/2".into());
    scene.service.deployments[0].rollout = RolloutState::Completed;
    gate.on(scene.told(), NOW);
    let reason = "the deployment ecs-svc/2 failed and ecs-svc/3 takes its place: ECS deployment circuit breaker: \
                  tasks failed to start";
    assert_eq!(gate.verdict(NOW), Verdict::Hopeless(reason.to_owned()));
    // Once the failed one has left the list, too.
    let late = |scene: &mut Scene| {
        scene.newer("ecs-svc/3").rolls_back = Some("ecs-svc/2".into());
        scene.service.deployments.truncate(1);
        scene.service.deployments[0].rollout_reason = "ECS deployment ecs-svc/3 completed.".into();
    };
    let reason =
        "the deployment ecs-svc/2 failed and ecs-svc/3 takes its place: ECS deployment ecs-svc/3 completed";
    hopeless(of("ecs-svc/2"), late, reason);
}

#[test]
fn another_deployment_in_its_place_fails_the_gate() {
    let newer = |scene: &mut Scene| _ = scene.newer("ecs-svc/3");
    let reason = "another deployment, ecs-svc/3, has taken the place of ecs-svc/2";
    hopeless(of("ecs-svc/2"), newer, reason);
    let mut scene = Scene::new();
    let mut gate = gate(Aim { stable_for: Duration::from_secs(9), ..Aim::default() }, &scene);
    scene.newer("ecs-svc/3");
    scene.service.deployments.truncate(1);
    gate.on(scene.told(), NOW);
    assert_eq!(gate.verdict(NOW), Verdict::Hopeless(reason.to_owned()), "the one it began with counts");
    hopeless(
        of("ecs-svc/9"),
        |_| {},
        "ecs-svc/9 is no deployment of the service, the newest one is ecs-svc/2",
    );
}

#[test]
fn a_service_that_is_deleted_will_not_arrive() {
    hopeless(
        Aim::default(),
        |scene| scene.service.status = ServiceStatus::Draining,
        "the service is DRAINING",
    );
    let mut gate = Rollout::new(Aim::default());
    gate.on(Event::Gone, NOW);
    assert_eq!(gate.verdict(NOW), Verdict::Hopeless("the service is gone".to_owned()));
}

#[test]
fn the_goal_must_hold_for_as_long_as_asked_and_a_relapse_or_a_loss_begins_it_anew() {
    let stable_for = Duration::from_secs(10);
    let scene = Scene::new();
    let mut gate = gate(Aim { stable_for, ..Aim::default() }, &scene);
    let holds = |gate: &Rollout, now: Duration| match gate.verdict(now) {
        Verdict::Waiting(progress) => progress.holds_until,
        verdict @ (Verdict::Reached | Verdict::Hopeless(_)) => panic!("{verdict:?}"),
    };
    assert_eq!(holds(&gate, NOW), Some(NOW + stable_for));
    let later = NOW + Duration::from_secs(5);
    gate.on(Event::Lost, later);
    assert_eq!((holds(&gate, later), gate.connected(), gate.started()), (None, false, true));
    gate.on(scene.told(), later);
    assert_eq!(holds(&gate, NOW + stable_for), Some(later + stable_for));
    assert_eq!(gate.verdict(later + stable_for), Verdict::Reached);
}
