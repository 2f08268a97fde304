//! Names, protocols, target types, ports and networks; creating what is there already.

use super::*;
use crate::model::protocol::{IpAddressType, ProtocolVersion, TargetType};

#[test]
fn a_group_has_all_that_was_asked_for_and_the_defaults_of_its_kind() {
    let group = make(HTTP, "Version=HTTP2; Control=3000; Tag=env:dev").unwrap();
    let description = &*group.description;
    assert_eq!((group.name.as_str(), group.port), ("web", 80));
    assert_eq!(group.protocol_version, Some(ProtocolVersion::Http2));
    assert_eq!((description.origin, description.created), (Origin::Api, Tick(7)));
    assert_eq!(description.arn, Account::default().arn("us-east-1", &group.name, Tick(7)));
    assert_eq!((&*description.region, description.vpc_id.as_deref()), ("us-east-1", Some("vpc-0a1b")));
    assert_eq!(description.ip_address_type, Some(IpAddressType::Ipv4));
    assert_eq!(description.target_control_port, Some(3000));
    assert_eq!(description.tags.get("env").map(|value| &**value), Some("dev"));
    assert_eq!(group.health_check, description.health_check);
    assert_eq!(group.attributes, Attributes::default());
    let plain = make("Name=web; Protocol=HTTP; Port=80; VpcId=vpc-1", "").unwrap();
    assert_eq!(plain.target_type, TargetType::Instance);
    assert_eq!(plain.protocol_version, Some(ProtocolVersion::Http1));
}

#[test]
fn a_group_of_another_region_is_named_with_it() {
    let account = Account::default();
    let group = create(&asked(HTTP), &account, "eu-west-1", Tick(7)).unwrap();
    assert_eq!((group.name.as_str(), &*group.description.region), ("eu-west-1:web", "eu-west-1"));
    assert!(group.description.arn.starts_with("arn:aws:elasticloadbalancing:eu-west-1:000000000000:"));
}

#[test]
fn a_lambda_group_has_no_network() {
    let group = make(LAMBDA, "").unwrap();
    assert_eq!((group.protocol, group.protocol_version, group.port), (None, None, 0));
    assert_eq!(group.description.vpc_id, None);
    assert_eq!(group.description.ip_address_type, Some(IpAddressType::Ipv4));
    assert!(!group.health_check.enabled);
    for (more, what) in [
        ("Protocol=HTTP", "Protocol"),
        ("Port=80", "Port"),
        ("VpcId=vpc-1", "VPC ID"),
        ("Version=HTTP1", "Protocol version"),
        ("Control=80", "Target control port"),
        ("CheckProtocol=HTTP", "Health check protocol"),
        ("CheckPort=traffic-port", "Health check port"),
    ] {
        let message = "cannot be specified for target groups with target type 'lambda'";
        refused(LAMBDA, more, &format!("ValidationError: {what} {message}"));
    }
}

#[test]
fn names_follow_aws() {
    let named = |name: &str| {
        let asked = Create { name: Some(name.to_owned()), ..asked(HTTP) };
        create(&asked, &Account::default(), "us-east-1", Tick(7))
    };
    let long = "a".repeat(33);
    assert_eq!(
        error(named(&long)),
        format!("ValidationError: Target group name '{long}' cannot be longer than '32' characters")
    );
    for name in ["", "a_b", "a b", "é", "a:b", "a\n"] {
        let why = "can only contain characters that are alphanumeric characters or hyphens(-)";
        assert_eq!(error(named(name)), format!("ValidationError: Target group name '{name}' {why}"));
    }
    for name in ["-a", "a-", "a--b", "-"] {
        let why = format!(
            "ValidationError: 1 validation error detected: Value '{name}' at \
             'targetGroup.targetGroupArn.targetGroupName' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: (?!.*--)(?!^-)(?!.*-$)^[A-Za-z0-9-]+$"
        );
        assert_eq!(error(named(name)), why);
    }
    assert!(named(&"a".repeat(32)).is_ok());
    let nameless = Create { name: None, ..asked(HTTP) };
    assert_eq!(
        error(create(&nameless, &Account::default(), "us-east-1", Tick(7))),
        "ValidationError: 1 validation error detected: Value null at 'name' failed to satisfy constraint: \
         Member must not be null"
    );
}

#[test]
fn what_every_network_group_needs_is_asked_for() {
    refused("Name=a", "", "ValidationError: A protocol must be specified");
    refused("Name=a", "Protocol=TCP", "ValidationError: A port must be specified");
    refused("Name=a", "Protocol=TCP; Port=80", "ValidationError: A VPC ID must be specified");
    for vpc in ["non-existing", "vpc-", "vpc-xyz", "vpc-0A", "", "vpc-1 "] {
        let why = format!("ValidationError: The VPC ID '{vpc}' is not found");
        refused("Name=a; Protocol=TCP; Port=80", &format!("VpcId={vpc}"), &why);
    }
}

#[test]
fn words_are_those_of_aws() {
    for (more, value, member, words) in [
        ("Protocol=http", "http", "protocol", "HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, GENEVE, QUIC, TCP_QUIC"),
        ("Version=HTTP3", "HTTP3", "protocolVersion", "HTTP1, HTTP2, GRPC"),
        ("Type=other", "other", "targetType", "instance, ip, lambda, alb"),
        ("Ip=ipv5", "ipv5", "ipAddressType", "ipv4, ipv6"),
        (
            "CheckProtocol=",
            "",
            "healthCheckProtocol",
            "HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP, GENEVE, QUIC, TCP_QUIC",
        ),
        ("Enabled=yes", "yes", "healthCheckEnabled", "true, false"),
    ] {
        let why = format!(
            "ValidationError: 1 validation error detected: Value '{value}' at '{member}' failed to satisfy \
             constraint: Member must satisfy enum value set: [{words}]"
        );
        refused(HTTP, more, &why);
    }
}

#[test]
fn kinds_that_do_not_exist_are_refused() {
    refused(
        TCP,
        "Version=HTTP2",
        "ValidationError: Protocol version cannot be specified for target groups with the TCP protocol",
    );
    refused(
        ALB,
        "Protocol=HTTP",
        "InvalidConfigurationRequest: Protocol 'HTTP' is not supported for target groups with target type 'alb'",
    );
    refused(
        GENEVE,
        "Port=80",
        "ValidationError: Port '80' must be '6081' for target groups with the GENEVE protocol",
    );
    for kind in ["Type=instance", "Type=alb; Protocol=TCP"] {
        let why = "IP address type 'ipv6' is only supported for target groups with target type 'ip'";
        refused(HTTP, &format!("Ip=ipv6; {kind}"), &format!("ValidationError: {why}"));
    }
    refused(
        GENEVE,
        "Ip=ipv6",
        "InvalidConfigurationRequest: IP address type 'ipv6' is not supported for target groups with the \
         GENEVE protocol",
    );
    assert_eq!(make(HTTP, "Ip=ipv6").unwrap().description.ip_address_type, Some(IpAddressType::Ipv6));
    assert_eq!(make(GENEVE, "").unwrap().description.ip_address_type, None);
    for protocol in ["QUIC", "TCP_QUIC", "TCP_UDP"] {
        assert!(make(TCP, &format!("Protocol={protocol}")).is_ok(), "{protocol}");
    }
}

#[test]
fn creating_again_with_the_same_settings_is_the_same() {
    let existing = make(HTTP, "Tag=a:1; Tag=b:2").unwrap();
    for (more, equal) in [
        ("", true),
        ("Tag=a:1", true),
        ("Tag=a:2", false),
        ("Tag=c:1", false),
        ("Interval=30", true),
        ("Interval=31", false),
        ("Port=81", false),
        ("Protocol=HTTPS", false),
        ("Version=HTTP1", true),
        ("Version=HTTP2", false),
        ("VpcId=vpc-2", false),
        ("Type=instance", false),
        ("Ip=ipv6", false),
        ("Control=1", false),
        ("Http=200,201", false),
    ] {
        assert_eq!(same(&existing, &make(HTTP, more).unwrap()), equal, "{more}");
    }
    let set = [("tgprobe.in_use".to_owned(), "false".to_owned())];
    let later = modify_attributes(&existing, &set).unwrap();
    assert!(same(&later, &make(HTTP, "").unwrap()), "attributes are not compared");
}
