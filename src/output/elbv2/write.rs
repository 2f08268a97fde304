//! CreateTargetGroup, ModifyTargetGroup and DeleteTargetGroup.

use std::sync::Arc;

use crate::model::change::Change;
use crate::model::description::Origin;
use crate::output::elbv2::action::{Asked, Decision};
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::groups;
use crate::output::elbv2::lookup::{Named, region_of};
use crate::output::elbv2::settings::{self, Check, Create};
use crate::output::elbv2::tags;
use crate::runtime::writer::Wish;

/// Groups that may be made through the API in a region, AWS's quota.
pub(super) const TARGET_GROUPS: usize = 3_000;

/// `CreateTargetGroup`. A group that is there with the same settings is answered as if it had just been made.
pub(super) fn create(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let wanted = Create::read(asked.params, tags::read(asked.params)?);
    let (account, region) = (asked.account().clone(), asked.region.to_owned());
    Ok(Box::new(move |catalog, now| {
        let group = settings::create(&wanted, &account, &region, now)?;
        let there = catalog.get(&group.name).and_then(|wish| Some((wish.origin(), wish.group()?)));
        match there {
            Some((_, there)) if settings::same(there, &group) => Ok((Vec::new(), groups::alone(there))),
            Some((Origin::Api, _)) => Err(ApiError::duplicate_target_group_name(group.name.bare())),
            Some((Origin::File, _)) => {
                let mut error = ApiError::duplicate_target_group_name(group.name.bare());
                error.message.push_str(" in the configuration file");
                Err(error)
            }
            None => {
                let of_api = |wish: &&Wish| wish.origin() == Origin::Api;
                let here =
                    catalog.iter().filter(|(name, wish)| of_api(wish) && region_of(&account, name) == region);
                if here.count() >= TARGET_GROUPS {
                    return Err(ApiError::too_many_target_groups(format!(
                        "You cannot have more than {TARGET_GROUPS} target groups per region"
                    )));
                }
                let told = groups::alone(&group);
                // Registrations may wait for a group of this name that the file named once; this is another group.
                let anew = Change::DeleteGroup(group.name.clone());
                Ok((vec![anew, Change::PutGroup(Arc::new(group))], told))
            }
        }
    }))
}

/// `ModifyTargetGroup`: what the call leaves out stays as it was.
pub(super) fn modify(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let (named, check) = (Named::of(asked)?, Check::read(asked.params));
    Ok(Box::new(move |catalog, _| {
        let before = named.changeable(catalog)?;
        let group = settings::modify(before, &check)?;
        let told = groups::alone(&group);
        let changes = (group != **before).then(|| Change::PutGroup(Arc::new(group)));
        Ok((changes.into_iter().collect(), told))
    }))
}

/// `DeleteTargetGroup`.
pub(super) fn delete(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let named = Named::of(asked)?;
    Ok(Box::new(move |catalog, _| {
        named.changeable(catalog)?;
        Ok((vec![Change::DeleteGroup(named.name)], String::new()))
    }))
}
