//! ListContainerInstances and DescribeContainerInstances: this program is the one instance of every cluster.

use serde_json::{Value, json};

use crate::model::arn::Account;
use crate::model::ecs::state::State;
use crate::model::ecs::task::{Connectivity, TaskStatus};
use crate::model::hash::stable;
use crate::output::ecs::action::Asked;
use crate::output::ecs::error::ApiError;
use crate::output::ecs::lookup::{arn_of, cluster_of, missing};
use crate::output::ecs::paging::Page;
use crate::output::ecs::told;

/// Instances of one call at most.
const INSTANCES: usize = 100;

/// What the instance of a cluster is called, always the same.
fn id(account: &Account, cluster: &str) -> String {
    let half = |what: &str| stable(format!("{what}/{}/{}/{cluster}", account.id, account.region).bytes());
    format!("{:016x}{:016x}", half("instance"), half("instance of"))
}

/// The ARN of the instance of a cluster.
pub(super) fn arn(account: &Account, cluster: &str) -> String {
    let cluster_arn = account.cluster_arn(cluster);
    let start = cluster_arn.rsplit_once("cluster/").map_or("", |(start, _)| start);
    format!("{start}container-instance/{cluster}/{}", id(account, cluster))
}

/// `ListContainerInstances`.
pub(super) fn list(asked: &Asked<'_>) -> Result<Value, ApiError> {
    const STATUSES: &[&str] = &["ACTIVE", "DRAINING", "REGISTERING", "DEREGISTERING", "REGISTRATION_FAILED"];
    asked.input.without(&[("filter", "there is no cluster query language")])?;
    let status = asked.input.word("status", STATUSES)?.unwrap_or("ACTIVE");
    let state = asked.state();
    let cluster = cluster_of(asked, &state)?;
    let page = Page::read(asked, 100, &[cluster, status])?;
    let there = status == "ACTIVE" && asked.api.view.ecs_on();
    let members = there.then(|| (String::new(), arn(asked.account(), cluster)));
    Ok(page.of("containerInstanceArns", members.into_iter().collect()))
}

/// `DescribeContainerInstances`.
pub(super) fn describe(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let state = asked.state();
    let cluster = cluster_of(asked, &state)?;
    let named = asked.input.texts("containerInstances")?;
    if named.is_empty() {
        return Err(ApiError::invalid_parameter("Container instances cannot be empty."));
    }
    if named.len() > INSTANCES {
        let message = format!("Container instances cannot be more than {INSTANCES}.");
        return Err(ApiError::invalid_parameter(message));
    }
    let account = asked.account();
    let (here, name) = (arn(account, cluster), id(account, cluster));
    let (mut instances, mut failures) = (Vec::new(), Vec::new());
    for text in named {
        if asked.api.view.ecs_on() && (text == here || text == name) {
            instances.push(instance(&state, &here, cluster));
        } else {
            let would_be = || here.replace(&name, text);
            failures.push(missing(arn_of(text, would_be)));
        }
    }
    Ok(json!({ "containerInstances": instances, "failures": failures }))
}

fn instance(state: &State, arn: &str, cluster: &str) -> Value {
    let here = || state.tasks.values().filter(|task| *task.cluster == *cluster && task.is_wanted());
    told::without_nulls(json!({
        "containerInstanceArn": arn,
        "version": 1,
        "versionInfo": { "agentVersion": env!("CARGO_PKG_VERSION") },
        "status": "ACTIVE",
        "agentConnected": state.connectivity == Connectivity::Connected,
        "runningTasksCount": here().filter(|task| task.last_status == TaskStatus::Running).count(),
        "pendingTasksCount": here().filter(|task| task.last_status < TaskStatus::Running).count(),
        "registeredAt": state.connectivity_at.map(told::time),
        "remainingResources": [],
        "registeredResources": [],
        "attributes": [],
        "attachments": [],
        "tags": [],
    }))
}
