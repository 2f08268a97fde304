//! Target groups: names, ports, attributes; the check and the targets have modules of their own.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeValue;

use crate::config::check;
use crate::config::keys;
use crate::config::problems::{Place, Problems, quote};
use crate::config::table::{Field, Found, Table, describe, item, number};
use crate::config::targets;
use crate::config::values;
use crate::config::verify::Authorities;
use crate::model::desired::DesiredGroup;
use crate::model::health_check::{HealthCheck, HealthCheckProtocol};
use crate::model::protocol::Protocol;
use crate::model::target_group::{Attributes, GroupName, MinimumHealthy, TargetGroup};

const NAME: &str = "1 to 32 letters, digits and hyphens, no hyphen at either end or two in a row";
const DELAYS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3_600);
const COUNTS: RangeInclusive<u32> = 1..=1_000_000;
const PERCENTAGES: RangeInclusive<u32> = 1..=100;

/// Reads every `[[target_group]]`.
pub(super) fn read_all(
    root: &Table<'_>,
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
        groups.extend(read(&table, &mut names, authorities, problems));
    }
    groups
}

/// Reads one group; `None` where something was recorded.
fn read(
    table: &Table<'_>,
    names: &mut BTreeMap<GroupName, usize>,
    authorities: &mut Authorities<'_>,
    problems: &mut Problems<'_>,
) -> Option<DesiredGroup> {
    let name = read_name(table, names, problems);
    let protocol = table
        .text("protocol", "\"HTTP\" or \"HTTPS\"", problems)
        .and_then(|text, place| values::protocol(text, place, problems))
        .or(HealthCheckProtocol::Http);
    let protocol = Protocol::parse(protocol.as_str()).unwrap_or(Protocol::Http);
    let port = table.number("port", values::PORTS, problems);
    if let Field::Absent = port {
        table.missing(
            "port",
            &format!("the port of targets that name none, {}", values::whole(&values::PORTS)),
            problems,
        );
    }
    let port = port.given().and_then(|port| u16::try_from(port).ok());
    let attributes = read_attributes(table, problems);
    let health_check = match table.table("health_check", &keys::HEALTH_CHECK, problems).given() {
        Some(table) => check::read(&table, authorities, problems).meant(problems),
        None => HealthCheck::default(),
    };
    let targets = targets::read(table, port, problems).into_iter().map(Arc::new).collect();
    let group = TargetGroup { health_check, attributes, ..TargetGroup::new(name?, protocol, port?) };
    Some(DesiredGroup { group: Arc::new(group), targets })
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

fn read_attributes(table: &Table<'_>, problems: &mut Problems<'_>) -> Attributes {
    let default = Attributes::default();
    let deregistration_delay =
        table.duration("deregistration_delay", &DELAYS, problems).or(default.deregistration_delay);
    let in_use = table.boolean("in_use", problems).or(default.in_use);
    let health = table.table("target_group_health", &keys::TARGET_GROUP_HEALTH, problems).given();
    let mut side = |key, keys, off| {
        let table = health.as_ref().map_or(Field::Absent, |health| health.table(key, keys, problems));
        Minimum::read(table, off, problems)
    };
    let dns = side("dns_failover", &keys::DNS_FAILOVER, true);
    let routing = side("unhealthy_state_routing", &keys::UNHEALTHY_STATE_ROUTING, false);
    dns.not_below(&routing, problems);
    Attributes {
        deregistration_delay,
        dns_failover: dns.meant(default.dns_failover),
        unhealthy_state_routing: routing.meant(default.unhealthy_state_routing),
        in_use,
        ..default
    }
}

/// What was typed of one of the two thresholds; the inner `None` is `off`.
struct Minimum {
    count: Field<Option<u32>>,
    percentage: Field<Option<u32>>,
}

impl Minimum {
    fn read(table: Field<Table<'_>>, count_may_be_off: bool, problems: &mut Problems<'_>) -> Self {
        let Some(table) = table.given() else {
            return Self { count: Field::Absent, percentage: Field::Absent };
        };
        let mut field = |key, range, off| {
            table.value(key).and_then(|value, place| number_or_off(value, place, &range, off, problems))
        };
        Self {
            count: field("minimum_healthy_targets_count", COUNTS, count_may_be_off),
            percentage: field("minimum_healthy_targets_percentage", PERCENTAGES, true),
        }
    }

    /// The threshold for DNS failover must not be below the one for routing, where both are set
    /// (docs/semantics.md, "Attributes").
    fn not_below(&self, routing: &Self, problems: &mut Problems<'_>) {
        let default = MinimumHealthy::default();
        let share = default.percentage.map(u32::from);
        let pairs = [
            (&self.count, &routing.count, default.count, "minimum_healthy_targets_count"),
            (&self.percentage, &routing.percentage, share, "minimum_healthy_targets_percentage"),
        ];
        for (dns, routing, default, key) in pairs {
            let (Some((Some(dns), dns_at)), Some((Some(routing), routing_at))) =
                (dns.known(default), routing.known(default))
            else {
                continue;
            };
            let (Some(place), true) = (dns_at.or(routing_at), dns < routing) else {
                continue;
            };
            let or_default = |place: Option<&Place>| if place.is_none() { ", the default" } else { "" };
            let message = format!(
                "`dns_failover.{key}` ({dns}{}) is below `unhealthy_state_routing.{key}` ({routing}{}); \
                 allowed: at least as much, or \"off\"",
                or_default(dns_at),
                or_default(routing_at)
            );
            problems.clash(place.clone(), message);
        }
    }

    fn meant(self, default: MinimumHealthy) -> MinimumHealthy {
        let percentage = self.percentage.or(default.percentage.map(u32::from));
        MinimumHealthy {
            count: self.count.or(default.count),
            percentage: percentage.and_then(|percentage| u8::try_from(percentage).ok()),
        }
    }
}

fn number_or_off(
    value: &DeValue<'_>,
    place: &Place,
    range: &RangeInclusive<u32>,
    may_be_off: bool,
    problems: &mut Problems<'_>,
) -> Option<Option<u32>> {
    if may_be_off && value.as_str() == Some("off") {
        return Some(None);
    }
    let number = number(value).filter(|number| range.contains(number));
    if number.is_none() {
        let off = if may_be_off { "\"off\" or " } else { "" };
        problems
            .add(place.clone(), values::refuse(&describe(value), &format!("{off}{}", values::whole(range))));
    }
    number.map(Some)
}
