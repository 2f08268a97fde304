//! Rows for every rule, and what holds whatever is asked.

use super::*;

mod attributes;
mod check;
mod kind;
mod properties;
mod tags;

/// Reads parameters as people write them: `Protocol=TCP; Port=80; Tags=a:b`.
fn asked(text: &str) -> Create {
    let mut asked = Create::default();
    for pair in text.split("; ").filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap();
        let value = value.to_owned();
        let check = &mut asked.health_check;
        let place = match key {
            "Name" => &mut asked.name,
            "Protocol" => &mut asked.protocol,
            "Version" => &mut asked.protocol_version,
            "Port" => &mut asked.port,
            "VpcId" => &mut asked.vpc_id,
            "Type" => &mut asked.target_type,
            "Ip" => &mut asked.ip_address_type,
            "Control" => &mut asked.target_control_port,
            "CheckProtocol" => &mut check.protocol,
            "CheckPort" => &mut check.port,
            "Enabled" => &mut check.enabled,
            "Path" => &mut check.path,
            "Interval" => &mut check.interval,
            "Timeout" => &mut check.timeout,
            "Healthy" => &mut check.healthy_threshold,
            "Unhealthy" => &mut check.unhealthy_threshold,
            "Http" => &mut check.http_code,
            "Grpc" => &mut check.grpc_code,
            "Tag" => {
                let (key, value) = value.split_once(':').unwrap();
                asked.tags.push((key.to_owned(), value.to_owned()));
                continue;
            }
            other => panic!("no parameter {other}"),
        };
        *place = Some(value);
    }
    asked
}

/// What a row says of the kind, before what it is about.
const HTTP: &str = "Name=web; Protocol=HTTP; Port=80; VpcId=vpc-0a1b; Type=ip";
const GRPC: &str = "Name=web; Protocol=HTTP; Port=80; VpcId=vpc-0a1b; Type=ip; Version=GRPC";
const TCP: &str = "Name=web; Protocol=TCP; Port=80; VpcId=vpc-0a1b; Type=ip";
const UDP: &str = "Name=web; Protocol=UDP; Port=80; VpcId=vpc-0a1b; Type=ip";
const TLS: &str = "Name=web; Protocol=TLS; Port=443; VpcId=vpc-0a1b; Type=ip";
const ALB: &str = "Name=web; Protocol=TCP; Port=80; VpcId=vpc-0a1b; Type=alb";
const GENEVE: &str = "Name=web; Protocol=GENEVE; Port=6081; VpcId=vpc-0a1b; Type=ip";
const LAMBDA: &str = "Name=web; Type=lambda";
const KINDS: [&str; 8] = [HTTP, GRPC, TCP, UDP, TLS, ALB, GENEVE, LAMBDA];

/// Creates a group as AWS's parameters ask, later ones in place of earlier ones.
fn make(kind: &str, more: &str) -> Result<TargetGroup, ApiError> {
    create(&asked(&format!("{kind}; {more}")), &Account::default(), "us-east-1", Tick(7))
}

fn error<T: std::fmt::Debug>(result: Result<T, ApiError>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.status, 400);
    format!("{}: {}", error.code, error.message)
}

/// Creating a group is refused with a code and a message.
#[track_caller]
fn refused(kind: &str, more: &str, why: &str) {
    assert_eq!(error(make(kind, more)), why, "{kind}; {more}");
}

/// The check of a group as `protocol port path interval timeout healthy unhealthy matcher`.
fn shown(group: &TargetGroup) -> String {
    let check = &group.description.health_check;
    assert_eq!(check.stale_after, check.interval * 10);
    let (interval, timeout) = (check.interval.as_secs(), check.timeout.as_secs());
    format!(
        "{} {} {} {interval} {timeout} {} {} {}",
        check.protocol,
        check.port,
        check.path,
        check.healthy_threshold,
        check.unhealthy_threshold,
        check.matcher
    )
}
