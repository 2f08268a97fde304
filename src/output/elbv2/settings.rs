//! The settings of a target group as the ELBv2 API takes them: raw texts in, a complete group or AWS's error out.
//!
//! Nothing here knows of a request, of other groups or of a clock. Limits on numbers, lengths and words come first, all
//! of them in one error as AWS tells them; then the rules of the group's kind, the first broken one alone.

use std::sync::Arc;

use crate::model::arn::Account;
use crate::model::attribute::{self, AttributeError};
use crate::model::description::{Description, Origin};
use crate::model::target_group::{Attributes, TargetGroup};
use crate::model::tick::Tick;
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::form::Params;

mod check;
mod constraints;
mod kind;
mod tags;
#[cfg(test)]
mod tests;

use constraints::Constraints;
use kind::Kind;

pub use tags::{add_tags, remove_tags};

/// The parameters of a health check, as CreateTargetGroup and ModifyTargetGroup give them; `None` where absent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Check {
    /// `HealthCheckProtocol`.
    pub protocol: Option<String>,
    /// `HealthCheckPort`.
    pub port: Option<String>,
    /// `HealthCheckEnabled`.
    pub enabled: Option<String>,
    /// `HealthCheckPath`.
    pub path: Option<String>,
    /// `HealthCheckIntervalSeconds`.
    pub interval: Option<String>,
    /// `HealthCheckTimeoutSeconds`.
    pub timeout: Option<String>,
    /// `HealthyThresholdCount`.
    pub healthy_threshold: Option<String>,
    /// `UnhealthyThresholdCount`.
    pub unhealthy_threshold: Option<String>,
    /// `Matcher.HttpCode`.
    pub http_code: Option<String>,
    /// `Matcher.GrpcCode`.
    pub grpc_code: Option<String>,
}

impl Check {
    /// Reads them.
    #[must_use]
    pub fn read(params: &Params) -> Self {
        Self {
            protocol: params.owned("HealthCheckProtocol"),
            port: params.owned("HealthCheckPort"),
            enabled: params.owned("HealthCheckEnabled"),
            path: params.owned("HealthCheckPath"),
            interval: params.owned("HealthCheckIntervalSeconds"),
            timeout: params.owned("HealthCheckTimeoutSeconds"),
            healthy_threshold: params.owned("HealthyThresholdCount"),
            unhealthy_threshold: params.owned("UnhealthyThresholdCount"),
            http_code: params.owned("Matcher.HttpCode"),
            grpc_code: params.owned("Matcher.GrpcCode"),
        }
    }
}

/// The parameters of CreateTargetGroup; `None` where absent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Create {
    /// `Name`.
    pub name: Option<String>,
    /// `Protocol`.
    pub protocol: Option<String>,
    /// `ProtocolVersion`.
    pub protocol_version: Option<String>,
    /// `Port`.
    pub port: Option<String>,
    /// `VpcId`.
    pub vpc_id: Option<String>,
    /// `TargetType`.
    pub target_type: Option<String>,
    /// `IpAddressType`.
    pub ip_address_type: Option<String>,
    /// `TargetControlPort`.
    pub target_control_port: Option<String>,
    /// The parameters of the health check.
    pub health_check: Check,
    /// `Tags`, in the order given.
    pub tags: Vec<(String, String)>,
}

impl Create {
    /// Reads them; the tags are a list, which the caller has read.
    #[must_use]
    pub fn read(params: &Params, tags: Vec<(String, String)>) -> Self {
        Self {
            name: params.owned("Name"),
            protocol: params.owned("Protocol"),
            protocol_version: params.owned("ProtocolVersion"),
            port: params.owned("Port"),
            vpc_id: params.owned("VpcId"),
            target_type: params.owned("TargetType"),
            ip_address_type: params.owned("IpAddressType"),
            target_control_port: params.owned("TargetControlPort"),
            health_check: Check::read(params),
            tags,
        }
    }
}

/// Makes the group that CreateTargetGroup asks for, in `region`. Whether its name is taken is the caller's to see.
///
/// # Errors
/// `ValidationError`, `InvalidConfigurationRequest`, `TooManyTags` or `DuplicateTagKeys`, with AWS's message where that
/// is known (docs/semantics.md, "Rules between fields").
pub fn create(asked: &Create, account: &Account, region: &str, now: Tick) -> Result<TargetGroup, ApiError> {
    let mut constraints = Constraints::default();
    let words = kind::Words::read(asked, &mut constraints);
    let given = check::Given::read(&asked.health_check, &mut constraints);
    tags::limits(&asked.tags, &mut constraints);
    constraints.met()?;
    let name = kind::name(asked.name.as_deref().unwrap_or_default())?;
    let kind = words.kind(asked)?;
    let health_check = given.create(&kind)?;
    let mut group = TargetGroup {
        name: account.name_in(region, &name),
        target_type: kind.target_type,
        protocol: kind.protocol,
        protocol_version: kind.version,
        port: kind.port,
        health_check: health_check.clone(),
        attributes: Attributes::default(),
        description: Arc::new(Description {
            origin: Origin::Api,
            created: now,
            arn: account.arn(region, &name, now),
            region: region.into(),
            vpc_id: kind.vpc_id,
            ip_address_type: kind.ip_address_type,
            target_control_port: kind.target_control_port,
            health_check,
            attributes: Default::default(),
            tags: tags::distinct(&asked.tags)?,
        }),
    };
    attribute::in_force(&mut group);
    Ok(group)
}

/// Whether what CreateTargetGroup asks for is there already, so that the call succeeds and changes nothing: every setting
/// that its parameters tell is the same, and every tag that is given is there. Attributes, and tags added later, are not
/// compared (docs/semantics.md, "Rules between fields").
#[must_use]
pub fn same(existing: &TargetGroup, asked: &TargetGroup) -> bool {
    let settings = |group: &TargetGroup| {
        let Description { vpc_id, ip_address_type, target_control_port, .. } = &*group.description;
        let kind = (group.target_type, group.protocol, group.protocol_version, group.port);
        (kind, vpc_id.clone(), *ip_address_type, *target_control_port)
    };
    let (there, wanted) = (&existing.description, &asked.description);
    settings(existing) == settings(asked)
        && there.health_check == wanted.health_check
        && wanted.tags.iter().all(|(key, value)| there.tags.get(key) == Some(value))
}

/// The group with its check changed as ModifyTargetGroup asks; what is absent is kept.
///
/// # Errors
/// `ValidationError` or `InvalidConfigurationRequest`, the latter also where an attribute of ours would no longer fit.
pub fn modify(group: &TargetGroup, asked: &Check) -> Result<TargetGroup, ApiError> {
    let mut constraints = Constraints::default();
    let given = check::Given::read(asked, &mut constraints);
    constraints.met()?;
    let health_check = given.modify(&Kind::of(group), &group.description.health_check)?;
    let mut group = group.clone();
    Arc::make_mut(&mut group.description).health_check = health_check;
    attribute::in_force(&mut group);
    attribute::hold(&group).map_err(told)?;
    Ok(group)
}

/// The group with attributes set as ModifyTargetGroupAttributes asks: all of them, or none. An empty value removes an
/// attribute of ours.
///
/// # Errors
/// `ValidationError` or `InvalidConfigurationRequest` (docs/semantics.md, "Attributes").
pub fn modify_attributes(group: &TargetGroup, asked: &[(String, String)]) -> Result<TargetGroup, ApiError> {
    attribute::set(group, asked).map_err(told)
}

fn told(error: AttributeError) -> ApiError {
    match error {
        AttributeError::Invalid(message) => invalid(message),
        AttributeError::Unfit(message) => unfit(message),
    }
}

/// A parameter that is wrong in itself.
fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::validation(message)
}

/// Parameters that do not fit the group or each other.
fn unfit(message: impl Into<String>) -> ApiError {
    ApiError::invalid_configuration(message)
}
