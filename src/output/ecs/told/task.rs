//! A task and its containers.

use serde_json::{Value, json};

use crate::model::arn::Account;
use crate::model::ecs::definition::{ContainerDefinition, TaskDefinition};
use crate::model::ecs::health::{CheckResult, HealthStatus};
use crate::model::ecs::service::ServiceKey;
use crate::model::ecs::state::State;
use crate::model::ecs::task::{Binding, Container, ContainerStatus, Task};
use crate::output::ecs::told::{instance, tags, time, without_nulls};

/// A task as `DescribeTasks` tells it.
pub(in crate::output) fn task(state: &State, account: &Account, task: &Task, with_tags: bool) -> Value {
    let definition = state.definitions.get(&task.definition).map(AsRef::as_ref);
    let told = |name: &str| definition.and_then(|definition| definition.blueprint.told.get(name).cloned());
    let launch_type = launch_type(state, task);
    let containers = task.containers.iter().map(|one| container(account, task, definition, one));
    let at = |tick: Option<_>| tick.map(time);
    without_nulls(json!({
        "taskArn": account.task_arn(task),
        "clusterArn": account.cluster_arn(&task.cluster),
        "taskDefinitionArn": account.definition_arn(&task.definition),
        "containerInstanceArn": instance(account, &task.cluster, launch_type),
        "launchType": launch_type,
        "group": task.group,
        "startedBy": task.started_by,
        "lastStatus": task.last_status.as_str(),
        "desiredStatus": task.desired_status.as_str(),
        "healthStatus": task.health.as_str(),
        "connectivity": task.connectivity.as_str(),
        "connectivityAt": at(task.connectivity_at),
        "createdAt": time(task.created_at),
        "pullStartedAt": at(task.pull_started_at),
        "pullStoppedAt": at(task.pull_stopped_at),
        "startedAt": at(task.started_at),
        "stoppingAt": at(task.stopping_at),
        "executionStoppedAt": at(task.execution_stopped_at),
        "stoppedAt": at(task.stopped_at),
        "stopCode": task.stop_code.map(|code| code.as_str()),
        "stoppedReason": task.stopped_reason,
        "version": task.version,
        "cpu": told("cpu").unwrap_or_else(|| "0".into()),
        "memory": told("memory"),
        "containers": containers.collect::<Value>(),
        "overrides": overrides(task),
        "attachments": attachments(task),
        "attributes": [],
        "enableExecuteCommand": false,
        "inferenceAccelerators": [],
        "tags": if with_tags { tags(&task.tags) } else { json!([]) },
    }))
}

/// That of its service, or what it was asked for with; else what runs here is taken for an instance.
pub(in crate::output::ecs) fn launch_type<'s>(state: &'s State, task: &'s Task) -> &'s str {
    let service = task.service.as_ref().and_then(|member| {
        state.services.get(&ServiceKey { cluster: task.cluster.clone(), name: member.service.clone() })
    });
    let said = task.launch_type.as_deref();
    service.map(|service| &*service.spec.launch_type).or(said).unwrap_or("EC2")
}

fn container(account: &Account, task: &Task, definition: Option<&TaskDefinition>, one: &Container) -> Value {
    let definition = definition.and_then(|definition| definition.blueprint.container(&one.name));
    let mebibytes = |of: fn(&ContainerDefinition) -> Option<u32>| {
        definition.and_then(of).map(|mebibytes| mebibytes.to_string())
    };
    let image = definition.map(|definition| &definition.image).filter(|image| !image.is_empty());
    // An address of its own is told by the interface, and its ports are those of the definition.
    let bindings =
        if task.address.is_some() { json!([]) } else { one.bindings.iter().map(binding).collect() };
    without_nulls(json!({
        "containerArn": account.container_arn(task, one),
        "taskArn": account.task_arn(task),
        "name": one.name,
        "image": image,
        "runtimeId": one.runtime_id,
        "lastStatus": one.last_status.as_str(),
        "exitCode": one.exit_code,
        "reason": reason(one),
        "networkBindings": bindings,
        "networkInterfaces": interfaces(task),
        "healthStatus": one.health.as_str(),
        "healthCheck": one.last_result().map(|result| last_check(one, result)),
        "cpu": definition.map_or(0, |definition| definition.cpu).to_string(),
        "memory": mebibytes(|definition| definition.memory),
        "memoryReservation": mebibytes(|definition| definition.memory_reservation),
    }))
}

/// Why it ended. While it runs and is unhealthy, what its last check said: AWS keeps that to itself, and every client shows
/// this member.
fn reason(one: &Container) -> Option<String> {
    let unhealthy = one.last_status == ContainerStatus::Running && one.health == HealthStatus::Unhealthy;
    match one.last_result() {
        Some(result) if unhealthy && one.reason.is_none() => Some(sentence(result)),
        _ => one.reason.as_deref().map(str::to_owned),
    }
}

fn sentence(result: &CheckResult) -> String {
    let gist = result.gist();
    match result.exit_code {
        // The output begins with a sentence then.
        -1 if !gist.is_empty() => gist,
        code if gist.is_empty() => format!("Health check exited with {code}"),
        code => format!("Health check exited with {code}: {gist}"),
    }
}

/// Our own member: what the last check came to. Clients of AWS pass over it.
fn last_check(one: &Container, result: &CheckResult) -> Value {
    json!({
        "exitCode": result.exit_code,
        "output": result.output,
        "startedAt": time(result.started),
        "endedAt": time(result.ended),
        "failures": one.failures,
        "statusSince": time(one.health_since),
    })
}

fn binding(binding: &Binding) -> Value {
    json!({
        "bindIP": binding.address,
        "containerPort": binding.container_port,
        "hostPort": binding.host_port,
        "protocol": if binding.udp { "udp" } else { "tcp" },
    })
}

/// The name of the interface of a task that has an address of its own: its id in the form of a UUID.
fn attachment_id(task: &Task) -> String {
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| task.id.get(range).unwrap_or_default());
    parts.join("-")
}

fn interfaces(task: &Task) -> Value {
    let one = |address| json!({ "attachmentId": attachment_id(task), "privateIpv4Address": address });
    task.address.map(one).into_iter().collect()
}

fn attachments(task: &Task) -> Value {
    let one = |address| {
        json!({
            "id": attachment_id(task),
            "type": "ElasticNetworkInterface",
            "status": if task.is_stopped() { "DELETED" } else { "ATTACHED" },
            "details": [{ "name": "privateIPv4Address", "value": address }],
        })
    };
    task.address.map(one).into_iter().collect()
}

fn overrides(task: &Task) -> Value {
    let one = |container: &Container| {
        let changed = task.overrides.get(&container.name);
        let environment = changed.map(|changed| &changed.environment).filter(|all| !all.is_empty());
        let environment = environment.map(|all| {
            all.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Value>()
        });
        without_nulls(json!({
            "name": container.name,
            "command": changed.and_then(|changed| changed.command.as_ref()),
            "environment": environment,
        }))
    };
    json!({
        "containerOverrides": task.containers.iter().map(one).collect::<Value>(),
        "inferenceAcceleratorOverrides": [],
    })
}
