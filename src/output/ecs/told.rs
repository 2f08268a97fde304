//! What is told of clusters, task definitions, services and tasks, with the names and in the forms of the ECS API.

mod definition;
mod service;
mod task;

use serde_json::{Value, json};

use crate::model::arn::Account;
use crate::model::ecs::service::ServiceStatus;
use crate::model::ecs::state::{Cluster, State};
use crate::model::ecs::task::TaskStatus;
use crate::model::tick::Tick;
use crate::output::ecs::instances;
pub(super) use crate::output::ecs::told::definition::definition;
pub(super) use crate::output::ecs::told::service::service;
pub(super) use crate::output::ecs::told::task::{launch_type, task};
use crate::runtime::agent::Tags;

/// A moment: seconds of Unix time, with milliseconds behind the point.
pub(super) fn time(tick: Tick) -> Value {
    let seconds = format!("{}.{:03}", tick.0 / 1_000, tick.0 % 1_000);
    seconds.parse::<f64>().map_or(Value::Null, Value::from)
}

/// The same without the members that are null, as AWS tells what there is none of.
pub(super) fn without_nulls(mut told: Value) -> Value {
    if let Value::Object(fields) = &mut told {
        fields.retain(|_, value| !value.is_null());
    }
    told
}

/// Tags, by key.
pub(super) fn tags(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

/// A cluster.
pub(super) fn cluster(state: &State, account: &Account, cluster: &Cluster, with_tags: bool) -> Value {
    let here = || state.tasks.values().filter(|task| task.cluster == cluster.name && task.is_wanted());
    let services = state
        .services
        .iter()
        .filter(|(key, service)| key.cluster == cluster.name && service.status == ServiceStatus::Active);
    json!({
        "clusterArn": account.cluster_arn(&cluster.name),
        "clusterName": cluster.name,
        "status": if cluster.inactive { "INACTIVE" } else { "ACTIVE" },
        "registeredContainerInstancesCount": u8::from(!cluster.inactive),
        "runningTasksCount": here().filter(|task| task.last_status == TaskStatus::Running).count(),
        "pendingTasksCount": here().filter(|task| task.last_status < TaskStatus::Running).count(),
        "activeServicesCount": services.count(),
        "statistics": [],
        "settings": [],
        "tags": if with_tags { tags(&cluster.tags) } else { json!([]) },
        "capacityProviders": [],
        "defaultCapacityProviderStrategy": [],
    })
}

/// Who is said to have made everything: callers have no names here.
fn root(account: &Account) -> String {
    let arn = account.cluster_arn("");
    let partition = arn.split(':').nth(1).unwrap_or("aws");
    format!("arn:{partition}:iam::{}:root", account.id)
}

/// The ARN of what runs the tasks of a cluster; Fargate shows none.
fn instance(account: &Account, cluster: &str, launch_type: &str) -> Option<String> {
    (launch_type != "FARGATE").then(|| instances::arn(account, cluster))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_in_seconds_to_the_millisecond() {
        for (tick, told) in [
            (0, "0.0"),
            (1, "0.001"),
            (1_763_765_722_120, "1763765722.12"),
            (1_763_765_722_123, "1763765722.123"),
        ] {
            assert_eq!(time(Tick(tick)).to_string(), told);
        }
    }
}
