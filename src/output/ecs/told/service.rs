//! A service and its deployments.

use serde_json::{Value, json};

use crate::model::arn::Account;
use crate::model::ecs::service::{
    CircuitBreaker, Deployment, DeploymentConfiguration, LoadBalancer, Service, Threshold,
};
use crate::model::ecs::state::State;
use crate::model::ecs::task::{Task, TaskStatus};
use crate::output::ecs::told::{root, tags, time, without_nulls};

/// Tasks that run, and tasks that do not yet.
fn counts<'a>(tasks: impl Iterator<Item = &'a Task>) -> (usize, usize) {
    tasks.filter(|task| task.is_wanted()).fold((0, 0), |(running, pending), task| {
        match task.last_status.cmp(&TaskStatus::Running) {
            std::cmp::Ordering::Less => (running, pending + 1),
            std::cmp::Ordering::Equal => (running + 1, pending),
            std::cmp::Ordering::Greater => (running, pending),
        }
    })
}

/// A service as `DescribeServices` tells it. `deployments` is always there, since waiters count its members.
pub(in crate::output::ecs) fn service(
    state: &State,
    account: &Account,
    service: &Service,
    with_tags: bool,
) -> Value {
    let spec = &service.spec;
    let tasks: Vec<&Task> = state.tasks_of(&spec.key).map(AsRef::as_ref).collect();
    let (running, pending) = counts(tasks.iter().copied());
    let deployments = service.deployments.iter().enumerate();
    let deployments = deployments.map(|(age, one)| deployment(account, &spec.launch_type, &tasks, age, one));
    let events = service.events.iter().map(
        |event| json!({ "id": event.id, "createdAt": time(event.created_at), "message": event.message }),
    );
    let mut told = without_nulls(json!({
        "serviceArn": account.service_arn(&spec.key),
        "serviceName": spec.key.name,
        "clusterArn": account.cluster_arn(&spec.key.cluster),
        "status": service.status.as_str(),
        "desiredCount": spec.desired_count,
        "runningCount": running,
        "pendingCount": pending,
        "launchType": spec.launch_type,
        "taskDefinition": account.definition_arn(&spec.definition),
        "loadBalancers": load_balancers(&spec.load_balancers),
        "serviceRegistries": [],
        "deploymentConfiguration": configuration(&spec.deployment),
        "deployments": deployments.collect::<Value>(),
        "events": events.collect::<Value>(),
        "createdAt": time(service.created_at),
        "createdBy": root(account),
        "placementConstraints": [],
        "placementStrategy": [],
        "healthCheckGracePeriodSeconds": spec.grace_period.as_secs(),
        "schedulingStrategy": if spec.daemon { "DAEMON" } else { "REPLICA" },
        "deploymentController": { "type": "ECS" },
        "enableECSManagedTags": false,
        "propagateTags": "NONE",
        "enableExecuteCommand": false,
        "tags": with_tags.then(|| tags(&spec.tags)),
    }));
    if let Value::Object(fields) = &mut told {
        fields.extend(spec.told.clone());
    }
    told
}

fn deployment(
    account: &Account,
    launch_type: &str,
    tasks: &[&Task],
    age: usize,
    deployment: &Deployment,
) -> Value {
    let of = |task: &&Task| task.service.as_ref().is_some_and(|member| member.deployment == deployment.id);
    let (running, pending) = counts(tasks.iter().copied().filter(of));
    json!({
        "id": deployment.id,
        "status": if age == 0 { "PRIMARY" } else { "ACTIVE" },
        "taskDefinition": account.definition_arn(&deployment.definition),
        "desiredCount": deployment.desired_count,
        "pendingCount": pending,
        "runningCount": running,
        "failedTasks": deployment.failed_tasks,
        "createdAt": time(deployment.created_at),
        "updatedAt": time(deployment.updated_at),
        "launchType": launch_type,
        "rolloutState": deployment.rollout.as_str(),
        "rolloutStateReason": deployment.rollout_reason,
    })
}

fn load_balancers(all: &[LoadBalancer]) -> Value {
    let one = |one: &LoadBalancer| {
        json!({
            "targetGroupArn": one.target_group_arn,
            "containerName": one.container_name,
            "containerPort": one.container_port,
        })
    };
    all.iter().map(one).collect()
}

fn configuration(deployment: &DeploymentConfiguration) -> Value {
    json!({
        "strategy": "ROLLING",
        "maximumPercent": deployment.maximum_percent,
        "minimumHealthyPercent": deployment.minimum_healthy_percent,
        "bakeTimeInMinutes": 0,
        "alarms": { "alarmNames": [], "enable": false, "rollback": false },
        "deploymentCircuitBreaker": circuit_breaker(&deployment.circuit_breaker),
    })
}

fn circuit_breaker(breaker: &CircuitBreaker) -> Value {
    let (kind, value) = match breaker.threshold {
        Threshold::BoundedPercent(percent) => ("BOUNDED_PERCENT", percent),
        Threshold::UnboundedPercent(percent) => ("UNBOUNDED_PERCENT", percent),
        Threshold::Count(count) => ("COUNT", count),
    };
    json!({
        "enable": breaker.enable,
        "rollback": breaker.rollback,
        "resetOnHealthyTask": breaker.reset_on_healthy_task,
        "thresholdConfiguration": { "type": kind, "value": value },
    })
}
