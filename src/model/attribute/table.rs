//! The one table of attributes: which there are, what they may say, what they say by default and for which groups.

use std::ops::RangeInclusive;

use crate::model::family::Family;
use crate::model::protocol::{Protocol, ProtocolVersion, TargetType};
use crate::model::target_group::TargetGroup;

/// One attribute.
pub(super) struct Attribute {
    pub(super) key: &'static str,
    pub(super) allowed: Allowed,
    /// Which groups have it.
    pub(super) applies: fn(&TargetGroup) -> bool,
    /// AWS's default; attributes of ours have none and are listed only once set.
    pub(super) default: Option<fn(&TargetGroup) -> &'static str>,
}

/// What an attribute may say.
pub(super) enum Allowed {
    /// A whole number.
    Whole(RangeInclusive<u32>),
    /// 0, or a whole number in the range.
    ZeroOr(RangeInclusive<u32>),
    /// `off`, or a whole number in the range.
    OffOr(RangeInclusive<u32>),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these words, and of those one that the group's load balancer knows.
    StickinessType,
    /// The name of a cookie, or nothing.
    CookieName,
    /// `host[:port]`.
    Host,
    /// A JSON object of strings.
    Headers,
    /// What a body must contain.
    BodyMatch,
}

const BOOLEANS: Allowed = Allowed::OneOf(&["true", "false"]);
/// As many targets as the file may ask for; AWS's limit is the number of targets a group may have.
const TARGETS: RangeInclusive<u32> = 1..=1_000_000;
const PERCENTAGES: RangeInclusive<u32> = 1..=100;
const COOKIE_SECONDS: RangeInclusive<u32> = 1..=604_800;
const REBALANCE: Allowed = Allowed::OneOf(&["rebalance", "no_rebalance"]);

pub(super) const DELAY: &str = "deregistration_delay.timeout_seconds";
pub(super) const TERMINATION: &str = "target_health_state.unhealthy.connection_termination.enabled";
pub(super) const UNHEALTHY_DRAINING: &str = "target_health_state.unhealthy.draining_interval_seconds";
pub(super) const DNS_COUNT: &str = "target_group_health.dns_failover.minimum_healthy_targets.count";
pub(super) const DNS_PERCENTAGE: &str = "target_group_health.dns_failover.minimum_healthy_targets.percentage";
pub(super) const ROUTING_COUNT: &str =
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count";
pub(super) const ROUTING_PERCENTAGE: &str =
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage";
pub(super) const STICKINESS: &str = "stickiness.enabled";
pub(super) const STICKINESS_TYPE: &str = "stickiness.type";
pub(super) const COOKIE_NAME: &str = "stickiness.app_cookie.cookie_name";
pub(super) const SLOW_START: &str = "slow_start.duration_seconds";
pub(super) const ALGORITHM: &str = "load_balancing.algorithm.type";
pub(super) const MITIGATION: &str = "load_balancing.algorithm.anomaly_mitigation";
pub(super) const ON_DEREGISTRATION: &str = "target_failover.on_deregistration";
pub(super) const ON_UNHEALTHY: &str = "target_failover.on_unhealthy";
pub(super) const PRESERVE_CLIENT_IP: &str = "preserve_client_ip.enabled";

/// What every key of ours begins with.
pub(super) const OURS: &str = "tgprobe.";
pub(super) const INTERVAL: &str = "tgprobe.health_check.interval_milliseconds";
pub(super) const TIMEOUT: &str = "tgprobe.health_check.timeout_milliseconds";
pub(super) const HEALTHY: &str = "tgprobe.health_check.healthy_threshold";
pub(super) const UNHEALTHY: &str = "tgprobe.health_check.unhealthy_threshold";
pub(super) const INITIAL_HEALTHY: &str = "tgprobe.health_check.initial_healthy_threshold";
pub(super) const START_PERIOD: &str = "tgprobe.health_check.start_period_milliseconds";
pub(super) const HOST: &str = "tgprobe.health_check.host";
pub(super) const HEADERS: &str = "tgprobe.health_check.headers";
pub(super) const BODY_MATCH: &str = "tgprobe.health_check.body_match";
pub(super) const IN_USE: &str = "tgprobe.in_use";
pub(super) const END_WHEN_REFUSED: &str = "tgprobe.deregistration_delay.end_when_refused.enabled";

/// Every attribute, in the order they are listed.
pub(super) static TABLE: &[Attribute] = &[
    theirs(STICKINESS, BOOLEANS, sticky, |_| "false"),
    theirs(STICKINESS_TYPE, Allowed::StickinessType, sticky, |group| stickiness_types(group)[0]),
    theirs("stickiness.lb_cookie.duration_seconds", Allowed::Whole(COOKIE_SECONDS), application, |_| "86400"),
    theirs(
        "stickiness.app_cookie.duration_seconds",
        Allowed::Whole(COOKIE_SECONDS),
        application,
        |_| "86400",
    ),
    theirs(COOKIE_NAME, Allowed::CookieName, application, |_| ""),
    theirs(DELAY, Allowed::Whole(0..=3_600), drained, |_| "300"),
    theirs("deregistration_delay.connection_termination.enabled", BOOLEANS, network, |group| {
        if datagrams(group) { "true" } else { "false" }
    }),
    theirs(TERMINATION, BOOLEANS, network, |group| if datagrams(group) { "false" } else { "true" }),
    theirs(UNHEALTHY_DRAINING, Allowed::Whole(0..=360_000), network, |_| "0"),
    theirs(SLOW_START, Allowed::ZeroOr(30..=900), application, |_| "0"),
    theirs(ALGORITHM, Allowed::OneOf(&ALGORITHMS), application, |_| ALGORITHMS[0]),
    theirs(MITIGATION, Allowed::OneOf(&["on", "off"]), application, |_| "off"),
    theirs("load_balancing.cross_zone.enabled", Allowed::OneOf(&CROSS_ZONE), balanced, |_| CROSS_ZONE[2]),
    theirs(DNS_COUNT, Allowed::OffOr(TARGETS), counted, |_| "1"),
    theirs(DNS_PERCENTAGE, Allowed::OffOr(PERCENTAGES), counted, |_| "off"),
    theirs(ROUTING_COUNT, Allowed::Whole(TARGETS), counted, |_| "1"),
    theirs(ROUTING_PERCENTAGE, Allowed::OffOr(PERCENTAGES), counted, |_| "off"),
    theirs(PRESERVE_CLIENT_IP, BOOLEANS, network, |group| {
        let hidden = group.target_type == TargetType::Ip
            && matches!(group.protocol, Some(Protocol::Tcp | Protocol::Tls));
        if hidden { "false" } else { "true" }
    }),
    theirs("proxy_protocol_v2.enabled", BOOLEANS, machines, |_| "false"),
    theirs(ON_DEREGISTRATION, REBALANCE, gateway, |_| "no_rebalance"),
    theirs(ON_UNHEALTHY, REBALANCE, gateway, |_| "no_rebalance"),
    theirs("lambda.multi_value_headers.enabled", BOOLEANS, lambda, |_| "false"),
    ours(INTERVAL, Allowed::Whole(10..=86_400_000), drained),
    ours(TIMEOUT, Allowed::Whole(1..=3_600_000), drained),
    ours(HEALTHY, Allowed::Whole(1..=100), drained),
    ours(UNHEALTHY, Allowed::Whole(1..=100), drained),
    ours(INITIAL_HEALTHY, Allowed::Whole(1..=100), drained),
    ours(START_PERIOD, Allowed::Whole(0..=86_400_000), drained),
    ours(HOST, Allowed::Host, drained),
    ours(HEADERS, Allowed::Headers, drained),
    ours(BODY_MATCH, Allowed::BodyMatch, |group| {
        drained(group) && group.protocol_version != Some(ProtocolVersion::Grpc)
    }),
    ours(IN_USE, BOOLEANS, |_| true),
    ours(END_WHEN_REFUSED, BOOLEANS, drained),
];

const ALGORITHMS: [&str; 3] = ["round_robin", "least_outstanding_requests", "weighted_random"];
const CROSS_ZONE: [&str; 3] = ["true", "false", "use_load_balancer_configuration"];

const fn theirs(
    key: &'static str,
    allowed: Allowed,
    applies: fn(&TargetGroup) -> bool,
    default: fn(&TargetGroup) -> &'static str,
) -> Attribute {
    Attribute { key, allowed, applies, default: Some(default) }
}

const fn ours(key: &'static str, allowed: Allowed, applies: fn(&TargetGroup) -> bool) -> Attribute {
    Attribute { key, allowed, applies, default: None }
}

fn application(group: &TargetGroup) -> bool {
    Family::of_group(group) == Family::Application
}

fn network(group: &TargetGroup) -> bool {
    Family::of_group(group) == Family::Network
}

fn gateway(group: &TargetGroup) -> bool {
    Family::of_group(group) == Family::Gateway
}

fn lambda(group: &TargetGroup) -> bool {
    Family::of_group(group) == Family::Lambda
}

/// Whether anything is registered that can drain and be checked: all but functions.
fn drained(group: &TargetGroup) -> bool {
    !lambda(group)
}

fn balanced(group: &TargetGroup) -> bool {
    application(group) || network(group)
}

fn counted(group: &TargetGroup) -> bool {
    !gateway(group)
}

/// A Network Load Balancer's group whose targets are not load balancers themselves.
fn machines(group: &TargetGroup) -> bool {
    network(group) && group.target_type != TargetType::Alb
}

fn sticky(group: &TargetGroup) -> bool {
    application(group) || machines(group) || gateway(group)
}

/// Whether the group's traffic is, in part, UDP.
pub(super) fn datagrams(group: &TargetGroup) -> bool {
    matches!(group.protocol, Some(Protocol::Udp | Protocol::TcpUdp))
}

/// The kinds of stickiness the group's load balancer knows, the default first.
pub(super) fn stickiness_types(group: &TargetGroup) -> &'static [&'static str] {
    match Family::of_group(group) {
        Family::Application | Family::Lambda => &STICKINESS_TYPES[..2],
        Family::Network => &STICKINESS_TYPES[2..3],
        Family::Gateway => &STICKINESS_TYPES[3..],
    }
}

/// Every kind of stickiness.
pub(super) const STICKINESS_TYPES: [&str; 5] =
    ["lb_cookie", "app_cookie", "source_ip", "source_ip_dest_ip_proto", "source_ip_dest_ip"];
