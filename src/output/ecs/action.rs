//! The one table of actions, and the way of a call through it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::model::arn::Account;
use crate::model::ecs::state::State;
use crate::model::excerpt::excerpt;
use crate::model::tick::Tick;
use crate::output::ecs::error::ApiError;
use crate::output::ecs::input::{self, Input};
use crate::output::ecs::{
    Api, Call, PREFIX, TARGET, clusters, definitions, instances, services, tags, tasks,
};
use crate::output::guard::is_led_here;
use crate::runtime::agent::{Agent, Ecs};

/// What a call asks for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) api: &'a Api,
    pub(super) action: &'static str,
    pub(super) input: Input<'a>,
}

impl Asked<'_> {
    pub(super) fn account(&self) -> &Account {
        &self.api.account
    }

    /// Everything as readers see it.
    pub(super) fn state(&self) -> Arc<State> {
        self.api.view.ecs()
    }
}

/// Looks at what is wished for, at the moment it is given, and gives what to tell.
pub(super) type Decision = Box<dyn FnOnce(&mut Ecs, Tick) -> Result<Value, ApiError> + Send>;

#[derive(Clone, Copy)]
enum Does {
    Read(fn(&Asked<'_>) -> Result<Value, ApiError>),
    Write(fn(&Asked<'_>) -> Result<Decision, ApiError>),
    /// Lists what there is none of: the name of the list.
    Nothing(&'static str),
    /// Concerns what is not emulated.
    Elsewhere,
}

/// Every action of the API.
const ACTIONS: &[(&str, Does)] = &[
    ("AssociateGatewayWithCluster", Does::Elsewhere),
    ("ContinueServiceDeployment", Does::Elsewhere),
    ("CreateCapacityProvider", Does::Elsewhere),
    ("CreateCluster", Does::Write(clusters::create)),
    ("CreateDaemon", Does::Elsewhere),
    ("CreateExpressGatewayService", Does::Elsewhere),
    ("CreateGateway", Does::Elsewhere),
    ("CreateService", Does::Write(services::create)),
    ("CreateTaskSet", Does::Elsewhere),
    ("DeleteAccountSetting", Does::Elsewhere),
    ("DeleteAttributes", Does::Elsewhere),
    ("DeleteCapacityProvider", Does::Elsewhere),
    ("DeleteCluster", Does::Write(clusters::delete)),
    ("DeleteDaemon", Does::Elsewhere),
    ("DeleteDaemonTaskDefinition", Does::Elsewhere),
    ("DeleteExpressGatewayService", Does::Elsewhere),
    ("DeleteGateway", Does::Elsewhere),
    ("DeleteService", Does::Write(services::delete)),
    ("DeleteTaskDefinitions", Does::Elsewhere),
    ("DeleteTaskSet", Does::Elsewhere),
    ("DeregisterContainerInstance", Does::Elsewhere),
    ("DeregisterTaskDefinition", Does::Write(definitions::deregister)),
    ("DescribeCapacityProviders", Does::Nothing("capacityProviders")),
    ("DescribeClusters", Does::Read(clusters::describe)),
    ("DescribeContainerInstances", Does::Read(instances::describe)),
    ("DescribeDaemon", Does::Elsewhere),
    ("DescribeDaemonDeployments", Does::Elsewhere),
    ("DescribeDaemonRevisions", Does::Elsewhere),
    ("DescribeDaemonTaskDefinition", Does::Elsewhere),
    ("DescribeExpressGatewayService", Does::Elsewhere),
    ("DescribeGateway", Does::Elsewhere),
    ("DescribeGatewayResources", Does::Elsewhere),
    ("DescribeGatewayRoute", Does::Elsewhere),
    ("DescribeServiceDeployments", Does::Elsewhere),
    ("DescribeServiceRevisions", Does::Elsewhere),
    ("DescribeServices", Does::Read(services::describe)),
    ("DescribeTaskDefinition", Does::Read(definitions::describe)),
    ("DescribeTaskSets", Does::Elsewhere),
    ("DescribeTasks", Does::Read(tasks::describe)),
    ("DisassociateGatewayFromCluster", Does::Elsewhere),
    ("DiscoverPollEndpoint", Does::Elsewhere),
    ("ExecuteCommand", Does::Elsewhere),
    ("GetTaskProtection", Does::Elsewhere),
    ("ListAccountSettings", Does::Nothing("settings")),
    ("ListAttributes", Does::Nothing("attributes")),
    ("ListClusters", Does::Read(clusters::list)),
    ("ListContainerInstances", Does::Read(instances::list)),
    ("ListDaemonDeployments", Does::Elsewhere),
    ("ListDaemonTaskDefinitions", Does::Elsewhere),
    ("ListDaemons", Does::Elsewhere),
    ("ListGatewayClusterAssociations", Does::Elsewhere),
    ("ListGatewayRoutes", Does::Elsewhere),
    ("ListGateways", Does::Elsewhere),
    ("ListServiceDeployments", Does::Elsewhere),
    ("ListServices", Does::Read(services::list)),
    ("ListServicesByNamespace", Does::Nothing("serviceArns")),
    ("ListTagsForResource", Does::Read(tags::list)),
    ("ListTaskDefinitionFamilies", Does::Read(definitions::families)),
    ("ListTaskDefinitions", Does::Read(definitions::list)),
    ("ListTasks", Does::Read(tasks::list)),
    ("PutAccountSetting", Does::Elsewhere),
    ("PutAccountSettingDefault", Does::Elsewhere),
    ("PutAttributes", Does::Elsewhere),
    ("PutClusterCapacityProviders", Does::Elsewhere),
    ("RegisterContainerInstance", Does::Elsewhere),
    ("RegisterDaemonTaskDefinition", Does::Elsewhere),
    ("RegisterTaskDefinition", Does::Write(definitions::register)),
    ("RunTask", Does::Write(tasks::run)),
    ("StartTask", Does::Elsewhere),
    ("StopServiceDeployment", Does::Elsewhere),
    ("StopTask", Does::Write(tasks::stop)),
    ("SubmitAttachmentStateChanges", Does::Elsewhere),
    ("SubmitContainerStateChange", Does::Elsewhere),
    ("SubmitTaskStateChange", Does::Elsewhere),
    ("TagResource", Does::Write(tags::add)),
    ("UntagResource", Does::Write(tags::remove)),
    ("UpdateCapacityProvider", Does::Elsewhere),
    ("UpdateCluster", Does::Elsewhere),
    ("UpdateClusterSettings", Does::Elsewhere),
    ("UpdateContainerAgent", Does::Elsewhere),
    ("UpdateContainerInstancesState", Does::Elsewhere),
    ("UpdateDaemon", Does::Elsewhere),
    ("UpdateExpressGatewayService", Does::Elsewhere),
    ("UpdateGateway", Does::Elsewhere),
    ("UpdateService", Does::Write(services::update)),
    ("UpdateServicePrimaryTaskSet", Does::Elsewhere),
    ("UpdateTaskProtection", Does::Elsewhere),
    ("UpdateTaskSet", Does::Elsewhere),
];

/// Carries out a call. Gives what it has to tell.
pub(super) async fn carry_out(api: &Api, call: &Call, writes: bool) -> Result<Value, ApiError> {
    let (action, does) = find(call)?;
    let fields = input::parse(&call.body)?;
    let asked = Asked { api, action, input: Input::new(&fields) };
    match does {
        Does::Read(read) => read(&asked),
        Does::Write(_) if !writes => Err(ApiError::read_only(action)),
        Does::Write(_) if is_led_here(&call.parts.headers) => {
            Err(ApiError::access_denied("A page of another origin may not change anything here"))
        }
        Does::Write(write) => {
            let agent = running(api)?;
            let decision = write(&asked)?;
            Ok(agent.call(decision).await?)
        }
        Does::Nothing(list) => Ok(json!({ list: [] })),
        Does::Elsewhere => Err(ApiError::unsupported(format!(
            "{} is not supported here: tgprobe emulates clusters, task definitions, services and tasks only.",
            asked.action
        ))),
    }
}

/// Whoever may call may start programs, so the operator must have said that this is meant.
fn running(api: &Api) -> Result<&Agent, ApiError> {
    api.agent.as_ref().ok_or_else(|| {
        ApiError::access_denied(
            "No tasks are run here, since they are programs on this machine. To allow it, add an `[ecs]` table to \
             the configuration and start the server anew.",
        )
    })
}

fn find(call: &Call) -> Result<(&'static str, Does), ApiError> {
    let mut named = call.parts.headers.get_all(TARGET).iter();
    let target = match (named.next(), named.next()) {
        (Some(target), None) => target.to_str().unwrap_or_default(),
        _ => "",
    };
    let known = target.strip_prefix(PREFIX).and_then(|name| {
        let index = ACTIONS.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
        ACTIONS.get(index).copied()
    });
    known.ok_or_else(|| {
        ApiError::unknown_operation(format!(
            "'{}' names no action of the ECS API; X-Amz-Target is {PREFIX} and the action",
            excerpt(target)
        ))
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::extract::Request;

    use super::*;

    fn call(target: &str) -> Call {
        let (parts, ()) = Request::post("/").header(TARGET, target).body(()).unwrap().into_parts();
        Call { parts, body: Bytes::new() }
    }

    #[test]
    fn every_action_is_found() {
        for (name, _) in ACTIONS {
            assert_eq!(find(&call(&format!("{PREFIX}{name}"))).map(|(found, _)| found).unwrap(), *name);
        }
    }

    #[test]
    fn what_names_no_action_is_refused() {
        for target in ["", "RunTask", "AmazonEC2ContainerServiceV20141113.", "DynamoDB_20120810.ListTables"] {
            let error = find(&call(target)).map(|(found, _)| found).unwrap_err();
            assert_eq!(error.code, "UnknownOperationException", "{target}");
        }
    }
}
