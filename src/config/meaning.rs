//! The health check as it is meant: with the defaults of the group's kind, and every rule between fields kept. The file
//! and the command line share this step.

use crate::config::check::Typed;
use crate::config::kind::Kind;
use crate::config::problems::Problems;
use crate::config::table::Field;
use crate::model::duration;
use crate::model::health_check::{HealthCheck, HealthCheckProtocol, STALE_INTERVALS};
use crate::model::protocol::{Protocol, TargetType};

impl Typed {
    /// Fills in the defaults of a kind of group and holds the fields against each other and against it.
    pub(super) fn meant(self, kind: Kind, problems: &mut Problems<'_>) -> HealthCheck {
        let default = kind.health_check(
            self.protocol
                .known(HealthCheckProtocol::Http)
                .and_then(|(protocol, place)| place.map(|_| protocol)),
        );
        self.timeout_fits(&default, !kind.family().may_time_out_at_the_interval(), problems);
        self.stale_after_fits(&default, problems);
        self.protocol_fits(kind, problems);
        self.request_fits(&default, problems);
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
            start_period: self.start_period.or(default.start_period),
            host: self.host.given(),
            headers: self.headers.or(default.headers),
            body_match: self.body_match.given(),
            stale_after: self.stale_after.or(interval * STALE_INTERVALS),
            close: self.close.or(default.close),
            tls_resumption: self.tls_resumption.or(default.tls_resumption),
            verify: self.verify.given(),
        }
    }

    /// What a check may speak depends on what the group is (docs/semantics.md, "Kinds of groups").
    fn protocol_fits(&self, kind: Kind, problems: &mut Problems<'_>) {
        if kind.target_type == TargetType::Lambda {
            for place in [self.protocol.place(), self.port.place()].into_iter().flatten() {
                let message =
                    format!("found in {kind}; allowed: in any other, as these have no port to be checked at");
                problems.clash(place.clone(), message);
            }
            return;
        }
        let speaks_http =
            kind.target_type == TargetType::Alb || kind.protocol.is_some_and(Protocol::is_application);
        if let (Field::Given(found), true) = (&self.protocol, speaks_http)
            && found.value == HealthCheckProtocol::Tcp
        {
            let message = format!("found \"TCP\" in {kind}; allowed: \"HTTP\" or \"HTTPS\"");
            problems.clash(found.place.clone(), message);
        }
    }

    /// What only some checks ask or look at.
    fn request_fits(&self, default: &HealthCheck, problems: &mut Problems<'_>) {
        let (check, asks) = match self.protocol.known(default.protocol) {
            None | Some((HealthCheckProtocol::Https, _)) => return,
            Some((HealthCheckProtocol::Http, _)) => ("an HTTP", true),
            Some((HealthCheckProtocol::Tcp, _)) => ("a TCP", false),
        };
        for place in &self.tls_at {
            let message =
                format!("found with {check} check; allowed: in a health check with `protocol = \"HTTPS\"`");
            problems.clash(place.clone(), message);
        }
        if asks {
            return;
        }
        let request = [
            self.path.place(),
            self.matcher.place(),
            self.host.place(),
            self.headers.place(),
            self.body_match.place(),
        ];
        for place in request.into_iter().flatten() {
            let message = format!(
                "found with {check} check; allowed: in a health check with `protocol = \"HTTP\"` or \"HTTPS\""
            );
            problems.clash(place.clone(), message);
        }
    }

    /// The timeout must be below the interval, or not above it (docs/semantics.md, "Rules between fields").
    fn timeout_fits(&self, default: &HealthCheck, strict: bool, problems: &mut Problems<'_>) {
        let (Some((interval, interval_at)), Some((timeout, timeout_at))) =
            (self.interval.known(default.interval), self.timeout.known(default.timeout))
        else {
            return;
        };
        if timeout < interval || (timeout == interval && !strict) {
            return;
        }
        let (less, below) = if strict { ("less than", "below") } else { ("at most", "to at most") };
        let above = if strict { "above" } else { "to at least" };
        let dashes = self.dashes;
        let (interval, timeout) = (duration::print(interval), duration::print(timeout));
        let (place, message) = match (interval_at, timeout_at) {
            (Some(_), Some(place)) => (
                place,
                format!("found \"{timeout}\"; allowed: {less} `{dashes}interval`, which is \"{interval}\""),
            ),
            (Some(place), None) => (
                place,
                format!(
                    "found \"{interval}\", and the default of `{dashes}timeout`, \"{timeout}\", is not {less} that; \
                     set `{dashes}timeout` {below} \"{interval}\" too"
                ),
            ),
            (None, Some(place)) => (
                place,
                format!(
                    "found \"{timeout}\"; allowed: {less} the default of `{dashes}interval`, \"{interval}\"; \
                     set `{dashes}interval` {above} \"{timeout}\" too"
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
