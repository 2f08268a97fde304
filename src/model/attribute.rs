//! Target group attributes: what may be set, what is listed, and what of it is in force.
//!
//! AWS's attributes are listed with their defaults; those of ours, with keys that begin with `tgprobe.`, only once set
//! (docs/semantics.md, "Attributes"). Attributes of traffic are kept and told, and of no effect.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::model::description::Origin;
use crate::model::excerpt::excerpt;
use crate::model::protocol::TargetType;
use crate::model::target_group::TargetGroup;

mod effect;
mod file;
mod rules;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub use effect::in_force;

use table::{Attribute, OURS, TABLE};

/// Attributes that were set, by key.
type Set = BTreeMap<Box<str>, Box<str>>;

/// Why an attribute cannot be set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AttributeError {
    /// The key is unknown or the value not allowed: AWS's `ValidationError`, with its message.
    Invalid(String),
    /// The group cannot have it, or not beside its other settings: AWS's `InvalidConfigurationRequest`, with its
    /// message.
    Unfit(String),
}

impl fmt::Display for AttributeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(message) | Self::Unfit(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for AttributeError {}

/// Every attribute of a group with its value, always in the same order.
///
/// For a group from the file the values follow from what is in force. Those of ours are listed where the file says
/// something that no parameter and no attribute of AWS can say.
#[must_use]
pub fn list(group: &TargetGroup) -> Vec<(String, String)> {
    let set = match group.description.origin {
        Origin::Api => Cow::Borrowed(&group.description.attributes),
        Origin::File => Cow::Owned(file::said(group)),
    };
    let rows = TABLE.iter().filter(|row| (row.applies)(group));
    rows.filter_map(|row| Some((row.key.to_owned(), row.value(group, &set)?.to_owned()))).collect()
}

/// Whether one attribute may have a value in a group, whatever the others say. An empty value, which removes an
/// attribute of ours, is always allowed for one.
///
/// # Errors
/// Why not.
pub fn check(group: &TargetGroup, key: &str, value: &str) -> Result<(), AttributeError> {
    find(group, key)?.read(group, value).map(drop)
}

/// The group with these attributes set besides those it has: all of them, or none. What is set to AWS's default counts as
/// not set; an empty value removes an attribute of ours.
///
/// # Errors
/// The first attribute that is wrong in itself, else the first rule between attributes that would be broken.
pub fn set(group: &TargetGroup, changes: &[(String, String)]) -> Result<TargetGroup, AttributeError> {
    let mut set = group.description.attributes.clone();
    for (index, (key, value)) in changes.iter().enumerate() {
        let row = find(group, key)?;
        if changes[..index].iter().any(|(before, _)| before == key) {
            let message = format!("Target group attribute key '{key}' is specified more than once");
            return Err(AttributeError::Invalid(message));
        }
        match row.read(group, value)? {
            Some(value) if Some(&*value) != row.default.map(|default| default(group)) => {
                set.insert(row.key.into(), value);
            }
            Some(_) | None => _ = set.remove(row.key),
        }
    }
    let mut group = group.clone();
    Arc::make_mut(&mut group.description).attributes = set;
    in_force(&mut group);
    hold(&group)?;
    Ok(group)
}

/// Whether the attributes of a group, as the API has set them, fit each other and the check that
/// [`Description::health_check`](crate::model::description::Description::health_check) describes.
///
/// # Errors
/// The first rule that is broken.
pub fn hold(group: &TargetGroup) -> Result<(), AttributeError> {
    rules::hold(group, &group.description.attributes)
}

impl Attribute {
    /// What it says: what was set, else AWS's default.
    fn value<'a>(&self, group: &TargetGroup, set: &'a Set) -> Option<&'a str> {
        set.get(self.key).map(|value| &**value).or_else(|| Some(self.default?(group)))
    }

    fn is_ours(&self) -> bool {
        self.default.is_none()
    }
}

/// The attribute of this key, if the group can have it.
fn find(group: &TargetGroup, key: &str) -> Result<&'static Attribute, AttributeError> {
    let Some(row) = TABLE.iter().find(|row| row.key == key) else {
        let message = format!("Target group attribute key '{}' is not recognized", excerpt(key));
        return Err(AttributeError::Invalid(message));
    };
    if (row.applies)(group) {
        return Ok(row);
    }
    let kind = match (group.target_type, group.protocol) {
        (TargetType::Lambda | TargetType::Alb, _) | (_, None) => {
            format!("target type '{}'", group.target_type)
        }
        (_, Some(protocol)) => match group.protocol_version.filter(|_| key.starts_with(OURS)) {
            Some(version) => format!("protocol version '{version}'"),
            None => format!("protocol '{protocol}'"),
        },
    };
    Err(AttributeError::Unfit(format!("A target group with {kind} does not support the attribute {key}")))
}
