//! What keeps a task from counting as healthy, and a service from being steady (docs/api.md, "Services").

use serde::Serialize;

use crate::model::ecs::definition::ContainerDefinition;
use crate::model::ecs::health::{CheckResult, HealthStatus};
use crate::model::ecs::service::{Deployment, RolloutState, Service, ServiceStatus};
use crate::model::ecs::state::State;
use crate::model::ecs::task::{Connectivity, Container, Registration, Task, TaskStatus, TaskTarget};
use crate::model::health;
use crate::model::target::TargetDescription;
use crate::model::tick::Tick;
use crate::output::json::time;

/// One thing a task waits for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Obstacle {
    /// The container it is about.
    container: Option<String>,
    /// The target it is about, `id:port`.
    target: Option<String>,
    /// What is the matter.
    message: String,
}

impl Obstacle {
    /// What is the matter.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    fn of_task(message: String) -> Self {
        Self { container: None, target: None, message }
    }

    fn of_container(container: &Container, message: String) -> Self {
        Self { container: Some(container.name.to_string()), target: None, message }
    }
}

/// What keeps a task from counting as healthy: it must run, be `HEALTHY` if any of its essential containers has a check,
/// and be healthy in all its target groups. Empty for a task that counts.
#[must_use]
pub fn of_task(state: &State, task: &Task) -> Vec<Obstacle> {
    if !task.is_wanted() || task.last_status > TaskStatus::Running {
        let reason = task.stopped_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let doing = if task.is_stopped() { "it has stopped" } else { "it is stopping" };
        return vec![Obstacle::of_task(format!("{doing}{reason}"))];
    }
    let mut obstacles = Vec::new();
    if task.last_status < TaskStatus::Running {
        obstacles.push(not_running(task));
    } else {
        obstacles.extend(unhealthy(state, task));
    }
    obstacles.extend(task.targets.iter().filter_map(missing));
    obstacles
}

fn not_running(task: &Task) -> Obstacle {
    let waits = |container: &&Container| container.last_status == Default::default();
    match task.containers.iter().find(waits) {
        Some(container) => {
            let reason = container.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let message =
                format!("it is {}: container {} has not started{reason}", task.last_status, container.name);
            Obstacle::of_container(container, message)
        }
        None => Obstacle::of_task(format!("it is {}", task.last_status)),
    }
}

/// The containers that keep a task from being `HEALTHY`.
fn unhealthy(state: &State, task: &Task) -> Vec<Obstacle> {
    let definition = state.definitions.get(&task.definition);
    let of = |name: &str| definition.and_then(|definition| definition.blueprint.container(name));
    let decides = |container: &ContainerDefinition| container.essential && container.check.is_some();
    let decisive = || task.containers.iter().filter(|container| of(&container.name).is_some_and(decides));
    if task.health == HealthStatus::Healthy || decisive().next().is_none() {
        return Vec::new();
    }
    let sick: Vec<_> =
        decisive().filter(|container| container.health != HealthStatus::Healthy).map(sick).collect();
    // With the strict rule a container without a check can be what it waits for.
    if sick.is_empty() { vec![Obstacle::of_task(format!("it is {}", task.health))] } else { sick }
}

fn sick(container: &Container) -> Obstacle {
    let last = container.last_result().map_or_else(|| ": its check has not run yet".to_owned(), said);
    Obstacle::of_container(container, format!("container {} is {}{last}", container.name, container.health))
}

/// A check's exit code and the gist of what it said.
fn said(result: &CheckResult) -> String {
    let code = result.exit_code;
    match result.gist() {
        gist if gist.is_empty() => format!(": exit code {code}"),
        gist => format!(": exit code {code}, {gist}"),
    }
}

fn missing(target: &TaskTarget) -> Option<Obstacle> {
    let group = group_name(&target.arn);
    let name = TargetDescription::new(&target.id, target.port).to_string();
    let registered = target.registration == Registration::Registered;
    if registered && *target.state == *health::State::Healthy.as_str() {
        return None;
    }
    let message = if !registered || target.state.is_empty() {
        format!("it is not in target group {group} yet")
    } else {
        let why = if target.description.is_empty() { "" } else { ": " };
        format!("target {name} in {group} is {}{why}{}", target.state, target.description)
    };
    Some(Obstacle { container: None, target: registered.then_some(name), message })
}

/// The name in the ARN of a target group, or the text where it is no such ARN.
#[must_use]
pub fn group_name(arn: &str) -> &str {
    arn.split(":targetgroup/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or(arn)
}

/// What keeps a service from being steady, beside what its tasks wait for.
#[must_use]
pub fn of_service(state: &State, service: &Service, now: Tick) -> Vec<String> {
    let mut all = Vec::new();
    if service.status != ServiceStatus::Active {
        all.push(format!("the service is {}", service.status.as_str()));
    }
    if state.connectivity == Connectivity::Disconnected {
        all.push(
            "what runs containers cannot be reached: all that is told of them is what was last heard".into(),
        );
    }
    if let Some(until) = service.throttled_until.filter(|until| *until > now) {
        let count = service.failed_starts;
        all.push(format!(
            "{count} tasks in a row have failed to start; none is started before {}",
            time(until)
        ));
    }
    let Some(primary) = service.deployments.first() else { return all };
    if let Some(failures) = failures(service, primary) {
        all.push(failures);
    }
    if primary.rollout != RolloutState::Completed {
        all.push(format!("the deployment {} is {}", primary.id, primary.rollout.as_str()));
    }
    for old in service.deployments.iter().skip(1) {
        let left = of_deployment(state, service, old).filter(|task| !task.is_stopped()).count();
        if left > 0 {
            all.push(format!("the deployment {} before it still has {left} tasks", old.id));
        }
    }
    all
}

/// How near its circuit breaker a deployment is, where it has failed at all.
fn failures(service: &Service, deployment: &Deployment) -> Option<String> {
    let failed = deployment.failed_tasks;
    let most = service.spec.deployment.circuit_breaker.limit(deployment.desired_count);
    match most {
        _ if failed == 0 => None,
        Some(most) => Some(format!("{failed} of {most} failures at which the circuit breaker trips")),
        None => Some(format!("{failed} tasks in a row have failed, and there is no circuit breaker")),
    }
}

/// The tasks of a deployment.
pub fn of_deployment<'a>(
    state: &'a State,
    service: &'a Service,
    deployment: &'a Deployment,
) -> impl Iterator<Item = &'a Task> {
    let member = |task: &Task| task.service.as_ref().is_some_and(|of| of.deployment == deployment.id);
    state.tasks_of(&service.spec.key).map(|task| &**task).filter(move |task| member(task))
}
