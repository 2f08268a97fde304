//! Attributes as ModifyTargetGroupAttributes sets them.

use std::time::Duration;

use super::*;
use crate::model::target_group::MinimumHealthy;

/// Sets attributes, written as `key=value; key=value`, where `~` stands for a long beginning of a key.
fn set(group: &TargetGroup, text: &str) -> Result<TargetGroup, ApiError> {
    let pairs = text.split("; ").map(|pair| pair.split_once('=').unwrap());
    let pairs: Vec<_> = pairs.map(|(key, value)| (long(key), value.to_owned())).collect();
    modify_attributes(group, &pairs)
}

fn long(key: &str) -> String {
    key.replace("check~", "tgprobe.health_check.")
        .replace("health~", "target_group_health.")
        .replace("minimum~", "minimum_healthy_targets.")
        .replace("unhealthy~", "target_health_state.unhealthy.")
}

/// What is listed of a group, but for what a fresh group of its kind lists.
fn listed(group: &TargetGroup, kind: &str) -> Vec<String> {
    let fresh = attribute::list(&make(kind, "").unwrap());
    let changed = attribute::list(group).into_iter().filter(|pair| !fresh.contains(pair));
    changed.map(|(key, value)| format!("{key}={value}")).collect()
}

#[track_caller]
fn refuses(kind: &str, text: &str, why: &str) {
    let group = make(kind, "").unwrap();
    assert_eq!(error(set(&group, text)), long(why), "{kind}; {text}");
}

#[track_caller]
fn takes(kind: &str, text: &str) -> TargetGroup {
    let group = set(&make(kind, "").unwrap(), text).unwrap();
    let mut wanted: Vec<_> = text.split("; ").map(long).collect();
    wanted.sort();
    let mut found = listed(&group, kind);
    found.sort();
    assert_eq!(found, wanted, "{kind}; {text}");
    group
}

#[test]
fn values_out_of_range_are_refused_in_aws_words() {
    for value in ["3601", "-1", "", "abc", "1.5", "99999999999"] {
        refuses(
            HTTP,
            &format!("deregistration_delay.timeout_seconds={value}"),
            &format!(
                "ValidationError: 'deregistration_delay.timeout_seconds' value '{value}' must be between \
                 '0-3600' inclusive"
            ),
        );
    }
    let between = |kind, key: &str, value: &str, range: &str| {
        let why = format!("ValidationError: '{key}' value '{value}' must be {range} inclusive");
        refuses(kind, &format!("{key}={value}"), &why);
    };
    between(HTTP, "slow_start.duration_seconds", "29", "'0' or between '30-900'");
    between(HTTP, "slow_start.duration_seconds", "901", "'0' or between '30-900'");
    between(HTTP, "health~dns_failover.minimum~count", "0", "'off' or between '1-1000000'");
    between(HTTP, "health~dns_failover.minimum~percentage", "101", "'off' or between '1-100'");
    between(HTTP, "health~unhealthy_state_routing.minimum~count", "off", "between '1-1000000'");
    between(TCP, "unhealthy~draining_interval_seconds", "360001", "between '0-360000'");
    between(HTTP, "check~interval_milliseconds", "9", "between '10-86400000'");
    between(HTTP, "check~timeout_milliseconds", "0", "between '1-3600000'");
    between(HTTP, "check~healthy_threshold", "101", "between '1-100'");
    between(HTTP, "check~unhealthy_threshold", "0", "between '1-100'");
    between(HTTP, "check~initial_healthy_threshold", "0", "between '1-100'");
    between(HTTP, "check~start_period_milliseconds", "86400001", "between '0-86400000'");
    between(HTTP, "stickiness.lb_cookie.duration_seconds", "604801", "between '1-604800'");
}

#[test]
fn words_are_refused_with_those_allowed() {
    let words = |kind, key: &str, words: &str| {
        let why = format!("ValidationError: '{key}' value 'x' must be one of '{words}'");
        refuses(kind, &format!("{key}=x"), &why);
    };
    words(HTTP, "stickiness.enabled", "true, false");
    words(HTTP, "load_balancing.algorithm.type", "round_robin, least_outstanding_requests, weighted_random");
    words(TCP, "load_balancing.cross_zone.enabled", "true, false, use_load_balancer_configuration");
    words(GENEVE, "target_failover.on_unhealthy", "rebalance, no_rebalance");
    words(HTTP, "tgprobe.in_use", "true, false");
    refuses(
        TCP,
        "stickiness.type=lb_cookie",
        "InvalidConfigurationRequest: Stickiness type 'lb_cookie' is not supported for target groups with the \
         TCP protocol",
    );
    refuses(
        HTTP,
        "stickiness.app_cookie.cookie_name=AWSALB1",
        "ValidationError: 'stickiness.app_cookie.cookie_name' value 'AWSALB1' must be the name of a cookie, up \
         to 512 characters, that does not begin with 'AWSALB'",
    );
}

#[test]
fn a_key_must_exist_and_belong_to_the_group() {
    for key in ["waf.fail_open.enabled", "", "tgprobe.nothing", "tgprobe.health_check.interval"] {
        let why = format!("ValidationError: Target group attribute key '{key}' is not recognized");
        refuses(HTTP, &format!("{key}=1"), &why);
    }
    for (kind, key, shown) in [
        (LAMBDA, "deregistration_delay.timeout_seconds", "target type 'lambda'"),
        (LAMBDA, "tgprobe.health_check.interval_milliseconds", "target type 'lambda'"),
        (TCP, "slow_start.duration_seconds", "protocol 'TCP'"),
        (HTTP, "proxy_protocol_v2.enabled", "protocol 'HTTP'"),
        (GENEVE, "load_balancing.cross_zone.enabled", "protocol 'GENEVE'"),
        (ALB, "stickiness.enabled", "target type 'alb'"),
        (GRPC, "tgprobe.health_check.body_match", "protocol version 'GRPC'"),
    ] {
        let why = format!(
            "InvalidConfigurationRequest: A target group with {shown} does not support the attribute {key}"
        );
        refuses(kind, &format!("{key}=1"), &why);
    }
    refuses(
        HTTP,
        "tgprobe.in_use=true; tgprobe.in_use=true",
        "ValidationError: Target group attribute key 'tgprobe.in_use' is specified more than once",
    );
}

#[test]
fn attributes_that_do_not_fit_each_other_are_refused() {
    let unfit = |kind, text, why: &str| {
        refuses(kind, text, &format!("InvalidConfigurationRequest: {why}"));
    };
    let slow = "You cannot enable slow start with 'load_balancing.algorithm.type' value";
    for algorithm in ["least_outstanding_requests", "weighted_random"] {
        let text = format!("load_balancing.algorithm.type={algorithm}; slow_start.duration_seconds=30");
        refuses(HTTP, &text, &format!("InvalidConfigurationRequest: {slow} '{algorithm}'"));
    }
    unfit(
        HTTP,
        "load_balancing.algorithm.type=weighted_random; stickiness.enabled=true",
        "You cannot enable stickiness with 'load_balancing.algorithm.type' value 'weighted_random'",
    );
    unfit(
        HTTP,
        "load_balancing.algorithm.anomaly_mitigation=on",
        "'load_balancing.algorithm.anomaly_mitigation' value 'on' is only supported with \
         'load_balancing.algorithm.type' value 'weighted_random'",
    );
    unfit(
        HTTP,
        "stickiness.enabled=true; stickiness.type=app_cookie",
        "You must specify 'stickiness.app_cookie.cookie_name' to enable stickiness with the type 'app_cookie'",
    );
    unfit(
        TLS,
        "stickiness.enabled=true",
        "You cannot enable stickiness on target groups with the TLS protocol",
    );
    unfit(
        HTTP,
        "health~unhealthy_state_routing.minimum~count=2",
        "'health~dns_failover.minimum~count' value '1' must be greater than or equal to \
         'health~unhealthy_state_routing.minimum~count' value '2'",
    );
    unfit(
        TCP,
        "health~unhealthy_state_routing.minimum~percentage=50; health~dns_failover.minimum~percentage=49",
        "'health~dns_failover.minimum~percentage' value '49' must be greater than or equal to \
         'health~unhealthy_state_routing.minimum~percentage' value '50'",
    );
    unfit(
        GENEVE,
        "target_failover.on_unhealthy=rebalance",
        "'target_failover.on_deregistration' value 'no_rebalance' must be the same as \
         'target_failover.on_unhealthy' value 'rebalance'",
    );
    unfit(
        TCP,
        "unhealthy~draining_interval_seconds=60",
        "'unhealthy~draining_interval_seconds' is only supported with \
         'unhealthy~connection_termination.enabled' value 'false'",
    );
    unfit(
        UDP,
        "unhealthy~connection_termination.enabled=true",
        "You cannot enable unhealthy~connection_termination.enabled on target groups with the UDP protocol",
    );
    unfit(
        UDP,
        "preserve_client_ip.enabled=false",
        "You cannot disable preserve_client_ip.enabled on target groups with the UDP protocol",
    );
    unfit(
        HTTP,
        "check~interval_milliseconds=500; check~timeout_milliseconds=500",
        "'check~timeout_milliseconds' value '500' must be smaller than the interval in force, '500' milliseconds",
    );
}

#[test]
fn attributes_that_fit_are_set_together() {
    takes(
        HTTP,
        "load_balancing.algorithm.anomaly_mitigation=on; load_balancing.algorithm.type=weighted_random",
    );
    takes(HTTP, "stickiness.enabled=true; stickiness.type=app_cookie; stickiness.app_cookie.cookie_name=id");
    takes(HTTP, "health~dns_failover.minimum~count=off; health~unhealthy_state_routing.minimum~count=2");
    takes(GENEVE, "target_failover.on_unhealthy=rebalance; target_failover.on_deregistration=rebalance");
    takes(TCP, "unhealthy~connection_termination.enabled=false; unhealthy~draining_interval_seconds=60");
    takes(UDP, "unhealthy~draining_interval_seconds=60");
    takes(LAMBDA, "lambda.multi_value_headers.enabled=true; tgprobe.in_use=false");
    takes(TLS, "preserve_client_ip.enabled=true; proxy_protocol_v2.enabled=true");
}

#[test]
fn what_concerns_health_comes_into_force() {
    let group = takes(
        HTTP,
        "check~interval_milliseconds=500; check~timeout_milliseconds=100; check~healthy_threshold=1; \
         check~unhealthy_threshold=1; check~initial_healthy_threshold=3; check~start_period_milliseconds=9000; \
         check~host=example.com:8080; check~headers={\"X-B\":\"1\",\"X-A\":\"2\"}; check~body_match=\"ok\"; \
         tgprobe.in_use=false; tgprobe.deregistration_delay.end_when_refused.enabled=true; \
         deregistration_delay.timeout_seconds=7; health~dns_failover.minimum~count=off; \
         health~dns_failover.minimum~percentage=60; health~unhealthy_state_routing.minimum~count=2; \
         health~unhealthy_state_routing.minimum~percentage=50",
    );
    let (check, attributes) = (&group.health_check, group.attributes);
    assert_eq!(
        (check.interval, check.timeout, check.stale_after),
        (Duration::from_millis(500), Duration::from_millis(100), Duration::from_secs(5))
    );
    let counts =
        [check.healthy_threshold, check.unhealthy_threshold, check.initial_healthy_threshold].map(u8::from);
    assert_eq!(counts, [1, 1, 3]);
    assert_eq!(check.start_period, Duration::from_secs(9));
    assert_eq!(check.host.as_deref(), Some("example.com:8080"));
    assert_eq!(check.headers, [("X-B".into(), "1".into()), ("X-A".into(), "2".into())]);
    assert_eq!(check.body_match.as_deref(), Some("\"ok\""));
    let wanted = Attributes {
        deregistration_delay: Duration::from_secs(7),
        dns_failover: MinimumHealthy { count: None, percentage: Some(60) },
        unhealthy_state_routing: MinimumHealthy { count: Some(2), percentage: Some(50) },
        in_use: false,
        unhealthy_draining: Duration::ZERO,
        end_drain_when_refused: true,
    };
    assert_eq!(attributes, wanted);
    assert_eq!(group.description.health_check, make(HTTP, "").unwrap().description.health_check);
    let drains = takes(UDP, "unhealthy~draining_interval_seconds=60");
    assert_eq!(drains.attributes.unhealthy_draining, Duration::from_secs(60));
}

#[test]
fn a_timeout_that_was_not_set_gives_way_to_a_short_interval() {
    let group = takes(HTTP, "check~interval_milliseconds=500");
    assert_eq!(group.health_check.timeout, Duration::from_millis(499));
    assert_eq!(group.description.health_check.timeout, Duration::from_secs(5));
}

#[test]
fn a_change_of_the_check_must_fit_the_attributes_over_it() {
    let group = takes(HTTP, "check~timeout_milliseconds=9000");
    assert_eq!(
        error(modify(&group, &asked("Interval=6").health_check)),
        "InvalidConfigurationRequest: 'tgprobe.health_check.timeout_milliseconds' value '9000' must be smaller \
         than the interval in force, '6000' milliseconds"
    );
    assert!(modify(&group, &asked("Interval=10").health_check).is_ok());
}

#[test]
fn a_tcp_check_asks_nothing() {
    for pair in ["check~host=a", "check~headers={}", "check~body_match=a"] {
        let key = long(pair.split('=').next().unwrap());
        let why = format!("InvalidConfigurationRequest: '{key}' is not supported for TCP health checks");
        refuses(TCP, pair, &why);
        let http = set(&make(TCP, "CheckProtocol=HTTP").unwrap(), pair).unwrap();
        assert_eq!(error(modify(&http, &asked("CheckProtocol=TCP").health_check)), why);
    }
}

#[test]
fn an_empty_value_removes_an_attribute_of_ours_and_a_default_one_of_aws() {
    let fresh = make(HTTP, "").unwrap();
    let group = takes(HTTP, "check~host=a; deregistration_delay.timeout_seconds=7");
    let group = set(&group, "check~host=; deregistration_delay.timeout_seconds=0300").unwrap();
    assert_eq!(group, fresh);
    assert_eq!(set(&fresh, "tgprobe.in_use=").unwrap(), fresh);
    assert_eq!(listed(&set(&fresh, "tgprobe.in_use=true").unwrap(), HTTP), ["tgprobe.in_use=true"]);
}

#[test]
fn one_wrong_attribute_keeps_all_others_from_being_set() {
    let group = make(HTTP, "").unwrap();
    let refusal = error(set(&group, "deregistration_delay.timeout_seconds=7; tgprobe.in_use=maybe"));
    assert_eq!(refusal, "ValidationError: 'tgprobe.in_use' value 'maybe' must be one of 'true, false'");
    assert_eq!(group, make(HTTP, "").unwrap());
}

#[test]
fn what_is_added_to_a_request_is_refused_without_repeating_it() {
    refuses(
        HTTP,
        "check~host=a b",
        "ValidationError: 'tgprobe.health_check.host' must be a host with an optional port, 1 to 255 \
         characters: neither an IP address nor a host name",
    );
    refuses(
        HTTP,
        "check~headers={\"Host\":\"a\"}",
        "ValidationError: 'tgprobe.health_check.headers' must be a JSON object of strings, up to 32 header \
         fields and 8192 bytes: `Host` has a setting of its own, `host`",
    );
    refuses(
        HTTP,
        &format!("check~body_match={}", "a".repeat(1_025)),
        "ValidationError: 'tgprobe.health_check.body_match' must be a text of 1 to 1024 bytes: it is longer \
         than 1024 bytes",
    );
}
