//! The attributes of a group that concern health.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use crate::config::keys;
use crate::config::kind::Kind;
use crate::config::problems::{Place, Problems};
use crate::config::table::{Field, Found, Table, describe, number};
use crate::config::values;
use crate::model::family::Family;
use crate::model::target_group::{Attributes, MinimumHealthy};

const DELAYS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3_600);
const DRAINING: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(360_000);
const COUNTS: RangeInclusive<u32> = 1..=1_000_000;
const PERCENTAGES: RangeInclusive<u32> = 1..=100;

/// Reads the attributes of a group; `kind` is `None` where that was wrong.
pub(super) fn read(table: &Table<'_>, kind: Option<Kind>, problems: &mut Problems<'_>) -> Attributes {
    let default = kind.map_or_else(Attributes::default, |kind| Attributes::of(kind.family()));
    let deregistration_delay = table.duration("deregistration_delay", &DELAYS, problems);
    let unhealthy_draining = table.duration("unhealthy_draining", &DRAINING, problems);
    if let Some(kind) = kind {
        let mut only = |field: &Field<Duration>, fits: bool, allowed: &str| {
            if let (Field::Given(Found { place, .. }), false) = (field, fits) {
                problems.clash(place.clone(), format!("found in {kind}; allowed: in {allowed}"));
            }
        };
        only(&deregistration_delay, kind.protocol.is_some(), "groups of other targets than Lambda functions");
        only(
            &unhealthy_draining,
            kind.family() == Family::Network,
            "TCP, TLS, UDP, TCP_UDP, QUIC and TCP_QUIC groups",
        );
    }
    let end_drain_when_refused =
        table.boolean("end_drain_when_refused", problems).or(default.end_drain_when_refused);
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
        deregistration_delay: deregistration_delay.or(default.deregistration_delay),
        dns_failover: dns.meant(default.dns_failover),
        unhealthy_state_routing: routing.meant(default.unhealthy_state_routing),
        in_use,
        unhealthy_draining: unhealthy_draining.or(default.unhealthy_draining),
        end_drain_when_refused,
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
