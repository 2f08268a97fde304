//! Target groups as the JSON API shows them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::description::Origin;
use crate::model::health::State;
use crate::model::health_check::HealthCheckProtocol;
use crate::model::protocol::{IpAddressType, Protocol, ProtocolVersion};
use crate::model::target_group::{self, MinimumHealthy, TargetGroup};
use crate::runtime::view::{Counts, Listing, Snapshot, fail_open};

/// A list of groups.
#[derive(Debug, Serialize)]
pub struct Groups {
    /// Every group, by name.
    pub target_groups: Vec<Group>,
}

/// One group.
#[derive(Debug, Serialize)]
pub struct Group {
    name: String,
    arn: String,
    region: String,
    origin: &'static str,
    target_type: &'static str,
    protocol: Option<&'static str>,
    protocol_version: Option<&'static str>,
    port: u16,
    vpc_id: Option<String>,
    ip_address_type: Option<&'static str>,
    tags: BTreeMap<String, String>,
    health_check: HealthCheck,
    attributes: Attributes,
    targets: StateCounts,
    fail_open: bool,
}

#[derive(Debug, Serialize)]
struct HealthCheck {
    enabled: bool,
    protocol: Option<&'static str>,
    port: Option<String>,
    path: Option<String>,
    interval: f64,
    timeout: f64,
    healthy_threshold: u8,
    unhealthy_threshold: u8,
    initial_healthy_threshold: u8,
    matcher: Option<String>,
    start_period: f64,
    host: Option<String>,
    /// Names only: a value may be a secret.
    headers: Vec<String>,
    body_match: Option<String>,
    stale_after: f64,
    close: &'static str,
    tls_resumption: bool,
    verify: Option<Verify>,
}

#[derive(Debug, Serialize)]
struct Verify {
    ca_file: String,
    server_name: Option<String>,
}

#[derive(Debug, Serialize)]
struct Attributes {
    deregistration_delay: f64,
    in_use: bool,
    unhealthy_draining: f64,
    end_drain_when_refused: bool,
    dns_failover: Minimum,
    unhealthy_state_routing: Minimum,
}

/// `null` is AWS's `off`.
#[derive(Debug, Serialize)]
struct Minimum {
    minimum_healthy_targets_count: Option<u32>,
    minimum_healthy_targets_percentage: Option<u8>,
}

impl From<MinimumHealthy> for Minimum {
    fn from(minimum: MinimumHealthy) -> Self {
        Self {
            minimum_healthy_targets_count: minimum.count,
            minimum_healthy_targets_percentage: minimum.percentage,
        }
    }
}

/// How many targets are in each state, every state named.
#[derive(Debug)]
struct StateCounts(Counts);

impl Serialize for StateCounts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(State::ALL.map(|state| (state.as_str(), self.0.of(state))))
    }
}

/// A group as it is shown.
#[must_use]
pub fn group(snapshot: &Snapshot, listing: &Listing) -> Group {
    let (group, counts) = (&listing.group, snapshot.counts(listing));
    let description = &group.description;
    Group {
        name: group.name.to_string(),
        arn: description.arn.to_string(),
        region: description.region.to_string(),
        origin: match description.origin {
            Origin::File => "file",
            Origin::Api => "api",
        },
        target_type: group.target_type.as_str(),
        protocol: group.protocol.map(Protocol::as_str),
        protocol_version: group.protocol_version.map(ProtocolVersion::as_str),
        port: group.port,
        vpc_id: description.vpc_id.as_deref().map(str::to_owned),
        ip_address_type: description.ip_address_type.map(IpAddressType::as_str),
        tags: description.tags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        health_check: health_check(group),
        attributes: attributes(&group.attributes),
        fail_open: fail_open(group, &counts),
        targets: StateCounts(counts),
    }
}

fn health_check(group: &TargetGroup) -> HealthCheck {
    let check = &group.health_check;
    let reachable = group.protocol.is_some();
    let asks = check.protocol != HealthCheckProtocol::Tcp;
    HealthCheck {
        enabled: check.enabled,
        protocol: reachable.then(|| check.protocol.as_str()),
        port: reachable.then(|| check.port.to_string()),
        path: asks.then(|| check.path.clone()),
        interval: check.interval.as_secs_f64(),
        timeout: check.timeout.as_secs_f64(),
        healthy_threshold: check.healthy_threshold.get(),
        unhealthy_threshold: check.unhealthy_threshold.get(),
        initial_healthy_threshold: check.initial_healthy_threshold.get(),
        matcher: asks.then(|| check.matcher.to_string()),
        start_period: check.start_period.as_secs_f64(),
        host: check.host.as_deref().map(str::to_owned),
        headers: check.headers.iter().map(|(name, _)| name.to_string()).collect(),
        body_match: check.body_match.as_deref().map(str::to_owned),
        stale_after: check.stale_after.as_secs_f64(),
        close: check.close.as_str(),
        tls_resumption: check.tls_resumption,
        verify: check.verify.as_ref().map(|verify| Verify {
            ca_file: verify.ca_file.clone(),
            server_name: verify.server_name.clone(),
        }),
    }
}

fn attributes(attributes: &target_group::Attributes) -> Attributes {
    Attributes {
        deregistration_delay: attributes.deregistration_delay.as_secs_f64(),
        in_use: attributes.in_use,
        unhealthy_draining: attributes.unhealthy_draining.as_secs_f64(),
        end_drain_when_refused: attributes.end_drain_when_refused,
        dns_failover: attributes.dns_failover.into(),
        unhealthy_state_routing: attributes.unhealthy_state_routing.into(),
    }
}

/// Every group.
#[must_use]
pub fn groups(snapshot: &Snapshot) -> Groups {
    Groups { target_groups: snapshot.groups.values().map(|listing| group(snapshot, listing)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::protocol::TargetType;
    use crate::model::target_group::GroupName;
    use serde_json::Value;

    /// The check of a group of this protocol, as it is shown.
    fn shown(protocol: Option<Protocol>, change: impl FnOnce(&mut TargetGroup)) -> Value {
        let name = GroupName::parse("web").unwrap();
        let mut group = TargetGroup::new(name, protocol.unwrap_or(Protocol::Http), 80);
        group.protocol = protocol;
        change(&mut group);
        serde_json::to_value(health_check(&group)).unwrap()
    }

    #[test]
    fn what_does_not_apply_to_a_check_is_null() {
        let tcp = shown(Some(Protocol::Tcp), |group| group.health_check.protocol = HealthCheckProtocol::Tcp);
        assert_eq!(tcp["protocol"], "TCP");
        assert_eq!((&tcp["path"], &tcp["matcher"]), (&Value::Null, &Value::Null));
        let function = shown(None, |group| group.target_type = TargetType::Lambda);
        assert_eq!((&function["protocol"], &function["port"]), (&Value::Null, &Value::Null));
        assert_eq!(function["path"], "/");
    }

    #[test]
    fn header_fields_are_shown_without_their_values() {
        let check = shown(Some(Protocol::Http), |group| {
            group.health_check.headers = vec![("X-Api-Key".into(), "secret".into())];
        });
        assert_eq!(check["headers"], serde_json::json!(["X-Api-Key"]));
        assert!(!check.to_string().contains("secret"));
    }
}
