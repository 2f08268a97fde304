//! What the attributes that concern health do.

use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use crate::model::attribute::table;
use crate::model::attribute::value::number;
use crate::model::description::Origin;
use crate::model::family::Family;
use crate::model::health_check::{HealthCheck, STALE_INTERVALS};
use crate::model::request;
use crate::model::target_group::{Attributes, TargetGroup};

/// Makes `health_check` and `attributes` of a group made through the API what its description says: the check by AWS's
/// parameters, attributes of ours lying over it. Leaves a group from the file as it is, for which the file says what is in
/// force.
///
/// The group's targets are `unavailable` after ten intervals in force without a conclusive check. A timeout that is not
/// below the interval in force becomes one millisecond less than it (docs/semantics.md, "Rules between fields"). What
/// cannot be read in a stored attribute counts as not set.
pub fn in_force(group: &mut TargetGroup) {
    if group.description.origin == Origin::File {
        return;
    }
    let description = Arc::clone(&group.description);
    let mut check = description.health_check.clone();
    let mut attributes = Attributes::of(Family::of_group(group));
    for (key, text) in &description.attributes {
        over_check(&mut check, key, text);
        over_attributes(&mut attributes, key, text);
    }
    if Family::of_group(group) != Family::Network {
        attributes.unhealthy_draining = Duration::ZERO;
    }
    check.stale_after = check.interval.saturating_mul(STALE_INTERVALS);
    check.timeout = check.timeout.min(check.interval.saturating_sub(Duration::from_millis(1)));
    group.health_check = check;
    group.attributes = attributes;
}

fn over_check(check: &mut HealthCheck, key: &str, text: &str) {
    let milliseconds = || number(text).map(|number| Duration::from_millis(number.into()));
    let count = || number(text).and_then(|number| u8::try_from(number).ok()).and_then(NonZeroU8::new);
    match key {
        table::INTERVAL => put(&mut check.interval, milliseconds()),
        table::TIMEOUT => put(&mut check.timeout, milliseconds()),
        table::START_PERIOD => put(&mut check.start_period, milliseconds()),
        table::HEALTHY => put(&mut check.healthy_threshold, count()),
        table::UNHEALTHY => put(&mut check.unhealthy_threshold, count()),
        table::INITIAL_HEALTHY => put(&mut check.initial_healthy_threshold, count()),
        table::HOST => check.host = Some(text.into()),
        table::HEADERS => put(&mut check.headers, request::headers_from_json(text).ok()),
        table::BODY_MATCH => check.body_match = Some(text.into()),
        _ => {}
    }
}

fn over_attributes(attributes: &mut Attributes, key: &str, text: &str) {
    let seconds = || number(text).map(|number| Duration::from_secs(number.into()));
    let truth = || Some(text == "true");
    let share = || number(text).and_then(|number| u8::try_from(number).ok());
    let (dns, routing) = (&mut attributes.dns_failover, &mut attributes.unhealthy_state_routing);
    match key {
        table::DELAY => put(&mut attributes.deregistration_delay, seconds()),
        table::UNHEALTHY_DRAINING => put(&mut attributes.unhealthy_draining, seconds()),
        table::DNS_COUNT => dns.count = number(text),
        table::DNS_PERCENTAGE => dns.percentage = share(),
        table::ROUTING_COUNT => routing.count = number(text),
        table::ROUTING_PERCENTAGE => routing.percentage = share(),
        table::IN_USE => put(&mut attributes.in_use, truth()),
        table::END_WHEN_REFUSED => put(&mut attributes.end_drain_when_refused, truth()),
        _ => {}
    }
}

fn put<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
