//! What may be registered in which group: the one rule behind `RegisterTargets` and the JSON API's registration.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::change::Change;
use crate::model::excerpt::excerpt;
use crate::model::protocol::{Protocol, TargetType};
use crate::model::target::{More, TargetDescription, is_zone};
use crate::model::target_group::{GroupName, TargetGroup};
use crate::model::target_id;
use crate::runtime::writer::{Catalog, Wish};

/// A target as a call names it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Typed {
    pub(super) id: Box<str>,
    /// 1 to 65535; the group's where absent.
    pub(super) port: Option<u16>,
    pub(super) zone: Option<Box<str>>,
    pub(super) quic_server_id: Option<Box<str>>,
}

/// Why targets are not registered, with a sentence for people.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// What is named is no target of such a group.
    Target(String),
    /// What is said of a target does not fit it.
    Invalid(String),
    /// The group would have more than it may.
    TooMany(String),
}

impl Typed {
    /// What identifies the target in a group: the id as it is kept, and the group's port unless it has its own.
    pub(super) fn identify(&self, group: &TargetGroup) -> Result<TargetDescription, Refusal> {
        let id = match target_id::read(group.target_type, &self.id) {
            Ok((id, None)) => Ok(id),
            Ok((_, Some(_))) => Err("the port belongs in Port"),
            Err(reason) => Err(reason),
        };
        let id = id.map_err(|reason| {
            let (id, kind) = (excerpt(&self.id), group.target_type);
            Refusal::Target(format!(
                "The target ID '{id}' is not valid for target groups with target type '{kind}': {reason}"
            ))
        })?;
        // A Lambda function is not reached at a port, and AWS disregards one that is given.
        let own = self.port.filter(|_| group.target_type != TargetType::Lambda);
        Ok(TargetDescription::new(&id, own.unwrap_or(group.port)))
    }

    /// The target as it is registered. What a call leaves out stays as it was.
    fn describe(&self, wish: &Wish, group: &TargetGroup) -> Result<TargetDescription, Refusal> {
        let named = self.identify(group)?;
        let before = wish.registered(&named.id, named.port);
        let zone = self.zone(group)?.or_else(|| before.and_then(|before| before.zone().map(Box::from)));
        let quic = before.and_then(|before| before.more.as_ref()?.quic_server_id.as_deref());
        let quic_server_id = self.quic_server_id(group, quic)?;
        Ok(named.with(More { zone, quic_server_id, ..More::default() }))
    }

    fn zone(&self, group: &TargetGroup) -> Result<Option<Box<str>>, Refusal> {
        let Some(zone) = &self.zone else { return Ok(None) };
        if matches!(group.target_type, TargetType::Instance | TargetType::Alb) {
            return Err(Refusal::Invalid(format!(
                "An Availability Zone cannot be specified for targets of target groups with target type '{}'",
                group.target_type
            )));
        }
        if !is_zone(zone) {
            let zone = excerpt(zone);
            return Err(Refusal::Invalid(format!("'{zone}' is not the name of an Availability Zone")));
        }
        Ok(Some(zone.clone()))
    }

    /// The id that QUIC needs and nothing else may have; `before` is that of the same target.
    fn quic_server_id(&self, group: &TargetGroup, before: Option<&str>) -> Result<Option<Box<str>>, Refusal> {
        let speaks_quic = matches!(group.protocol, Some(Protocol::Quic | Protocol::TcpQuic));
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let good = |id: &str| {
            id.strip_prefix("0x").is_some_and(|digits| digits.len() == 16 && digits.bytes().all(hex))
        };
        let refuse = |message: &str| Err(Refusal::Invalid(message.to_owned()));
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

/// What registers these targets, all or none, where a group may have `limit` registrations. A target that is registered
/// already, with the same zone and QUIC server id or without a word of them, is no change.
pub(super) fn register(
    catalog: &Catalog,
    name: &GroupName,
    (wish, group): (&Wish, &TargetGroup),
    typed: &[Typed],
    limit: usize,
) -> Result<Vec<Change>, Refusal> {
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
            let there = catalog.desired(name).map(|all| all.targets).unwrap_or_default();
            let others = there.iter().filter(|other| !wanted.contains_key(&(other.id.clone(), other.port)));
            (1, others.count() + wanted.len())
        }
        TargetType::Ip | TargetType::Instance => (limit, wish.count() + new),
    };
    if new > 0 && count > limit {
        return Err(Refusal::TooMany(format!(
            "The number of targets in a target group with target type '{}' cannot exceed {limit}",
            group.target_type
        )));
    }
    wanted.retain(|_, target| before(target) != Some(target));
    Ok(wanted.into_values().map(|target| Change::Register(name.clone(), target)).collect())
}
