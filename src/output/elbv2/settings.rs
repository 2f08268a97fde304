//! Stub until the rules are there.

use std::sync::Arc;

use crate::model::arn::Account;
use crate::model::description::{Description, Origin};
use crate::model::protocol::{Protocol, TargetType};
use crate::model::target_group::{GroupName, TargetGroup};
use crate::model::tick::Tick;
use crate::output::elbv2::error::ApiError;

/// Stub.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "a stub")]
pub struct Create {
    pub name: Option<String>,
    pub protocol: Option<String>,
    pub protocol_version: Option<String>,
    pub port: Option<String>,
    pub vpc_id: Option<String>,
    pub health_check: Check,
    pub target_type: Option<String>,
    pub ip_address_type: Option<String>,
    pub target_control_port: Option<String>,
    pub tags: Vec<(String, String)>,
}

/// Stub.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "a stub")]
pub struct Check {
    pub protocol: Option<String>,
    pub port: Option<String>,
    pub enabled: Option<String>,
    pub path: Option<String>,
    pub interval: Option<String>,
    pub timeout: Option<String>,
    pub healthy_threshold: Option<String>,
    pub unhealthy_threshold: Option<String>,
    pub http_code: Option<String>,
    pub grpc_code: Option<String>,
}

/// Stub.
///
/// # Errors
/// Stub.
pub fn create(wanted: &Create, account: &Account, region: &str, now: Tick) -> Result<TargetGroup, ApiError> {
    let bare = GroupName::parse(wanted.name.as_deref().unwrap_or_default()).map_err(ApiError::validation)?;
    let name = account.name_in(region, &bare);
    let protocol = Protocol::parse(wanted.protocol.as_deref().unwrap_or_default());
    let protocol = protocol.ok_or_else(|| ApiError::validation("A protocol must be specified"))?;
    let port = wanted.port.as_deref().and_then(|port| port.parse().ok());
    let port = port.ok_or_else(|| ApiError::validation("A port must be specified"))?;
    let mut group = TargetGroup::new(name, protocol, port);
    group.target_type =
        wanted.target_type.as_deref().and_then(TargetType::parse).unwrap_or(TargetType::Instance);
    group.health_check.path = wanted.health_check.path.clone().unwrap_or_else(|| "/".to_owned());
    group.description = Arc::new(Description {
        origin: Origin::Api,
        created: now,
        arn: account.arn(region, &bare, now),
        region: region.into(),
        vpc_id: wanted.vpc_id.as_deref().map(Box::from),
        health_check: group.health_check.clone(),
        ..Description::default()
    });
    add_tags(&group, &wanted.tags)
}

/// Stub.
#[must_use]
pub fn same(one: &TargetGroup, other: &TargetGroup) -> bool {
    one.port == other.port && one.health_check == other.health_check && one.target_type == other.target_type
}

/// Stub.
///
/// # Errors
/// Stub.
pub fn modify(group: &TargetGroup, check: &Check) -> Result<TargetGroup, ApiError> {
    let mut group = group.clone();
    group.health_check.path = check.path.clone().unwrap_or(group.health_check.path);
    let about = Arc::make_mut(&mut group.description);
    about.health_check = group.health_check.clone();
    Ok(group)
}

/// Stub.
///
/// # Errors
/// Stub.
pub fn modify_attributes(group: &TargetGroup, wanted: &[(String, String)]) -> Result<TargetGroup, ApiError> {
    let mut group = group.clone();
    let about = Arc::make_mut(&mut group.description);
    for (key, value) in wanted {
        about.attributes.insert(key.as_str().into(), value.as_str().into());
    }
    Ok(group)
}

/// Stub.
///
/// # Errors
/// Stub.
pub fn add_tags(group: &TargetGroup, tags: &[(String, String)]) -> Result<TargetGroup, ApiError> {
    let mut group = group.clone();
    let about = Arc::make_mut(&mut group.description);
    for (key, value) in tags {
        about.tags.insert(key.as_str().into(), value.as_str().into());
    }
    Ok(group)
}

/// Stub.
///
/// # Errors
/// Stub.
pub fn remove_tags(group: &TargetGroup, keys: &[String]) -> Result<TargetGroup, ApiError> {
    let mut group = group.clone();
    let about = Arc::make_mut(&mut group.description);
    about.tags.retain(|key, _| !keys.iter().any(|gone| **gone == **key));
    Ok(group)
}
