//! The health check as it was typed, field by field; `meaning` makes of it what is meant.

use std::num::NonZeroU8;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use crate::config::kind::Kind;
use crate::config::problems::{Place, Problems};
use crate::config::request;
use crate::config::table::{Field, Table, describe, number};
use crate::config::verify::{self, Authorities};
use crate::config::{keys, values};
use crate::model::health_check::{Close, HealthCheckPort, HealthCheckProtocol, Verify};
use crate::model::matcher::Matcher;
use crate::model::protocol::ProtocolVersion;
use crate::model::request::Headers;

pub(super) const INTERVALS: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(86_400);
pub(super) const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3_600);
pub(super) const THRESHOLDS: RangeInclusive<u32> = 1..=100;
const START_PERIODS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(86_400);
const STALE: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(30 * 86_400);

/// What was typed: every field right in itself.
#[derive(Debug, Default)]
pub(super) struct Typed {
    pub(super) enabled: Field<bool>,
    pub(super) protocol: Field<HealthCheckProtocol>,
    pub(super) port: Field<HealthCheckPort>,
    pub(super) path: Field<String>,
    pub(super) interval: Field<Duration>,
    pub(super) timeout: Field<Duration>,
    pub(super) healthy_threshold: Field<NonZeroU8>,
    pub(super) unhealthy_threshold: Field<NonZeroU8>,
    pub(super) initial_healthy_threshold: Field<NonZeroU8>,
    pub(super) matcher: Field<Matcher>,
    pub(super) start_period: Field<Duration>,
    pub(super) host: Field<Box<str>>,
    pub(super) headers: Field<Headers>,
    pub(super) body_match: Field<Box<str>>,
    pub(super) stale_after: Field<Duration>,
    pub(super) close: Field<Close>,
    pub(super) tls_resumption: Field<bool>,
    pub(super) verify: Field<Verify>,
    /// Where `verify` and `tls_resumption` stand, good or not: what only HTTPS checks may have.
    pub(super) tls_at: Vec<Place>,
    /// What stands before a name in a message: nothing for a key, `--` for a flag.
    pub(super) dashes: &'static str,
}

/// Reads `[target_group.health_check]` of a group of a kind, or of one whose kind is wrong.
pub(super) fn read(
    table: &Table<'_>,
    kind: Option<Kind>,
    authorities: &mut Authorities<'_>,
    problems: &mut Problems<'_>,
) -> Typed {
    let grpc = kind.is_some_and(|kind| kind.version == Some(ProtocolVersion::Grpc));
    let codes = if grpc { values::GRPC_CODES } else { values::HTTP_CODES };
    Typed {
        enabled: table.boolean("enabled", problems),
        protocol: table.word("protocol", &HealthCheckProtocol::ALL, HealthCheckProtocol::as_str, problems),
        port: table.value("port").and_then(|value, place| port(value, place, problems)),
        path: table
            .text("path", values::PATH, problems)
            .and_then(|text, place| values::path(text, place, problems)),
        interval: table.duration("interval", &INTERVALS, problems),
        timeout: table.duration("timeout", &TIMEOUTS, problems),
        healthy_threshold: threshold(table, "healthy_threshold", problems),
        unhealthy_threshold: threshold(table, "unhealthy_threshold", problems),
        initial_healthy_threshold: threshold(table, "initial_healthy_threshold", problems),
        matcher: table
            .text("matcher", &values::codes(&codes), problems)
            .and_then(|text, place| values::matcher(text, place, &codes, problems)),
        start_period: table.duration("start_period", &START_PERIODS, problems),
        host: request::host(table, problems),
        headers: request::headers(table, problems),
        body_match: request::body_match(table, problems),
        stale_after: table.duration("stale_after", &STALE, problems),
        close: table.word("close", &[Close::Reset, Close::Orderly], Close::as_str, problems),
        tls_resumption: table.boolean("tls_resumption", problems),
        verify: table
            .table("verify", &keys::VERIFY, problems)
            .and_then(|table, _| verify::read(&table, authorities, problems)),
        tls_at: ["verify", "tls_resumption"]
            .into_iter()
            .filter_map(|key| match table.value(key) {
                Field::Given(found) => Some(found.place),
                Field::Absent | Field::Wrong => None,
            })
            .collect(),
        dashes: "",
    }
}

/// A number from 1 to 100 as a threshold.
pub(super) fn count(number: u32) -> Option<NonZeroU8> {
    u8::try_from(number).ok().and_then(NonZeroU8::new)
}

fn threshold(table: &Table<'_>, key: &str, problems: &mut Problems<'_>) -> Field<NonZeroU8> {
    table.number(key, THRESHOLDS, problems).and_then(|number, _| count(number))
}

/// `HealthCheckPort` is a string in AWS's API, so a number in quotes is as good as one without.
fn port(value: &DeValue<'_>, place: &Place, problems: &mut Problems<'_>) -> Option<HealthCheckPort> {
    if value.as_str() == Some("traffic-port") {
        return Some(HealthCheckPort::TrafficPort);
    }
    let digits = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let typed = number(value).or_else(|| value.as_str().filter(digits)?.parse().ok());
    let port = typed.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    if port.is_none() {
        let allowed = format!("\"traffic-port\" or {}", values::whole(&values::PORTS));
        problems.add(place.clone(), values::refuse(&describe(value), &allowed));
    }
    port.map(HealthCheckPort::Number)
}
