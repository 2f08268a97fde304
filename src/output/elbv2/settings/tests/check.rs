//! The health check: limits, rules between fields, matchers; changing it.

use std::time::Duration;

use super::*;

/// Creating a group gives this check.
#[track_caller]
fn accepted(kind: &str, more: &str, check: &str) {
    assert_eq!(shown(&make(kind, more).unwrap()), check, "{kind}; {more}");
}

/// Changing a group made as `kind; made` gives this check, or is refused.
#[track_caller]
fn modified(kind: &str, made: &str, change: &str, check: &str) {
    let before = make(kind, made).unwrap();
    let found = match modify(&before, &asked(change).health_check) {
        Ok(group) => shown(&group),
        refusal => error(refusal),
    };
    assert_eq!(found, check, "{kind}; {made}; then {change}");
}

#[test]
fn what_is_given_is_taken() {
    accepted(HTTP, "", "HTTP traffic-port / 30 5 5 2 200");
    accepted(
        HTTP,
        "CheckProtocol=HTTPS; CheckPort=8443; Path=/a?b=c&d; Interval=300; Timeout=120; Healthy=10; \
         Unhealthy=10; Http=200, 204-299",
        "HTTPS 8443 /a?b=c&d 300 120 10 10 200, 204-299",
    );
    accepted(HTTP, "Interval=5; Timeout=2; Healthy=2; Unhealthy=2", "HTTP traffic-port / 5 2 2 2 200");
    accepted(GRPC, "", "HTTP traffic-port /AWS.ALB/healthcheck 30 5 5 2 12");
    accepted(GRPC, "Path=/a.B/c; Grpc=0-99", "HTTP traffic-port /a.B/c 30 5 5 2 0-99");
    accepted(TCP, "CheckProtocol=HTTP; Path=/x", "HTTP traffic-port /x 30 6 5 2 200-399");
    accepted(ALB, "CheckProtocol=HTTPS", "HTTPS traffic-port / 30 10 5 2 200-399");
    accepted(GENEVE, "CheckProtocol=HTTP; Http=200-399", "HTTP 80 / 10 5 5 2 200-399");
    let lambda = make(LAMBDA, "Enabled=true; Path=/up; Http=200-299").unwrap();
    assert!(lambda.health_check.enabled);
    assert_eq!(shown(&lambda), "HTTP traffic-port /up 35 30 5 2 200-299");
}

#[test]
fn numbers_have_limits() {
    for (key, member, least, most) in [
        ("Interval", "healthCheckIntervalSeconds", 5_u32, 300_u32),
        ("Timeout", "healthCheckTimeoutSeconds", 2, 120),
        ("Healthy", "healthyThresholdCount", 2, 10),
        ("Unhealthy", "unhealthyThresholdCount", 2, 10),
        ("Port", "port", 1, 65_535),
        ("Control", "targetControlPort", 1, 65_535),
    ] {
        let greater = format!("have value greater than or equal to {least}");
        let less = format!("have value less than or equal to {most}");
        for (text, must) in [
            (&*(least - 1).to_string(), &*greater),
            ("-7", &greater),
            (&(most + 1).to_string(), &less),
            ("99999999999999999999", &less),
            ("", "be a whole number"),
            ("abc", "be a whole number"),
            ("-", "be a whole number"),
            ("1e2", "be a whole number"),
            ("+10", "be a whole number"),
            (" 10", "be a whole number"),
        ] {
            let why = format!(
                "ValidationError: 1 validation error detected: Value '{text}' at '{member}' failed to satisfy \
                 constraint: Member must {must}"
            );
            refused(HTTP, &format!("{key}={text}"), &why);
        }
    }
}

#[test]
fn every_broken_limit_is_told_at_once() {
    refused(
        HTTP,
        "Interval=301; Healthy=11",
        "ValidationError: 2 validation errors detected: Value '301' at 'healthCheckIntervalSeconds' failed to \
         satisfy constraint: Member must have value less than or equal to 300; Value '11' at \
         'healthyThresholdCount' failed to satisfy constraint: Member must have value less than or equal to 10",
    );
}

#[test]
fn a_path_is_absolute_short_and_plain() {
    let long = format!("/{}", "a".repeat(1_024));
    let value = format!("{}...", &long[..256]);
    refused(
        HTTP,
        &format!("Path={long}"),
        &format!(
            "ValidationError: 1 validation error detected: Value '{value}' at 'healthCheckPath' failed to \
             satisfy constraint: Member must have length less than or equal to 1024"
        ),
    );
    assert!(make(HTTP, &format!("Path={}", &long[..1_024])).is_ok());
    refused(
        HTTP,
        "Path=",
        "ValidationError: 1 validation error detected: Value '' at 'healthCheckPath' failed to satisfy \
         constraint: Member must have length greater than or equal to 1",
    );
    refused(HTTP, "Path=up", "ValidationError: Health check path 'up' must begin with a '/' character");
    for path in ["/a b", "/a#b", "/é", "/a\r\n"] {
        let why = "can only contain printable ASCII characters other than spaces and '#'";
        refused(HTTP, &format!("Path={path}"), &format!("ValidationError: Health check path '{path}' {why}"));
    }
}

#[test]
fn a_check_port_is_a_number_or_the_traffic_port() {
    accepted(HTTP, "CheckPort=65535", "HTTP 65535 / 30 5 5 2 200");
    accepted(HTTP, "CheckPort=traffic-port", "HTTP traffic-port / 30 5 5 2 200");
    for port in ["0", "65536", "", "+80", "traffic", "-1"] {
        let why = format!(
            "ValidationError: Health check port '{port}' must be 'traffic-port' or a number between '1-65535' \
             inclusive"
        );
        refused(HTTP, &format!("CheckPort={port}"), &why);
    }
}

#[test]
fn a_check_speaks_what_its_group_allows() {
    for (kind, check, shown) in [
        (HTTP, "TCP", "the HTTP protocol"),
        (GRPC, "TCP", "the HTTP protocol"),
        (HTTP, "TLS", "the HTTP protocol"),
        (TCP, "UDP", "the TCP protocol"),
        (ALB, "TCP", "target type 'alb'"),
        (GENEVE, "GENEVE", "the GENEVE protocol"),
    ] {
        let why = format!(
            "InvalidConfigurationRequest: Health check protocol '{check}' is not supported for target groups \
             with {shown}"
        );
        refused(kind, &format!("CheckProtocol={check}"), &why);
    }
}

#[test]
fn a_tcp_check_has_neither_path_nor_matcher() {
    let paths = "InvalidConfigurationRequest: Health check paths are not supported for TCP health checks";
    let matchers =
        "InvalidConfigurationRequest: Health check matchers are not supported for TCP health checks";
    for (kind, more) in [(TCP, ""), (UDP, ""), (GENEVE, ""), (TLS, "CheckProtocol=TCP; ")] {
        refused(kind, &format!("{more}Path=/"), paths);
        refused(kind, &format!("{more}Http=200"), matchers);
        refused(kind, &format!("{more}Grpc=0"), matchers);
    }
}

#[test]
fn only_the_check_of_a_function_can_be_switched_off() {
    for (kind, target_type) in [(HTTP, "ip"), (TCP, "ip"), (ALB, "alb"), (GENEVE, "ip")] {
        let why = format!(
            "ValidationError: Health check enabled must be true for target groups with target type '{target_type}'"
        );
        refused(kind, "Enabled=false", &why);
        modified(kind, "", "Enabled=false", &why);
    }
    let on = make(LAMBDA, "Enabled=true").unwrap();
    let off = modify(&on, &asked("Enabled=false").health_check).unwrap();
    assert_eq!((on.health_check.enabled, off.health_check.enabled), (true, false));
}

#[test]
fn a_matcher_names_codes_of_its_kind() {
    let outside = |kind, word: &str, codes: &str, item: &str, range: &str| {
        let key = if word == "GRPC" { "Grpc" } else { "Http" };
        let why = format!(
            "ValidationError: Health check matcher {word} code '{item}' must be within '{range}' inclusive"
        );
        refused(kind, &format!("{key}={codes}"), &why);
    };
    outside(HTTP, "HTTP", "199", "199", "200-499");
    outside(HTTP, "HTTP", "200,500", "500", "200-499");
    outside(LAMBDA, "HTTP", "500", "500", "200-499");
    outside(GRPC, "GRPC", "200", "200", "0-99");
    outside(GRPC, "GRPC", "0-100", "0-100", "0-99");
    outside(ALB, "HTTP", "600", "600", "200-599");
    accepted(TCP, "CheckProtocol=HTTP; Http=200-599", "HTTP traffic-port / 30 6 5 2 200-599");
    for (kind, text) in [("Http", ""), ("Http", "  ")] {
        refused(
            HTTP,
            &format!("{kind}={text}"),
            "ValidationError: Health check matcher HTTP code cannot be empty",
        );
    }
    refused(GRPC, "Grpc=", "ValidationError: Health check matcher GRPC code cannot be empty");
    for text in ["abc", "200,", "299-200", "200-", "2 00"] {
        let why = format!(
            "ValidationError: Health check matcher HTTP code '{text}' must be a code, a range such as '200-499' \
             or a list of them separated by commas"
        );
        refused(HTTP, &format!("Http={text}"), &why);
    }
    let geneve = "ValidationError: Health check matcher HTTP code '200' must be '200-399' for target groups with the GENEVE protocol";
    refused(GENEVE, "CheckProtocol=HTTP; Http=200", geneve);
    let foreign = "InvalidConfigurationRequest: Health check matcher";
    for (kind, more, codes, shown) in [
        (HTTP, "Grpc=0", "GRPC", "protocol version 'HTTP1'"),
        (GRPC, "Http=200", "HTTP", "protocol version 'GRPC'"),
        (ALB, "Grpc=0", "GRPC", "target type 'alb'"),
        (LAMBDA, "Grpc=0", "GRPC", "target type 'lambda'"),
    ] {
        let why = format!("{foreign} {codes} codes are not supported for target groups with {shown}");
        refused(kind, more, &why);
    }
}

#[test]
fn a_timeout_is_below_the_interval_and_may_reach_it_where_aws_allows() {
    let strict = "ValidationError: Health check interval must be greater than the timeout.";
    refused(HTTP, "Interval=10; Timeout=10", strict);
    refused(HTTP, "Interval=10; Timeout=11", strict);
    refused(GRPC, "Interval=10; Timeout=10", strict);
    refused(LAMBDA, "Interval=30; Timeout=30", strict);
    accepted(HTTP, "Interval=10; Timeout=9", "HTTP traffic-port / 10 9 5 2 200");
    for kind in [TCP, TLS, UDP, ALB, GENEVE] {
        refused(
            kind,
            "Interval=5; Timeout=6",
            "ValidationError: Health check timeout '6' must be smaller than or equal to the interval '5'",
        );
        assert!(make(kind, "Interval=6; Timeout=6").is_ok(), "{kind}");
    }
}

#[test]
fn a_default_gives_way_to_what_is_given() {
    accepted(HTTP, "Interval=5", "HTTP traffic-port / 5 4 5 2 200");
    accepted(HTTP, "Timeout=120", "HTTP traffic-port / 121 120 5 2 200");
    accepted(HTTP, "Timeout=30", "HTTP traffic-port / 31 30 5 2 200");
    accepted(HTTP, "Interval=6", "HTTP traffic-port / 6 5 5 2 200");
    accepted(TCP, "Interval=5", "TCP traffic-port / 5 5 5 2 200-399");
    accepted(TLS, "Interval=10", "TCP traffic-port / 10 10 5 2 200-399");
    accepted(TLS, "Timeout=30", "TCP traffic-port / 30 30 5 2 200-399");
    accepted(TLS, "Timeout=31", "TCP traffic-port / 31 31 5 2 200-399");
    accepted(LAMBDA, "Interval=20", "HTTP traffic-port / 20 19 5 2 200");
}

#[test]
fn the_timeout_in_force_is_below_the_interval_where_aws_lets_them_be_equal() {
    let group = make(TCP, "Interval=10; Timeout=10").unwrap();
    assert_eq!(group.description.health_check.timeout, Duration::from_secs(10));
    assert_eq!(group.health_check.timeout, Duration::from_millis(9_999));
}

#[test]
fn a_change_keeps_what_it_does_not_name() {
    modified(HTTP, "Path=/a; Interval=20", "Healthy=3", "HTTP traffic-port /a 20 5 3 2 200");
    modified(HTTP, "", "CheckProtocol=HTTPS; CheckPort=8080; Http=201", "HTTPS 8080 / 30 5 5 2 201");
    modified(GRPC, "", "Grpc=0", "HTTP traffic-port /AWS.ALB/healthcheck 30 5 5 2 0");
    modified(
        HTTP,
        "Interval=10; Timeout=9",
        "Interval=9",
        "ValidationError: Health check interval must be greater than the timeout.",
    );
    modified(
        TCP,
        "",
        "Timeout=31",
        "ValidationError: Health check timeout '31' must be smaller than or equal to the interval '30'",
    );
    modified(
        LAMBDA,
        "",
        "CheckPort=80",
        "ValidationError: Health check port cannot be specified for target groups with target type 'lambda'",
    );
}

#[test]
fn path_and_matcher_come_and_go_with_the_protocol_of_the_check() {
    modified(TCP, "", "CheckProtocol=HTTP", "HTTP traffic-port / 30 10 5 2 200-399");
    modified(TCP, "", "CheckProtocol=HTTP; Path=/a; Http=200", "HTTP traffic-port /a 30 10 5 2 200");
    let http = "CheckProtocol=HTTP; Path=/a; Http=200";
    modified(TCP, http, "CheckProtocol=TCP", "TCP traffic-port / 30 6 5 2 200-399");
    modified(TCP, http, "CheckProtocol=HTTPS", "HTTPS traffic-port /a 30 6 5 2 200");
    let path = "InvalidConfigurationRequest: Health check paths are not supported for TCP health checks";
    modified(TCP, http, "CheckProtocol=TCP; Path=/b", path);
    modified(TCP, "", "Path=/b", path);
}
