//! What can be wished of services and tasks.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::model::ecs::definition::DefinitionId;
pub use crate::model::ecs::service::FileService;
use crate::model::ecs::service::{DeploymentConfiguration, LoadBalancer};
use crate::model::ecs::task::ContainerOverride;

/// What of a service is to be changed; `None` stays as it is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServiceUpdate {
    /// What its tasks are. Another one starts a deployment.
    pub definition: Option<DefinitionId>,
    /// How many there should be.
    pub desired_count: Option<u32>,
    /// How its tasks are replaced.
    pub deployment: Option<DeploymentConfiguration>,
    /// For how long after a task's start its health is not minded.
    pub grace_period: Option<Duration>,
    /// Its target groups. Others start a deployment.
    pub load_balancers: Option<Vec<LoadBalancer>>,
    /// Members that are of no effect, as they were given; those that are left out stay.
    pub told: Map<String, Value>,
    /// Starts a deployment, whatever else has changed.
    pub force_new_deployment: bool,
}

/// Tasks that belong to no service.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TaskWish {
    /// Their cluster.
    pub cluster: Box<str>,
    /// What they are.
    pub definition: DefinitionId,
    /// What the caller calls that: a family means another revision later on, and is the same wish still.
    pub named: Box<str>,
    /// How many, 1 to 10.
    pub count: u32,
    /// `family:FAMILY` where nothing is said.
    pub group: Option<Box<str>>,
    /// `launchType`, of no effect; `EC2` where nothing is said.
    pub launch_type: Option<Box<str>>,
    /// Who says it started them.
    pub started_by: Option<Box<str>>,
    /// What of the definition is overridden, by container.
    pub overrides: BTreeMap<Box<str>, ContainerOverride>,
    /// Their tags.
    pub tags: BTreeMap<Box<str>, Box<str>>,
    /// What they were asked for with, so that the same call makes them once.
    pub client_token: Option<Box<str>>,
}
