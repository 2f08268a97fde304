//! Everything there is of ECS at one moment.

use std::cmp::Ordering;
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
    let mut differing = BTreeMap::new();
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    // Both are in order, so that one walk along both does: this is asked for several times with each report.
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some((before, _)), Some((now, _))) => before.cmp(now),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return differing,
        };
        let before = if order.is_le() { old.next() } else { None };
        let now = if order.is_ge() { new.next() } else { None };
        match (before, now) {
            (Some((_, before)), Some((_, now))) if Arc::ptr_eq(before, now) => {}
            (_, Some((key, now))) => _ = differing.insert(key.clone(), Some(Arc::clone(now))),
            (Some((key, _)), None) => _ = differing.insert(key.clone(), None),
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_changed_or_gone_differs_and_what_is_shared_does_not() {
        let cluster =
            |name: &str| (Box::from(name), Arc::new(Cluster { name: name.into(), ..Cluster::default() }));
        let old = State { clusters: ["a", "b", "d", "e", "g"].map(cluster).into(), ..State::default() };
        let mut new = old.clone();
        assert!(Difference::between(&old, &new).is_empty());
        new.clusters.retain(|name, _| !["a", "g"].contains(&&**name));
        new.clusters.extend(["c", "d", "f", "h"].map(cluster));
        let names = |difference: Difference| -> Vec<(String, bool)> {
            let clusters = difference.clusters.into_iter();
            clusters.map(|(name, now)| (name.into(), now.is_some())).collect()
        };
        let expected = |there: bool| {
            let all = [("a", false), ("c", true), ("d", true), ("f", true), ("g", false), ("h", true)];
            all.map(|(name, now)| (name.to_owned(), now == there || name == "d"))
        };
        assert_eq!(names(Difference::between(&old, &new)), expected(true));
        assert_eq!(names(Difference::between(&new, &old)), expected(false), "and the other way round");
    }
}
