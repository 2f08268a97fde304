//! The store over directories of the tests' own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::attribute::in_force;
use crate::model::change::Change;
use crate::model::description::{Description, Origin};
use crate::model::failure::Failure;
use crate::model::health::State;
use crate::model::health_check::{HealthCheck, HealthCheckPort, HealthCheckProtocol};
use crate::model::life::Life;
use crate::model::matcher::Matcher;
use crate::model::protocol::{IpAddressType, Protocol, ProtocolVersion, TargetType};
use crate::model::target::{More, TargetDescription};
use crate::model::target_group::{GroupName, TargetGroup};

mod ecs;
mod fixture;
mod open;
mod record;
mod trouble;
mod write;

const NOW: Tick = Tick(1_700_000_000_000);

fn open(dir: &Path) -> Store {
    Store::open(dir, Limits::default()).unwrap()
}

fn name(text: &str) -> GroupName {
    GroupName::parse_shown(text).unwrap()
}

fn target(id: &str) -> Arc<TargetDescription> {
    Arc::new(TargetDescription::new(id, 80))
}

/// A group made through the API with as few settings as possible.
fn plain(text: &str) -> TargetGroup {
    let group = TargetGroup::new(name(text), Protocol::Http, 80);
    let description = Description {
        origin: Origin::Api,
        arn: format!("arn:{text}").into(),
        region: "us-east-1".into(),
        ..Description::default()
    };
    settled(TargetGroup { description: Arc::new(description), ..group })
}

/// The group with what is in force.
fn settled(mut group: TargetGroup) -> TargetGroup {
    in_force(&mut group);
    group
}

/// A group with everything set that can be.
fn rich(text: &str) -> TargetGroup {
    let check = HealthCheck {
        enabled: false,
        protocol: HealthCheckProtocol::Https,
        port: HealthCheckPort::Number(8443),
        path: "/health?a='b';--".to_owned(),
        interval: Duration::from_secs(10),
        timeout: Duration::from_millis(2_500),
        healthy_threshold: 3.try_into().unwrap(),
        unhealthy_threshold: 4.try_into().unwrap(),
        initial_healthy_threshold: 2.try_into().unwrap(),
        matcher: Matcher::parse_within("0-99", &(0..=99)).unwrap(),
        stale_after: Duration::from_secs(77),
        ..HealthCheck::default()
    };
    let pairs = |list: &[(&str, &str)]| -> BTreeMap<Box<str>, Box<str>> {
        list.iter().map(|(key, value)| (Box::from(*key), Box::from(*value))).collect()
    };
    let description = Description {
        origin: Origin::Api,
        created: NOW,
        arn: "arn:aws:elasticloadbalancing:eu-west-1:000000000000:targetgroup/web/0123456789abcdef".into(),
        region: "eu-west-1".into(),
        vpc_id: Some("vpc-0abc".into()),
        ip_address_type: Some(IpAddressType::Ipv6),
        target_control_port: Some(3_000),
        health_check: check,
        attributes: pairs(&[
            ("deregistration_delay.timeout_seconds", "17"),
            ("tgprobe.health_check.interval_milliseconds", "250"),
        ]),
        tags: pairs(&[("Name", "Grüße, 世界"), ("empty", "")]),
    };
    settled(TargetGroup {
        target_type: TargetType::Instance,
        protocol: Some(Protocol::Https),
        protocol_version: Some(ProtocolVersion::Grpc),
        port: 443,
        description: Arc::new(description),
        ..TargetGroup::new(name(text), Protocol::Https, 443)
    })
}

/// A life that has seen something.
fn life(state: State, since: Tick) -> Life {
    Life {
        state,
        since,
        conclusive_state: State::Unhealthy,
        failing: true,
        run: 7,
        failure: Some(Failure::StatusMismatch(503)),
        drain_ends: None,
        grid: Some((Tick(12_345), Duration::from_secs(30))),
    }
}
