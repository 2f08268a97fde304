//! From an ARN to what it names, in the view for who reads and in the catalog for who writes.

use std::sync::Arc;

use crate::model::arn::Account;
use crate::model::description::Origin;
use crate::model::target_group::{GroupName, TargetGroup};
use crate::output::elbv2::action::Asked;
use crate::output::elbv2::error::{ApiError, shown};
use crate::runtime::view::{Listing, Snapshot};
use crate::runtime::writer::{Catalog, Wish};

/// What an ARN of a load balancer's parts names: region, account and the path of the resource.
struct Arn<'a> {
    region: &'a str,
    account: &'a str,
    resource: &'a str,
}

impl<'a> Arn<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (Some("arn"), Some(partition)) = (parts.next(), parts.next()) else { return None };
        if partition.is_empty() || parts.next() != Some("elasticloadbalancing") {
            return None;
        }
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        (digits && !region.is_empty()).then_some(Self { region, account, resource })
    }

    /// The name of a target group.
    fn group(&self) -> Option<GroupName> {
        let (name, digits) = self.resource.strip_prefix("targetgroup/")?.split_once('/')?;
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let good = !digits.is_empty() && digits.bytes().all(hex);
        GroupName::parse(name).ok().filter(|_| good)
    }
}

/// Whether a text can be the ARN of a load balancer.
pub(super) fn is_load_balancer(arn: &str) -> bool {
    Arn::parse(arn).is_some_and(|arn| arn.resource.starts_with("loadbalancer/"))
}

/// A group by its ARN, and the ARN itself, since a group made anew under the same name is another one.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) name: GroupName,
    pub(super) arn: Box<str>,
}

impl Named {
    /// Reads the ARN of a group in the caller's region.
    pub(super) fn parse(asked: &Asked<'_>, text: &str) -> Result<Self, ApiError> {
        let parsed = Arn::parse(text).and_then(|arn| arn.group().map(|name| (arn, name)));
        let Some((arn, name)) = parsed else {
            return Err(ApiError::validation(format!("'{}' is not a valid target group ARN", shown(text))));
        };
        let account = asked.account();
        if arn.region != asked.region || *arn.account != *account.id {
            return Err(ApiError::target_group_not_found());
        }
        Ok(Self { name: account.name_in(arn.region, &name), arn: text.into() })
    }

    /// Reads the parameter that names the group of a call.
    pub(super) fn of(asked: &Asked<'_>) -> Result<Self, ApiError> {
        Self::parse(asked, asked.params.require("TargetGroupArn", "A target group ARN")?)
    }

    /// Reads the ARN of anything that can have tags; only groups are there.
    pub(super) fn parse_tagged(asked: &Asked<'_>, text: &str) -> Result<Self, ApiError> {
        let kind = Arn::parse(text).map(|arn| arn.resource.split('/').next().unwrap_or_default());
        match kind {
            Some("loadbalancer") => Err(ApiError::load_balancer_not_found()),
            Some("listener") => Err(ApiError::listener_not_found()),
            Some("listener-rule") => Err(ApiError::rule_not_found()),
            Some("truststore") => Err(ApiError::trust_store_not_found()),
            _ => Self::parse(asked, text),
        }
    }

    /// The group as readers see it.
    pub(super) fn listing<'s>(&self, snapshot: &'s Snapshot) -> Result<&'s Arc<Listing>, ApiError> {
        let listing = snapshot.groups.get(&self.name);
        listing
            .filter(|listing| listing.desired && listing.group.description.arn == self.arn)
            .ok_or_else(ApiError::target_group_not_found)
    }

    /// What is wished for the group.
    pub(super) fn wish<'c>(
        &self,
        catalog: &'c Catalog,
    ) -> Result<(&'c Wish, &'c Arc<TargetGroup>), ApiError> {
        catalog
            .get(&self.name)
            .and_then(|wish| Some((wish, wish.group()?)))
            .filter(|(_, group)| group.description.arn == self.arn)
            .ok_or_else(ApiError::target_group_not_found)
    }

    /// The group, to be changed.
    pub(super) fn changeable<'c>(&self, catalog: &'c Catalog) -> Result<&'c Arc<TargetGroup>, ApiError> {
        let (wish, group) = self.wish(catalog)?;
        match wish.origin() {
            Origin::Api => Ok(group),
            Origin::File => Err(ApiError::group_of_file(self.name.bare())),
        }
    }
}

/// The region of a group.
pub(super) fn region_of<'a>(account: &'a Account, name: &'a GroupName) -> &'a str {
    name.as_str().rsplit_once(':').map_or(&*account.region, |(region, _)| region)
}
