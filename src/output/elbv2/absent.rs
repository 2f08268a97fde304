//! What is asked of load balancers, listeners, rules and trust stores, of which there are none.
//!
//! A list of all is empty, so that tools that look around go on; what is asked for by name is not found.

use crate::output::elbv2::action::Asked;
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::respond::Outcome;
use crate::output::elbv2::xml::Xml;

type Missing = fn() -> ApiError;

/// How one action is answered.
struct Answered {
    action: &'static str,
    /// The list in its result; without one the action is about one thing, which is missing.
    list: Result<&'static str, Missing>,
    /// Parameters that name something, and what is said of that.
    names: &'static [(&'static str, Missing)],
}

const ANSWERS: &[Answered] = &[
    Answered {
        action: "DescribeCapacityReservation",
        list: Err(ApiError::load_balancer_not_found),
        names: &[],
    },
    Answered { action: "DescribeListenerAttributes", list: Err(ApiError::listener_not_found), names: &[] },
    Answered {
        action: "DescribeListenerCertificates",
        list: Ok("Certificates"),
        names: &[("ListenerArn", ApiError::listener_not_found)],
    },
    Answered {
        action: "DescribeListeners",
        list: Ok("Listeners"),
        names: &[
            ("LoadBalancerArn", ApiError::load_balancer_not_found),
            ("ListenerArns", ApiError::listener_not_found),
        ],
    },
    Answered {
        action: "DescribeLoadBalancerAttributes",
        list: Err(ApiError::load_balancer_not_found),
        names: &[],
    },
    Answered {
        action: "DescribeLoadBalancers",
        list: Ok("LoadBalancers"),
        names: &[
            ("LoadBalancerArns", ApiError::load_balancer_not_found),
            ("Names", ApiError::load_balancer_not_found),
        ],
    },
    Answered {
        action: "DescribeRules",
        list: Ok("Rules"),
        names: &[("ListenerArn", ApiError::listener_not_found), ("RuleArns", ApiError::rule_not_found)],
    },
    Answered {
        action: "DescribeSSLPolicies",
        list: Ok("SslPolicies"),
        names: &[("Names", ApiError::ssl_policy_not_found)],
    },
    Answered {
        action: "DescribeTrustStoreAssociations",
        list: Err(ApiError::trust_store_not_found),
        names: &[],
    },
    Answered {
        action: "DescribeTrustStoreRevocations",
        list: Err(ApiError::trust_store_not_found),
        names: &[],
    },
    Answered {
        action: "DescribeTrustStores",
        list: Ok("TrustStores"),
        names: &[
            ("TrustStoreArns", ApiError::trust_store_not_found),
            ("Names", ApiError::trust_store_not_found),
        ],
    },
];

/// Any action that describes what there is none of.
pub(super) fn describe(asked: &Asked<'_>) -> Result<Outcome, ApiError> {
    let known = ANSWERS.iter().find(|answered| answered.action == asked.action);
    let Some(answered) = known else {
        return Err(ApiError::invalid_action(format!("The action {} is not valid here.", asked.action)));
    };
    for (name, missing) in answered.names {
        let one = asked.params.get(name).is_some_and(|value| !value.is_empty());
        if one || asked.params.has_members(name) {
            return Err(missing());
        }
    }
    let mut xml = Xml::default();
    xml.empty(answered.list.map_err(|missing| missing())?);
    Ok(Outcome::Whole(xml.into_text()))
}
