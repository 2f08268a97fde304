//! A task definition.

use serde_json::{Value, json};

use crate::model::arn::Account;
use crate::model::ecs::definition::TaskDefinition;
use crate::output::ecs::told::{root, time};

/// A task definition as `DescribeTaskDefinition` tells it: what was registered, and what became of it.
pub(in crate::output::ecs) fn definition(account: &Account, definition: &TaskDefinition) -> Value {
    let mut told = definition.blueprint.told.clone();
    let status = if definition.deregistered.is_some() { "INACTIVE" } else { "ACTIVE" };
    let needs = definition.blueprint.requires_attributes();
    let about = [
        ("taskDefinitionArn", json!(account.definition_arn(&definition.id))),
        ("family", json!(definition.id.family)),
        ("revision", json!(definition.id.revision)),
        ("status", json!(status)),
        ("compatibilities", json!(definition.blueprint.compatibilities())),
        ("requiresAttributes", needs.into_iter().map(|name| json!({ "name": name })).collect()),
        ("registeredAt", time(definition.registered)),
        ("registeredBy", json!(root(account))),
    ];
    let gone = definition.deregistered.map(|at| ("deregisteredAt", time(at)));
    told.extend(about.into_iter().chain(gone).map(|(name, value)| (name.to_owned(), value)));
    Value::Object(told)
}
