//! Clusters, and the tags of everything.

use std::sync::Arc;

use crate::engine::ecs::refusal::Refusal;
use crate::engine::ecs::{Ecs, Tags};
use crate::model::ecs::arn::Resource;
use crate::model::ecs::service::ServiceStatus;
use crate::model::ecs::state::Cluster;

/// The cluster that is always there.
const DEFAULT: &str = "default";

/// Deleted clusters that can be asked for.
const DELETED_KEPT: usize = 100;

impl Ecs {
    /// Makes a cluster, or gives the one there is.
    pub fn create_cluster(&mut self, name: &str, tags: Tags) -> Arc<Cluster> {
        if let Some(cluster) = self.state.clusters.get(name).filter(|cluster| !cluster.inactive) {
            return Arc::clone(cluster);
        }
        let cluster = Arc::new(Cluster { name: name.into(), inactive: false, tags });
        self.state.clusters.insert(name.into(), Arc::clone(&cluster));
        cluster
    }

    /// Deletes a cluster without services and tasks. The cluster `default` is there again at once.
    ///
    /// # Errors
    /// If there is none of this name, or something is in it.
    pub fn delete_cluster(&mut self, name: &str) -> Result<Arc<Cluster>, Refusal> {
        let cluster = self.state.clusters.get(name).filter(|cluster| !cluster.inactive);
        let cluster = cluster.ok_or(Refusal::ClusterNotFound)?;
        let gone = Arc::new(Cluster { inactive: true, ..Cluster::clone(cluster) });
        let mut services = self.state.services.values();
        if services.any(|it| *it.spec.key.cluster == *name && it.status != ServiceStatus::Inactive) {
            return Err(Refusal::ClusterContainsServices);
        }
        if self.state.tasks.values().any(|task| *task.cluster == *name && !task.is_stopped()) {
            return Err(Refusal::ClusterContainsTasks);
        }
        let left = if name == DEFAULT {
            Arc::new(Cluster { name: name.into(), ..Cluster::default() })
        } else {
            Arc::clone(&gone)
        };
        let mut deleted = self.state.clusters.values().filter(|cluster| cluster.inactive);
        if let Some(first) = deleted.next().map(|first| first.name.clone())
            && deleted.count() + 1 >= DELETED_KEPT
        {
            self.state.clusters.remove(&first);
        }
        self.state.clusters.insert(name.into(), left);
        Ok(gone)
    }

    /// Gives a cluster, service, task or definition other tags.
    ///
    /// # Errors
    /// If there is no resource of this ARN.
    pub fn set_tags(&mut self, arn: &str, tags: Tags) -> Result<(), Refusal> {
        let place = match self.account.resource(arn) {
            Some(Resource::Cluster(name)) => {
                self.state.clusters.get_mut(&name).map(|cluster| &mut Arc::make_mut(cluster).tags)
            }
            Some(Resource::Service(key)) => {
                self.state.services.get_mut(&key).map(|service| &mut Arc::make_mut(service).spec.tags)
            }
            Some(Resource::Task(cluster, id)) => {
                let task = self.state.tasks.get_mut(&id).filter(|task| task.cluster == cluster);
                task.map(|task| &mut Arc::make_mut(task).tags)
            }
            Some(Resource::Definition(id)) => {
                self.state.definitions.get_mut(&id).map(|definition| &mut Arc::make_mut(definition).tags)
            }
            None => None,
        };
        let Some(place) = place else {
            let text = "The specified resource ARN could not be found.";
            return Err(Refusal::InvalidParameter(text.to_owned()));
        };
        *place = tags;
        Ok(())
    }
}
