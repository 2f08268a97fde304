//! AddTags, RemoveTags and DescribeTags.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::change::Change;
use crate::model::target_group::{GroupName, TargetGroup};
use crate::output::elbv2::action::{Asked, Decision};
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::form::Params;
use crate::output::elbv2::lookup::Named;
use crate::output::elbv2::respond::Outcome;
use crate::output::elbv2::settings;
use crate::output::elbv2::xml::Xml;

/// Resources of one call at most.
const RESOURCES: usize = 20;

/// Reads a list of keys and values.
pub(super) fn pairs(params: &Params, list: &str) -> Result<Vec<(String, String)>, ApiError> {
    let read = |fields: BTreeMap<&str, &str>| {
        let key = fields.get("Key").filter(|key| !key.is_empty());
        let key =
            key.ok_or_else(|| ApiError::validation(format!("Every member of {list} must have a Key")))?;
        let value = fields.get("Value").copied().unwrap_or_default();
        Ok(((*key).to_owned(), value.to_owned()))
    };
    params.structures(list)?.into_iter().map(read).collect()
}

/// Reads `Tags`.
pub(super) fn read(params: &Params) -> Result<Vec<(String, String)>, ApiError> {
    pairs(params, "Tags")
}

/// `AddTags`.
pub(super) fn add(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let (resources, tags) = (resources(asked)?, read(asked.params)?);
    if tags.is_empty() {
        return Err(ApiError::validation("At least one tag must be specified (Tags)"));
    }
    Ok(change(resources, move |group| settings::add_tags(group, &tags)))
}

/// `RemoveTags`.
pub(super) fn remove(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let resources = resources(asked)?;
    let keys: Vec<String> = asked.params.list("TagKeys")?.into_iter().map(str::to_owned).collect();
    if keys.is_empty() {
        return Err(ApiError::validation("At least one tag key must be specified (TagKeys)"));
    }
    Ok(change(resources, move |group| settings::remove_tags(group, &keys)))
}

/// Changes the tags of all groups, or of none.
fn change(
    resources: Vec<Named>,
    tagged: impl Fn(&TargetGroup) -> Result<TargetGroup, ApiError> + Send + 'static,
) -> Decision {
    Box::new(move |catalog, _| {
        // By name, so that a group named twice is changed once.
        let mut changes: BTreeMap<GroupName, Change> = BTreeMap::new();
        for named in &resources {
            let before = named.changeable(catalog)?;
            let group = tagged(before)?;
            if group != **before {
                changes.insert(named.name.clone(), Change::PutGroup(Arc::new(group)));
            }
        }
        Ok((changes.into_values().collect(), String::new()))
    })
}

/// `DescribeTags`, in the order asked for.
pub(super) fn describe(asked: &Asked<'_>) -> Result<Outcome, ApiError> {
    let resources = resources(asked)?;
    let snapshot = asked.api.view.snapshot();
    let listings = resources.iter().map(|named| named.listing(&snapshot)).collect::<Result<Vec<_>, _>>()?;
    let mut xml = Xml::default();
    xml.list("TagDescriptions", listings, |xml, listing| {
        let about = &listing.group.description;
        xml.text("ResourceArn", &about.arn);
        xml.list("Tags", &about.tags, |xml, (key, value)| {
            xml.text("Key", key);
            xml.text("Value", value);
        });
    });
    Ok(Outcome::Whole(xml.into_text()))
}

fn resources(asked: &Asked<'_>) -> Result<Vec<Named>, ApiError> {
    let arns = asked.params.list("ResourceArns")?;
    if arns.is_empty() {
        return Err(ApiError::validation("At least one resource ARN must be specified (ResourceArns)"));
    }
    if arns.len() > RESOURCES {
        return Err(ApiError::validation(format!(
            "At most {RESOURCES} resource ARNs can be specified (ResourceArns)"
        )));
    }
    arns.into_iter().map(|arn| Named::parse_tagged(asked, arn)).collect()
}
