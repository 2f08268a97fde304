//! What is told of a task definition: what was registered, with defaults filled in as AWS fills them in.

use serde_json::{Map, Value, json};

use crate::model::ecs::definition::{Blueprint, NetworkMode, check, ports};

/// Fills in what was left out. What is filled in reads as what was left out does.
pub(super) fn fill(told: &mut Map<String, Value>, mode: NetworkMode) {
    for name in ["volumes", "placementConstraints"] {
        or(told, name, || json!([]));
    }
    for container in objects(told, "containerDefinitions") {
        or(container, "cpu", || json!(0));
        or(container, "essential", || json!(true));
        for name in ["environment", "mountPoints", "portMappings", "systemControls", "volumesFrom"] {
            or(container, name, || json!([]));
        }
        for port in objects(container, "portMappings") {
            let own =
                port.get("containerPort").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
            if let Some(own) = own {
                or(port, "hostPort", || json!(ports::host_port(mode, own)));
            }
            or(port, "protocol", || json!(ports::protocol(false)));
        }
        if let Some(health) = container.get_mut("healthCheck").and_then(Value::as_object_mut) {
            if let Some(words) = health.get("command").and_then(|command| check::words(command).ok()) {
                health.insert("command".to_owned(), json!(words));
            }
            or(health, "interval", || json!(check::INTERVAL.as_secs()));
            or(health, "timeout", || json!(check::TIMEOUT.as_secs()));
            or(health, "retries", || json!(check::RETRIES));
        }
    }
}

fn or(map: &mut Map<String, Value>, name: &str, default: impl FnOnce() -> Value) {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), default());
    }
}

/// The objects of a list.
pub(super) fn objects<'m>(
    map: &'m mut Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'m mut Map<String, Value>> + use<'m> {
    map.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

impl Blueprint {
    /// `requiresAttributes`: what an agent must be able to do, as far as it says something about health
    /// (docs/ecs.md, "Task definitions").
    #[must_use]
    pub fn requires_attributes(&self) -> Vec<&'static str> {
        let any = |has: fn(&super::ContainerDefinition) -> bool| self.containers.iter().any(has);
        let has_check = any(|container| container.check.is_some());
        let has_order = any(|container| !container.depends_on.is_empty());
        [
            has_check.then_some("ecs.capability.container-health-check"),
            has_order.then_some("ecs.capability.container-ordering"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// `compatibilities`: where AWS could run it.
    #[must_use]
    pub fn compatibilities(&self) -> Vec<&'static str> {
        let awsvpc = self.network_mode == NetworkMode::Awsvpc;
        let sized = ["cpu", "memory"].iter().all(|name| self.told.contains_key(*name));
        [(!awsvpc).then_some("EXTERNAL"), Some("EC2"), (awsvpc && sized).then_some("FARGATE")]
            .into_iter()
            .flatten()
            .collect()
    }
}
