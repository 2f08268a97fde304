//! The one table of actions, and the way of a call through it.

use crate::model::arn::Account;
use crate::model::change::Change;
use crate::model::excerpt::excerpt;
use crate::model::tick::Tick;
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::form::Params;
use crate::output::elbv2::respond::Outcome;
use crate::output::elbv2::{
    Api, Call, Caller, VERSION, absent, attributes, groups, health, limits, tags, targets, write,
};
use crate::output::guard::is_led_here;
use crate::runtime::writer::Catalog;

/// What a call asks for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) api: &'a Api,
    pub(super) action: &'static str,
    pub(super) region: &'a str,
    pub(super) params: &'a Params,
}

impl Asked<'_> {
    pub(super) fn account(&self) -> &Account {
        self.api.writer.account()
    }
}

/// What a writing action comes to: what to change, and the elements of its result.
pub(super) type Decided = Result<(Vec<Change>, String), ApiError>;

/// Looks at what is wished for, at the moment it is given.
pub(super) type Decision = Box<dyn FnOnce(&Catalog, Tick) -> Decided + Send>;

#[derive(Clone, Copy)]
enum Does {
    Read(fn(&Asked<'_>) -> Result<Outcome, ApiError>),
    Write(fn(&Asked<'_>) -> Result<Decision, ApiError>),
    /// Concerns what is not emulated.
    Elsewhere,
}

/// Every action of the API.
const ACTIONS: &[(&str, Does)] = &[
    ("AddListenerCertificates", Does::Elsewhere),
    ("AddTags", Does::Write(tags::add)),
    ("AddTrustStoreRevocations", Does::Elsewhere),
    ("CreateListener", Does::Elsewhere),
    ("CreateLoadBalancer", Does::Elsewhere),
    ("CreateRule", Does::Elsewhere),
    ("CreateTargetGroup", Does::Write(write::create)),
    ("CreateTrustStore", Does::Elsewhere),
    ("DeleteListener", Does::Elsewhere),
    ("DeleteLoadBalancer", Does::Elsewhere),
    ("DeleteRule", Does::Elsewhere),
    ("DeleteSharedTrustStoreAssociation", Does::Elsewhere),
    ("DeleteTargetGroup", Does::Write(write::delete)),
    ("DeleteTrustStore", Does::Elsewhere),
    ("DeregisterTargets", Does::Write(targets::deregister)),
    ("DescribeAccountLimits", Does::Read(limits::describe)),
    ("DescribeCapacityReservation", Does::Read(absent::describe)),
    ("DescribeListenerAttributes", Does::Read(absent::describe)),
    ("DescribeListenerCertificates", Does::Read(absent::describe)),
    ("DescribeListeners", Does::Read(absent::describe)),
    ("DescribeLoadBalancerAttributes", Does::Read(absent::describe)),
    ("DescribeLoadBalancers", Does::Read(absent::describe)),
    ("DescribeRules", Does::Read(absent::describe)),
    ("DescribeSSLPolicies", Does::Read(absent::describe)),
    ("DescribeTags", Does::Read(tags::describe)),
    ("DescribeTargetGroupAttributes", Does::Read(attributes::describe)),
    ("DescribeTargetGroups", Does::Read(groups::describe)),
    ("DescribeTargetHealth", Does::Read(health::describe)),
    ("DescribeTrustStoreAssociations", Does::Read(absent::describe)),
    ("DescribeTrustStoreRevocations", Does::Read(absent::describe)),
    ("DescribeTrustStores", Does::Read(absent::describe)),
    ("GetResourcePolicy", Does::Elsewhere),
    ("GetTrustStoreCaCertificatesBundle", Does::Elsewhere),
    ("GetTrustStoreRevocationContent", Does::Elsewhere),
    ("ModifyCapacityReservation", Does::Elsewhere),
    ("ModifyIpPools", Does::Elsewhere),
    ("ModifyListener", Does::Elsewhere),
    ("ModifyListenerAttributes", Does::Elsewhere),
    ("ModifyLoadBalancerAttributes", Does::Elsewhere),
    ("ModifyRule", Does::Elsewhere),
    ("ModifyTargetGroup", Does::Write(write::modify)),
    ("ModifyTargetGroupAttributes", Does::Write(attributes::modify)),
    ("ModifyTrustStore", Does::Elsewhere),
    ("RegisterTargets", Does::Write(targets::register)),
    ("RemoveListenerCertificates", Does::Elsewhere),
    ("RemoveTags", Does::Write(tags::remove)),
    ("RemoveTrustStoreRevocations", Does::Elsewhere),
    ("SetIpAddressType", Does::Elsewhere),
    ("SetRulePriorities", Does::Elsewhere),
    ("SetSecurityGroups", Does::Elsewhere),
    ("SetSubnets", Does::Elsewhere),
];

/// Carries out a call. Gives its action and what that has to tell.
pub(super) async fn carry_out(
    api: &Api,
    call: &Call,
    caller: &Caller,
) -> Result<(&'static str, Outcome), ApiError> {
    let query = call.parts.uri.query().unwrap_or_default();
    let params = Params::read(query.as_bytes(), &call.body)?;
    let (action, does) = find(&params)?;
    let region = caller.region.as_deref().unwrap_or_else(|| &api.writer.account().region);
    if !Account::is_region(region) {
        return Err(ApiError::validation(format!("'{}' is not a region", excerpt(region))));
    }
    let asked = Asked { api, action, region, params: &params };
    let outcome = match does {
        Does::Read(read) => read(&asked)?,
        Does::Write(_) if !caller.writes => return Err(ApiError::read_only(action)),
        Does::Write(_) if is_led_here(&call.parts.headers) => {
            return Err(ApiError::access_denied("A page of another origin may not change anything here"));
        }
        Does::Write(write) => Outcome::Whole(api.writer.call(write(&asked)?).await?),
        Does::Elsewhere => {
            return Err(ApiError::invalid_action(format!(
                "The action {action} is not valid here: tgprobe emulates target groups only, no load balancers, listeners, rules or trust stores."
            )));
        }
    };
    Ok((action, outcome))
}

fn find(params: &Params) -> Result<(&'static str, Does), ApiError> {
    let name = params.get("Action").filter(|name| !name.is_empty()).ok_or_else(ApiError::missing_action)?;
    let version = params.get("Version").unwrap_or("NO_VERSION_SPECIFIED");
    if version != VERSION {
        let (name, version) = (excerpt(name), excerpt(version));
        return Err(ApiError::invalid_action(format!(
            "Could not find operation {name} for version {version}; the version here is {VERSION}"
        )));
    }
    let known = ACTIONS.binary_search_by(|(known, _)| (*known).cmp(name)).ok();
    let known = known.and_then(|index| ACTIONS.get(index)).copied();
    known.ok_or_else(|| {
        ApiError::invalid_action(format!("The action {} is not valid for this web service.", excerpt(name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_found() {
        for (name, _) in ACTIONS {
            let params = Params::read(format!("Action={name}&Version={VERSION}").as_bytes(), b"").unwrap();
            assert_eq!(find(&params).map(|(found, _)| found).unwrap(), *name);
        }
    }
}
