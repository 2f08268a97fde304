//! `[instances]`: where the instances and load balancers are that targets name by their ids.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::config::problems::{Problems, quote};
use crate::config::table::{Found, Table, describe};
use crate::config::values;
use crate::model::target::{self, usable};

const ALLOWED: &str = "a table of ids and addresses, such as \"i-0123456789abcdef0\" = \"10.0.0.5\"";
const ID: &str = "the id of an instance or an ARN, 1 to 2048 bytes";
const ADDRESS: &str = "an IP address or a host name, without a port";

/// Reads `[instances]`. Ids that look like host names come in the form in which targets have them.
pub(super) fn read(root: &Table<'_>, problems: &mut Problems<'_>) -> BTreeMap<Box<str>, Box<str>> {
    let mut instances = BTreeMap::new();
    // By id, where it stands first.
    let mut seen: BTreeMap<Box<str>, usize> = BTreeMap::new();
    for entry in root.entries("instances", ALLOWED, problems).or(Vec::new()) {
        if !(1..=2_048).contains(&entry.key.len()) {
            problems.add(entry.at, values::refuse(&quote(entry.key), ID));
            continue;
        }
        let Found { value, place } = entry.value;
        let Some(text) = value.as_str() else {
            problems.add(place, values::refuse(&describe(value), ADDRESS));
            continue;
        };
        let address = target::parse(text).and_then(|(host, port)| match port {
            Some(_) => Err("a port belongs to the target"),
            None => usable(&host).map(|()| host),
        });
        let address = match address {
            Ok(address) => address,
            Err(reason) => {
                problems.add(place, format!("found {}: {reason}; allowed: {ADDRESS}", quote(text)));
                continue;
            }
        };
        let id = match target::parse(entry.key) {
            Ok((id, None)) => id,
            Ok((_, Some(_))) | Err(_) => entry.key.into(),
        };
        match seen.entry(id.clone()) {
            Entry::Vacant(vacant) => _ = vacant.insert(entry.at.span.map_or(0, |span| span.start)),
            Entry::Occupied(first) => {
                let line = problems.line(*first.get());
                let found = quote(entry.key);
                problems.add(entry.at, format!("found {found} a second time; the first is in line {line}"));
            }
        }
        instances.insert(id, address);
    }
    instances
}
