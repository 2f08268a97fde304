//! DescribeTargetGroupAttributes and ModifyTargetGroupAttributes.

use std::sync::Arc;

use crate::model::attribute;
use crate::model::change::Change;
use crate::model::target_group::TargetGroup;
use crate::output::elbv2::action::{Asked, Decision};
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::lookup::Named;
use crate::output::elbv2::respond::Outcome;
use crate::output::elbv2::settings;
use crate::output::elbv2::tags;
use crate::output::elbv2::xml::Xml;

/// `DescribeTargetGroupAttributes`.
pub(super) fn describe(asked: &Asked<'_>) -> Result<Outcome, ApiError> {
    let named = Named::of(asked)?;
    let snapshot = asked.api.view.snapshot();
    Ok(Outcome::Whole(tell(&named.listing(&snapshot)?.group)))
}

/// `ModifyTargetGroupAttributes`: all of them or none. Answered with the whole list, as AWS does.
pub(super) fn modify(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let (named, attributes) = (Named::of(asked)?, tags::pairs(asked.params, "Attributes")?);
    if attributes.is_empty() {
        return Err(ApiError::validation("At least one attribute must be specified (Attributes)"));
    }
    Ok(Box::new(move |catalog, _| {
        let before = named.changeable(catalog)?;
        let group = settings::modify_attributes(before, &attributes)?;
        let told = tell(&group);
        let changes = (group != **before).then(|| Change::PutGroup(Arc::new(group)));
        Ok((changes.into_iter().collect(), told))
    }))
}

fn tell(group: &TargetGroup) -> String {
    let mut xml = Xml::default();
    xml.list("Attributes", attribute::list(group), |xml, (key, value)| {
        xml.text("Key", key);
        xml.text("Value", value);
    });
    xml.into_text()
}
