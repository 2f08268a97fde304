//! Everything that can be told, once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tgprobe::model::arn::Account;
use tgprobe::model::ecs::definition::{Blueprint, DefinitionId, TaskDefinition};
use tgprobe::model::ecs::health::{CheckResult, HealthStatus};
use tgprobe::model::ecs::service::{
    CircuitBreaker, Deployment, DeploymentConfiguration, LoadBalancer, RolloutState, Service, ServiceEvent,
    ServiceKey, ServiceSpec, ServiceStatus, Threshold,
};
use tgprobe::model::ecs::state::{Cluster, State};
use tgprobe::model::ecs::task::{
    Binding, Connectivity, Container, ContainerOverride, ContainerStatus, DesiredStatus, Membership,
    StopCode, Task, TaskStatus,
};
use tgprobe::model::target_group::GroupName;
use tgprobe::model::tick::Tick;

fn at(second: u64) -> Tick {
    Tick((1_790_000_000 + second) * 1_000)
}

fn id(family: &str, revision: u32) -> DefinitionId {
    DefinitionId { family: family.into(), revision }
}

fn definition(family: &str, revision: u32, awsvpc: bool) -> TaskDefinition {
    let mut given = json!({
        "family": family,
        "containerDefinitions": [
            {
                "name": "app",
                "image": "shop:1",
                "memory": 64,
                "portMappings": [{ "containerPort": 8080 }],
                "healthCheck": { "command": ["CMD-SHELL", "curl -f http://localhost:8080/"] },
                "dependsOn": [{ "containerName": "side", "condition": "START" }],
            },
            { "name": "side", "image": "log:1", "memory": 32, "essential": false },
        ],
    });
    if awsvpc {
        given["networkMode"] = json!("awsvpc");
        given["cpu"] = json!("256");
        given["memory"] = json!("512");
    }
    let reading = Blueprint::read(&given).unwrap();
    let tags = BTreeMap::from([("team".into(), "shop".into())]);
    let id = id(family, revision);
    TaskDefinition { id, registered: at(1), deregistered: None, blueprint: reading.blueprint, tags }
}

fn container(name: &str, number: u32) -> Container {
    Container {
        name: name.into(),
        uuid: format!("00000000-0000-4000-8000-{number:012}").into(),
        runtime_id: Some(format!("runtime-{number}").into()),
        last_status: ContainerStatus::Running,
        health_since: at(10),
        started_at: Some(at(10)),
        ..Container::default()
    }
}

fn task(number: u32, definition: DefinitionId) -> Task {
    Task {
        id: format!("{number:032x}").into(),
        cluster: "default".into(),
        group: format!("family:{}", definition.family).into(),
        definition,
        last_status: TaskStatus::Running,
        connectivity_at: Some(at(2)),
        version: 3,
        created_at: at(5),
        started_at: Some(at(10)),
        containers: vec![container("app", number * 2), container("side", number * 2 + 1)],
        ..Task::default()
    }
}

fn result(exit_code: i32, output: &str) -> CheckResult {
    CheckResult { started: at(40), ended: at(41), exit_code, output: output.into() }
}

fn of_service(task: Task, deployment: &str) -> Task {
    let member = Membership { service: "web".into(), deployment: deployment.into() };
    Task { group: "service:web".into(), started_by: Some(deployment.into()), service: Some(member), ..task }
}

fn tasks() -> Vec<Task> {
    let mut healthy = of_service(task(1, id("web", 2)), "ecs-svc/2");
    healthy.health = HealthStatus::Healthy;
    healthy.containers[0].health = HealthStatus::Healthy;
    healthy.containers[0].passed = true;
    healthy.containers[0].results = VecDeque::from([result(0, "ok\n")]);
    healthy.containers[0].bindings =
        vec![Binding { address: [127, 0, 0, 1].into(), container_port: 8080, host_port: 32768, udp: false }];

    let mut unhealthy = of_service(task(2, id("web", 1)), "ecs-svc/1");
    unhealthy.health = HealthStatus::Unhealthy;
    unhealthy.containers[0].health = HealthStatus::Unhealthy;
    unhealthy.containers[0].failures = 3;
    let output = "curl: (22) The requested URL returned error: 500\n";
    unhealthy.containers[0].results = VecDeque::from([result(22, output)]);

    let mut starting = of_service(task(3, id("web", 2)), "ecs-svc/2");
    starting.last_status = TaskStatus::Pending;
    starting.started_at = None;
    starting.containers = vec![Container {
        name: "app".into(),
        uuid: "00000000-0000-4000-8000-000000000006".into(),
        ..Container::default()
    }];

    let mut stopped = task(4, id("web", 1));
    stopped.last_status = TaskStatus::Stopped;
    stopped.desired_status = DesiredStatus::Stopped;
    stopped.stopping_at = Some(at(50));
    stopped.execution_stopped_at = Some(at(51));
    stopped.stopped_at = Some(at(52));
    stopped.stop_code = Some(StopCode::UserInitiated);
    stopped.stopped_reason = Some("enough".into());
    stopped.started_by = Some("ci".into());
    for container in &mut stopped.containers {
        container.last_status = ContainerStatus::Stopped;
        container.exit_code = Some(137);
        container.reason = Some("OutOfMemoryError: Container killed due to memory usage".into());
    }

    let mut alone = task(5, id("vpc", 1));
    alone.address = Some([127, 0, 1, 1].into());
    alone.connectivity = Connectivity::Disconnected;
    alone.pull_started_at = Some(at(6));
    alone.pull_stopped_at = Some(at(7));
    alone.health = HealthStatus::Unhealthy;
    alone.containers[0].health = HealthStatus::Unhealthy;
    alone.containers[0].results =
        VecDeque::from([result(-1, "Health check exceeded timeout (5s): half a line")]);
    let environment = BTreeMap::from([("MODE".into(), "batch".into())]);
    let command = Some(vec!["run".into(), "once".into()]);
    alone.overrides = BTreeMap::from([("app".into(), ContainerOverride { command, environment })]);
    alone.tags = BTreeMap::from([("job".into(), "7".into())]);
    vec![healthy, unhealthy, starting, stopped, alone]
}

fn deployment(number: u32, rollout: RolloutState, reason: &str) -> Deployment {
    Deployment {
        id: format!("ecs-svc/{number}").into(),
        definition: id("web", number),
        load_balancers: Vec::new(),
        desired_count: 2,
        failed_tasks: number,
        has_run: true,
        created_at: at(u64::from(number)),
        updated_at: at(u64::from(number) + 20),
        rollout,
        rollout_reason: reason.into(),
        rolls_back: None,
    }
}

fn service(name: &str) -> Service {
    Service {
        spec: ServiceSpec {
            key: ServiceKey { cluster: "default".into(), name: name.into() },
            definition: id("web", 2),
            desired_count: 2,
            daemon: false,
            load_balancers: Vec::new(),
            deployment: DeploymentConfiguration {
                maximum_percent: 200,
                minimum_healthy_percent: 100,
                circuit_breaker: CircuitBreaker::default(),
            },
            grace_period: Duration::ZERO,
            launch_type: "EC2".into(),
            told: Default::default(),
            tags: BTreeMap::from([("team".into(), "shop".into())]),
            client_token: None,
            in_file: false,
        },
        status: ServiceStatus::Active,
        created_at: at(1),
        deployments: Vec::new(),
        last_completed: None,
        last_load_balancers: Vec::new(),
        given_up: None,
        events: VecDeque::new(),
        steady: false,
        failed_starts: 0,
        throttled_until: None,
        replaced: 0,
    }
}

fn services() -> Vec<Service> {
    let mut web = service("web");
    web.spec.load_balancers = vec![LoadBalancer {
        target_group_arn: Account::default().arn("us-east-1", &GroupName::parse("web").unwrap(), Tick(0)),
        container_name: "app".into(),
        container_port: 8080,
    }];
    web.spec.grace_period = Duration::from_secs(60);
    web.deployments = vec![
        deployment(2, RolloutState::InProgress, "ECS deployment ecs-svc/2 in progress."),
        deployment(1, RolloutState::Completed, "ECS deployment ecs-svc/1 completed."),
    ];
    let event = |number: u32, message: &str| ServiceEvent {
        id: format!("00000000-0000-4000-8000-{:012}", 100 + number).into(),
        created_at: at(u64::from(number)),
        message: message.into(),
    };
    web.events = VecDeque::from([
        event(21, "(service web) has started 1 tasks: (task 00000000000000000000000000000003)."),
        event(20, "(service web) has reached a steady state."),
    ]);
    let mut each = service("each");
    each.spec.daemon = true;
    each.spec.launch_type = "FARGATE".into();
    each.spec.deployment = DeploymentConfiguration {
        maximum_percent: 100,
        minimum_healthy_percent: 0,
        circuit_breaker: CircuitBreaker {
            enable: true,
            rollback: true,
            reset_on_healthy_task: false,
            threshold: Threshold::Count(4),
        },
    };
    let gone = Service { status: ServiceStatus::Inactive, ..service("gone") };
    vec![web, each, gone]
}

/// A cluster of three services and five tasks, an empty one, and one that was deleted.
pub(super) fn state() -> State {
    let cluster = |name: &str, inactive| {
        let tags = BTreeMap::from([("env".into(), "dev".into())]);
        (name.into(), Arc::new(Cluster { name: name.into(), inactive, tags }))
    };
    let mut old = definition("old", 1, false);
    old.deregistered = Some(at(3));
    let mut first = definition("web", 1, false);
    first.deregistered = Some(at(4));
    let definitions =
        [old, first, definition("web", 2, false), definition("web", 10, false), definition("vpc", 1, true)];
    State {
        clusters: [cluster("default", false), cluster("empty", false), cluster("past", true)].into(),
        definitions: definitions.into_iter().map(|one| (one.id.clone(), Arc::new(one))).collect(),
        services: services().into_iter().map(|one| (one.spec.key.clone(), Arc::new(one))).collect(),
        tasks: tasks().into_iter().map(|one| (one.id.clone(), Arc::new(one))).collect(),
        connectivity: Connectivity::Connected,
        connectivity_at: Some(at(2)),
    }
}
