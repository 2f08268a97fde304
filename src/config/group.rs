//! Target groups, put together from their parts, which have modules of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::problems::{Problems, quote};
use crate::config::table::{Field, Found, Table, describe, item};
use crate::config::verify::Authorities;
use crate::config::{attributes, check, keys, kind, tags, targets, values};
use crate::model::arn::Account;
use crate::model::description::{Description, Origin};
use crate::model::desired::DesiredGroup;
use crate::model::protocol::{IpAddressType, Protocol, TargetType};
use crate::model::target_group::{GroupName, TargetGroup};
use crate::model::tick::Tick;

const NAME: &str = "1 to 32 letters, digits and hyphens, no hyphen at either end or two in a row";

/// Reads every `[[target_group]]`.
pub(super) fn read_all(
    root: &Table<'_>,
    account: &Account,
    authorities: &mut Authorities<'_>,
    problems: &mut Problems<'_>,
) -> Vec<DesiredGroup> {
    const ALLOWED: &str = "any number of tables `[[target_group]]`, in double brackets";
    let Field::Given(Found { value: items, place }) = root.array("target_group", ALLOWED, problems) else {
        return Vec::new();
    };
    let mut names = BTreeMap::new();
    let mut groups = Vec::new();
    for (index, value) in items.iter().enumerate() {
        let at = item(&place, index, value);
        let Some(entries) = value.get_ref().as_table() else {
            problems.add(at, values::refuse(&describe(value.get_ref()), ALLOWED));
            continue;
        };
        let table = Table::open(entries, at, &keys::TARGET_GROUP, problems);
        groups.extend(read(&table, account, &mut names, authorities, problems));
    }
    groups
}

/// Reads one group; `None` where something was recorded.
fn read(
    table: &Table<'_>,
    account: &Account,
    names: &mut BTreeMap<GroupName, usize>,
    authorities: &mut Authorities<'_>,
    problems: &mut Problems<'_>,
) -> Option<DesiredGroup> {
    let name = read_name(table, names, problems);
    let typed = kind::read(table, problems);
    let attributes = attributes::read(table, typed.kind, problems);
    let tags = tags::read(table, problems);
    let check = match table.table("health_check", &keys::HEALTH_CHECK, problems).given() {
        Some(table) => check::read(&table, typed.kind, authorities, problems),
        None => check::Typed::default(),
    };
    let health_check = typed.kind.map(|kind| check.meant(kind, problems));
    let targets = targets::read(table, typed.target_type.unwrap_or(TargetType::Ip), typed.port, problems);
    let (kind, name) = (typed.kind?, name?);
    let group = TargetGroup {
        target_type: kind.target_type,
        protocol: kind.protocol,
        protocol_version: kind.version,
        health_check: health_check?,
        attributes,
        ..TargetGroup::new(name, Protocol::Http, typed.port?)
    };
    let group = described(group, account, tags);
    Some(DesiredGroup { group: Arc::new(group), targets: targets.into_iter().map(Arc::new).collect() })
}

/// A group from the file or the command line, with what the API tells of it.
pub(super) fn described(
    group: TargetGroup,
    account: &Account,
    tags: BTreeMap<Box<str>, Box<str>>,
) -> TargetGroup {
    let description = Description {
        origin: Origin::File,
        arn: account.arn(&account.region, &group.name, Tick(0)),
        region: account.region.clone(),
        ip_address_type: (group.protocol != Some(Protocol::Geneve)).then_some(IpAddressType::Ipv4),
        health_check: group.health_check.clone(),
        tags,
        ..Description::default()
    };
    TargetGroup { description: Arc::new(description), ..group }
}

fn read_name(
    table: &Table<'_>,
    names: &mut BTreeMap<GroupName, usize>,
    problems: &mut Problems<'_>,
) -> Option<GroupName> {
    let text = table.text("name", NAME, problems);
    if let Field::Absent = text {
        table.missing("name", NAME, problems);
    }
    let Field::Given(Found { value: text, place }) = text else {
        return None;
    };
    let name = match GroupName::parse(text) {
        Ok(name) => name,
        Err(reason) => {
            problems.add(place, format!("found {}: {reason}; allowed: {NAME}", quote(text)));
            return None;
        }
    };
    let start = place.span.as_ref().map_or(0, |span| span.start);
    match names.get(&name) {
        Some(first) => {
            let line = problems.line(*first);
            let message = format!(
                "found {}, the name of the group in line {line}; allowed: a name of its own",
                quote(text)
            );
            problems.add(place, message);
        }
        None => {
            names.insert(name.clone(), start);
        }
    }
    Some(name)
}
