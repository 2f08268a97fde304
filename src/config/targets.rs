//! The targets of one group: read in every spelling, told apart in one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use toml::de::DeValue;

use crate::config::keys;
use crate::config::problems::{Place, Problems, quote};
use crate::config::table::{Field, Found, Table, describe, item};
use crate::config::values;
use crate::model::protocol::TargetType;
use crate::model::target::{self, TargetDescription, ZONE};
use crate::model::target_id;

/// What a target of this type may be.
fn one_of(target_type: TargetType) -> &'static str {
    match target_type {
        TargetType::Ip => {
            "\"ip\", \"ip:port\", \"[v6]:port\", \"hostname:port\" or a table { id, port, zone }"
        }
        TargetType::Instance => {
            "\"i-0123456789abcdef0\", \"i-0123456789abcdef0:port\", an address or a host name, or a table \
             { id, port, zone }"
        }
        TargetType::Alb => {
            "the ARN of an Application Load Balancer, \"arn:…:loadbalancer/app/…\" or \"[arn:…]:port\", or a table \
             { id, port, zone }"
        }
        TargetType::Lambda => "the ARN of a Lambda function, \"arn:…:function:…\", or a table { id, zone }",
    }
}

/// What the key `id` of such a target may be.
fn id_of(target_type: TargetType) -> &'static str {
    match target_type {
        TargetType::Ip => "an IP address or a host name, without a port",
        TargetType::Instance => "the id of an instance, an IP address or a host name, without a port",
        TargetType::Alb => "the ARN of an Application Load Balancer",
        TargetType::Lambda => "the ARN of a Lambda function",
    }
}

/// What one item says. The group's port is filled in later, as it may itself be wrong.
struct Typed {
    id: Box<str>,
    port: Option<u16>,
    zone: Option<Box<str>>,
}

/// Reads `targets` of a group whose port is `group_port`, or not known because it is missing or wrong.
pub(super) fn read(
    table: &Table<'_>,
    target_type: TargetType,
    group_port: Option<u16>,
    problems: &mut Problems<'_>,
) -> Vec<TargetDescription> {
    let Field::Given(Found { value: items, place }) =
        table.array("targets", &format!("an array of {}", one_of(target_type)), problems)
    else {
        return Vec::new();
    };
    // By id and port, where it stands first.
    let mut seen: BTreeMap<(Box<str>, Option<u16>), usize> = BTreeMap::new();
    let mut targets = Vec::with_capacity(items.len());
    for (index, value) in items.iter().enumerate() {
        let at = || item(&place, index, value);
        let typed = match value.get_ref() {
            DeValue::String(text) => one(text, target_type, &at, problems),
            DeValue::Table(entries) => {
                in_full(&Table::open(entries, at(), &keys::TARGET, problems), target_type, problems)
            }
            other @ (DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)) => {
                problems.add(at(), values::refuse(&describe(other), one_of(target_type)));
                None
            }
        };
        let Some(Typed { id, port, zone }) = typed else {
            continue;
        };
        let port = port.or(group_port);
        match seen.entry((id.clone(), port)) {
            Entry::Vacant(entry) => _ = entry.insert(value.span().start),
            Entry::Occupied(first) => {
                let line = problems.line(*first.get());
                let shown =
                    port.filter(|port| *port > 0).map_or_else(String::new, |port| format!(", port {port},"));
                problems.add(
                    at(),
                    format!("found {}{shown} a second time; the first is in line {line}", quote(&id)),
                );
            }
        }
        targets.extend(port.map(|port| TargetDescription { id, port, more: None }.in_zone(zone)));
    }
    targets
}

/// Reads `"id"` or `"id:port"`.
fn one(
    text: &str,
    target_type: TargetType,
    at: &dyn Fn() -> Place,
    problems: &mut Problems<'_>,
) -> Option<Typed> {
    let typed = target_id::read(target_type, text).map(|(id, port)| Typed { id, port, zone: None });
    let allowed = one_of(target_type);
    typed
        .map_err(|reason| problems.add(at(), format!("found {}: {reason}; allowed: {allowed}", quote(text))))
        .ok()
}

/// Reads `{ id, port, zone }`. All three keys are read before any is found wanting.
fn in_full(table: &Table<'_>, target_type: TargetType, problems: &mut Problems<'_>) -> Option<Typed> {
    let allowed = id_of(target_type);
    let port = table.number("port", values::PORTS, problems).and_then(|port, _| u16::try_from(port).ok());
    if let (TargetType::Lambda, Some(place)) = (target_type, port.place()) {
        problems
            .clash(place.clone(), "found with a Lambda function; allowed: with any other target".to_owned());
        return None;
    }
    let zone = table.text("zone", ZONE, problems).and_then(|zone, place| {
        let good = target::is_zone(zone);
        if !good {
            problems.add(place.clone(), values::refuse(&quote(zone), ZONE));
        }
        good.then(|| Box::from(zone))
    });
    let id = table.text("id", allowed, problems);
    if let Field::Absent = id {
        table.missing("id", allowed, problems);
    }
    let id = id.and_then(|text, place| {
        let read = target_id::read(target_type, text).and_then(|(id, port)| match port {
            Some(_) => Err("the port belongs in the key `port`"),
            None => Ok(id),
        });
        read.map_err(|reason| {
            problems.add(place.clone(), format!("found {}: {reason}; allowed: {allowed}", quote(text)));
        })
        .ok()
    });
    if let Field::Wrong = port {
        return None;
    }
    Some(Typed { id: id.given()?, port: port.given(), zone: zone.given() })
}
