//! The targets of one group: read in every spelling, told apart in one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use toml::de::DeValue;

use crate::config::keys;
use crate::config::problems::{Place, Problems, quote};
use crate::config::table::{Field, Found, Table, describe, item};
use crate::config::values;
use crate::model::target::{self, TargetDescription, ZONE};

const TARGET: &str = "\"ip\", \"ip:port\", \"[v6]:port\", \"hostname:port\" or a table { id, port, zone }";

/// What one item says. The group's port is filled in later, as it may itself be wrong.
struct Typed {
    id: Box<str>,
    port: Option<u16>,
    zone: Option<Box<str>>,
}

/// Reads `targets` of a group whose port is `group_port`, or not known because it is missing or wrong.
pub(super) fn read(
    table: &Table<'_>,
    group_port: Option<u16>,
    problems: &mut Problems<'_>,
) -> Vec<TargetDescription> {
    let Field::Given(Found { value: items, place }) =
        table.array("targets", &format!("an array of {TARGET}"), problems)
    else {
        return Vec::new();
    };
    // By id and port, where it stands first.
    let mut seen: BTreeMap<(Box<str>, Option<u16>), usize> = BTreeMap::new();
    let mut targets = Vec::with_capacity(items.len());
    for (index, value) in items.iter().enumerate() {
        let at = || item(&place, index, value);
        let typed = match value.get_ref() {
            DeValue::String(text) => one(text, &at, problems),
            DeValue::Table(entries) => {
                in_full(&Table::open(entries, at(), &keys::TARGET, problems), problems)
            }
            other @ (DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)) => {
                problems.add(at(), values::refuse(&describe(other), TARGET));
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
                let shown = port.map_or_else(String::new, |port| format!(", port {port},"));
                problems.add(
                    at(),
                    format!("found {}{shown} a second time; the first is in line {line}", quote(&id)),
                );
            }
        }
        targets.extend(port.map(|port| TargetDescription { id, port, zone, more: None }));
    }
    targets
}

/// Reads `"id"` or `"id:port"`.
fn one(text: &str, at: &dyn Fn() -> Place, problems: &mut Problems<'_>) -> Option<Typed> {
    let typed = target::parse(text)
        .and_then(|(id, port)| target::usable(&id).map(|()| Typed { id, port, zone: None }));
    typed
        .map_err(|reason| problems.add(at(), format!("found {}: {reason}; allowed: {TARGET}", quote(text))))
        .ok()
}

/// Reads `{ id, port, zone }`. All three keys are read before any is found wanting.
fn in_full(table: &Table<'_>, problems: &mut Problems<'_>) -> Option<Typed> {
    const ID: &str = "an IP address or a host name, without a port";
    let port = table.number("port", values::PORTS, problems).and_then(|port, _| u16::try_from(port).ok());
    let zone = table.text("zone", ZONE, problems).and_then(|zone, place| {
        let good = target::is_zone(zone);
        if !good {
            problems.add(place.clone(), values::refuse(&quote(zone), ZONE));
        }
        good.then(|| Box::from(zone))
    });
    let id = table.text("id", ID, problems);
    if let Field::Absent = id {
        table.missing("id", ID, problems);
    }
    let id = id.and_then(|text, place| {
        let read = target::parse(text).and_then(|(id, port)| match port {
            Some(_) => Err("the port belongs in the key `port`"),
            None => target::usable(&id).map(|()| id),
        });
        read.map_err(|reason| {
            problems.add(place.clone(), format!("found {}: {reason}; allowed: {ID}", quote(text)));
        })
        .ok()
    });
    if let Field::Wrong = port {
        return None;
    }
    Some(Typed { id: id.given()?, port: port.given(), zone: zone.given() })
}
