//! Everything there is of ECS at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::ecs::definition::{DefinitionId, TaskDefinition};
use crate::model::ecs::service::{Service, ServiceKey};
use crate::model::ecs::task::{Connectivity, Task, TaskId};
use crate::model::tick::Tick;

/// Everything there is at one moment. A copy shares what it holds with the original, so that it costs little.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Clusters by name. `default` is always among them.
    pub clusters: BTreeMap<Box<str>, Arc<Cluster>>,
    /// Every revision there ever was.
    pub definitions: BTreeMap<DefinitionId, Arc<TaskDefinition>>,
    /// Services, those deleted lately among them.
    pub services: BTreeMap<ServiceKey, Arc<Service>>,
    /// Tasks, those stopped lately among them.
    pub tasks: BTreeMap<TaskId, Arc<Task>>,
    /// Whether what runs containers can be reached.
    pub connectivity: Connectivity,
    /// When it last became reachable.
    pub connectivity_at: Option<Tick>,
}

/// A cluster.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its name.
    pub name: Box<str>,
    /// Whether it has been deleted.
    pub inactive: bool,
    /// Its tags.
    pub tags: BTreeMap<Box<str>, Box<str>>,
}

impl State {
    /// The tasks of a service, in the order of their ids.
    pub fn tasks_of<'a>(&'a self, key: &'a ServiceKey) -> impl Iterator<Item = &'a Arc<Task>> {
        self.tasks.values().filter(|task| {
            task.cluster == key.cluster
                && task.service.as_ref().is_some_and(|member| member.service == key.name)
        })
    }

    /// The newest revision of a family that is `ACTIVE`.
    #[must_use]
    pub fn latest(&self, family: &str) -> Option<&Arc<TaskDefinition>> {
        let revision = |revision| DefinitionId { family: family.into(), revision };
        let all = self.definitions.range(revision(0)..=revision(u32::MAX));
        all.rev().map(|(_, definition)| definition).find(|definition| definition.deregistered.is_none())
    }
}

/// What differs between two states: each thing as it is now, or `None` where it is gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// Clusters by name.
    pub clusters: BTreeMap<Box<str>, Option<Arc<Cluster>>>,
    /// Task definitions.
    pub definitions: BTreeMap<DefinitionId, Option<Arc<TaskDefinition>>>,
    /// Services.
    pub services: BTreeMap<ServiceKey, Option<Arc<Service>>>,
    /// Tasks.
    pub tasks: BTreeMap<TaskId, Option<Arc<Task>>>,
}

impl Difference {
    /// What differs in `new` from `old`. What both share is not looked at.
    #[must_use]
    pub fn between(old: &State, new: &State) -> Self {
        Self {
            clusters: differing(&old.clusters, &new.clusters),
            definitions: differing(&old.definitions, &new.definitions),
            services: differing(&old.services, &new.services),
            tasks: differing(&old.tasks, &new.tasks),
        }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty()
            && self.definitions.is_empty()
            && self.services.is_empty()
            && self.tasks.is_empty()
    }
}

fn differing<K: Clone + Ord, V>(
    old: &BTreeMap<K, Arc<V>>,
    new: &BTreeMap<K, Arc<V>>,
) -> BTreeMap<K, Option<Arc<V>>> {
    let same = |key: &K, value: &Arc<V>| old.get(key).is_some_and(|before| Arc::ptr_eq(before, value));
    let changed = new.iter().filter(|(key, value)| !same(key, value));
    let changed = changed.map(|(key, value)| (key.clone(), Some(Arc::clone(value))));
    let gone = old.keys().filter(|key| !new.contains_key(key)).map(|key| (key.clone(), None));
    changed.chain(gone).collect()
}
