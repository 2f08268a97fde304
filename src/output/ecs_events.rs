//! What became of tasks and services, in the shape of an EventBridge event (docs/api.md, "Events").

use serde::Serialize;
use serde_json::Value;

use crate::model::arn::Account;
use crate::model::ecs::event::{Happened, HealthChange, ServiceAction, What};
use crate::model::ecs::health::CheckResult;
use crate::model::ecs::service::{RolloutState, ServiceKey};
use crate::model::ecs::state::State;
use crate::model::ecs::task::Task;
use crate::output::ecs::told;
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
    Task(Value),
    Health(HealthDetail<'a>),
    Service(ServiceDetail<'a>),
    Deployment(DeploymentDetail<'a>),
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
            let detail = Detail::Task(of_task(state, account, task, &at));
            ("ECS Task State Change", of_aws, account.task_arn(task), detail)
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

/// A task as `DescribeTasks` tells it, with moments as texts. AWS tells nothing of health in this event.
fn of_task(state: &State, account: &Account, task: &Task, updated_at: &str) -> Value {
    let mut detail = told::task(state, account, task, false);
    let moments = [
        ("connectivityAt", task.connectivity_at),
        ("createdAt", Some(task.created_at)),
        ("pullStartedAt", task.pull_started_at),
        ("pullStoppedAt", task.pull_stopped_at),
        ("startedAt", task.started_at),
        ("stoppingAt", task.stopping_at),
        ("executionStoppedAt", task.execution_stopped_at),
        ("stoppedAt", task.stopped_at),
    ];
    if let Some(fields) = detail.as_object_mut() {
        fields.remove("healthStatus");
        fields.remove("tags");
        for (name, at) in moments {
            if let Some(at) = at {
                fields.insert(name.to_owned(), time(at).into());
            }
        }
        fields.insert("updatedAt".to_owned(), updated_at.into());
        // Streams are open to readers who may not call the ECS API, and variables can be secrets.
        let overrides = fields.get_mut("overrides").and_then(|all| all.get_mut("containerOverrides"));
        let overrides = overrides.and_then(Value::as_array_mut);
        for container in overrides.into_iter().flatten().filter_map(Value::as_object_mut) {
            container.remove("environment");
        }
        let containers = fields.get_mut("containers").and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            container.remove("healthStatus");
            container.remove("healthCheck");
        }
    }
    detail
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
