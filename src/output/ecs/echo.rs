//! Members of a service that are of no effect here, and are told as they were given: whoever compares what was wished for
//! with what is there, as Terraform does, finds no difference.

use serde_json::{Map, Value};

use crate::output::ecs::error::ApiError;
use crate::output::ecs::input::Input;

/// Characters of all of them together at most, as JSON.
const LONGEST: usize = 16_384;

const MEMBERS: &[&str] = &[
    "availabilityZoneRebalancing",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "networkConfiguration",
    "placementConstraints",
    "placementStrategy",
    "platformVersion",
    "propagateTags",
];

/// Reads what a call says of them.
pub(super) fn read(input: &Input<'_>) -> Result<Map<String, Value>, ApiError> {
    input.word("availabilityZoneRebalancing", &["ENABLED", "DISABLED"])?;
    input.maybe_flag("enableECSManagedTags")?;
    input.maybe_flag("enableExecuteCommand")?;
    input.structure("networkConfiguration")?;
    input.structures("placementConstraints")?;
    input.structures("placementStrategy")?;
    input.text("platformVersion")?;
    input.word("propagateTags", &["TASK_DEFINITION", "SERVICE", "NONE"])?;
    let given = MEMBERS.iter().filter_map(|name| input.fields().get_key_value(*name));
    let given = given.filter(|(_, value)| !value.is_null());
    let given: Map<String, Value> = given.map(|(name, value)| (name.clone(), value.clone())).collect();
    if Value::Object(given.clone()).to_string().chars().count() > LONGEST {
        let message = format!("{} must not have more than {LONGEST} characters.", MEMBERS.join(", "));
        return Err(ApiError::invalid_parameter(message));
    }
    Ok(given)
}
