//! A target group: a name, a protocol, a health check and the attributes that concern health.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::model::arn::Account;
use crate::model::description::Description;
use crate::model::family::Family;
use crate::model::health_check::HealthCheck;
use crate::model::protocol::{Protocol, ProtocolVersion, TargetType};

/// The name of a group: 1 to 32 letters, digits and single hyphens, no hyphen at either end.
///
/// The name of a group in another region than the configured one stands behind that region and a colon, as in
/// `eu-west-1:web`, so that it is unique wherever groups are named.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct GroupName(Arc<str>);

impl GroupName {
    /// Reads a name by AWS's rule (docs/semantics.md, "Target groups").
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("a name has at least one character");
        }
        if text.chars().count() > 32 {
            return Err("a name cannot be longer than 32 characters");
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err("a name can only contain letters, digits and hyphens");
        }
        if text.starts_with('-') || text.ends_with('-') || text.contains("--") {
            return Err("a name cannot begin or end with a hyphen or contain two in a row");
        }
        Ok(Self(text.into()))
    }

    /// The same name in another region than the configured one.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self(format!("{region}:{}", self.bare()).into())
    }

    /// Reads a name as it is shown, with the region of a group that is not in the configured one.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn parse_shown(text: &str) -> Result<Self, &'static str> {
        match text.rsplit_once(':') {
            Some((region, _)) if !Account::is_region(region) => {
                Err("before the colon stands a region: lower-case letters, digits and hyphens")
            }
            Some((region, name)) => Ok(Self::parse(name)?.in_region(region)),
            None => Self::parse(text),
        }
    }

    /// The name as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name within its region.
    #[must_use]
    pub fn bare(&self) -> &str {
        self.0.rsplit_once(':').map_or(&*self.0, |(_, name)| name)
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::borrow::Borrow<str> for GroupName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A floor under the number of healthy targets, in targets, in percent, or both; `None` is AWS's `off`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MinimumHealthy {
    /// At least this many targets.
    pub count: Option<u32>,
    /// At least this share of the registered targets, 1 to 100.
    pub percentage: Option<u8>,
}

impl Default for MinimumHealthy {
    /// AWS's default: one target, no percentage.
    fn default() -> Self {
        Self { count: Some(1), percentage: None }
    }
}

/// The attributes of a group that concern health.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attributes {
    /// `deregistration_delay.timeout_seconds`: how long a deregistered target keeps its place, 0 to 3,600 s.
    pub deregistration_delay: Duration,
    /// `target_group_health.dns_failover.minimum_healthy_targets`.
    pub dns_failover: MinimumHealthy,
    /// `target_group_health.unhealthy_state_routing.minimum_healthy_targets`: below it the group fails open.
    pub unhealthy_state_routing: MinimumHealthy,
    /// Whether the group takes traffic; where false every target is `unused` / `Target.NotInUse` and is not checked.
    pub in_use: bool,
    /// How long a failing target is `unhealthy.draining` before it is `unhealthy`, 0 to 360,000 s; zero where it never is
    /// (docs/semantics.md, "States").
    pub unhealthy_draining: Duration,
    /// Whether a drain ends as soon as a check finds that nothing listens at the target's address any more.
    pub end_drain_when_refused: bool,
}

impl Attributes {
    /// The defaults of a family's groups. A Lambda function is called, not connected to: it has nothing to drain, and AWS
    /// no attribute that says for how long (docs/semantics.md, "Kinds of groups").
    #[must_use]
    pub fn of(family: Family) -> Self {
        let default = Self::default();
        match family {
            Family::Lambda => Self { deregistration_delay: Duration::ZERO, ..default },
            Family::Application | Family::Network | Family::Gateway => default,
        }
    }
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            deregistration_delay: Duration::from_secs(300),
            dns_failover: MinimumHealthy::default(),
            unhealthy_state_routing: MinimumHealthy::default(),
            in_use: true,
            unhealthy_draining: Duration::ZERO,
            end_drain_when_refused: false,
        }
    }
}

/// A target group without its targets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TargetGroup {
    /// Its name, unique among groups.
    pub name: GroupName,
    /// What its targets' ids are.
    pub target_type: TargetType,
    /// The protocol of the traffic; `None` exactly for Lambda functions.
    pub protocol: Option<Protocol>,
    /// The version of HTTP; `None` unless the protocol is HTTP or HTTPS.
    pub protocol_version: Option<ProtocolVersion>,
    /// The port of targets that name none; 0 exactly for Lambda functions, which have none.
    pub port: u16,
    /// How targets are checked.
    pub health_check: HealthCheck,
    /// The attributes that concern health.
    pub attributes: Attributes,
    /// What else the API tells of it.
    pub description: Arc<Description>,
}

impl TargetGroup {
    /// A group of addresses with every default of an Application Load Balancer.
    #[must_use]
    pub fn new(name: GroupName, protocol: Protocol, port: u16) -> Self {
        Self {
            name,
            target_type: TargetType::Ip,
            protocol: Some(protocol),
            protocol_version: protocol.is_application().then_some(ProtocolVersion::Http1),
            port,
            health_check: HealthCheck::default(),
            attributes: Attributes::default(),
            description: Arc::default(),
        }
    }

    /// Whether it stands behind an Application Load Balancer, as far as its rules go: HTTP, HTTPS and Lambda groups.
    #[must_use]
    pub fn is_application(&self) -> bool {
        self.protocol.is_none_or(Protocol::is_application)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_aws() {
        for good in ["web", "a", "web-1", "A1-b2-C3", &"a".repeat(32)] {
            assert!(GroupName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "a_b", "a b", "é", &"a".repeat(33)] {
            assert!(GroupName::parse(bad).is_err(), "{bad}");
        }
    }
}
