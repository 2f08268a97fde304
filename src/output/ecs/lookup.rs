//! From names and ARNs to what they name.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::model::arn::Account;
use crate::model::ecs::arn::Resource;
use crate::model::ecs::definition::{DefinitionId, TaskDefinition};
use crate::model::ecs::service::{Service, ServiceKey};
use crate::model::ecs::state::{Cluster, State};
use crate::model::ecs::task::Task;
use crate::output::ecs::action::Asked;
use crate::output::ecs::error::ApiError;

/// The cluster of a call that names none.
pub(super) const DEFAULT: &str = "default";

fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
}

/// The name of a cluster, which need not be there; `None` for an ARN of anything else.
pub(super) fn cluster_name<'a>(account: &Account, text: &'a str) -> Option<&'a str> {
    match account.resource(text) {
        Some(Resource::Cluster(_)) => text.rsplit_once('/').map(|(_, name)| name),
        None if !is_arn(text) => Some(text),
        _ => None,
    }
}

/// The cluster that the call is about, by its name.
pub(super) fn cluster_of<'a>(asked: &Asked<'a>, state: &State) -> Result<&'a str, ApiError> {
    let text = asked.input.text("cluster")?.filter(|text| !text.is_empty()).unwrap_or(DEFAULT);
    let name = cluster_name(asked.account(), text).ok_or_else(ApiError::cluster_not_found)?;
    exists(state, name)?;
    Ok(name)
}

/// Refuses what is about a cluster that is not there, or no longer.
pub(super) fn exists(state: &State, cluster: &str) -> Result<(), ApiError> {
    match state.clusters.get(cluster) {
        Some(found) if !found.inactive => Ok(()),
        // It is always there, even where nothing is run.
        None if cluster == DEFAULT => Ok(()),
        _ => Err(ApiError::cluster_not_found()),
    }
}

/// A cluster by its name, deleted ones too.
pub(super) fn cluster(state: &State, name: &str) -> Option<Arc<Cluster>> {
    let always = || (name == DEFAULT).then(|| Arc::new(Cluster { name: name.into(), ..Cluster::default() }));
    state.clusters.get(name).cloned().or_else(always)
}

/// What a service is called, by its name or its ARN; `None` for an ARN of anything else, or of another cluster.
pub(super) fn service_key(account: &Account, cluster: &str, text: &str) -> Option<ServiceKey> {
    match account.resource(text) {
        Some(Resource::Service(key)) => Some(key).filter(|key| *key.cluster == *cluster),
        None if !is_arn(text) => Some(ServiceKey { cluster: cluster.into(), name: text.into() }),
        _ => None,
    }
}

/// A service, deleted ones too.
pub(super) fn service<'s>(
    state: &'s State,
    account: &Account,
    cluster: &str,
    text: &str,
) -> Option<&'s Arc<Service>> {
    state.services.get(&service_key(account, cluster, text)?)
}

/// A task by its id or its ARN, stopped ones too.
pub(super) fn task<'s>(
    state: &'s State,
    account: &Account,
    cluster: &str,
    text: &str,
) -> Option<&'s Arc<Task>> {
    let id = match account.resource(text) {
        Some(Resource::Task(of, id)) if *of == *cluster => id,
        None if !is_arn(text) => text.into(),
        _ => return None,
    };
    state.tasks.get(&id).filter(|task| *task.cluster == *cluster)
}

/// A task definition by its ARN, `family:revision`, or the family for its newest active revision.
pub(super) fn definition<'s>(
    state: &'s State,
    account: &Account,
    text: &str,
) -> Option<&'s Arc<TaskDefinition>> {
    let text = if is_arn(text) {
        // What the ARN of a definition that is called nothing would be.
        let empty = account.definition_arn(&DefinitionId { family: "".into(), revision: 0 });
        text.strip_prefix(empty.strip_suffix(":0")?)?
    } else {
        text
    };
    match DefinitionId::parse(text) {
        Some(id) => state.definitions.get(&id),
        None if text.contains(':') => None,
        None => state.latest(text),
    }
}

/// A task definition that can be run.
pub(super) fn runnable<'s>(
    state: &'s State,
    account: &Account,
    text: &str,
) -> Result<&'s Arc<TaskDefinition>, ApiError> {
    let found = definition(state, account, text);
    match found {
        Some(definition) if definition.deregistered.is_none() => Ok(definition),
        Some(_) => Err(ApiError::client("TaskDefinition is inactive")),
        None => Err(ApiError::client("TaskDefinition not found.")),
    }
}

/// What is said in a list of failures of something that was asked for and is not there.
pub(super) fn missing(arn: String) -> Value {
    json!({ "arn": arn, "reason": "MISSING" })
}

/// The ARN under which something is missing: what was asked for, if that is one, or what it would be.
pub(super) fn arn_of(text: &str, made: impl FnOnce() -> String) -> String {
    if is_arn(text) { text.to_owned() } else { made() }
}

/// Whether `include` asks for this.
pub(super) fn includes(asked: &Asked<'_>, word: &str) -> Result<bool, ApiError> {
    Ok(asked.input.texts("include")?.contains(&word))
}
