//! The settings of a group's health check, with ALB's defaults.

use std::fmt;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use crate::model::matcher::Matcher;

mod kind;

/// The protocol a check speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HealthCheckProtocol {
    /// HTTP over TCP.
    Http,
    /// HTTP over TLS.
    Https,
    /// A TCP connection, and no more.
    Tcp,
}

impl HealthCheckProtocol {
    /// Every protocol.
    pub const ALL: [Self; 3] = [Self::Http, Self::Https, Self::Tcp];

    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::Tcp => "TCP",
        }
    }

    /// The port a URL of this protocol means when it names none.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http | Self::Tcp => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for HealthCheckProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which port of a target is checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HealthCheckPort {
    /// The port the target is registered with.
    TrafficPort,
    /// This port, for every target of the group.
    Number(u16),
}

impl HealthCheckPort {
    /// The port checked of a target registered with `registered`.
    #[must_use]
    pub fn resolve(self, registered: u16) -> u16 {
        match self {
            Self::TrafficPort => registered,
            Self::Number(port) => port,
        }
    }
}

impl fmt::Display for HealthCheckPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrafficPort => f.pad("traffic-port"),
            Self::Number(port) => write!(f, "{port}"),
        }
    }
}

/// Verification of the target's certificate; absent by default, as ALB does not validate.
#[derive(Clone, Eq, PartialEq)]
pub struct Verify {
    /// Where the certificates were read from, for showing.
    pub ca_file: String,
    /// The trusted certificates, DER, already known to be usable as trust anchors.
    pub roots: Arc<Vec<Vec<u8>>>,
    /// The name the certificate must carry, also sent as SNI; the target's own id where absent.
    pub server_name: Option<String>,
}

impl fmt::Debug for Verify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verify")
            .field("ca_file", &self.ca_file)
            .field("roots", &self.roots.len())
            .field("server_name", &self.server_name)
            .finish()
    }
}

/// How the connection of a check ends once its answer is there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Close {
    /// By a reset: cheapest, and no port of ours stays taken (docs/semantics.md, "The end of a connection").
    #[default]
    Reset,
    /// In turn, for targets that would log a reset; our port then stays taken for a minute unless the target closes
    /// first.
    Orderly,
}

impl Close {
    /// Our word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Orderly => "orderly",
        }
    }
}

/// How the targets of a group are checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HealthCheck {
    /// `HealthCheckEnabled`; where false every target is `unavailable` / `Target.HealthCheckDisabled`.
    pub enabled: bool,
    /// `HealthCheckProtocol`. HTTP by default, for an HTTPS group too (docs/semantics.md, "Defaults").
    pub protocol: HealthCheckProtocol,
    /// `HealthCheckPort`.
    pub port: HealthCheckPort,
    /// `HealthCheckPath`, with an optional query; starts with `/`, 1 to 1,024 printable ASCII characters. Of no meaning
    /// for a TCP check.
    pub path: String,
    /// `HealthCheckIntervalSeconds`: from the start of one check to the start of the next.
    pub interval: Duration,
    /// `HealthCheckTimeoutSeconds`: connect, TLS handshake and response head together; below `interval`.
    pub timeout: Duration,
    /// `HealthyThresholdCount`: passes in a row that make an unhealthy target healthy.
    pub healthy_threshold: NonZeroU8,
    /// `UnhealthyThresholdCount`: failures in a row that make a target unhealthy.
    pub unhealthy_threshold: NonZeroU8,
    /// Passes in a row that make a new target healthy; 1 as on ALB (docs/semantics.md, "Transitions").
    pub initial_healthy_threshold: NonZeroU8,
    /// `Matcher.HttpCode`, or `Matcher.GrpcCode` of a gRPC group. Of no meaning for a TCP check.
    pub matcher: Matcher,
    /// For this long after registration failures of a target that has never passed do not count.
    pub start_period: Duration,
    /// What `Host` says instead of the target's id and port; 1 to 255 characters of a host and an optional port.
    pub host: Option<Box<str>>,
    /// Further header fields of the request, in this order: names are tokens, values printable ASCII and tabs
    /// (RFC 9110, section 5).
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// What the body must contain, 1 to 1,024 bytes, for an answer to pass.
    pub body_match: Option<Box<str>>,
    /// Without any conclusive check for this long a target is `unavailable`; ten intervals by default.
    pub stale_after: Duration,
    /// Verification of the target's certificate, for HTTPS checks.
    pub verify: Option<Verify>,
    /// How the connection ends.
    pub close: Close,
    /// Whether an HTTPS check may take up the TLS session of an earlier one. Cheaper for both sides, and proves less:
    /// the target does not show its certificate again (RFC 8446, section 2.2).
    pub tls_resumption: bool,
}

/// Intervals without a conclusive check after which a target is `unavailable`, where `stale_after` is not set.
pub const STALE_INTERVALS: u32 = 10;

impl Default for HealthCheck {
    fn default() -> Self {
        const fn count(value: u8) -> NonZeroU8 {
            match NonZeroU8::new(value) {
                Some(count) => count,
                None => NonZeroU8::MIN,
            }
        }
        Self {
            enabled: true,
            protocol: HealthCheckProtocol::Http,
            port: HealthCheckPort::TrafficPort,
            path: "/".to_owned(),
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            healthy_threshold: count(5),
            unhealthy_threshold: count(2),
            initial_healthy_threshold: count(1),
            matcher: Matcher::default(),
            start_period: Duration::ZERO,
            host: None,
            headers: Vec::new(),
            body_match: None,
            stale_after: Duration::from_secs(30) * STALE_INTERVALS,
            verify: None,
            close: Close::Reset,
            tls_resumption: false,
        }
    }
}
