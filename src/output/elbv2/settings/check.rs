//! The parameters of a health check: each right in itself, then by the rules of the group's kind.

use std::num::NonZeroU8;
use std::time::Duration;

use crate::model::excerpt::excerpt;
use crate::model::family::Family;
use crate::model::health_check::{HealthCheck, HealthCheckPort, HealthCheckProtocol, STALE_INTERVALS};
use crate::model::matcher::{Matcher, MatcherError};
use crate::model::protocol::{Protocol, ProtocolVersion, TargetType};
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::settings::constraints::Constraints;
use crate::output::elbv2::settings::kind::{Kind, not_for_lambda};
use crate::output::elbv2::settings::{Check, invalid, unfit};

/// The longest text of a matcher, in characters; AWS's own limit is not known.
const MATCHER: usize = 1_024;

/// What was given, each right in itself.
#[derive(Debug)]
pub(super) struct Given<'a> {
    protocol: Option<Protocol>,
    port: Option<&'a str>,
    enabled: Option<bool>,
    path: Option<&'a str>,
    interval: Option<Duration>,
    timeout: Option<Duration>,
    healthy_threshold: Option<NonZeroU8>,
    unhealthy_threshold: Option<NonZeroU8>,
    http_code: Option<&'a str>,
    grpc_code: Option<&'a str>,
}

impl<'a> Given<'a> {
    pub(super) fn read(check: &'a Check, constraints: &mut Constraints) -> Self {
        let text = |text: &'a Option<String>| text.as_deref();
        constraints.length("healthCheckPath", text(&check.path), 1..=1_024);
        constraints.length("matcher.httpCode", text(&check.http_code), 0..=MATCHER);
        constraints.length("matcher.grpcCode", text(&check.grpc_code), 0..=MATCHER);
        let protocol = text(&check.protocol);
        let seconds = |number: u32| Duration::from_secs(number.into());
        let count = |number: u32| u8::try_from(number).ok().and_then(NonZeroU8::new);
        Self {
            protocol: constraints.word("healthCheckProtocol", protocol, Protocol::ALL, Protocol::as_str),
            port: text(&check.port),
            enabled: constraints.boolean("healthCheckEnabled", text(&check.enabled)),
            path: text(&check.path),
            interval: constraints
                .number("healthCheckIntervalSeconds", text(&check.interval), 5..=300)
                .map(seconds),
            timeout: constraints
                .number("healthCheckTimeoutSeconds", text(&check.timeout), 2..=120)
                .map(seconds),
            healthy_threshold: constraints
                .number("healthyThresholdCount", text(&check.healthy_threshold), 2..=10)
                .and_then(count),
            unhealthy_threshold: constraints
                .number("unhealthyThresholdCount", text(&check.unhealthy_threshold), 2..=10)
                .and_then(count),
            http_code: text(&check.http_code),
            grpc_code: text(&check.grpc_code),
        }
    }

    /// The check of a new group. Where only one of interval and timeout is given and does not fit the other's default, the
    /// other gives way (docs/semantics.md, "Rules between fields").
    pub(super) fn create(&self, kind: &Kind) -> Result<HealthCheck, ApiError> {
        let protocol = self.protocol(kind)?;
        let mut check = HealthCheck::of_kind(kind.target_type, kind.protocol, kind.version, protocol);
        let gap = if kind.family().may_time_out_at_the_interval() { 0 } else { 1 };
        let gap = Duration::from_secs(gap);
        match (self.interval, self.timeout) {
            (Some(interval), None) => check.timeout = check.timeout.min(interval.saturating_sub(gap)),
            (None, Some(timeout)) => check.interval = check.interval.max(timeout + gap),
            (None, None) | (Some(_), Some(_)) => {}
        }
        self.over(kind, check)
    }

    /// The check of a group that has one; what is absent is kept.
    pub(super) fn modify(&self, kind: &Kind, check: &HealthCheck) -> Result<HealthCheck, ApiError> {
        let mut check = check.clone();
        if let Some(protocol) = self.protocol(kind)?
            && protocol != check.protocol
        {
            // A TCP check has neither path nor matcher: it leaves none behind, and what comes after it has the defaults.
            if protocol == HealthCheckProtocol::Tcp || check.protocol == HealthCheckProtocol::Tcp {
                let new = HealthCheck::of_kind(kind.target_type, kind.protocol, kind.version, Some(protocol));
                (check.path, check.matcher) = (new.path, new.matcher);
            }
            check.protocol = protocol;
        }
        self.over(kind, check)
    }

    /// The protocol of the check, where one is given.
    fn protocol(&self, kind: &Kind) -> Result<Option<HealthCheckProtocol>, ApiError> {
        let Some(protocol) = self.protocol else { return Ok(None) };
        if kind.family() == Family::Lambda {
            return Err(not_for_lambda("Health check protocol"));
        }
        let http_only = kind.family() == Family::Application || kind.target_type == TargetType::Alb;
        let known = HealthCheckProtocol::ALL.into_iter().find(|known| known.as_str() == protocol.as_str());
        match known.filter(|known| *known != HealthCheckProtocol::Tcp || !http_only) {
            Some(known) => Ok(Some(known)),
            None => Err(unfit(format!(
                "Health check protocol '{protocol}' is not supported for target groups with {}",
                kind.shown()
            ))),
        }
    }

    /// Everything else that is given, laid over a check whose protocol is settled.
    fn over(&self, kind: &Kind, mut check: HealthCheck) -> Result<HealthCheck, ApiError> {
        if check.protocol == HealthCheckProtocol::Tcp {
            if self.path.is_some() {
                return Err(unfit("Health check paths are not supported for TCP health checks"));
            }
            if self.http_code.is_some() || self.grpc_code.is_some() {
                return Err(unfit("Health check matchers are not supported for TCP health checks"));
            }
        }
        if self.enabled == Some(false) && kind.family() != Family::Lambda {
            let target_type = kind.target_type;
            return Err(invalid(format!(
                "Health check enabled must be true for target groups with target type '{target_type}'"
            )));
        }
        if let Some(text) = self.port {
            check.port = port(kind, text)?;
        }
        if let Some(text) = self.path {
            check.path = path(text)?;
        }
        if let Some(matcher) = self.matcher(kind)? {
            check.matcher = matcher;
        }
        check.enabled = self.enabled.unwrap_or(check.enabled);
        check.interval = self.interval.unwrap_or(check.interval);
        check.timeout = self.timeout.unwrap_or(check.timeout);
        check.healthy_threshold = self.healthy_threshold.unwrap_or(check.healthy_threshold);
        check.unhealthy_threshold = self.unhealthy_threshold.unwrap_or(check.unhealthy_threshold);
        check.stale_after = check.interval * STALE_INTERVALS;
        timeout_fits(kind, &check)?;
        Ok(check)
    }

    fn matcher(&self, kind: &Kind) -> Result<Option<Matcher>, ApiError> {
        let grpc = kind.version == Some(ProtocolVersion::Grpc);
        let (own, foreign, word, other) = if grpc {
            (self.grpc_code, self.http_code, "GRPC", "HTTP")
        } else {
            (self.http_code, self.grpc_code, "HTTP", "GRPC")
        };
        if foreign.is_some() {
            let kind = kind.version.map_or_else(|| kind.shown(), |is| format!("protocol version '{is}'"));
            return Err(unfit(format!(
                "Health check matcher {other} codes are not supported for target groups with {kind}"
            )));
        }
        own.map(|text| matcher(kind, text, word)).transpose()
    }
}

/// Reads a matcher within the codes of the group's kind (docs/semantics.md, "Matcher").
fn matcher(kind: &Kind, text: &str, word: &str) -> Result<Matcher, ApiError> {
    if text.trim().is_empty() {
        return Err(invalid(format!("Health check matcher {word} code cannot be empty")));
    }
    let quoted = excerpt(text);
    let codes = kind.family().codes(kind.version);
    let refused = |must: String| invalid(format!("Health check matcher {word} code {must}"));
    let matcher = Matcher::parse_within(text, &codes).map_err(|error| match error {
        MatcherError::OutOfRange(item, allowed) => {
            let (item, low, high) = (excerpt(&item), allowed.start(), allowed.end());
            refused(format!("'{item}' must be within '{low}-{high}' inclusive"))
        }
        MatcherError::Empty | MatcherError::Item(_) | MatcherError::Backwards(_) => {
            let (low, high) = (codes.start(), codes.end());
            refused(format!(
                "'{quoted}' must be a code, a range such as '{low}-{high}' or a list of them separated by commas"
            ))
        }
    })?;
    if kind.family() == Family::Gateway && text.trim() != "200-399" {
        let must = "must be '200-399' for target groups with the GENEVE protocol";
        return Err(refused(format!("'{quoted}' {must}")));
    }
    Ok(matcher)
}

fn port(kind: &Kind, text: &str) -> Result<HealthCheckPort, ApiError> {
    if kind.family() == Family::Lambda {
        return Err(not_for_lambda("Health check port"));
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u16>() {
        _ if text == "traffic-port" => Ok(HealthCheckPort::TrafficPort),
        Ok(number) if digits && number > 0 => Ok(HealthCheckPort::Number(number)),
        _ => {
            let message = "must be 'traffic-port' or a number between '1-65535' inclusive";
            Err(invalid(format!("Health check port '{}' {message}", excerpt(text))))
        }
    }
}

/// Reads a path with an optional query (docs/semantics.md, "Health check path").
fn path(text: &str) -> Result<String, ApiError> {
    let quoted = excerpt(text);
    if !text.starts_with('/') {
        return Err(invalid(format!("Health check path '{quoted}' must begin with a '/' character")));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        let message = "can only contain printable ASCII characters other than spaces and '#'";
        return Err(invalid(format!("Health check path '{quoted}' {message}")));
    }
    Ok(text.to_owned())
}

fn timeout_fits(kind: &Kind, check: &HealthCheck) -> Result<(), ApiError> {
    let HealthCheck { timeout, interval, .. } = check;
    if !kind.family().may_time_out_at_the_interval() && timeout >= interval {
        return Err(invalid("Health check interval must be greater than the timeout."));
    }
    if timeout > interval {
        let (timeout, interval) = (timeout.as_secs(), interval.as_secs());
        return Err(invalid(format!(
            "Health check timeout '{timeout}' must be smaller than or equal to the interval '{interval}'"
        )));
    }
    Ok(())
}
