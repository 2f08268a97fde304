//! TagResource, UntagResource and ListTagsForResource, and the tags of other calls.

use serde_json::{Value, json};

use crate::model::arn::Account;
use crate::model::ecs::arn::Resource;
use crate::model::ecs::state::State;
use crate::model::excerpt::excerpt;
use crate::model::tag;
use crate::output::ecs::action::{Asked, Decision};
use crate::output::ecs::error::ApiError;
use crate::output::ecs::input::{Input, broken};
use crate::output::ecs::{lookup, told};
use crate::runtime::agent::Tags;

const PATTERN: &str = r"satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$";

/// Reads `tags`.
pub(super) fn read(input: &Input<'_>) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for one in input.structures("tags")? {
        let key = one.text("key")?.filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| ApiError::invalid_parameter("Tag key can not be null or empty."))?;
        let value = one.short("value", tag::VALUE)?.unwrap_or_default();
        one.short("key", tag::KEY)?;
        for (place, text) in [("key", key), ("value", value)] {
            if !tag::is_plain(text) {
                return Err(broken(&one.place(place), text, PATTERN));
            }
        }
        if tag::is_reserved(key) {
            let message = "is not allowed: keys that begin with 'aws:' are reserved for AWS";
            return Err(ApiError::invalid_parameter(format!("Tag key '{}' {message}", excerpt(key))));
        }
        if tags.insert(key.into(), value.into()).is_some() {
            let key = excerpt(key);
            return Err(ApiError::invalid_parameter(format!("Duplicate tag key found: '{key}'.")));
        }
    }
    not_too_many(&tags)?;
    Ok(tags)
}

fn not_too_many(tags: &Tags) -> Result<(), ApiError> {
    if tags.len() > tag::MOST {
        let message = format!("A resource has at most {} tags.", tag::MOST);
        return Err(ApiError::invalid_parameter(message));
    }
    Ok(())
}

/// The tags of what an ARN names; services of the file only where they are read.
fn of(state: &State, account: &Account, arn: &str, change: bool) -> Result<Tags, ApiError> {
    let found = match account.resource(arn) {
        Some(Resource::Cluster(name)) => lookup::cluster(state, &name).map(|found| found.tags.clone()),
        Some(Resource::Service(key)) => match state.services.get(&key) {
            Some(found) if change && found.spec.in_file => return Err(ApiError::service_of_file(&key.name)),
            found => found.map(|found| found.spec.tags.clone()),
        },
        Some(Resource::Task(cluster, id)) => {
            let found = state.tasks.get(&id).filter(|task| task.cluster == cluster);
            found.map(|found| found.tags.clone())
        }
        Some(Resource::Definition(id)) => state.definitions.get(&id).map(|found| found.tags.clone()),
        None => None,
    };
    found.ok_or_else(|| {
        ApiError::resource_not_found(format!("The specified resource is not found: {}", excerpt(arn)))
    })
}

fn arn(asked: &Asked<'_>) -> Result<String, ApiError> {
    asked.input.required("resourceArn", "resourceArn can not be blank.").map(str::to_owned)
}

/// `TagResource`.
pub(super) fn add(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let (arn, tags) = (arn(asked)?, read(&asked.input)?);
    if tags.is_empty() {
        return Err(ApiError::invalid_parameter("At least one tag must be specified (tags)."));
    }
    Ok(change(arn, move |all| all.extend(tags)))
}

/// `UntagResource`. A key that is not there is passed over.
pub(super) fn remove(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let arn = arn(asked)?;
    let keys: Vec<String> = asked.input.texts("tagKeys")?.into_iter().map(str::to_owned).collect();
    if keys.is_empty() {
        return Err(ApiError::invalid_parameter("At least one tag key must be specified (tagKeys)."));
    }
    Ok(change(arn, move |all| all.retain(|there, _| !keys.iter().any(|key| **key == **there))))
}

fn change(arn: String, change: impl FnOnce(&mut Tags) + Send + 'static) -> Decision {
    Box::new(move |ecs, _| {
        let mut tags = of(ecs.state(), ecs.account(), &arn, true)?;
        change(&mut tags);
        not_too_many(&tags)?;
        ecs.set_tags(&arn, tags)?;
        Ok(json!({}))
    })
}

/// `ListTagsForResource`.
pub(super) fn list(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let tags = of(&asked.state(), asked.account(), &arn(asked)?, false)?;
    Ok(json!({ "tags": told::tags(&tags) }))
}
