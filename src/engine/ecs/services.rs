//! Services: how they are made, changed and deleted. What is then done for them is in [`scheduler`].

mod capacity;
mod decide;
mod deployment;
mod facts;
mod file;
mod memory;
mod message;
#[cfg(test)]
mod samples;
mod scheduler;
mod settle;
#[cfg(test)]
mod tests;
mod throttle;
mod turn;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::engine::ecs::Ecs;
use crate::engine::ecs::refusal::Refusal;
use crate::engine::ecs::wish::ServiceUpdate;
use crate::model::ecs::definition::DefinitionId;
use crate::model::ecs::event::ServiceAction;
use crate::model::ecs::service::{LoadBalancer, Service, ServiceKey, ServiceSpec, ServiceStatus};
use crate::model::tick::Tick;

pub(super) use memory::{Glimpse, Memory};

/// Services of one cluster, and tasks of one service, as on AWS.
const MOST: usize = 5_000;

impl Ecs {
    /// Makes a service. The same call makes it once.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn create_service(&mut self, spec: ServiceSpec, now: Tick) -> Result<Arc<Service>, Refusal> {
        if self.state.clusters.get(&spec.key.cluster).is_none_or(|cluster| cluster.inactive) {
            return Err(Refusal::ClusterNotFound);
        }
        let spec = one_daemon(spec);
        if let Some(service) = self.state.services.get(&spec.key) {
            match service.status {
                ServiceStatus::Active if service.spec == spec => return Ok(Arc::clone(service)),
                ServiceStatus::Active => return Err(invalid("Creation of service was not idempotent.")),
                ServiceStatus::Draining => {
                    return Err(invalid("Unable to Start a service that is still Draining."));
                }
                ServiceStatus::Inactive => {}
            }
        }
        self.fits(&spec.definition, &spec.load_balancers)?;
        countable(spec.desired_count)?;
        let there = |service: &&Arc<Service>| service.status != ServiceStatus::Inactive;
        let all = self.state.services.values().filter(there);
        if all.filter(|service| service.spec.key.cluster == spec.key.cluster).count() >= MOST {
            let text = format!("A cluster has at most {MOST} services.");
            return Err(Refusal::LimitExceeded(text));
        }
        Ok(self.make_service(spec, now))
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
        let service = self.state.services.get(key).ok_or(Refusal::ServiceNotFound)?;
        if service.status != ServiceStatus::Active {
            return Err(Refusal::ServiceNotActive);
        }
        not_of_the_file(service)?;
        let mut spec = service.spec.clone();
        if spec.daemon && update.desired_count.is_some() {
            return Err(invalid(
                "The daemon scheduling strategy does not support a desired count for services. Remove the desired \
                 count value and try again",
            ));
        }
        let changes_revision = update.definition.is_some() || update.load_balancers.is_some();
        spec.definition = update.definition.unwrap_or(spec.definition);
        spec.desired_count = update.desired_count.unwrap_or(spec.desired_count);
        spec.deployment = update.deployment.unwrap_or(spec.deployment);
        spec.grace_period = update.grace_period.unwrap_or(spec.grace_period);
        spec.load_balancers = update.load_balancers.unwrap_or(spec.load_balancers);
        spec.told.extend(update.told);
        if changes_revision {
            self.fits(&spec.definition, &spec.load_balancers)?;
        }
        countable(spec.desired_count)?;
        let service = self.change_service(key, spec, update.force_new_deployment, now);
        service.ok_or(Refusal::ServiceNotFound)
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
        let service = self.state.services.get(key).ok_or(Refusal::ServiceNotFound)?;
        match service.status {
            ServiceStatus::Active => {}
            ServiceStatus::Draining => return Ok(Arc::clone(service)),
            ServiceStatus::Inactive => return Err(Refusal::ServiceNotFound),
        }
        not_of_the_file(service)?;
        if service.spec.desired_count > 0 && !force && !service.spec.daemon {
            return Err(invalid("The service cannot be stopped while it is scaled above 0."));
        }
        self.end_service(key, now).ok_or(Refusal::ServiceNotFound)
    }

    /// Makes a service whose specification is known to be right.
    fn make_service(&mut self, spec: ServiceSpec, now: Tick) -> Arc<Service> {
        let mut service = Service {
            spec,
            status: ServiceStatus::Active,
            created_at: now,
            deployments: Vec::new(),
            last_completed: None,
            last_load_balancers: Vec::new(),
            given_up: None,
            events: VecDeque::new(),
            steady: false,
            failed_starts: 0,
            throttled_until: None,
            replaced: 0,
        };
        self.begin_deployment(&mut service, None, now);
        self.keep_service(service, now)
    }

    /// Gives a service another specification. Another definition, or other target groups, start a deployment.
    fn change_service(
        &mut self,
        key: &ServiceKey,
        spec: ServiceSpec,
        force: bool,
        now: Tick,
    ) -> Option<Arc<Service>> {
        let before = self.state.services.get(key)?;
        let anew = force
            || before.spec.definition != spec.definition
            || before.spec.load_balancers != spec.load_balancers;
        if before.spec == spec && !anew {
            return Some(Arc::clone(before));
        }
        let rescaled = before.spec.desired_count != spec.desired_count;
        let mut service = Service::clone(before);
        service.spec = spec;
        if rescaled {
            service.steady = false;
            if let Some(newest) = service.deployments.first_mut() {
                (newest.desired_count, newest.updated_at) = (service.spec.desired_count, now);
            }
            self.tell_action(&service, ServiceAction::DesiredCountUpdated, None, now);
        }
        if anew {
            self.begin_deployment(&mut service, None, now);
        }
        Some(self.keep_service(service, now))
    }

    /// Has the tasks of a service stop, and the service end with them.
    fn end_service(&mut self, key: &ServiceKey, now: Tick) -> Option<Arc<Service>> {
        let mut service = Service::clone(self.state.services.get(key)?);
        service.status = ServiceStatus::Draining;
        service.spec.desired_count = 0;
        service.steady = false;
        for deployment in &mut service.deployments {
            (deployment.desired_count, deployment.updated_at) = (0, now);
        }
        Some(self.keep_service(service, now))
    }

    /// What a caller sees is the service as it was wished for; what is done for it comes with the next tick.
    fn keep_service(&mut self, service: Service, now: Tick) -> Arc<Service> {
        let service = Arc::new(service);
        self.state.services.insert(service.spec.key.clone(), Arc::clone(&service));
        self.schedule_at(now);
        service
    }

    /// Whether there can be a service of this definition, behind these target groups.
    fn fits(&self, definition: &DefinitionId, balancers: &[LoadBalancer]) -> Result<(), Refusal> {
        let definition = self.state.definitions.get(definition);
        let Some(definition) = definition else {
            return Err(Refusal::Client("TaskDefinition not found.".to_owned()));
        };
        if definition.deregistered.is_some() {
            return Err(Refusal::Client("TaskDefinition is inactive".to_owned()));
        }
        for LoadBalancer { container_name: name, container_port: port, .. } in balancers {
            let Some(container) = definition.blueprint.container(name) else {
                return Err(invalid(&format!("The container {name} does not exist in the task definition.")));
            };
            if !container.ports.iter().any(|mapping| mapping.container_port == *port) {
                return Err(invalid(&format!(
                    "The container {name} did not have a container port {port} defined."
                )));
            }
        }
        Ok(())
    }
}

/// There is one instance, so a daemon is one task.
fn one_daemon(mut spec: ServiceSpec) -> ServiceSpec {
    if spec.daemon {
        spec.desired_count = 1;
    }
    spec
}

fn countable(count: u32) -> Result<(), Refusal> {
    if usize::try_from(count).is_ok_and(|count| count <= MOST) {
        Ok(())
    } else {
        Err(invalid(&format!("desiredCount must be between 0 and {MOST}, and is {count}.")))
    }
}

fn not_of_the_file(service: &Service) -> Result<(), Refusal> {
    if service.spec.in_file {
        let name = &service.spec.key.name;
        return Err(invalid(&format!(
            "The service {name} is defined in the configuration file, and only changing the file changes it."
        )));
    }
    Ok(())
}

fn invalid(text: &str) -> Refusal {
    Refusal::InvalidParameter(text.to_owned())
}
