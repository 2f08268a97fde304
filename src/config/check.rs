//! The health check: first what was typed, field by field, then what is meant, with defaults and the rules between
//! fields. The file and the command line share the second step.

use std::num::NonZeroU8;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use crate::config::problems::{Place, Problems};
use crate::config::table::{Field, Table, describe, number};
use crate::config::verify::{self, Authorities};
use crate::config::{keys, values};
use crate::model::duration;
use crate::model::health_check::{
    Close, HealthCheck, HealthCheckPort, HealthCheckProtocol, STALE_INTERVALS, Verify,
};
use crate::model::matcher::Matcher;

pub(super) const INTERVALS: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(86_400);
pub(super) const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3_600);
pub(super) const THRESHOLDS: RangeInclusive<u32> = 1..=100;
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
    pub(super) stale_after: Field<Duration>,
    pub(super) close: Field<Close>,
    pub(super) tls_resumption: Field<bool>,
    pub(super) verify: Field<Verify>,
    /// Where `verify` and `tls_resumption` stand, good or not: what only HTTPS checks may have.
    pub(super) tls_at: Vec<Place>,
    /// What stands before a name in a message: nothing for a key, `--` for a flag.
    pub(super) dashes: &'static str,
}

/// Reads `[target_group.health_check]`.
pub(super) fn read(
    table: &Table<'_>,
    authorities: &mut Authorities<'_>,
    problems: &mut Problems<'_>,
) -> Typed {
    Typed {
        enabled: table.boolean("enabled", problems),
        protocol: table
            .text("protocol", "\"HTTP\" or \"HTTPS\"", problems)
            .and_then(|text, place| values::protocol(text, place, problems)),
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
            .text("matcher", &values::codes(), problems)
            .and_then(|text, place| values::matcher(text, place, problems)),
        stale_after: table.duration("stale_after", &STALE, problems),
        close: table
            .text("close", values::CLOSES, problems)
            .and_then(|text, place| values::close(text, place, problems)),
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

impl Typed {
    /// Fills in the defaults and holds the fields against each other.
    pub(super) fn meant(self, problems: &mut Problems<'_>) -> HealthCheck {
        let default = HealthCheck::default();
        self.timeout_fits(&default, problems);
        self.stale_after_fits(&default, problems);
        let plain = matches!(self.protocol.known(default.protocol), Some((HealthCheckProtocol::Http, _)));
        for place in self.tls_at.iter().filter(|_| plain) {
            let message = "found with an HTTP check; allowed: in a health check with `protocol = \"HTTPS\"`";
            problems.clash(place.clone(), message.to_owned());
        }
        let interval = self.interval.or(default.interval);
        HealthCheck {
            enabled: self.enabled.or(default.enabled),
            protocol: self.protocol.or(default.protocol),
            port: self.port.or(default.port),
            path: self.path.or(default.path),
            interval,
            timeout: self.timeout.or(default.timeout),
            healthy_threshold: self.healthy_threshold.or(default.healthy_threshold),
            unhealthy_threshold: self.unhealthy_threshold.or(default.unhealthy_threshold),
            initial_healthy_threshold: self.initial_healthy_threshold.or(default.initial_healthy_threshold),
            matcher: self.matcher.or(default.matcher),
            start_period: default.start_period,
            host: default.host,
            headers: default.headers,
            body_match: default.body_match,
            stale_after: self.stale_after.or(interval * STALE_INTERVALS),
            close: self.close.or(default.close),
            tls_resumption: self.tls_resumption.or(default.tls_resumption),
            verify: self.verify.given(),
        }
    }

    /// The timeout must be below the interval (docs/semantics.md, "Rules between fields").
    fn timeout_fits(&self, default: &HealthCheck, problems: &mut Problems<'_>) {
        let (Some((interval, interval_at)), Some((timeout, timeout_at))) =
            (self.interval.known(default.interval), self.timeout.known(default.timeout))
        else {
            return;
        };
        if timeout < interval {
            return;
        }
        let dashes = self.dashes;
        let (interval, timeout) = (duration::print(interval), duration::print(timeout));
        let (place, message) = match (interval_at, timeout_at) {
            (Some(_), Some(place)) => (
                place,
                format!(
                    "found \"{timeout}\"; allowed: less than `{dashes}interval`, which is \"{interval}\""
                ),
            ),
            (Some(place), None) => (
                place,
                format!(
                    "found \"{interval}\", and the default of `{dashes}timeout`, \"{timeout}\", is not less than that; \
                     set `{dashes}timeout` below \"{interval}\" too"
                ),
            ),
            (None, Some(place)) => (
                place,
                format!(
                    "found \"{timeout}\"; allowed: less than the default of `{dashes}interval`, \"{interval}\"; \
                     set `{dashes}interval` above \"{timeout}\" too"
                ),
            ),
            (None, None) => return,
        };
        problems.clash(place.clone(), message);
    }

    /// The verdict on a target comes at most one and a half intervals and the timeout after the one before
    /// (docs/semantics.md, "Rules between fields"); with less than that to wait, a healthy target would flap.
    fn stale_after_fits(&self, default: &HealthCheck, problems: &mut Problems<'_>) {
        let (Field::Given(stale), Some((interval, _)), Some((timeout, _))) =
            (&self.stale_after, self.interval.known(default.interval), self.timeout.known(default.timeout))
        else {
            return;
        };
        let least = interval * 2 + timeout;
        if stale.value < least {
            let [found, least, interval, timeout] =
                [stale.value, least, interval, timeout].map(duration::print);
            let message = format!(
                "found \"{found}\"; allowed: at least two intervals of \"{interval}\" and the timeout of \
                 \"{timeout}\", \"{least}\""
            );
            problems.clash(stale.place.clone(), message);
        }
    }
}
