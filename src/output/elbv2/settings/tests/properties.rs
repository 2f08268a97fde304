//! What holds whatever is asked.

use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::model::family::Family;
use crate::model::health_check::HealthCheckProtocol;

/// A value that may be right, that is wrong by a little, or that is anything.
fn word(likely: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    option::weighted(
        0.12,
        prop_oneof![
            8 => prop::sample::select(likely).prop_map(str::to_owned),
            1 => "-?[0-9]{0,12}",
            1 => "\\PC{0,12}",
        ],
    )
}

prop_compose! {
    fn checks()(
        protocol in word(&["HTTP", "HTTPS", "TCP", "UDP"]),
        port in word(&["traffic-port", "80", "0"]),
        enabled in word(&["true", "false"]),
        path in word(&["/", "/a?b", "a"]),
        interval in word(&["5", "6", "30", "300"]),
        timeout in word(&["2", "5", "6", "30", "120"]),
        healthy_threshold in word(&["2", "10"]),
        unhealthy_threshold in word(&["2", "10"]),
        http_code in word(&["200", "200-399", "404,200", "599"]),
        grpc_code in option::weighted(0.1, "[0-9]{0,3}"),
    ) -> Check {
        Check {
            protocol, port, enabled, path, interval, timeout, healthy_threshold, unhealthy_threshold, http_code,
            grpc_code,
        }
    }
}

prop_compose! {
    fn creates()(
        kind in prop::sample::select(&KINDS[..]),
        health_check in checks(),
        name in option::weighted(0.1, "[a-z-]{1,9}|\\PC{0,34}"),
        protocol in option::weighted(0.05, "[A-Z_]{3,5}"),
        version in word(&["HTTP1", "HTTP2", "GRPC"]),
        address in word(&["ipv4", "ipv6"]),
        tags in prop::collection::vec(("[a-d*]{0,3}", "[ -~]{0,3}"), 0..2),
    ) -> Create {
        let asked = asked(kind);
        Create {
            name: name.or(asked.name),
            protocol: protocol.or(asked.protocol),
            protocol_version: version.or(asked.protocol_version),
            ip_address_type: address,
            health_check,
            tags,
            ..asked
        }
    }
}

/// Attributes as some group lists them, such as may stand beside each other, and others.
fn attributes() -> impl Strategy<Value = Vec<(String, String)>> {
    const LIKELY: &[(&str, &str)] = &[
        ("tgprobe.health_check.interval_milliseconds", "500"),
        ("tgprobe.health_check.timeout_milliseconds", "100"),
        ("tgprobe.health_check.timeout_milliseconds", "9000"),
        ("tgprobe.health_check.host", "example.com"),
        ("tgprobe.health_check.headers", "{\"a\":\"b\"}"),
        ("tgprobe.health_check.body_match", "ok"),
        ("tgprobe.in_use", "false"),
        ("tgprobe.in_use", ""),
        ("deregistration_delay.timeout_seconds", "007"),
        ("load_balancing.algorithm.type", "weighted_random"),
        ("load_balancing.algorithm.anomaly_mitigation", "on"),
        ("slow_start.duration_seconds", "30"),
        ("stickiness.enabled", "true"),
        ("stickiness.type", "app_cookie"),
        ("target_health_state.unhealthy.connection_termination.enabled", "false"),
        ("target_health_state.unhealthy.draining_interval_seconds", "60"),
        ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "50"),
        ("target_group_health.dns_failover.minimum_healthy_targets.percentage", "60"),
    ];
    let listed = KINDS.iter().flat_map(|kind| attribute::list(&make(kind, "").unwrap()));
    let likely = LIKELY.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let pairs: Vec<_> = listed.chain(likely.cycle().take(6 * LIKELY.len())).collect();
    let odd = (prop::sample::select(pairs.clone()), "[a-z0-9]{0,4}|\\PC{0,12}");
    let odd = odd.prop_map(|((key, _), value)| (key, value));
    let pair = prop_oneof![8 => prop::sample::select(pairs), 1 => odd];
    prop::collection::vec(pair, 0..4)
}

fn made(asked: &Create) -> Result<TargetGroup, ApiError> {
    create(asked, &Account::default(), "us-east-1", Tick(7))
}

/// What everyone else may rely on.
fn sound(group: &TargetGroup) -> Result<(), TestCaseError> {
    let family = Family::of_group(group);
    for check in [&group.health_check, &group.description.health_check] {
        prop_assert!(check.path.starts_with('/') && (1..=1_024).contains(&check.path.len()));
        prop_assert!(check.path.bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert!(check.enabled || family == Family::Lambda);
        prop_assert!(check.protocol != HealthCheckProtocol::Tcp || !group.is_application());
        prop_assert_eq!(check.stale_after, check.interval * 10);
    }
    prop_assert!(group.health_check.timeout < group.health_check.interval);
    let (told, most) = (&group.description.health_check, std::time::Duration::from_secs(300));
    prop_assert!(told.interval <= most && told.timeout <= told.interval);
    prop_assert_eq!(group.protocol.is_none(), group.port == 0);
    prop_assert_eq!(group.protocol_version.is_some(), family == Family::Application);
    prop_assert_eq!(group.description.vpc_id.is_none(), family == Family::Lambda);
    prop_assert_eq!(attribute::hold(group), Ok(()));
    let mut again = group.clone();
    attribute::in_force(&mut again);
    prop_assert_eq!(&again, group);
    Ok(())
}

/// What is made at random is neither always refused nor always accepted, and so are its changes.
#[test]
fn both_sides_of_the_rules_are_met() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let (mut made_well, mut changed_well, mut set_well) = (0, 0, 0);
    for _ in 0..512 {
        let (asked, change, set) =
            (creates(), checks(), attributes()).new_tree(&mut runner).unwrap().current();
        let Ok(group) = made(&asked) else { continue };
        made_well += 1;
        changed_well += usize::from(modify(&group, &change).is_ok());
        set_well += usize::from(!set.is_empty() && modify_attributes(&group, &set).is_ok());
    }
    assert!((50..462).contains(&made_well), "{made_well}");
    assert!((10..made_well).contains(&changed_well), "{changed_well}");
    assert!((10..made_well).contains(&set_well), "{set_well}");
}

proptest! {
    #[test]
    fn what_is_made_and_changed_is_sound(asked in creates(), change in checks(), attributes in attributes()) {
        let Ok(group) = made(&asked) else { return Ok(()) };
        sound(&group)?;
        prop_assert!(same(&group, &made(&asked).unwrap()));
        if let Ok(group) = modify(&group, &change) {
            sound(&group)?;
        }
        if let Ok(group) = modify_attributes(&group, &attributes) {
            sound(&group)?;
            let listed = attribute::list(&group);
            prop_assert_eq!(modify_attributes(&group, &listed), Ok(group));
        }
    }

    #[test]
    fn a_change_of_nothing_changes_nothing(asked in creates(), attributes in attributes()) {
        let Ok(group) = made(&asked) else { return Ok(()) };
        let group = modify_attributes(&group, &attributes).unwrap_or(group);
        prop_assert_eq!(modify(&group, &Check::default()), Ok(group.clone()));
        prop_assert_eq!(modify_attributes(&group, &[]), Ok(group.clone()));
        prop_assert_eq!(add_tags(&group, &[]), Ok(group.clone()));
        prop_assert_eq!(remove_tags(&group, &[]), Ok(group));
    }

    #[test]
    fn what_is_told_of_a_check_makes_the_same_check(asked in creates()) {
        let Ok(group) = made(&asked) else { return Ok(()) };
        let check = &group.description.health_check;
        let http = check.protocol != HealthCheckProtocol::Tcp;
        let lambda = group.protocol.is_none();
        let grpc = asked.protocol_version.as_deref() == Some("GRPC");
        let told = Check {
            protocol: (!lambda).then(|| check.protocol.to_string()),
            port: (!lambda).then(|| check.port.to_string()),
            enabled: Some(check.enabled.to_string()),
            path: http.then(|| check.path.clone()),
            interval: Some(check.interval.as_secs().to_string()),
            timeout: Some(check.timeout.as_secs().to_string()),
            healthy_threshold: Some(check.healthy_threshold.to_string()),
            unhealthy_threshold: Some(check.unhealthy_threshold.to_string()),
            http_code: (http && !grpc).then(|| check.matcher.to_string()),
            grpc_code: grpc.then(|| check.matcher.to_string()),
        };
        let again = made(&Create { health_check: told.clone(), ..asked });
        prop_assert_eq!(again.as_ref(), Ok(&group));
        prop_assert_eq!(modify(&group, &told), Ok(group));
    }

    #[test]
    fn tags_are_refused_or_kept(tags in prop::collection::vec(("\\PC{0,4}", "\\PC{0,4}"), 0..4)) {
        let group = make(HTTP, "").unwrap();
        let Ok(tagged) = add_tags(&group, &tags) else { return Ok(()) };
        prop_assert_eq!(tagged.description.tags.len(), tags.len());
        let keys: Vec<_> = tags.into_iter().map(|(key, _)| key).collect();
        prop_assert_eq!(remove_tags(&tagged, &keys), Ok(group));
    }
}
