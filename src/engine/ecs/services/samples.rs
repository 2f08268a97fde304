//! Things to test with.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::ecs::service::{CircuitBreaker, DeploymentConfiguration, ServiceKey, ServiceSpec};
use crate::model::ecs::task::{Membership, Registration, Task, TaskTarget};

pub(super) fn key() -> ServiceKey {
    ServiceKey { cluster: "default".into(), name: "web".into() }
}

pub(super) fn spec(desired_count: u32) -> ServiceSpec {
    ServiceSpec {
        key: key(),
        definition: crate::model::ecs::definition::DefinitionId { family: "web".into(), revision: 1 },
        desired_count,
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
        tags: BTreeMap::new(),
        client_token: None,
        in_file: false,
    }
}

pub(super) fn task(id: &str, deployment: &str) -> Task {
    Task {
        id: id.into(),
        cluster: "default".into(),
        service: Some(Membership { service: "web".into(), deployment: deployment.into() }),
        ..Task::default()
    }
}

pub(super) fn target(state: &str) -> TaskTarget {
    TaskTarget {
        arn: "arn".into(),
        id: "127.0.0.1".into(),
        port: 80,
        registration: Registration::Registered,
        state: state.into(),
        description: "".into(),
    }
}
