//! Services of the configuration file.

use std::collections::BTreeSet;

use crate::engine::ecs::services::{countable, one_daemon};
use crate::engine::ecs::wish::FileService;
use crate::engine::ecs::{Ecs, Tags};
use crate::model::ecs::service::{ServiceKey, ServiceSpec, ServiceStatus};
use crate::model::tick::Tick;

impl Ecs {
    /// Makes these services what the file wants; those it no longer wants are deleted, however many tasks they have.
    /// Says what cannot be: a service of the API's making has the name.
    pub fn apply_file(&mut self, services: Vec<FileService>, now: Tick) -> Vec<String> {
        let wanted: BTreeSet<ServiceKey> = services.iter().map(|file| file.spec.key.clone()).collect();
        let gone = self.state.services.values().filter(|service| {
            let there = service.spec.in_file && service.status == ServiceStatus::Active;
            there && !wanted.contains(&service.spec.key)
        });
        for key in gone.map(|service| service.spec.key.clone()).collect::<Vec<_>>() {
            self.end_service(&key, now);
        }
        services.into_iter().filter_map(|file| self.apply(file, now).err()).collect()
    }

    /// Where the circuit breaker went back from what the file wants, the service stays where it is until the file wants
    /// something else: a restart of this program is no reason to try again what failed.
    fn without_what_was_given_up(&self, mut spec: ServiceSpec) -> ServiceSpec {
        let there = self.state.services.get(&spec.key);
        let active = there.filter(|service| service.status == ServiceStatus::Active);
        let given_up = active.filter(|service| service.given_up.as_ref() == Some(&spec.definition));
        if let Some(service) = given_up {
            spec.definition = service.spec.definition.clone();
            spec.load_balancers.clone_from(&service.spec.load_balancers);
        }
        spec
    }

    fn apply(&mut self, file: FileService, now: Tick) -> Result<(), String> {
        let FileService { mut spec, blueprint } = file;
        let key = spec.key.clone();
        let name = &key.name;
        let there = self.state.services.get(&key);
        let there = there.filter(|service| service.status != ServiceStatus::Inactive);
        let active = there.filter(|service| service.status == ServiceStatus::Active);
        if there.is_some_and(|service| !service.spec.in_file) {
            return Err(format!(
                "service {name:?} of the file: there is one of this name that was made through the API; delete that \
                 one first"
            ));
        }
        let updates = active.is_some();
        if self.state.clusters.get(&key.cluster).is_none_or(|cluster| cluster.inactive) {
            self.create_cluster(&key.cluster, Tags::new());
        }
        let latest = self.state.latest(&blueprint.family).filter(|latest| latest.blueprint == blueprint);
        spec.definition = match latest {
            Some(latest) => latest.id.clone(),
            None => {
                let made = self.register_definition(blueprint, Tags::new(), now);
                made.map_err(|why| format!("service {name:?} of the file: {why}"))?.id.clone()
            }
        };
        spec.in_file = true;
        let spec = self.without_what_was_given_up(one_daemon(spec));
        self.fits(&spec.definition, &spec.load_balancers)
            .and_then(|()| countable(spec.desired_count))
            .map_err(|why| format!("service {name:?} of the file: {why}"))?;
        if updates {
            self.change_service(&key, spec, false, now);
        } else {
            // Tasks of a service of this name that was in the file before are still draining; they count as there.
            self.make_service(spec, now);
        }
        Ok(())
    }
}
