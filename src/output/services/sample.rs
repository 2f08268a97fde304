//! A service made by hand, for tests: healthy in every way.

use std::sync::Arc;
use std::time::Duration;

use crate::model::ecs::check::{CheckCommand, ContainerCheck};
use crate::model::ecs::definition::{Blueprint, ContainerDefinition, DefinitionId, TaskDefinition};
use crate::model::ecs::health::HealthStatus;
use crate::model::ecs::service::{
    CircuitBreaker, Deployment, DeploymentConfiguration, RolloutState, Service, ServiceKey, ServiceSpec,
    ServiceStatus,
};
use crate::model::ecs::state::State;
use crate::model::ecs::task::{
    Container, ContainerStatus, Membership, Registration, Task, TaskStatus, TaskTarget,
};
use crate::model::tick::Tick;

const ARN: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/web/0123456789abcdef";

/// The service's name.
pub(crate) fn key() -> ServiceKey {
    ServiceKey { cluster: "default".into(), name: "web".into() }
}

/// What its task is.
pub(crate) fn definition() -> DefinitionId {
    DefinitionId { family: "web".into(), revision: 2 }
}

/// A service with one deployment and one task, healthy in every way.
pub(crate) fn healthy() -> State {
    let check = ContainerCheck {
        command: CheckCommand::Shell(["true".into()].into()),
        interval: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
        retries: 3.try_into().unwrap(),
        start_period: Duration::ZERO,
    };
    let container = |name: &str, check| ContainerDefinition {
        name: name.into(),
        essential: true,
        check,
        ..ContainerDefinition::default()
    };
    let blueprint = Blueprint {
        family: "web".into(),
        containers: vec![container("app", Some(check)), container("sidecar", None)],
        ..Blueprint::default()
    };
    let revision = TaskDefinition {
        id: definition(),
        registered: Tick(1),
        deregistered: None,
        blueprint,
        tags: [].into(),
    };
    let mut state = State::default();
    state.definitions.insert(definition(), Arc::new(revision));
    state.services.insert(key(), Arc::new(service()));
    state.tasks.insert("0f".into(), Arc::new(task()));
    state
}

/// A service of one task, whose only deployment is complete.
pub(crate) fn service() -> Service {
    let circuit_breaker = CircuitBreaker { enable: true, ..CircuitBreaker::default() };
    let spec = ServiceSpec {
        key: key(),
        definition: definition(),
        desired_count: 1,
        daemon: false,
        load_balancers: Vec::new(),
        deployment: DeploymentConfiguration {
            maximum_percent: 200,
            minimum_healthy_percent: 100,
            circuit_breaker,
        },
        grace_period: Duration::ZERO,
        launch_type: "EC2".into(),
        told: Default::default(),
        tags: [].into(),
        client_token: None,
        in_file: false,
    };
    let primary = Deployment {
        id: "ecs-svc/2".into(),
        definition: definition(),
        load_balancers: Vec::new(),
        desired_count: 1,
        failed_tasks: 0,
        has_run: true,
        created_at: Tick(1_000),
        updated_at: Tick(2_000),
        rollout: RolloutState::Completed,
        rollout_reason: "ECS deployment ecs-svc/2 completed.".into(),
        rolls_back: None,
    };
    Service {
        spec,
        status: ServiceStatus::Active,
        created_at: Tick(1_000),
        deployments: vec![primary],
        last_completed: None,
        last_load_balancers: Vec::new(),
        given_up: None,
        events: [].into(),
        steady: false,
        failed_starts: 0,
        throttled_until: None,
        replaced: 0,
    }
}

/// Its task: a container with a check, one without, and a target.
pub(crate) fn task() -> Task {
    let container = |name: &str, health| Container {
        name: name.into(),
        last_status: ContainerStatus::Running,
        health,
        ..Container::default()
    };
    Task {
        id: "0f".into(),
        cluster: "default".into(),
        definition: definition(),
        service: Some(Membership { service: "web".into(), deployment: "ecs-svc/2".into() }),
        last_status: TaskStatus::Running,
        health: HealthStatus::Healthy,
        containers: vec![
            container("app", HealthStatus::Healthy),
            container("sidecar", HealthStatus::Unknown),
        ],
        targets: vec![TaskTarget {
            arn: ARN.into(),
            id: "127.0.0.1".into(),
            port: 80,
            registration: Registration::Registered,
            state: "healthy".into(),
            description: "".into(),
        }],
        ..Task::default()
    }
}
