//! DescribeAccountLimits: AWS's quotas, and ours where we have our own.

use crate::output::elbv2::action::Asked;
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::paging::Page;
use crate::output::elbv2::respond::Outcome;
use crate::output::elbv2::write::TARGET_GROUPS;
use crate::output::elbv2::xml::Xml;

/// AWS's quotas by name. Of what is not emulated they are told as they are there.
const QUOTAS: [(&str, usize); 23] = [
    ("application-load-balancers", 50),
    ("certificates-per-application-load-balancer", 25),
    ("certificates-per-network-load-balancer", 25),
    ("condition-values-per-alb-rule", 5),
    ("condition-wildcards-per-alb-rule", 5),
    ("gateway-load-balancers", 100),
    ("gateway-load-balancers-per-vpc", 100),
    ("geneve-target-groups", 100),
    ("listeners-per-application-load-balancer", 50),
    ("listeners-per-network-load-balancer", 50),
    ("network-load-balancer-enis-per-vpc", 1_200),
    ("network-load-balancers", 50),
    ("rules-per-application-load-balancer", 100),
    ("target-groups", TARGET_GROUPS),
    ("target-groups-per-action-on-application-load-balancer", 5),
    ("target-groups-per-action-on-network-load-balancer", 1),
    ("target-groups-per-application-load-balancer", 100),
    ("target-id-registrations-per-application-load-balancer", 1_000),
    ("targets-per-application-load-balancer", 1_000),
    ("targets-per-availability-zone-per-gateway-load-balancer", 300),
    ("targets-per-availability-zone-per-network-load-balancer", 500),
    ("targets-per-network-load-balancer", 3_000),
    ("targets-per-target-group", 1_000),
];

/// `DescribeAccountLimits`, by name.
pub(super) fn describe(asked: &Asked<'_>) -> Result<Outcome, ApiError> {
    let page = Page::read(asked.params, "account-limits")?;
    let ours = |(name, max)| match name {
        "targets-per-target-group" => (name, asked.api.targets_per_target_group),
        // Groups of every protocol count alike here.
        "geneve-target-groups" => (name, TARGET_GROUPS),
        _ => (name, max),
    };
    let (limits, next) = page.take(QUOTAS.into_iter().map(ours), |(name, _)| name);
    let mut xml = Xml::default();
    xml.list("Limits", limits, |xml, (name, max)| {
        xml.text("Name", name);
        xml.text("Max", max);
    });
    xml.maybe("NextMarker", next);
    Ok(Outcome::Whole(xml.into_text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_in_the_order_of_their_names() {
        assert!(QUOTAS.is_sorted());
    }
}
