//! DescribeTargetGroups, and how a group is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::health_check::HealthCheckProtocol;
use crate::model::protocol::{ProtocolVersion, TargetType};
use crate::model::target_group::{GroupName, TargetGroup};
use crate::output::elbv2::action::Asked;
use crate::output::elbv2::error::{ApiError, shown};
use crate::output::elbv2::lookup::{self, Named, region_of};
use crate::output::elbv2::paging::Page;
use crate::output::elbv2::respond::Outcome;
use crate::output::elbv2::xml::Xml;
use crate::runtime::view::{Listing, Snapshot};

/// `DescribeTargetGroups`: all of the region, or those named, by name.
pub(super) fn describe(asked: &Asked<'_>) -> Result<Outcome, ApiError> {
    let params = asked.params;
    let (names, arns) = (params.list("Names")?, params.list("TargetGroupArns")?);
    let load_balancer = params.get("LoadBalancerArn").filter(|arn| !arn.is_empty());
    let filters = [!names.is_empty(), !arns.is_empty(), load_balancer.is_some()];
    if filters.into_iter().filter(|given| *given).count() > 1 {
        return Err(ApiError::validation(
            "Target group names, target group ARNs, and a load balancer ARN cannot be specified at the same time",
        ));
    }
    match load_balancer {
        Some(arn) if lookup::is_load_balancer(arn) => return Err(ApiError::load_balancer_not_found()),
        Some(arn) => {
            return Err(ApiError::validation(format!("'{}' is not a valid load balancer ARN", shown(arn))));
        }
        None => (),
    }
    let page = Page::read(params, "target-groups")?;
    let snapshot = asked.api.view.snapshot();
    let found = match filters {
        [true, ..] => by_name(asked, &snapshot, &names)?,
        [_, true, _] => by_arn(asked, &snapshot, &arns)?,
        _ => snapshot
            .groups
            .iter()
            .filter(|(name, listing)| listing.desired && region_of(asked.account(), name) == asked.region)
            .collect(),
    };
    let (found, next) = page.take(found.into_iter(), |(name, _)| name.as_str());
    let mut xml = Xml::default();
    xml.list("TargetGroups", found, |xml, (_, listing)| tell(xml, &listing.group, true));
    xml.maybe("NextMarker", next);
    Ok(Outcome::Whole(xml.into_text()))
}

type Found<'s> = BTreeMap<&'s GroupName, &'s Arc<Listing>>;

fn by_name<'s>(asked: &Asked<'_>, snapshot: &'s Snapshot, names: &[&str]) -> Result<Found<'s>, ApiError> {
    let account = asked.account();
    let find = |name: &&str| {
        let name = account.name_in(asked.region, &GroupName::parse(name).ok()?);
        snapshot.groups.get_key_value(&name).filter(|(_, listing)| listing.desired)
    };
    names.iter().map(|name| find(name).ok_or_else(ApiError::target_group_not_found)).collect()
}

fn by_arn<'s>(asked: &Asked<'_>, snapshot: &'s Snapshot, arns: &[&str]) -> Result<Found<'s>, ApiError> {
    let find = |arn: &&str| {
        let listing = Named::parse(asked, arn)?.listing(snapshot)?;
        Ok((&listing.group.name, listing))
    };
    arns.iter().map(find).collect()
}

/// The result of an action that has made or changed one group.
pub(super) fn alone(group: &TargetGroup) -> String {
    let mut xml = Xml::default();
    xml.list("TargetGroups", [group], |xml, group| tell(xml, group, false));
    xml.into_text()
}

/// Tells a group as the API describes it. What it would say of load balancers is told where groups are listed.
fn tell(xml: &mut Xml, group: &TargetGroup, listed: bool) {
    let about = &group.description;
    let check = &about.health_check;
    // A Lambda function has no port and is called, not connected to.
    let reached = group.target_type != TargetType::Lambda;
    let http = check.protocol != HealthCheckProtocol::Tcp;
    xml.text("TargetGroupArn", &about.arn);
    xml.text("TargetGroupName", group.name.bare());
    xml.maybe("Protocol", group.protocol);
    xml.maybe("Port", reached.then_some(group.port));
    xml.maybe("VpcId", about.vpc_id.as_deref());
    xml.maybe("HealthCheckProtocol", reached.then_some(check.protocol));
    xml.maybe("HealthCheckPort", reached.then_some(check.port));
    xml.text("HealthCheckEnabled", check.enabled);
    xml.text("HealthCheckIntervalSeconds", seconds(check.interval));
    xml.text("HealthCheckTimeoutSeconds", seconds(check.timeout));
    xml.text("HealthyThresholdCount", check.healthy_threshold);
    xml.text("UnhealthyThresholdCount", check.unhealthy_threshold);
    xml.maybe("HealthCheckPath", http.then_some(&check.path));
    if http {
        xml.within("Matcher", |xml| xml.text(code(group), &check.matcher));
    }
    if listed {
        xml.empty("LoadBalancerArns");
    }
    xml.text("TargetType", group.target_type);
    xml.maybe("ProtocolVersion", group.protocol_version);
    xml.maybe("IpAddressType", about.ip_address_type);
    xml.maybe("TargetControlPort", about.target_control_port);
}

fn code(group: &TargetGroup) -> &'static str {
    if group.protocol_version == Some(ProtocolVersion::Grpc) { "GrpcCode" } else { "HttpCode" }
}

/// Whole seconds, since clients read no others; what the file or an attribute sets below a second is rounded up.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
