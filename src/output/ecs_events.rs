//! What became of tasks and services, in the shape of an EventBridge event (docs/api.md, "Events").

use serde::Serialize;

use crate::model::arn::Account;
use crate::model::ecs::definition::Blueprint;
use crate::model::ecs::event::{Happened, HealthChange, ServiceAction, What};
use crate::model::ecs::health::CheckResult;
use crate::model::ecs::service::{RolloutState, ServiceKey};
use crate::model::ecs::state::State;
use crate::model::ecs::task::{Binding, Container, Task};
use crate::output::json::time;

/// The kinds of event, as `event:` lines and the parameter `kind` say.
pub const KINDS: [&str; 4] = [
    "ecs_task_state_change",
    "ecs_container_health_change",
    "ecs_service_action",
    "ecs_deployment_state_change",
];

/// The kind of an event, one of [`KINDS`].
#[must_use]
pub fn kind(what: &What) -> &'static str {
    let [task, health, service, deployment] = KINDS;
    match what {
        What::Task(_) => task,
        What::Health(_) => health,
        What::Service { .. } => service,
        What::Deployment { .. } => deployment,
    }
}

/// The cluster and the service an event is of; a task that belongs to no service has none.
#[must_use]
pub fn owner(what: &What) -> (&str, Option<&str>) {
    match what {
        What::Task(task) => (&task.cluster, task.service.as_ref().map(|member| &*member.service)),
        What::Health(change) => (&change.cluster, change.group.strip_prefix("service:")),
        What::Service { service, .. } | What::Deployment { service, .. } => {
            (&service.cluster, Some(&service.name))
        }
    }
}

/// An event of EventBridge.
#[derive(Debug, Serialize)]
pub struct Envelope<'a> {
    version: &'static str,
    id: &'a str,
    #[serde(rename = "detail-type")]
    detail_type: &'static str,
    source: &'static str,
    account: &'a str,
    time: String,
    region: &'a str,
    resources: [String; 1],
    detail: Detail<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Detail<'a> {
    Task(Box<TaskDetail<'a>>),
    Health(HealthDetail<'a>),
    Service(ServiceDetail<'a>),
    Deployment(DeploymentDetail<'a>),
}

/// AWS tells nothing of health in this event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskDetail<'a> {
    cluster_arn: String,
    connectivity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    connectivity_at: Option<String>,
    containers: Vec<ContainerDetail<'a>>,
    created_at: String,
    desired_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_stopped_at: Option<String>,
    group: &'a str,
    last_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_stopped_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopping_at: Option<String>,
    task_arn: String,
    task_definition_arn: String,
    updated_at: String,
    version: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ContainerDetail<'a> {
    container_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    last_status: &'static str,
    name: &'a str,
    network_bindings: Vec<BindingDetail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime_id: Option<&'a str>,
    task_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BindingDetail {
    #[serde(rename = "bindIP")]
    bind_ip: String,
    container_port: u16,
    host_port: u16,
    protocol: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HealthDetail<'a> {
    cluster_arn: String,
    task_arn: String,
    group: &'a str,
    container_name: &'a str,
    previous_health_status: &'static str,
    health_status: &'static str,
    task_health_status: &'static str,
    check: Option<CheckDetail<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckDetail<'a> {
    started_at: String,
    ended_at: String,
    exit_code: i32,
    output: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceDetail<'a> {
    event_type: &'static str,
    event_name: &'static str,
    cluster_arn: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DeploymentDetail<'a> {
    event_type: &'static str,
    event_name: &'static str,
    deployment_id: &'a str,
    updated_at: String,
    reason: &'a str,
}

/// An event as it is told; `state` says what the task's definition is.
#[must_use]
pub fn envelope<'a>(happened: &'a Happened, account: &'a Account, state: &'a State) -> Envelope<'a> {
    let at = time(happened.at);
    let of_aws = "aws.ecs";
    let (detail_type, source, resource, detail) = match &happened.what {
        What::Task(task) => {
            let definition = state.definitions.get(&task.definition);
            let detail = of_task(task, definition.map(|one| &one.blueprint), account, at.clone());
            let resource = detail.task_arn.clone();
            ("ECS Task State Change", of_aws, resource, Detail::Task(Box::new(detail)))
        }
        What::Health(change) => {
            let detail = of_health(change, account);
            // AWS has no such event, so it is not told as one of theirs.
            ("ECS Container Health Change", "tgprobe", detail.task_arn.clone(), Detail::Health(detail))
        }
        What::Service { service, action, reason } => {
            let detail = of_service(service, *action, reason.as_deref(), account, at.clone());
            ("ECS Service Action", of_aws, account.service_arn(service), Detail::Service(detail))
        }
        What::Deployment { service, deployment, state, reason } => {
            let (event_type, event_name) = rollout(*state);
            let detail = DeploymentDetail {
                event_type,
                event_name,
                deployment_id: deployment,
                updated_at: at.clone(),
                reason,
            };
            ("ECS Deployment State Change", of_aws, account.service_arn(service), Detail::Deployment(detail))
        }
    };
    Envelope {
        version: "0",
        id: &happened.id,
        detail_type,
        source,
        account: &account.id,
        time: at,
        region: &account.region,
        resources: [resource],
        detail,
    }
}

fn of_task<'a>(
    task: &'a Task,
    blueprint: Option<&'a Blueprint>,
    account: &Account,
    updated_at: String,
) -> TaskDetail<'a> {
    let container = |one: &'a Container| ContainerDetail {
        container_arn: account.container_arn(task, one),
        exit_code: one.exit_code,
        image: blueprint.and_then(|blueprint| blueprint.container(&one.name)).map(|found| &*found.image),
        last_status: one.last_status.as_str(),
        name: &one.name,
        network_bindings: one.bindings.iter().map(binding).collect(),
        reason: one.reason.as_deref(),
        runtime_id: one.runtime_id.as_deref(),
        task_arn: account.task_arn(task),
    };
    TaskDetail {
        cluster_arn: account.cluster_arn(&task.cluster),
        connectivity: task.connectivity.as_str(),
        connectivity_at: task.connectivity_at.map(time),
        containers: task.containers.iter().map(container).collect(),
        created_at: time(task.created_at),
        desired_status: task.desired_status.as_str(),
        execution_stopped_at: task.execution_stopped_at.map(time),
        group: &task.group,
        last_status: task.last_status.as_str(),
        pull_started_at: task.pull_started_at.map(time),
        pull_stopped_at: task.pull_stopped_at.map(time),
        started_at: task.started_at.map(time),
        started_by: task.started_by.as_deref(),
        stop_code: task.stop_code.map(|code| code.as_str()),
        stopped_at: task.stopped_at.map(time),
        stopped_reason: task.stopped_reason.as_deref(),
        stopping_at: task.stopping_at.map(time),
        task_arn: account.task_arn(task),
        task_definition_arn: account.definition_arn(&task.definition),
        updated_at,
        version: task.version,
    }
}

fn binding(binding: &Binding) -> BindingDetail {
    BindingDetail {
        bind_ip: binding.address.to_string(),
        container_port: binding.container_port,
        host_port: binding.host_port,
        protocol: if binding.udp { "udp" } else { "tcp" },
    }
}

fn of_health<'a>(change: &'a HealthChange, account: &Account) -> HealthDetail<'a> {
    let named = Task { id: change.task.clone(), cluster: change.cluster.clone(), ..Task::default() };
    let check = |result: &'a CheckResult| CheckDetail {
        started_at: time(result.started),
        ended_at: time(result.ended),
        exit_code: result.exit_code,
        output: &result.output,
    };
    HealthDetail {
        cluster_arn: account.cluster_arn(&change.cluster),
        task_arn: account.task_arn(&named),
        group: &change.group,
        container_name: &change.container,
        previous_health_status: change.from.as_str(),
        health_status: change.to.as_str(),
        task_health_status: change.task_health.as_str(),
        check: change.result.as_ref().map(check),
    }
}

fn of_service<'a>(
    service: &ServiceKey,
    action: ServiceAction,
    reason: Option<&'a str>,
    account: &Account,
    created_at: String,
) -> ServiceDetail<'a> {
    ServiceDetail {
        event_type: action.level(),
        event_name: action.as_str(),
        cluster_arn: account.cluster_arn(&service.cluster),
        created_at,
        reason,
    }
}

/// `eventType` and `eventName` of where a deployment is.
fn rollout(state: RolloutState) -> (&'static str, &'static str) {
    match state {
        RolloutState::InProgress => ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
        RolloutState::Completed => ("INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
        RolloutState::Failed => ("ERROR", "SERVICE_DEPLOYMENT_FAILED"),
    }
}

#[cfg(test)]
mod tests;
