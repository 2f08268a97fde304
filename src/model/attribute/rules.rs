//! The rules between attributes (docs/semantics.md, "Rules between fields").

use std::time::Duration;

use crate::model::attribute::table::{
    ALGORITHM, BODY_MATCH, COOKIE_NAME, DNS_COUNT, DNS_PERCENTAGE, HEADERS, HOST, MITIGATION,
    ON_DEREGISTRATION, ON_UNHEALTHY, ROUTING_COUNT, ROUTING_PERCENTAGE, SLOW_START, STICKINESS,
    STICKINESS_TYPE, TABLE, TERMINATION, TIMEOUT, UNHEALTHY_DRAINING,
};
use crate::model::attribute::value::{number, set_number};
use crate::model::attribute::{AttributeError, Set};
use crate::model::health_check::HealthCheckProtocol;
use crate::model::protocol::Protocol;
use crate::model::target_group::TargetGroup;

/// Holds the attributes set in a group against each other and against the check in force.
pub(super) fn hold(group: &TargetGroup, set: &Set) -> Result<(), AttributeError> {
    let all = All { group, set };
    let broken = all
        .stickiness()
        .or_else(|| all.algorithm())
        .or_else(|| all.floors())
        .or_else(|| all.failover())
        .or_else(|| all.unhealthy_draining())
        .or_else(|| all.timeout())
        .or_else(|| all.request());
    broken.map_or(Ok(()), |message| Err(AttributeError::Unfit(message)))
}

/// Every attribute of a group, set or not.
struct All<'a> {
    group: &'a TargetGroup,
    set: &'a Set,
}

impl<'a> All<'a> {
    /// What an attribute says; nothing where the group cannot have it.
    fn say(&self, key: &str) -> &'a str {
        let row = TABLE.iter().find(|row| row.key == key && (row.applies)(self.group));
        row.and_then(|row| row.value(self.group, self.set)).unwrap_or_default()
    }

    fn stickiness(&self) -> Option<String> {
        if self.say(STICKINESS) != "true" {
            return None;
        }
        if self.group.protocol == Some(Protocol::Tls) {
            return Some("You cannot enable stickiness on target groups with the TLS protocol".to_owned());
        }
        (self.say(STICKINESS_TYPE) == "app_cookie" && self.say(COOKIE_NAME).is_empty()).then(|| {
            format!("You must specify '{COOKIE_NAME}' to enable stickiness with the type 'app_cookie'")
        })
    }

    fn algorithm(&self) -> Option<String> {
        let algorithm = self.say(ALGORITHM);
        let weighted = algorithm == "weighted_random";
        if weighted && self.say(STICKINESS) == "true" {
            return Some(format!("You cannot enable stickiness with '{ALGORITHM}' value 'weighted_random'"));
        }
        if number(self.say(SLOW_START)).is_some_and(|seconds| seconds > 0) && algorithm != "round_robin" {
            return Some(format!("You cannot enable slow start with '{ALGORITHM}' value '{algorithm}'"));
        }
        (self.say(MITIGATION) == "on" && !weighted).then(|| {
            format!("'{MITIGATION}' value 'on' is only supported with '{ALGORITHM}' value 'weighted_random'")
        })
    }

    /// A floor for DNS must not be below the floor for routing where both are set; `off` is not.
    fn floors(&self) -> Option<String> {
        let pairs = [(DNS_COUNT, ROUTING_COUNT), (DNS_PERCENTAGE, ROUTING_PERCENTAGE)];
        pairs.into_iter().find_map(|(dns_key, routing_key)| {
            let (dns, routing) = (number(self.say(dns_key))?, number(self.say(routing_key))?);
            (dns < routing).then(|| {
                format!(
                    "'{dns_key}' value '{dns}' must be greater than or equal to '{routing_key}' value '{routing}'"
                )
            })
        })
    }

    fn failover(&self) -> Option<String> {
        let (deregistration, unhealthy) = (self.say(ON_DEREGISTRATION), self.say(ON_UNHEALTHY));
        (deregistration != unhealthy).then(|| {
            format!(
                "'{ON_DEREGISTRATION}' value '{deregistration}' must be the same as '{ON_UNHEALTHY}' value '{unhealthy}'"
            )
        })
    }

    fn unhealthy_draining(&self) -> Option<String> {
        let drains = number(self.say(UNHEALTHY_DRAINING)).is_some_and(|seconds| seconds > 0);
        (drains && self.say(TERMINATION) == "true")
            .then(|| format!("'{UNHEALTHY_DRAINING}' is only supported with '{TERMINATION}' value 'false'"))
    }

    /// A timeout that was set must be below the interval in force; one that was not gives way instead.
    fn timeout(&self) -> Option<String> {
        let timeout = set_number(self.set, TIMEOUT)?;
        let interval = self.group.health_check.interval;
        (Duration::from_millis(timeout.into()) >= interval).then(|| {
            let interval = interval.as_millis();
            format!("'{TIMEOUT}' value '{timeout}' must be smaller than the interval in force, '{interval}' milliseconds")
        })
    }

    /// A TCP check asks nothing (docs/semantics.md, "Kinds of groups").
    fn request(&self) -> Option<String> {
        if self.group.health_check.protocol != HealthCheckProtocol::Tcp {
            return None;
        }
        let key = [HOST, HEADERS, BODY_MATCH].into_iter().find(|key| self.set.contains_key(*key))?;
        Some(format!("'{key}' is not supported for TCP health checks"))
    }
}
