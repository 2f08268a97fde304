//! CreateCluster, DescribeClusters, ListClusters and DeleteCluster.

use serde_json::{Value, json};

use crate::output::ecs::action::{Asked, Decision};
use crate::output::ecs::error::ApiError;
use crate::output::ecs::lookup::{self, DEFAULT, arn_of, includes, missing};
use crate::output::ecs::paging::Page;
use crate::output::ecs::{tags, told};

/// Clusters of one call at most.
const CLUSTERS: usize = 100;

/// Whether a text can be the name of a cluster or a service: 1 to 255 letters, digits, hyphens and underscores.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=255).contains(&text.len()) && text.bytes().all(plain)
}

/// `CreateCluster`. One that is there is answered as it is.
pub(super) fn create(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let name = asked.input.text("clusterName")?.unwrap_or(DEFAULT).to_owned();
    if !is_name(&name) {
        let message = "Cluster name must be 1 to 255 letters, numbers, hyphens and underscores.";
        return Err(ApiError::invalid_parameter(message));
    }
    const WHY: &str = "there are no capacity providers";
    asked.input.without(&[("capacityProviders", WHY), ("defaultCapacityProviderStrategy", WHY)])?;
    asked.input.without(&[("serviceConnectDefaults", "there is no Service Connect")])?;
    let tags = tags::read(&asked.input)?;
    Ok(Box::new(move |ecs, _| {
        let made = ecs.create_cluster(&name, tags);
        Ok(json!({ "cluster": told::cluster(ecs.state(), ecs.account(), &made, true) }))
    }))
}

/// `DeleteCluster`.
pub(super) fn delete(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let text = asked.input.required("cluster", "Cluster can not be blank.")?;
    let name = lookup::cluster_name(asked.account(), text).ok_or_else(ApiError::cluster_not_found)?;
    let name = name.to_owned();
    Ok(Box::new(move |ecs, _| {
        let deleted = ecs.delete_cluster(&name)?;
        Ok(json!({ "cluster": told::cluster(ecs.state(), ecs.account(), &deleted, false) }))
    }))
}

/// `DescribeClusters`.
pub(super) fn describe(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let mut named = asked.input.texts("clusters")?;
    if named.is_empty() {
        named.push(DEFAULT);
    }
    if named.len() > CLUSTERS {
        return Err(ApiError::invalid_parameter(format!("Clusters cannot be more than {CLUSTERS}.")));
    }
    let (state, account, tags) = (asked.state(), asked.account(), includes(asked, "TAGS")?);
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for text in named {
        let found = lookup::cluster_name(account, text).and_then(|name| lookup::cluster(&state, name));
        match found {
            Some(found) => clusters.push(told::cluster(&state, account, &found, tags)),
            None => failures.push(missing(arn_of(text, || account.cluster_arn(text)))),
        }
    }
    Ok(json!({ "clusters": clusters, "failures": failures }))
}

/// `ListClusters`, by name.
pub(super) fn list(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let page = Page::read(asked, 100, &[])?;
    let (state, account) = (asked.state(), asked.account());
    let active = state.clusters.values().filter(|cluster| !cluster.inactive);
    let members = active.map(|cluster| (String::from(&*cluster.name), account.cluster_arn(&cluster.name)));
    Ok(page.of("clusterArns", members.collect()))
}
