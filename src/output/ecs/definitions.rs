//! RegisterTaskDefinition, DescribeTaskDefinition, ListTaskDefinitions, ListTaskDefinitionFamilies and
//! DeregisterTaskDefinition.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::ecs::definition::{Blueprint, TaskDefinition};
use crate::output::ecs::action::{Asked, Decision};
use crate::output::ecs::error::ApiError;
use crate::output::ecs::lookup::{self, includes};
use crate::output::ecs::paging::Page;
use crate::output::ecs::{tags, told};

/// Bytes of a task definition at most, AWS's quota.
const LONGEST: usize = 65_536;

/// `RegisterTaskDefinition`.
pub(super) fn register(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let tags = tags::read(&asked.input)?;
    let mut given = asked.input.fields().clone();
    given.remove("tags");
    let given = Value::Object(given);
    let length = given.to_string().len();
    if length > LONGEST {
        let message = format!("Actual length: '{length}'. Max allowed length is '{LONGEST}' bytes.");
        return Err(ApiError::client(message));
    }
    let reading = Blueprint::read(&given).map_err(|problems| ApiError::client(problems.first()))?;
    // Of the caller's folders nothing is known here.
    if let Some(path) = reading.blueprint.relative_path() {
        return Err(ApiError::client(format!("{path} must be an absolute path.")));
    }
    Ok(Box::new(move |ecs, now| {
        let made = ecs.register_definition(reading.blueprint, tags, now)?;
        let (account, tags) = (ecs.account(), told::tags(&made.tags));
        Ok(json!({ "taskDefinition": told::definition(account, &made), "tags": tags }))
    }))
}

/// `DescribeTaskDefinition`: a family is its newest active revision; a revision is found even when it is inactive.
pub(super) fn describe(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let text = asked.input.required("taskDefinition", "TaskDefinition can not be blank.")?;
    let (state, account) = (asked.state(), asked.account());
    let found = lookup::definition(&state, account, text)
        .ok_or_else(|| ApiError::client("Unable to describe task definition."))?;
    let mut told = json!({ "taskDefinition": told::definition(account, found) });
    if includes(asked, "TAGS")? {
        told["tags"] = told::tags(&found.tags);
    }
    Ok(told)
}

/// `DeregisterTaskDefinition`, which needs a revision.
pub(super) fn deregister(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let text = asked.input.required("taskDefinition", "TaskDefinition can not be blank.")?;
    let last = text.rsplit('/').next().unwrap_or_default();
    if !last.contains(':') {
        return Err(ApiError::client("A revision must be specified: family:revision."));
    }
    let text = text.to_owned();
    Ok(Box::new(move |ecs, now| {
        let found = lookup::definition(ecs.state(), ecs.account(), &text);
        let id = found.map(|definition| definition.id.clone());
        let id = id.ok_or_else(|| ApiError::client("The specified task definition does not exist."))?;
        let gone = ecs.deregister_definition(&id, now)?;
        Ok(json!({ "taskDefinition": told::definition(ecs.account(), &gone) }))
    }))
}

/// `ListTaskDefinitions`, by family and revision.
pub(super) fn list(asked: &Asked<'_>) -> Result<Value, ApiError> {
    const STATUSES: &[&str] = &["ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS"];
    let family = asked.input.text("familyPrefix")?.filter(|family| !family.is_empty());
    let status = asked.input.word("status", STATUSES)?.unwrap_or("ACTIVE");
    let sort = asked.input.word("sort", &["ASC", "DESC"])?.unwrap_or("ASC");
    let question = [family.unwrap_or_default(), status, sort];
    let page = Page::read(asked, 100, &question)?.backwards(sort == "DESC");
    let (state, account) = (asked.state(), asked.account());
    let wanted = |definition: &&TaskDefinition| {
        let active = definition.deregistered.is_none();
        let right = match status {
            "ACTIVE" => active,
            "INACTIVE" => !active,
            _ => false,
        };
        right && family.is_none_or(|family| *definition.id.family == *family)
    };
    let found = state.definitions.values().map(AsRef::as_ref).filter(wanted);
    let members = found.map(|definition| {
        let id = &definition.id;
        // In texts of digits of one length the greater number is the greater text, and no family holds a space.
        (format!("{} {:010}", id.family, id.revision), account.definition_arn(id))
    });
    Ok(page.of("taskDefinitionArns", members.collect()))
}

/// `ListTaskDefinitionFamilies`, by name. One is active as long as one of its revisions is.
pub(super) fn families(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let prefix = asked.input.text("familyPrefix")?.unwrap_or_default();
    let status = asked.input.word("status", &["ACTIVE", "INACTIVE", "ALL"])?.unwrap_or("ALL");
    let page = Page::read(asked, 100, &[prefix, status])?;
    let state = asked.state();
    let mut families: BTreeMap<&str, bool> = BTreeMap::new();
    for definition in state.definitions.values().filter(|one| one.id.family.starts_with(prefix)) {
        *families.entry(&definition.id.family).or_default() |= definition.deregistered.is_none();
    }
    let wanted = |active: bool| match status {
        "ACTIVE" => active,
        "INACTIVE" => !active,
        _ => true,
    };
    let members = families.into_iter().filter(|(_, active)| wanted(*active));
    let members = members.map(|(family, _)| (family.to_owned(), family.to_owned()));
    Ok(page.of("families", members.collect()))
}
