//! Stub until the rules are there.

use crate::model::target_group::TargetGroup;

/// Stub.
#[must_use]
pub fn list(group: &TargetGroup) -> Vec<(String, String)> {
    let set = group.description.attributes.iter();
    set.map(|(key, value)| (key.to_string(), value.to_string())).collect()
}
