//! Tasks as the JSON API shows them.

use serde::Serialize;

use crate::model::arn::Account;
use crate::model::ecs::definition::ContainerDefinition;
use crate::model::ecs::state::State;
use crate::model::ecs::task::{self, Registration, TaskTarget};
use crate::model::target::TargetDescription;
use crate::output::container_check::{Check, check, said};
use crate::output::json::time;
use crate::output::services::obstacle::{self, Obstacle, group_name};

/// A list of tasks.
#[derive(Debug, Serialize)]
pub struct Tasks {
    /// When it was made.
    pub time: String,
    /// The tasks, by id.
    pub tasks: Vec<Task>,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Task {
    task: String,
    arn: String,
    cluster: String,
    service: Option<String>,
    deployment: Option<String>,
    group: String,
    definition: String,
    last_status: &'static str,
    desired_status: &'static str,
    health: &'static str,
    health_since: String,
    connectivity: &'static str,
    address: Option<String>,
    created: String,
    started: Option<String>,
    stopping: Option<String>,
    stopped: Option<String>,
    stop_code: Option<&'static str>,
    stopped_reason: Option<String>,
    version: u64,
    containers: Vec<Container>,
    targets: Vec<Target>,
    /// Why it does not count as healthy; empty for a task that does.
    waiting_for: Vec<Obstacle>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Container {
    name: String,
    runtime_id: Option<String>,
    essential: bool,
    /// Whether it has a check.
    checked: bool,
    last_status: &'static str,
    health: &'static str,
    health_since: String,
    failures_in_a_row: u32,
    started: Option<String>,
    stopped: Option<String>,
    exit_code: Option<i32>,
    reason: Option<String>,
    restarts: u32,
    bindings: Vec<Binding>,
    last_check: Option<Check>,
    /// The latest checks, the last one first; of one task alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Vec<Check>>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Binding {
    address: String,
    container_port: u16,
    host_port: u16,
    protocol: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Target {
    target_group: String,
    target_group_arn: String,
    target: String,
    id: String,
    port: u16,
    registration: &'static str,
    state: Option<String>,
    description: Option<String>,
}

/// A task as it is shown among others.
#[must_use]
pub fn task(state: &State, account: &Account, task: &task::Task) -> Task {
    let definition = state.definitions.get(&task.definition);
    let blueprint = definition.map(|definition| &definition.blueprint);
    let container = |one: &task::Container| {
        container(one, blueprint.and_then(|blueprint| blueprint.container(&one.name)))
    };
    Task {
        task: task.id.to_string(),
        arn: account.task_arn(task),
        cluster: task.cluster.to_string(),
        service: task.service.as_ref().map(|member| member.service.to_string()),
        deployment: task.service.as_ref().map(|member| member.deployment.to_string()),
        group: task.group.to_string(),
        definition: task.definition.to_string(),
        last_status: task.last_status.as_str(),
        desired_status: task.desired_status.as_str(),
        health: task.health.as_str(),
        health_since: time(task.health_since),
        connectivity: task.connectivity.as_str(),
        address: task.address.map(|address| address.to_string()),
        created: time(task.created_at),
        started: task.started_at.map(time),
        stopping: task.stopping_at.map(time),
        stopped: task.stopped_at.map(time),
        stop_code: task.stop_code.map(|code| code.as_str()),
        stopped_reason: task.stopped_reason.as_deref().map(str::to_owned),
        version: task.version,
        containers: task.containers.iter().map(container).collect(),
        targets: task.targets.iter().map(target).collect(),
        waiting_for: obstacle::of_task(state, task),
    }
}

/// A task as it is shown alone: with all checks that are kept.
#[must_use]
pub(super) fn in_full(state: &State, account: &Account, one: &task::Task) -> Task {
    let mut shown = task(state, account, one);
    for (shown, container) in shown.containers.iter_mut().zip(&one.containers) {
        shown.checks = Some(container.results.iter().rev().map(check).collect());
    }
    shown
}

fn container(container: &task::Container, definition: Option<&ContainerDefinition>) -> Container {
    Container {
        name: container.name.to_string(),
        runtime_id: container.runtime_id.as_deref().map(str::to_owned),
        essential: definition.is_some_and(|definition| definition.essential),
        checked: definition.is_some_and(|definition| definition.check.is_some()),
        last_status: container.last_status.as_str(),
        health: container.health.as_str(),
        health_since: time(container.health_since),
        failures_in_a_row: container.failures,
        started: container.started_at.map(time),
        stopped: container.stopped_at.map(time),
        exit_code: container.exit_code,
        reason: container.reason.as_deref().map(str::to_owned),
        restarts: container.restarts,
        bindings: container.bindings.iter().map(binding).collect(),
        last_check: container.last_result().map(check),
        checks: None,
    }
}

fn binding(binding: &task::Binding) -> Binding {
    Binding {
        address: binding.address.to_string(),
        container_port: binding.container_port,
        host_port: binding.host_port,
        protocol: if binding.udp { "udp" } else { "tcp" },
    }
}

fn target(target: &TaskTarget) -> Target {
    Target {
        target_group: group_name(&target.arn).to_owned(),
        target_group_arn: target.arn.to_string(),
        target: TargetDescription::new(&target.id, target.port).to_string(),
        id: target.id.to_string(),
        port: target.port,
        registration: match target.registration {
            Registration::Absent | Registration::Asked => "pending",
            Registration::Registered => "registered",
            Registration::Draining => "draining",
            Registration::Gone => "deregistered",
        },
        state: said(&target.state),
        description: said(&target.description),
    }
}
