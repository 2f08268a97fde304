//! What the attributes of a group from the file would have to say for it to be as it is.

use std::num::NonZeroU8;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::model::attribute::Set;
use crate::model::attribute::table;
use crate::model::request;
use crate::model::target_group::{Attributes, TargetGroup};

/// The attributes that differ from AWS's defaults, and those of ours for what no parameter of AWS can say.
pub(super) fn said(group: &TargetGroup) -> Set {
    let mut set = Set::new();
    let mut say = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            set.insert(key.into(), value.into());
        }
    };
    let check = &group.health_check;
    let count = |count: NonZeroU8, range: RangeInclusive<u8>| {
        (!range.contains(&count.get())).then(|| count.to_string())
    };
    say(table::INTERVAL, milliseconds(check.interval, 5..=300));
    say(table::TIMEOUT, milliseconds(check.timeout, 2..=120));
    say(table::HEALTHY, count(check.healthy_threshold, 2..=10));
    say(table::UNHEALTHY, count(check.unhealthy_threshold, 2..=10));
    say(table::INITIAL_HEALTHY, count(check.initial_healthy_threshold, 1..=1));
    say(table::START_PERIOD, milliseconds(check.start_period, 0..=0));
    say(table::HOST, check.host.as_deref().map(str::to_owned));
    say(table::HEADERS, (!check.headers.is_empty()).then(|| request::headers_to_json(&check.headers)));
    say(table::BODY_MATCH, check.body_match.as_deref().map(str::to_owned));
    let Attributes { dns_failover: dns, unhealthy_state_routing: routing, .. } = group.attributes;
    let Attributes { deregistration_delay, unhealthy_draining, in_use, end_drain_when_refused, .. } =
        group.attributes;
    say(table::DELAY, Some(deregistration_delay.as_secs().to_string()));
    let draining = Some(unhealthy_draining.as_secs()).filter(|seconds| *seconds > 0);
    say(table::UNHEALTHY_DRAINING, draining.map(|seconds| seconds.to_string()));
    say(table::TERMINATION, draining.map(|_| "false".to_owned()));
    let off = |count: Option<String>| Some(count.unwrap_or_else(|| "off".to_owned()));
    say(table::DNS_COUNT, off(dns.count.map(|count| count.to_string())));
    say(table::DNS_PERCENTAGE, off(dns.percentage.map(|share| share.to_string())));
    say(table::ROUTING_COUNT, off(routing.count.map(|count| count.to_string())));
    say(table::ROUTING_PERCENTAGE, off(routing.percentage.map(|share| share.to_string())));
    say(table::IN_USE, (!in_use).then(|| "false".to_owned()));
    say(table::END_WHEN_REFUSED, end_drain_when_refused.then(|| "true".to_owned()));
    set
}

/// A duration that is not a whole number of seconds in the range.
fn milliseconds(duration: Duration, range: RangeInclusive<u64>) -> Option<String> {
    let said = duration.subsec_nanos() == 0 && range.contains(&duration.as_secs());
    (!said).then(|| duration.as_millis().to_string())
}
