//! ARNs of the ECS API. All are of the configured account and region.

use crate::model::arn::{Account, partition};
use crate::model::ecs::definition::DefinitionId;
use crate::model::ecs::service::ServiceKey;
use crate::model::ecs::task::{Container, Task, TaskId};

/// What an ARN of ECS names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resource {
    /// A cluster, by name.
    Cluster(Box<str>),
    /// A service.
    Service(ServiceKey),
    /// A task: its cluster and its id.
    Task(Box<str>, TaskId),
    /// A task definition.
    Definition(DefinitionId),
}

impl Account {
    fn ecs(&self, rest: &str) -> String {
        format!("arn:{}:ecs:{}:{}:{rest}", partition(&self.region), self.region, self.id)
    }

    /// The ARN of a cluster.
    #[must_use]
    pub fn cluster_arn(&self, name: &str) -> String {
        self.ecs(&format!("cluster/{name}"))
    }

    /// The ARN of a service.
    #[must_use]
    pub fn service_arn(&self, key: &ServiceKey) -> String {
        self.ecs(&format!("service/{}/{}", key.cluster, key.name))
    }

    /// The ARN of a task.
    #[must_use]
    pub fn task_arn(&self, task: &Task) -> String {
        self.ecs(&format!("task/{}/{}", task.cluster, task.id))
    }

    /// The ARN of a container of a task.
    #[must_use]
    pub fn container_arn(&self, task: &Task, container: &Container) -> String {
        self.ecs(&format!("container/{}/{}/{}", task.cluster, task.id, container.uuid))
    }

    /// The ARN of a task definition.
    #[must_use]
    pub fn definition_arn(&self, id: &DefinitionId) -> String {
        self.ecs(&format!("task-definition/{id}"))
    }

    /// What an ARN names; `None` if it is none, or not one of this account and region.
    #[must_use]
    pub fn resource(&self, arn: &str) -> Option<Resource> {
        let rest = arn.strip_prefix(&*self.ecs(""))?;
        let parts: Vec<&str> = rest.split('/').collect();
        match *parts.as_slice() {
            ["cluster", name] => Some(Resource::Cluster(name.into())),
            ["service", cluster, name] => {
                Some(Resource::Service(ServiceKey { cluster: cluster.into(), name: name.into() }))
            }
            ["task", cluster, id] => Some(Resource::Task(cluster.into(), id.into())),
            ["task-definition", id] => DefinitionId::parse(id).map(Resource::Definition),
            _ => None,
        }
    }
}

impl DefinitionId {
    /// Reads `family:revision`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (family, revision) = text.rsplit_once(':')?;
        let plain = !family.is_empty() && !family.contains([':', '/']);
        let revision = revision.parse().ok().filter(|revision| *revision > 0 && plain)?;
        Some(Self { family: family.into(), revision })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_arn_names_is_read_back_from_it() {
        let account = Account::default();
        let key = ServiceKey { cluster: "default".into(), name: "web".into() };
        let task = Task { id: "0f".into(), cluster: "default".into(), ..Task::default() };
        let definition = DefinitionId { family: "web".into(), revision: 7 };
        for (arn, resource) in [
            (account.cluster_arn("default"), Resource::Cluster("default".into())),
            (account.service_arn(&key), Resource::Service(key.clone())),
            (account.task_arn(&task), Resource::Task("default".into(), "0f".into())),
            (account.definition_arn(&definition), Resource::Definition(definition.clone())),
        ] {
            assert_eq!(account.resource(&arn), Some(resource), "{arn}");
            assert_eq!(account.resource(&arn.replace("us-east-1", "eu-west-1")), None, "{arn}");
        }
        assert_eq!(account.service_arn(&key), "arn:aws:ecs:us-east-1:000000000000:service/default/web");
        for text in ["web", "web:", "web:0", "web:x", ":1", "a:b:1"] {
            assert_eq!(DefinitionId::parse(text), None, "{text}");
        }
    }
}
