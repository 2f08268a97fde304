//! Events as AWS would tell them, and ours.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::model::ecs::definition::DefinitionId;
use crate::model::ecs::health::HealthStatus;
use crate::model::ecs::task::{
    Binding, Container, ContainerOverride, ContainerStatus, DesiredStatus, Membership, StopCode, TaskStatus,
};
use crate::model::tick::Tick;

const AT: Tick = Tick(1_767_323_045_678);

fn told(what: What) -> Value {
    let happened = Happened { id: "7a3c".into(), at: AT, what };
    serde_json::to_value(envelope(&happened, &Account::default(), &State::default())).unwrap()
}

fn key() -> ServiceKey {
    ServiceKey { cluster: "default".into(), name: "web".into() }
}

fn stopped() -> Task {
    let container = Container {
        name: "app".into(),
        uuid: "u".into(),
        runtime_id: Some("r".into()),
        last_status: ContainerStatus::Stopped,
        health: HealthStatus::Unhealthy,
        exit_code: Some(137),
        bindings: vec![Binding {
            address: "127.0.0.1".parse().unwrap(),
            container_port: 80,
            host_port: 8080,
            udp: false,
        }],
        ..Container::default()
    };
    Task {
        id: "0f".into(),
        cluster: "default".into(),
        definition: DefinitionId { family: "web".into(), revision: 2 },
        group: "service:web".into(),
        started_by: Some("ecs-svc/2".into()),
        service: Some(Membership { service: "web".into(), deployment: "ecs-svc/2".into() }),
        last_status: TaskStatus::Stopped,
        desired_status: DesiredStatus::Stopped,
        health: HealthStatus::Unhealthy,
        version: 5,
        created_at: Tick(1_767_323_000_000),
        stopped_at: Some(AT),
        stop_code: Some(StopCode::ServiceSchedulerInitiated),
        stopped_reason: Some("Task failed container health checks".into()),
        containers: vec![container],
        ..Task::default()
    }
}

#[test]
fn a_task_is_told_as_aws_does_and_without_its_health() {
    let arn = "arn:aws:ecs:us-east-1:000000000000:task/default/0f";
    let expected = json!({
        "version": "0",
        "id": "7a3c",
        "detail-type": "ECS Task State Change",
        "source": "aws.ecs",
        "account": "000000000000",
        "time": "2026-01-02T03:04:05.678Z",
        "region": "us-east-1",
        "resources": [arn],
    });
    let environment = [("PASSWORD".into(), "hidden".into())].into();
    let changed = ContainerOverride { command: None, environment };
    let overrides = [("app".into(), changed)].into();
    let mut event = told(What::Task(Arc::new(Task { overrides, ..stopped() })));
    let detail = event["detail"].take();
    event.as_object_mut().unwrap().remove("detail");
    assert_eq!(event, expected);
    for (name, value) in [
        ("clusterArn", "arn:aws:ecs:us-east-1:000000000000:cluster/default"),
        ("createdAt", "2026-01-02T03:03:20.000Z"),
        ("group", "service:web"),
        ("lastStatus", "STOPPED"),
        ("stopCode", "ServiceSchedulerInitiated"),
        ("stoppedAt", "2026-01-02T03:04:05.678Z"),
        ("stoppedReason", "Task failed container health checks"),
        ("taskArn", arn),
        ("taskDefinitionArn", "arn:aws:ecs:us-east-1:000000000000:task-definition/web:2"),
        ("updatedAt", "2026-01-02T03:04:05.678Z"),
    ] {
        assert_eq!(detail[name], value, "{name}");
    }
    let container = &detail["containers"][0];
    assert_eq!(
        (&container["name"], &container["exitCode"], &detail["version"]),
        (&json!("app"), &json!(137), &json!(5))
    );
    for untold in ["healthStatus", "hidden"] {
        assert!(!detail.to_string().contains(untold), "{detail}");
    }
    // All moments are texts, and no member that is not there is told.
    let texts = |fields: &Value| {
        let fields = fields.as_object().unwrap();
        fields.iter().all(|(name, value)| !value.is_null() && (!name.ends_with("At") || value.is_string()))
    };
    assert!(texts(&detail) && texts(container), "{detail}");
}

#[test]
fn a_change_of_health_is_told_as_ours_with_the_check_that_decided_it() {
    let change = HealthChange {
        cluster: "default".into(),
        task: "0f".into(),
        group: "service:web".into(),
        container: "app".into(),
        from: HealthStatus::Healthy,
        to: HealthStatus::Unhealthy,
        task_health: HealthStatus::Unhealthy,
        result: Some(CheckResult { started: AT, ended: AT, exit_code: 1, output: "no".into() }),
    };
    let event = told(What::Health(change.clone()));
    assert_eq!(event["source"], "tgprobe");
    assert_eq!(event["detail-type"], "ECS Container Health Change");
    let arn = "arn:aws:ecs:us-east-1:000000000000:task/default/0f";
    let at = "2026-01-02T03:04:05.678Z";
    let expected = json!({
        "clusterArn": "arn:aws:ecs:us-east-1:000000000000:cluster/default",
        "taskArn": arn,
        "group": "service:web",
        "containerName": "app",
        "previousHealthStatus": "HEALTHY",
        "healthStatus": "UNHEALTHY",
        "taskHealthStatus": "UNHEALTHY",
        "check": {"startedAt": at, "endedAt": at, "exitCode": 1, "output": "no"},
    });
    assert_eq!((&event["detail"], &event["resources"]), (&expected, &json!([arn])));
    assert_eq!(owner(&What::Health(change)), ("default", Some("web")));
}

#[test]
fn what_a_service_does_is_told_with_its_level() {
    let event =
        told(What::Service { service: key(), action: ServiceAction::TaskStartImpaired, reason: None });
    assert_eq!(event["resources"], json!(["arn:aws:ecs:us-east-1:000000000000:service/default/web"]));
    let expected = json!({
        "eventType": "WARN",
        "eventName": "SERVICE_TASK_START_IMPAIRED",
        "clusterArn": "arn:aws:ecs:us-east-1:000000000000:cluster/default",
        "createdAt": "2026-01-02T03:04:05.678Z",
    });
    assert_eq!(event["detail"], expected);
}

#[test]
fn a_deployment_that_failed_is_an_error() {
    let reason = "ECS deployment circuit breaker: task failed to start.";
    for (state, level, name) in [
        (RolloutState::InProgress, "INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
        (RolloutState::Completed, "INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
        (RolloutState::Failed, "ERROR", "SERVICE_DEPLOYMENT_FAILED"),
    ] {
        let event = told(What::Deployment {
            service: key(),
            deployment: "ecs-svc/2".into(),
            state,
            reason: reason.into(),
        });
        let expected = json!({
            "eventType": level,
            "eventName": name,
            "deploymentId": "ecs-svc/2",
            "updatedAt": "2026-01-02T03:04:05.678Z",
            "reason": reason,
        });
        assert_eq!(event["detail"], expected);
    }
}
