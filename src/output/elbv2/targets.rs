//! RegisterTargets and DeregisterTargets, and what may be the target of which group.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::warn;

use crate::model::change::Change;
use crate::model::excerpt::excerpt;
use crate::model::protocol::{Protocol, TargetType};
use crate::model::target::{self, More, TargetDescription};
use crate::model::target_group::TargetGroup;
use crate::output::elbv2::action::{Asked, Decided, Decision};
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::form::Params;
use crate::output::elbv2::lookup::Named;
use crate::output::elbv2::paging::number;
use crate::runtime::writer::{Catalog, Wish};

/// A target as a call names it.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    id: Box<str>,
    port: Option<u16>,
    zone: Option<Box<str>>,
    quic_server_id: Option<Box<str>>,
}

impl Typed {
    /// Reads `Targets`; empty where the call names none.
    pub(super) fn list(params: &Params) -> Result<Vec<Self>, ApiError> {
        let members = params.structures("Targets")?;
        let read = |(index, fields): (usize, BTreeMap<&str, &str>)| {
            let given = |name| fields.get(name).copied().filter(|text: &&str| !text.is_empty());
            let id = given("Id").ok_or_else(|| ApiError::validation("A target ID must be specified"))?;
            let place = format!("targets.{}.member.port", index + 1);
            let port = given("Port").map(|text| number(text, &place, &(1..=65_535))).transpose()?;
            Ok(Self {
                id: id.into(),
                port: port.and_then(|port| u16::try_from(port).ok()),
                zone: given("AvailabilityZone").map(Box::from),
                quic_server_id: given("QuicServerId").map(Box::from),
            })
        };
        members.into_iter().enumerate().map(read).collect()
    }

    /// Reads `Targets` of a call that must name some.
    fn some(params: &Params) -> Result<Vec<Self>, ApiError> {
        let list = Self::list(params)?;
        if list.is_empty() {
            return Err(ApiError::validation("At least one target must be specified (Targets)"));
        }
        Ok(list)
    }

    /// What identifies the target in a group: the id as it is kept, and the group's port unless it has its own.
    pub(super) fn identify(&self, group: &TargetGroup) -> Result<TargetDescription, ApiError> {
        let id = match group.target_type {
            TargetType::Ip | TargetType::Instance => host(group.target_type, &self.id),
            TargetType::Lambda => {
                arn(&self.id, "lambda", "function:").ok_or("not the ARN of a Lambda function")
            }
            TargetType::Alb => arn(&self.id, "elasticloadbalancing", "loadbalancer/app/")
                .ok_or("not the ARN of an Application Load Balancer"),
        };
        let id = id.map_err(|reason| {
            let (id, kind) = (excerpt(&self.id), group.target_type);
            ApiError::invalid_target(format!(
                "The target ID '{id}' is not valid for target groups with target type '{kind}': {reason}"
            ))
        })?;
        // A Lambda function is not reached at a port, and AWS disregards one that is given.
        let own = self.port.filter(|_| group.target_type != TargetType::Lambda);
        Ok(TargetDescription { id, port: own.unwrap_or(group.port), zone: None, more: None })
    }

    /// The target as it is registered. What a call leaves out stays as it was.
    fn describe(&self, wish: &Wish, group: &TargetGroup) -> Result<TargetDescription, ApiError> {
        let named = self.identify(group)?;
        let before = wish.registered(&named.id, named.port);
        let zone = self.zone(group)?.or_else(|| before.and_then(|before| before.zone.clone()));
        let quic = before.and_then(|before| before.more.as_ref()?.quic_server_id.as_deref());
        let quic_server_id = self.quic_server_id(group, quic)?;
        let more = quic_server_id.map(|id| Box::new(More { quic_server_id: Some(id), ..More::default() }));
        Ok(TargetDescription { zone, more, ..named })
    }

    fn zone(&self, group: &TargetGroup) -> Result<Option<Box<str>>, ApiError> {
        let Some(zone) = &self.zone else { return Ok(None) };
        if matches!(group.target_type, TargetType::Instance | TargetType::Alb) {
            return Err(ApiError::validation(format!(
                "An Availability Zone cannot be specified for targets of target groups with target type '{}'",
                group.target_type
            )));
        }
        if zone.chars().count() > 64 || zone.contains(char::is_control) {
            let zone = excerpt(zone);
            return Err(ApiError::validation(format!("'{zone}' is not the name of an Availability Zone")));
        }
        Ok(Some(zone.clone()))
    }

    /// The id that QUIC needs and nothing else may have; `before` is that of the same target.
    fn quic_server_id(
        &self,
        group: &TargetGroup,
        before: Option<&str>,
    ) -> Result<Option<Box<str>>, ApiError> {
        let speaks_quic = matches!(group.protocol, Some(Protocol::Quic | Protocol::TcpQuic));
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let good = |id: &str| {
            id.strip_prefix("0x").is_some_and(|digits| digits.len() == 16 && digits.bytes().all(hex))
        };
        let refuse = |message: &str| Err(ApiError::validation(message));
        match (&self.quic_server_id, before) {
            (Some(_), _) if !speaks_quic => refuse(
                "A QUIC server ID can be specified only for targets of QUIC and TCP_QUIC target groups",
            ),
            (Some(id), _) if !good(id) => refuse(&format!(
                "The QUIC server ID '{}' must be 0x followed by 16 lower-case hexadecimal characters",
                excerpt(id)
            )),
            (Some(id), Some(before)) if **id != *before => refuse(
                "The QUIC server ID of a registered target cannot be modified; deregister the target first",
            ),
            (Some(id), _) => Ok(Some(id.clone())),
            (None, None) if speaks_quic => {
                refuse("A QUIC server ID must be specified for targets of QUIC and TCP_QUIC target groups")
            }
            (None, before) => Ok(before.map(Box::from)),
        }
    }
}

/// An address or host name, as it is kept, or the id of an instance.
fn host(kind: TargetType, text: &str) -> Result<Box<str>, &'static str> {
    if target::is_instance(text) {
        return match kind {
            TargetType::Instance => Ok(text.into()),
            TargetType::Ip | TargetType::Lambda | TargetType::Alb => {
                Err("an instance is no IP address and no host name")
            }
        };
    }
    let (id, port) = target::parse(text)?;
    target::usable(&id)?;
    if port.is_some() {
        return Err("the port belongs in Port");
    }
    Ok(id)
}

/// An ARN of this service whose resource begins like this and goes on.
fn arn(text: &str, service: &str, resource: &str) -> Option<Box<str>> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, found, region, account, rest] = parts[..] else { return None };
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let plain = text.len() <= 2_048 && text.bytes().all(|byte| byte.is_ascii_graphic());
    let named = rest.strip_prefix(resource).is_some_and(|name| !name.is_empty());
    (found == service && !partition.is_empty() && !region.is_empty() && digits && plain && named)
        .then(|| text.into())
}

/// `RegisterTargets`: all of them or none.
pub(super) fn register(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let (named, typed) = (Named::of(asked)?, Typed::some(asked.params)?);
    let limit = asked.api.targets_per_target_group;
    Ok(Box::new(move |catalog, _| register_in(catalog, &named, &typed, limit)))
}

fn register_in(catalog: &Catalog, named: &Named, typed: &[Typed], limit: usize) -> Decided {
    let (wish, group) = named.wish(catalog)?;
    // By identity, so that a target named twice is one; what is said last holds.
    let mut wanted = BTreeMap::new();
    for one in typed {
        let target = one.describe(wish, group)?;
        wanted.insert((target.id.clone(), target.port), Arc::new(target));
    }
    let before = |target: &TargetDescription| wish.registered(&target.id, target.port);
    let new = wanted.values().filter(|target| before(target).is_none()).count();
    let (limit, count) = match group.target_type {
        // One in all, whoever has registered it.
        TargetType::Lambda | TargetType::Alb => {
            let there = catalog.desired(&named.name).map(|all| all.targets).unwrap_or_default();
            let others = there.iter().filter(|other| !wanted.contains_key(&(other.id.clone(), other.port)));
            (1, others.count() + wanted.len())
        }
        TargetType::Ip | TargetType::Instance => (limit, wish.count() + new),
    };
    if new > 0 && count > limit {
        return Err(ApiError::too_many_targets(format!(
            "The number of targets in a target group with target type '{}' cannot exceed {limit}",
            group.target_type
        )));
    }
    wanted.retain(|_, target| before(target) != Some(target));
    let changes = wanted.into_values().map(|target| Change::Register(named.name.clone(), target));
    Ok((changes.collect(), String::new()))
}

/// `DeregisterTargets`: all of them or none. One that is not registered is passed over, as on AWS.
pub(super) fn deregister(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let (named, typed) = (Named::of(asked)?, Typed::some(asked.params)?);
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
