//! The defaults of a health check, by the kind of group it belongs to.

use std::time::Duration;

use crate::model::family::Family;
use crate::model::health_check::{HealthCheck, HealthCheckPort, HealthCheckProtocol, STALE_INTERVALS};
use crate::model::matcher::Matcher;
use crate::model::protocol::{Protocol, ProtocolVersion, TargetType};

/// The path of a gRPC check that names none: a method that no service has.
const GRPC_PATH: &str = "/AWS.ALB/healthcheck";

impl HealthCheck {
    /// AWS's defaults for a group of this kind (docs/semantics.md, "Defaults").
    ///
    /// `check` is the protocol of the check where it is known, else that is a default too. Path and matcher of a TCP
    /// check, which have no meaning for it, are those an HTTP check of the group would have.
    #[must_use]
    pub fn of_kind(
        target_type: TargetType,
        protocol: Option<Protocol>,
        version: Option<ProtocolVersion>,
        check: Option<HealthCheckProtocol>,
    ) -> Self {
        let family = Family::of(target_type, protocol);
        let grpc = version == Some(ProtocolVersion::Grpc);
        let plain = match family {
            Family::Application | Family::Lambda => HealthCheckProtocol::Http,
            Family::Network if target_type == TargetType::Alb => HealthCheckProtocol::Http,
            Family::Network | Family::Gateway => HealthCheckProtocol::Tcp,
        };
        let protocol = check.unwrap_or(plain);
        let (interval, timeout) = match (family, protocol) {
            (Family::Application, _) => (30, 5),
            (Family::Lambda, _) => (35, 30),
            (Family::Network, HealthCheckProtocol::Http) => (30, 6),
            (Family::Network, HealthCheckProtocol::Https | HealthCheckProtocol::Tcp) => (30, 10),
            (Family::Gateway, _) => (10, 5),
        };
        let interval = Duration::from_secs(interval);
        Self {
            enabled: family != Family::Lambda,
            protocol,
            port: match family {
                Family::Gateway => HealthCheckPort::Number(80),
                Family::Application | Family::Lambda | Family::Network => HealthCheckPort::TrafficPort,
            },
            path: if grpc { GRPC_PATH.to_owned() } else { "/".to_owned() },
            interval,
            timeout: Duration::from_secs(timeout),
            matcher: match family {
                Family::Application if grpc => Matcher::one(12),
                Family::Application | Family::Lambda => Matcher::default(),
                Family::Network | Family::Gateway => Matcher::range(200, 399),
            },
            stale_after: interval * STALE_INTERVALS,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One kind as `target type, protocol, version, check protocol` and its defaults as
    /// `enabled, protocol, port, path, interval, timeout, healthy, unhealthy, matcher`.
    #[track_caller]
    fn check(kind: &str, defaults: &str) {
        let words: Vec<_> = kind.split(' ').collect();
        let check =
            HealthCheckProtocol::ALL.into_iter().find(|protocol| Some(&protocol.as_str()) == words.get(3));
        let found = HealthCheck::of_kind(
            TargetType::parse(words[0]).unwrap(),
            Protocol::parse(words[1]),
            ProtocolVersion::parse(words[2]),
            check,
        );
        let HealthCheck { enabled, protocol, port, path, matcher, .. } = &found;
        let (interval, timeout) = (found.interval.as_secs(), found.timeout.as_secs());
        let (healthy, unhealthy) = (found.healthy_threshold, found.unhealthy_threshold);
        let shown = format!(
            "{enabled} {protocol} {port} {path} {interval} {timeout} {healthy} {unhealthy} {matcher}"
        );
        assert_eq!(shown, defaults, "{kind}");
        assert_eq!(found.stale_after, found.interval * 10, "{kind}");
    }

    #[test]
    fn each_kind_of_group_has_its_own_defaults() {
        check("ip HTTP HTTP1", "true HTTP traffic-port / 30 5 5 2 200");
        check("instance HTTPS HTTP2", "true HTTP traffic-port / 30 5 5 2 200");
        check("ip HTTPS HTTP1 HTTPS", "true HTTPS traffic-port / 30 5 5 2 200");
        check("ip HTTP GRPC", "true HTTP traffic-port /AWS.ALB/healthcheck 30 5 5 2 12");
        for protocol in ["TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"] {
            check(&format!("ip {protocol} -"), "true TCP traffic-port / 30 10 5 2 200-399");
        }
        check("ip TCP - HTTP", "true HTTP traffic-port / 30 6 5 2 200-399");
        check("ip TCP - HTTPS", "true HTTPS traffic-port / 30 10 5 2 200-399");
        check("alb TCP -", "true HTTP traffic-port / 30 6 5 2 200-399");
        check("ip GENEVE -", "true TCP 80 / 10 5 5 2 200-399");
        check("lambda - -", "false HTTP traffic-port / 35 30 5 2 200");
    }

    #[test]
    fn the_plain_default_is_that_of_an_http_group() {
        let http = HealthCheck::of_kind(TargetType::Ip, Some(Protocol::Http), None, None);
        assert_eq!(http, HealthCheck::default());
    }
}
