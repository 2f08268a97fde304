//! RegisterTargets and DeregisterTargets.

use std::collections::{BTreeMap, BTreeSet};

use tracing::warn;

use crate::model::target::TargetDescription;
use crate::model::target_group::TargetGroup;
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
        let leaving = Leaving::read(wish, group, &typed)?;
        for (id, ports) in leaving.misled(wish) {
            warn!(target_group = %named.name, id, port = group.port, registered_ports = ?ports, "DeregisterTargets named no port and so did nothing: the target is registered with other ports than the group's.");
        }
        let changes = leaving.registered.iter().filter_map(|(id, port)| wish.deregister(id, *port, now));
        Ok((changes.collect(), String::new()))
    }))
}

/// The targets of a call that deregisters, each once however often it is named.
#[derive(Debug, Default)]
struct Leaving {
    /// Those that an API has registered, by id and port.
    registered: BTreeSet<(Box<str>, u16)>,
    /// Ids that are named without a port, and not registered with the group's.
    without_port: BTreeSet<Box<str>>,
}

impl Leaving {
    fn read(wish: &Wish, group: &TargetGroup, typed: &[Typed]) -> Result<Self, ApiError> {
        let (mut leaving, mut others) = (Self::default(), BTreeSet::new());
        for one in typed {
            let TargetDescription { id, port, .. } = one.identify(group)?;
            if wish.registered(&id, port).is_some() {
                leaving.registered.insert((id, port));
            } else {
                if one.port.is_none() {
                    leaving.without_port.insert(id.clone());
                }
                others.insert((id, port));
            }
        }
        match wish.first_in_file(&others) {
            None => Ok(leaving),
            Some(target) => Err(ApiError::resource_in_use(format!(
                "Target '{}' with port {} comes from the configuration file and can only be deregistered there",
                target.id, target.port
            ))),
        }
    }

    /// The ids that are registered with other ports than the group's, and those ports. AWS answers with success and does
    /// nothing then, which has misled many.
    fn misled<'w>(&self, wish: &'w Wish) -> BTreeMap<&'w str, Vec<u16>> {
        let mut misled: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
        for other in wish.registrations().filter(|other| self.without_port.contains(&other.id)) {
            misled.entry(&other.id).or_default().push(other.port);
        }
        misled
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::change::Change;
    use crate::model::protocol::Protocol;
    use crate::model::target_group::GroupName;
    use crate::runtime::writer::Catalog;

    #[test]
    fn who_leaves_out_a_port_is_warned_once_however_often_the_target_is_named() {
        let name = GroupName::parse("web").unwrap();
        let group = TargetGroup::new(name.clone(), Protocol::Http, 80);
        let mut catalog = Catalog::default();
        catalog.apply(Change::PutGroup(Arc::new(group.clone())));
        for (id, port) in [("a", 81), ("a", 82), ("b", 80), ("c", 81)] {
            catalog.apply(Change::Register(name.clone(), Arc::new(TargetDescription::new(id, port))));
        }
        let wish = catalog.get(&name).unwrap();
        let typed = |id: &str, port| Typed { id: id.into(), port, ..Typed::default() };
        let mut named = vec![typed("a", None); 1_000];
        named.extend([typed("b", None), typed("c", Some(80)), typed("c", Some(81)), typed("gone", None)]);
        let leaving = Leaving::read(wish, &group, &named).unwrap();
        assert_eq!(leaving.misled(wish), BTreeMap::from([("a", vec![81, 82])]));
        assert_eq!(leaving.registered, BTreeSet::from([("b".into(), 80), ("c".into(), 81)]));
    }
}
