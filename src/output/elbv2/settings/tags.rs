//! Tags: names that people give to groups, and that decide nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::excerpt::excerpt;
use crate::model::tag;
use crate::model::target_group::TargetGroup;
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::settings::constraints::Constraints;
use crate::output::elbv2::settings::invalid;

type Tags = BTreeMap<Box<str>, Box<str>>;

/// The group with these tags, in place of those with the same keys.
///
/// # Errors
/// `ValidationError`, `DuplicateTagKeys`, or `TooManyTags` where it would have more than 50.
pub fn add_tags(group: &TargetGroup, tags: &[(String, String)]) -> Result<TargetGroup, ApiError> {
    let mut constraints = Constraints::default();
    limits(tags, &mut constraints);
    constraints.met()?;
    let mut all = group.description.tags.clone();
    all.extend(distinct(tags)?);
    not_too_many(all.len())?;
    let mut group = group.clone();
    Arc::make_mut(&mut group.description).tags = all;
    Ok(group)
}

/// The group without the tags of these keys; a key it does not have is passed over.
///
/// # Errors
/// `ValidationError` for a key that no tag can have.
pub fn remove_tags(group: &TargetGroup, keys: &[String]) -> Result<TargetGroup, ApiError> {
    let mut constraints = Constraints::default();
    for (index, key) in keys.iter().enumerate() {
        text(&format!("tagKeys.{}.member", index + 1), key, 1, tag::KEY, &mut constraints);
    }
    constraints.met()?;
    keys.iter().try_for_each(|key| not_reserved(key))?;
    let mut group = group.clone();
    let tags = &mut Arc::make_mut(&mut group.description).tags;
    tags.retain(|there, _| !keys.iter().any(|key| **key == **there));
    Ok(group)
}

/// The limits on keys and values.
pub(super) fn limits(tags: &[(String, String)], constraints: &mut Constraints) {
    for (index, (key, value)) in tags.iter().enumerate() {
        text(&format!("tags.{}.member.key", index + 1), key, 1, tag::KEY, constraints);
        text(&format!("tags.{}.member.value", index + 1), value, 0, tag::VALUE, constraints);
    }
}

fn text(member: &str, text: &str, least: usize, most: usize, constraints: &mut Constraints) {
    constraints.length(member, Some(text), least..=most);
    if !tag::is_plain(text) {
        let pattern = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$";
        constraints.broken(member, text, &format!("satisfy regular expression pattern: {pattern}"));
    }
}

/// Tags by their keys, which must differ.
pub(super) fn distinct(tags: &[(String, String)]) -> Result<Tags, ApiError> {
    let mut distinct = Tags::new();
    for (key, value) in tags {
        not_reserved(key)?;
        if distinct.insert(key.as_str().into(), value.as_str().into()).is_some() {
            return Err(ApiError::duplicate_tag_keys("A tag key was specified more than once"));
        }
    }
    not_too_many(distinct.len())?;
    Ok(distinct)
}

fn not_reserved(key: &str) -> Result<(), ApiError> {
    if tag::is_reserved(key) {
        let message = "Keys that begin with 'aws:' are reserved for system use";
        return Err(invalid(format!("Tag key '{}' is not allowed. {message}", excerpt(key))));
    }
    Ok(())
}

fn not_too_many(count: usize) -> Result<(), ApiError> {
    if count > tag::MOST {
        let message = "You've reached the limit on the number of tags for this resource";
        return Err(ApiError::too_many_tags(message));
    }
    Ok(())
}
