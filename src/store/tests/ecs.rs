//! Services and tasks.

use super::*;
use crate::model::ecs::definition::{Blueprint, DefinitionId, TaskDefinition};
use crate::model::ecs::health::{CheckResult, HealthStatus};
use crate::model::ecs::service::{
    CircuitBreaker, Deployment, DeploymentConfiguration, LoadBalancer, RolloutState, Service, ServiceEvent,
    ServiceKey, ServiceSpec, ServiceStatus, Threshold,
};
use crate::model::ecs::state::{self, Cluster, Difference};
use crate::model::ecs::task::{
    Binding, Connectivity, Container, ContainerOverride, ContainerStatus, DesiredStatus, Membership,
    Registration, StopCode, Task, TaskStatus, TaskTarget,
};
use rusqlite::Connection;

const LATER: Tick = Tick(NOW.0 + 1);

fn pairs() -> BTreeMap<Box<str>, Box<str>> {
    [("Name", "Grüße, 世界"), ("it's", "")].map(|(key, value)| (key.into(), value.into())).into()
}

fn id() -> DefinitionId {
    DefinitionId { family: "web".into(), revision: 7 }
}

fn definition() -> TaskDefinition {
    let told = serde_json::json!({
        "family": "web",
        "containerDefinitions": [{ "name": "app", "image": "", "command": ["sleep", "60"], "essential": true }],
    });
    let blueprint = Blueprint::read(&told).unwrap().blueprint;
    assert_eq!(blueprint.containers.len(), 1);
    TaskDefinition { id: id(), registered: NOW, deregistered: Some(LATER), blueprint, tags: pairs() }
}

fn service() -> Service {
    let balancer =
        LoadBalancer { target_group_arn: "arn:web".into(), container_name: "app".into(), container_port: 80 };
    let deployment = Deployment {
        id: "ecs-svc/1".into(),
        definition: id(),
        load_balancers: vec![balancer.clone()],
        desired_count: 3,
        failed_tasks: 2,
        has_run: true,
        created_at: NOW,
        updated_at: LATER,
        rollout: RolloutState::InProgress,
        rollout_reason: "why".into(),
        rolls_back: Some("ecs-svc/0".into()),
    };
    let threshold = Threshold::Count(9);
    let spec = ServiceSpec {
        key: ServiceKey { cluster: "default".into(), name: "web".into() },
        definition: id(),
        desired_count: 3,
        daemon: true,
        load_balancers: vec![balancer],
        deployment: DeploymentConfiguration {
            maximum_percent: 150,
            minimum_healthy_percent: 50,
            circuit_breaker: CircuitBreaker {
                enable: true,
                rollback: true,
                threshold,
                ..CircuitBreaker::default()
            },
        },
        grace_period: Duration::from_millis(2_500),
        launch_type: "EC2".into(),
        told: [("propagateTags".to_owned(), "SERVICE".into())].into_iter().collect(),
        tags: pairs(),
        client_token: Some("token".into()),
        in_file: true,
    };
    Service {
        spec,
        status: ServiceStatus::Draining,
        created_at: NOW,
        deployments: vec![deployment],
        last_completed: Some(id()),
        last_load_balancers: vec![LoadBalancer::default()],
        given_up: Some(id()),
        events: [ServiceEvent { id: "uuid".into(), created_at: NOW, message: "(service web) is".into() }]
            .into(),
        steady: true,
        failed_starts: 4,
        throttled_until: Some(LATER),
        replaced: 5,
    }
}

fn container() -> Container {
    let address = "127.0.1.1".parse().unwrap();
    Container {
        name: "app".into(),
        uuid: "0b".into(),
        runtime_id: Some("123:456".into()),
        last_status: ContainerStatus::Running,
        health: HealthStatus::Unhealthy,
        health_since: NOW,
        failures: 3,
        passed: true,
        results: [CheckResult { started: NOW, ended: LATER, exit_code: -1, output: "no\n'\"".into() }].into(),
        started_at: Some(NOW),
        stopped_at: Some(LATER),
        exit_code: Some(137),
        reason: Some("OutOfMemoryError".into()),
        restarts: 2,
        bindings: vec![Binding { address, container_port: 80, host_port: 32_768, udp: true }],
    }
}

fn task() -> Task {
    let command = ContainerOverride { command: Some(vec!["x".into()]), environment: pairs() };
    Task {
        id: "0123456789abcdef0123456789abcdef".into(),
        cluster: "default".into(),
        definition: id(),
        group: "service:web".into(),
        started_by: Some("ecs-svc/1".into()),
        launch_type: Some("FARGATE".into()),
        service: Some(Membership { service: "web".into(), deployment: "ecs-svc/1".into() }),
        overrides: [("app".into(), command)].into(),
        tags: pairs(),
        last_status: TaskStatus::Deactivating,
        desired_status: DesiredStatus::Stopped,
        health: HealthStatus::Unhealthy,
        health_since: NOW,
        connectivity: Connectivity::Disconnected,
        connectivity_at: Some(NOW),
        address: Some("127.0.1.1".parse().unwrap()),
        version: 9,
        created_at: NOW,
        pull_started_at: Some(NOW),
        pull_stopped_at: Some(NOW),
        started_at: Some(NOW),
        stopping_at: Some(LATER),
        execution_stopped_at: Some(LATER),
        stopped_at: Some(LATER),
        stop_code: Some(StopCode::ServiceSchedulerInitiated),
        stopped_reason: Some("Task failed container health checks".into()),
        containers: vec![container()],
        targets: vec![TaskTarget {
            arn: "arn:web".into(),
            id: "127.0.1.1".into(),
            port: 80,
            registration: Registration::Draining,
            state: "unhealthy".into(),
            description: "Request timed out".into(),
        }],
    }
}

/// A state with one of everything, and every field of it other than it would be by default.
pub(super) fn everything() -> state::State {
    let cluster = Cluster { name: "default".into(), inactive: true, tags: pairs() };
    let (service, task) = (service(), task());
    state::State {
        clusters: [("default".into(), Arc::new(cluster))].into(),
        definitions: [(id(), Arc::new(definition()))].into(),
        services: [(service.spec.key.clone(), Arc::new(service))].into(),
        tasks: [(task.id.clone(), Arc::new(task))].into(),
        ..Default::default()
    }
}

fn filled(durable: bool) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.keep_ecs(&Difference::between(&Default::default(), &everything()), durable).unwrap();
    (dir, store)
}

#[test]
fn everything_of_services_and_tasks_comes_back() {
    for durable in [true, false] {
        let (dir, store) = filled(durable);
        let kept = store.load_ecs().unwrap();
        assert_eq!(kept.state, everything(), "before the restart");
        drop(store);
        assert_eq!(open(dir.path()).load_ecs().unwrap(), kept, "after it");
    }
}

#[test]
fn what_is_gone_is_gone_from_the_store() {
    let (_dir, mut store) = filled(true);
    store.keep_ecs(&Difference::between(&everything(), &Default::default()), true).unwrap();
    assert_eq!(store.load_ecs().unwrap().state, Default::default());
}

#[test]
fn what_has_changed_takes_the_place_of_what_was() {
    let (_dir, mut store) = filled(true);
    let mut new = everything();
    let after = Task { last_status: TaskStatus::Stopped, ..task() };
    new.tasks.insert(after.id.clone(), Arc::new(after));
    store.keep_ecs(&Difference::between(&everything(), &new), false).unwrap();
    assert_eq!(store.load_ecs().unwrap().state, new);
}

#[test]
fn no_two_stores_have_the_same_name() {
    let (one, other) = (filled(true).1.load_ecs().unwrap(), filled(true).1.load_ecs().unwrap());
    assert_ne!(one.instance, other.instance);
    for name in [one.instance, other.instance] {
        assert_eq!(name.len(), 16);
        assert!(name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)), "{name}");
    }
}

#[test]
fn columns_tell_the_shell_what_a_task_is() {
    let (dir, store) = filled(true);
    drop(store);
    let shell = Connection::open(dir.path().join(FILE)).unwrap();
    let row: (String, String, String, String) = shell
        .query_row("SELECT task_group, last_status, desired_status, health_status FROM tasks", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    let expected = ("service:web", "DEACTIVATING", "STOPPED", "UNHEALTHY");
    assert_eq!((&*row.0, &*row.1, &*row.2, &*row.3), expected);
}

#[test]
fn a_document_that_means_nothing_is_told_with_its_place() {
    for (wrong, words) in [
        ("UPDATE tasks SET document = '{'", "in tasks, document is `wrong: EOF"),
        ("UPDATE services SET document = '{}'", "in services, document is `wrong: missing field `spec`"),
        ("UPDATE task_definitions SET definition = '{}'", "in task_definitions, definition is `"),
    ] {
        let (dir, store) = filled(true);
        drop(store);
        let shell = Connection::open(dir.path().join(FILE)).unwrap();
        shell.execute(wrong, []).unwrap();
        drop(shell);
        let error = open(dir.path()).load_ecs().unwrap_err().to_string();
        assert!(error.contains("it holds what cannot be understood") && error.contains(words), "{error}");
    }
}
