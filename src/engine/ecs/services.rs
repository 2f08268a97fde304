//! Services: how they are made, changed and deleted.

mod breaker;
mod capacity;
mod decide;
mod facts;
mod message;
#[cfg(test)]
mod samples;
mod throttle;

use std::sync::Arc;

use crate::engine::ecs::Ecs;
use crate::engine::ecs::refusal::Refusal;
use crate::engine::ecs::wish::{FileService, ServiceUpdate};
use crate::model::ecs::service::{Service, ServiceKey, ServiceSpec};
use crate::model::tick::Tick;

impl Ecs {
    /// Makes a service.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn create_service(&mut self, spec: ServiceSpec, now: Tick) -> Result<Arc<Service>, Refusal> {
        _ = (spec, now);
        Err(Refusal::ClusterNotFound)
    }

    /// Changes a service.
    ///
    /// # Errors
    /// Why it cannot be changed.
    pub fn update_service(
        &mut self,
        key: &ServiceKey,
        update: ServiceUpdate,
        now: Tick,
    ) -> Result<Arc<Service>, Refusal> {
        _ = (key, update, now);
        Err(Refusal::ServiceNotFound)
    }

    /// Deletes a service: its tasks stop, and it is `INACTIVE` once they have.
    ///
    /// # Errors
    /// If there is no such service, or it is scaled above 0 and `force` does not say that this does not matter.
    pub fn delete_service(
        &mut self,
        key: &ServiceKey,
        force: bool,
        now: Tick,
    ) -> Result<Arc<Service>, Refusal> {
        _ = (key, force, now);
        Err(Refusal::ServiceNotFound)
    }

    /// Makes these services what the file wants; those it no longer wants are deleted, however many tasks they have.
    /// Says what cannot be: a service of the API's making has the name.
    pub fn apply_file(&mut self, services: Vec<FileService>, now: Tick) -> Vec<String> {
        _ = (services, now, self.seed, &self.settings);
        Vec::new()
    }
}
