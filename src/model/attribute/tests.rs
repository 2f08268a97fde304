//! What is listed of every kind of group, and of groups from the file. Rows for every value and rule stand with
//! ModifyTargetGroupAttributes, in the settings of the API.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::family::Family;
use crate::model::health_check::HealthCheck;
use crate::model::protocol::{Protocol, ProtocolVersion};
use crate::model::target_group::{Attributes, GroupName, MinimumHealthy};

fn group(target_type: &str, protocol: &str, origin: Origin) -> TargetGroup {
    let protocol = Protocol::parse(protocol);
    let named = TargetGroup::new(GroupName::parse("web").unwrap(), protocol.unwrap_or(Protocol::Http), 80);
    let target_type = TargetType::parse(target_type).unwrap();
    let mut group = TargetGroup { target_type, protocol, ..named };
    let check = HealthCheck::of_kind(target_type, protocol, group.protocol_version, None);
    group.health_check = check.clone();
    let description = Arc::make_mut(&mut group.description);
    description.origin = origin;
    description.health_check = check;
    in_force(&mut group);
    group
}

#[track_caller]
fn lists(target_type: &str, protocol: &str, wanted: &[&str]) {
    for origin in [Origin::Api, Origin::File] {
        let group = group(target_type, protocol, origin);
        let found: Vec<_> = list(&group).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(found, wanted, "{target_type} {protocol} {origin:?}");
    }
}

const FLOORS: [&str; 4] = [
    "target_group_health.dns_failover.minimum_healthy_targets.count=1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage=off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count=1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage=off",
];

#[test]
fn an_http_group_lists_fourteen_attributes() {
    let mut wanted = vec![
        "stickiness.enabled=false",
        "stickiness.type=lb_cookie",
        "stickiness.lb_cookie.duration_seconds=86400",
        "stickiness.app_cookie.duration_seconds=86400",
        "stickiness.app_cookie.cookie_name=",
        "deregistration_delay.timeout_seconds=300",
        "slow_start.duration_seconds=0",
        "load_balancing.algorithm.type=round_robin",
        "load_balancing.algorithm.anomaly_mitigation=off",
        "load_balancing.cross_zone.enabled=use_load_balancer_configuration",
    ];
    wanted.extend(FLOORS);
    assert_eq!(wanted.len(), 14);
    lists("ip", "HTTP", &wanted);
    lists("instance", "HTTPS", &wanted);
}

/// The attributes of a network group, its values of those that depend on its kind, and how many it lacks at its front.
fn network<'a>(terminates: [&'a str; 2], preserves: &'a str, machines: bool) -> Vec<&'a str> {
    let sticky = ["stickiness.enabled=false", "stickiness.type=source_ip"];
    let mut wanted: Vec<_> = sticky.into_iter().filter(|_| machines).collect();
    wanted.push("deregistration_delay.timeout_seconds=300");
    wanted.extend(terminates);
    wanted.push("target_health_state.unhealthy.draining_interval_seconds=0");
    wanted.push("load_balancing.cross_zone.enabled=use_load_balancer_configuration");
    wanted.extend(FLOORS);
    wanted.push(preserves);
    wanted.extend(["proxy_protocol_v2.enabled=false"].into_iter().filter(|_| machines));
    wanted
}

#[test]
fn network_groups_list_their_own() {
    let streams = [
        "deregistration_delay.connection_termination.enabled=false",
        "target_health_state.unhealthy.connection_termination.enabled=true",
    ];
    let datagrams = [
        "deregistration_delay.connection_termination.enabled=true",
        "target_health_state.unhealthy.connection_termination.enabled=false",
    ];
    let (yes, no) = ("preserve_client_ip.enabled=true", "preserve_client_ip.enabled=false");
    lists("ip", "TCP", &network(streams, no, true));
    lists("ip", "TLS", &network(streams, no, true));
    lists("instance", "TCP", &network(streams, yes, true));
    lists("ip", "QUIC", &network(streams, yes, true));
    lists("ip", "UDP", &network(datagrams, yes, true));
    lists("instance", "TCP_UDP", &network(datagrams, yes, true));
    lists("alb", "TCP", &network(streams, yes, false));
}

#[test]
fn other_groups_list_few() {
    lists(
        "ip",
        "GENEVE",
        &[
            "stickiness.enabled=false",
            "stickiness.type=source_ip_dest_ip_proto",
            "deregistration_delay.timeout_seconds=300",
            "target_failover.on_deregistration=no_rebalance",
            "target_failover.on_unhealthy=no_rebalance",
        ],
    );
    let mut wanted = FLOORS.to_vec();
    wanted.push("lambda.multi_value_headers.enabled=false");
    lists("lambda", "-", &wanted);
}

#[test]
fn every_default_is_allowed() {
    for row in TABLE {
        let kinds = [("ip", "HTTP"), ("ip", "TCP"), ("ip", "UDP"), ("ip", "GENEVE"), ("lambda", "-")];
        let kinds = kinds.map(|(target_type, protocol)| group(target_type, protocol, Origin::Api));
        let having: Vec<_> = kinds.iter().filter(|group| (row.applies)(group)).collect();
        assert!(!having.is_empty(), "no group has {}", row.key);
        assert_eq!(row.is_ours(), row.key.starts_with(OURS), "{}", row.key);
        for group in having {
            let default = row.default.map_or("", |default| default(group));
            assert_eq!(check(group, row.key, default), Ok(()), "{}", row.key);
        }
    }
}

#[test]
fn every_attribute_of_ours_does_something() {
    let plain = group("ip", "HTTP", Origin::Api);
    for row in TABLE.iter().filter(|row| row.is_ours()) {
        let values = ["70", "true", "false", "{\"a\":\"b\"}"];
        let effective = values.iter().any(|value| {
            let set = set(&plain, &[(row.key.to_owned(), (*value).to_owned())]);
            set.is_ok_and(|set| {
                (set.health_check, &set.attributes) != (plain.health_check.clone(), &plain.attributes)
            })
        });
        assert!(effective, "{}", row.key);
    }
}

#[test]
fn what_cannot_be_read_in_a_stored_attribute_counts_as_not_set() {
    let plain = group("ip", "HTTP", Origin::Api);
    let mut odd = plain.clone();
    let attributes = &mut Arc::make_mut(&mut odd.description).attributes;
    for (key, value) in [
        (table::INTERVAL, "soon"),
        (table::HEALTHY, "0"),
        (table::UNHEALTHY, "300"),
        (table::HEADERS, "{"),
        (table::DELAY, ""),
        ("tgprobe.of_a_later_version", "1"),
    ] {
        attributes.insert(key.into(), value.into());
    }
    in_force(&mut odd);
    assert_eq!((odd.health_check, odd.attributes), (plain.health_check, plain.attributes));
}

#[test]
fn a_group_from_the_file_tells_what_the_file_says() {
    let mut web = group("ip", "HTTP", Origin::File);
    let before = list(&web);
    let second = Duration::from_secs(1);
    web.health_check = HealthCheck {
        interval: second * 4,
        timeout: Duration::from_millis(2_500),
        initial_healthy_threshold: std::num::NonZeroU8::new(3).unwrap(),
        unhealthy_threshold: std::num::NonZeroU8::MIN,
        start_period: second,
        host: Some("a".into()),
        headers: vec![("X-B".into(), "\"1\"".into()), ("X-A".into(), "2".into())],
        body_match: Some("ok".into()),
        ..web.health_check
    };
    web.attributes = Attributes {
        deregistration_delay: second,
        dns_failover: MinimumHealthy { count: None, percentage: Some(50) },
        in_use: false,
        end_drain_when_refused: true,
        ..web.attributes
    };
    let said: Vec<_> = list(&web).into_iter().filter(|pair| !before.contains(pair)).collect();
    let said: Vec<_> = said.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(
        said,
        [
            "deregistration_delay.timeout_seconds=1",
            "target_group_health.dns_failover.minimum_healthy_targets.count=off",
            "target_group_health.dns_failover.minimum_healthy_targets.percentage=50",
            "tgprobe.health_check.interval_milliseconds=4000",
            "tgprobe.health_check.timeout_milliseconds=2500",
            "tgprobe.health_check.unhealthy_threshold=1",
            "tgprobe.health_check.initial_healthy_threshold=3",
            "tgprobe.health_check.start_period_milliseconds=1000",
            "tgprobe.health_check.host=a",
            r#"tgprobe.health_check.headers={"X-B":"\"1\"","X-A":"2"}"#,
            "tgprobe.health_check.body_match=ok",
            "tgprobe.in_use=false",
            "tgprobe.deregistration_delay.end_when_refused.enabled=true",
        ]
    );
    let mut tcp = group("ip", "TCP", Origin::File);
    tcp.attributes.unhealthy_draining = second * 60;
    let listed = list(&tcp);
    for (key, value) in [(table::UNHEALTHY_DRAINING, "60"), (table::TERMINATION, "false")] {
        assert!(listed.contains(&(key.to_owned(), value.to_owned())), "{key}");
    }
}

#[test]
fn nothing_of_a_group_from_the_file_is_computed_anew() {
    let mut web = group("ip", "HTTP", Origin::File);
    web.attributes.in_use = false;
    web.health_check.path = "/file".to_owned();
    let before = web.clone();
    in_force(&mut web);
    assert_eq!(web, before);
}

#[test]
fn functions_have_nothing_to_drain() {
    for (target_type, protocol, delay) in [("lambda", "-", 0), ("ip", "HTTP", 300), ("alb", "TCP", 300)] {
        let found = group(target_type, protocol, Origin::Api).attributes.deregistration_delay;
        assert_eq!(found, Duration::from_secs(delay), "{target_type}");
    }
}

#[test]
fn families_follow_target_type_and_protocol() {
    for (target_type, protocol, family) in [
        ("ip", "HTTP", Family::Application),
        ("instance", "HTTPS", Family::Application),
        ("ip", "TCP_QUIC", Family::Network),
        ("alb", "TCP", Family::Network),
        ("ip", "GENEVE", Family::Gateway),
        ("lambda", "-", Family::Lambda),
    ] {
        assert_eq!(Family::of_group(&group(target_type, protocol, Origin::Api)), family);
    }
    assert_eq!(Family::Application.codes(Some(ProtocolVersion::Grpc)), 0..=99);
}
