//! What the server's JSON says, as far as the commands need it. Unknown fields are ignored.

pub mod service;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::model::health::{Reason, State};

/// A list of targets, told at one moment.
#[derive(Clone, Debug, Deserialize)]
pub struct Targets {
    /// The server's clock when it told this.
    #[serde(deserialize_with = "time")]
    pub time: Timestamp,
    /// The targets.
    pub targets: Vec<Target>,
}

/// One target.
#[derive(Clone, Debug, Deserialize)]
pub struct Target {
    /// `id:port`.
    pub target: String,
    /// The address or name registered.
    pub id: String,
    /// The port registered.
    pub port: u16,
    /// The availability zone.
    pub zone: Option<String>,
    /// The state.
    #[serde(deserialize_with = "state")]
    pub state: State,
    /// AWS's reason, absent exactly when healthy.
    pub reason: Option<String>,
    /// AWS's description, absent exactly when healthy.
    pub description: Option<String>,
    /// When it entered its state.
    #[serde(default, deserialize_with = "optional_time")]
    pub since: Option<Timestamp>,
    /// The latest check, conclusive or not.
    pub last_check: Option<Check>,
    /// When the latest check that passed or failed started.
    #[serde(default, deserialize_with = "optional_time")]
    pub last_conclusive_check: Option<Timestamp>,
    /// Passes in a row.
    #[serde(default)]
    pub passes_in_a_row: u64,
    /// Failures in a row.
    #[serde(default)]
    pub failures_in_a_row: u64,
    /// When the next check is due.
    #[serde(default, deserialize_with = "optional_time")]
    pub next_check: Option<Timestamp>,
    /// When the drain ends.
    #[serde(default, deserialize_with = "optional_time")]
    pub drain_ends: Option<Timestamp>,
}

impl Target {
    /// Whether the server tells of it only because it was asked for by name.
    #[must_use]
    pub fn not_registered(&self) -> bool {
        self.state == State::Unused && self.reason.as_deref() == Some(Reason::TargetNotRegistered.as_str())
    }

    /// Its identity.
    #[must_use]
    pub fn key(&self) -> Key {
        Key::new(&self.id, self.port)
    }
}

/// One check.
#[derive(Clone, Debug, Deserialize)]
pub struct Check {
    /// When it started.
    #[serde(deserialize_with = "time")]
    pub time: Timestamp,
    /// How long it took, in seconds.
    pub duration: f64,
    /// Where the time went.
    #[serde(default)]
    pub phases: Phases,
    /// `pass`, `fail` or `inconclusive`.
    pub result: String,
    /// The status code, if there was one.
    pub status: Option<u16>,
    /// Our word for the failure.
    pub failure: Option<String>,
    /// What happened and where to look.
    pub hint: Option<String>,
    /// Our word for a trouble of the server's own.
    pub cause: Option<String>,
}

/// Phases of a check, in seconds.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Phases {
    /// To a standing connection.
    pub connect: Option<f64>,
    /// The TLS handshake.
    pub tls: Option<f64>,
    /// From the request to a complete response head.
    pub response: Option<f64>,
}

/// A target that has left the list.
#[derive(Clone, Debug, Deserialize)]
pub struct Gone {
    /// The address or name it was registered with.
    pub id: String,
    /// The port it was registered with.
    pub port: u16,
}

/// All target groups.
#[derive(Clone, Debug, Deserialize)]
pub struct TargetGroups {
    /// The groups.
    pub target_groups: Vec<TargetGroup>,
}

/// One target group.
#[derive(Clone, Debug, Deserialize)]
pub struct TargetGroup {
    /// Its name.
    pub name: String,
    /// Its protocol; absent for Lambda functions.
    pub protocol: Option<String>,
    /// Its port; 0 for Lambda functions.
    pub port: u16,
    /// How its targets are checked.
    pub health_check: HealthCheck,
    /// How many targets are in each state, by AWS's words.
    pub targets: BTreeMap<String, u64>,
    /// Whether it has too few healthy targets and routes to all.
    #[serde(default)]
    pub fail_open: bool,
}

impl TargetGroup {
    /// How many targets are in `state`.
    #[must_use]
    pub fn count(&self, state: State) -> u64 {
        self.targets.get(state.as_str()).copied().unwrap_or(0)
    }
}

/// How the targets of a group are checked; durations in seconds.
#[derive(Clone, Debug, Deserialize)]
pub struct HealthCheck {
    /// HTTP, HTTPS or TCP; absent for Lambda functions.
    pub protocol: Option<String>,
    /// `traffic-port` or a number; absent for Lambda functions.
    #[serde(default)]
    pub port: serde_json::Value,
    /// The path asked for.
    pub path: Option<String>,
    /// From the start of one check to the start of the next.
    pub interval: f64,
    /// The time a check may take.
    pub timeout: f64,
    /// Passes in a row.
    pub healthy_threshold: u64,
    /// Failures in a row.
    pub unhealthy_threshold: u64,
    /// The status codes that pass.
    pub matcher: Option<String>,
}

/// The body of an error.
#[derive(Clone, Debug, Deserialize)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// What went wrong, for programs and for people.
#[derive(Clone, Debug, Deserialize)]
pub struct ErrorDetail {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
}

/// A registration's identity; addresses in numeric order, then names.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Key {
    is_name: bool,
    ip: Option<IpAddr>,
    id: Box<str>,
    port: u16,
}

impl Key {
    /// The identity of the registration of `id` with `port`.
    #[must_use]
    pub fn new(id: &str, port: u16) -> Self {
        let ip = id.parse().ok();
        Self { is_name: ip.is_none(), ip, id: id.into(), port }
    }

    /// The address or name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            None if self.port == 0 => f.write_str(&self.id),
            None if self.id.contains(':') => write!(f, "[{}]:{}", self.id, self.port),
            Some(IpAddr::V4(_)) | None => write!(f, "{}:{}", self.id, self.port),
        }
    }
}

fn state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<State, D::Error> {
    let text = String::deserialize(deserializer)?;
    State::ALL
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| serde::de::Error::custom(format!("unknown target state `{text}`")))
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    read(&String::deserialize(deserializer)?)
}

fn optional_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(|text| read(&text)).transpose()
}

fn read<E: serde::de::Error>(text: &str) -> Result<Timestamp, E> {
    text.parse().map_err(|error| E::custom(format!("`{text}` is not an RFC 3339 time: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_in_numeric_order_before_names() {
        let mut keys: Vec<_> =
            [("web", 80), ("10.0.0.10", 80), ("::1", 80), ("10.0.0.9", 81), ("10.0.0.9", 80)]
                .map(|(id, port)| Key::new(id, port))
                .into();
        keys.sort();
        let shown: Vec<_> = keys.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.9:80", "10.0.0.9:81", "10.0.0.10:80", "[::1]:80", "web:80"]);
    }

    #[test]
    fn a_state_nobody_knows_is_an_error_that_names_it() {
        let text = r#"{"target":"a:1","id":"a","port":1,"state":"sleepy"}"#;
        let error = serde_json::from_str::<Target>(text).unwrap_err().to_string();
        assert!(error.contains("unknown target state `sleepy`"), "{error}");
    }
}
