//! RegisterTargets and DeregisterTargets.

use std::collections::BTreeMap;

use tracing::warn;

use crate::model::change::Change;
use crate::model::target::TargetDescription;
use crate::output::elbv2::action::{Asked, Decision};
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::form::Params;
use crate::output::elbv2::lookup::Named;
use crate::output::elbv2::paging::number;
use crate::output::register_targets::{self, Refusal, Typed};
use crate::runtime::writer::Wish;

/// Reads `Targets`; empty where the call names none.
pub(super) fn list(params: &Params) -> Result<Vec<Typed>, ApiError> {
    let members = params.structures("Targets")?;
    let read = |(index, fields): (usize, BTreeMap<&str, &str>)| {
        let given = |name| fields.get(name).copied().filter(|text: &&str| !text.is_empty());
        let id = given("Id").ok_or_else(|| ApiError::validation("A target ID must be specified"))?;
        let place = format!("targets.{}.member.port", index + 1);
        let port = given("Port").map(|text| number(text, &place, &(1..=65_535))).transpose()?;
        Ok(Typed {
            id: id.into(),
            port: port.and_then(|port| u16::try_from(port).ok()),
            zone: given("AvailabilityZone").map(Box::from),
            quic_server_id: given("QuicServerId").map(Box::from),
        })
    };
    members.into_iter().enumerate().map(read).collect()
}

/// Reads `Targets` of a call that must name some.
fn some(params: &Params) -> Result<Vec<Typed>, ApiError> {
    let list = list(params)?;
    if list.is_empty() {
        return Err(ApiError::validation("At least one target must be specified (Targets)"));
    }
    Ok(list)
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Target(message) => Self::invalid_target(message),
            Refusal::Invalid(message) => Self::validation(message),
            Refusal::TooMany(message) => Self::too_many_targets(message),
        }
    }
}

/// `RegisterTargets`: all of them or none.
pub(super) fn register(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let (named, typed) = (Named::of(asked)?, some(asked.params)?);
    let limit = asked.api.targets_per_target_group;
    Ok(Box::new(move |catalog, _| {
        let (wish, group) = named.wish(catalog)?;
        let changes = register_targets::register(catalog, &named.name, (wish, group), &typed, limit)?;
        Ok((changes, String::new()))
    }))
}

/// `DeregisterTargets`: all of them or none. One that is not registered is passed over, as on AWS.
pub(super) fn deregister(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let (named, typed) = (Named::of(asked)?, some(asked.params)?);
    Ok(Box::new(move |catalog, now| {
        let (wish, group) = named.wish(catalog)?;
        let mut unwanted = BTreeMap::new();
        for one in &typed {
            let TargetDescription { id, port, .. } = one.identify(group)?;
            if let Some(change) = wish.deregister(&id, port, now) {
                unwanted.insert((id, port), change);
            } else if wish.in_file(&id, port) {
                return Err(ApiError::resource_in_use(format!(
                    "Target '{id}' with port {port} comes from the configuration file and can only be deregistered there"
                )));
            } else if one.port.is_none() {
                warn_of_other_ports(&named, wish, &id, port);
            }
        }
        Ok((unwanted.into_values().collect(), String::new()))
    }))
}

/// AWS answers with success and does nothing where a target is registered with a port of its own and the call names
/// none, which has misled many.
fn warn_of_other_ports(named: &Named, wish: &Wish, id: &str, port: u16) {
    let others: Vec<u16> =
        wish.registrations().filter(|other| *other.id == *id).map(|other| other.port).collect();
    if !others.is_empty() {
        warn!(target_group = %named.name, id, port, registered_ports = ?others, "DeregisterTargets named no port and so did nothing: the target is registered with other ports than the group's.");
    }
}
