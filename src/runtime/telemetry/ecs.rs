//! What is counted of the checks of containers, by service.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::ecs::service::ServiceKey;
use crate::model::ecs::state::State;
use crate::model::ecs::task::Task;
use crate::model::failure::Failure;
use crate::model::outcome::{Cause, Outcome};
use crate::runtime::telemetry::{Counter, DURATION_BOUNDS, Histogram};

/// What has been counted of the checks of the containers of one service.
#[derive(Debug)]
pub struct CheckStats {
    /// Checks that ended, whatever became of them.
    pub checks: Counter,
    /// Checks that failed, by [`Failure::kind`].
    pub failures: [Counter; Failure::KINDS],
    /// Checks without a verdict, by [`Cause::kind`].
    pub inconclusive: [Counter; Cause::KINDS],
    /// How long conclusive checks took.
    pub duration: Histogram<13>,
}

impl Default for CheckStats {
    fn default() -> Self {
        Self {
            checks: Counter::default(),
            failures: std::array::from_fn(|_| Counter::default()),
            inconclusive: std::array::from_fn(|_| Counter::default()),
            duration: Histogram::new(&DURATION_BOUNDS),
        }
    }
}

/// The counts of every service. Tasks that belong to none are counted together in each cluster, under an empty name.
#[derive(Debug, Default)]
pub struct EcsStats {
    services: Mutex<BTreeMap<ServiceKey, Arc<CheckStats>>>,
}

impl EcsStats {
    /// Counts one check of a container of `task` that took `took`. To be called once for each check that has ended, by
    /// whoever runs it; a check that was cancelled is none.
    pub fn observe(&self, task: &Task, outcome: Outcome, took: Duration) {
        let key = owner(task);
        let stats = {
            let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(services.entry(key).or_default())
        };
        stats.checks.add(1);
        match outcome {
            Outcome::Pass => (),
            Outcome::Fail(failure) => stats.failures[failure.kind()].add(1),
            Outcome::Inconclusive(cause) => {
                stats.inconclusive[cause.kind()].add(1);
                return;
            }
        }
        stats.duration.observe(took);
    }

    /// Forgets the counts of services that are in `state` no more.
    pub fn retain(&self, state: &State) {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        services.retain(|key, _| {
            let loose = key.name.is_empty() && state.clusters.contains_key(&key.cluster);
            loose || state.services.contains_key(key)
        });
    }

    /// The counts of every service of which a check has ended, by cluster and name.
    #[must_use]
    pub fn all(&self) -> Vec<(ServiceKey, Arc<CheckStats>)> {
        let services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        services.iter().map(|(key, stats)| (key.clone(), Arc::clone(stats))).collect()
    }
}

/// Under which name a task is counted.
fn owner(task: &Task) -> ServiceKey {
    let name = task.service.as_ref().map(|member| member.service.clone()).unwrap_or_default();
    ServiceKey { cluster: task.cluster.clone(), name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ecs::task::Membership;

    fn task(service: Option<&str>) -> Task {
        let member = |name: &str| Membership { service: name.into(), deployment: "ecs-svc/1".into() };
        Task { cluster: "default".into(), service: service.map(member), ..Task::default() }
    }

    #[test]
    fn checks_are_counted_for_the_service_of_their_task() {
        let stats = EcsStats::default();
        let took = Duration::from_millis(20);
        stats.observe(&task(Some("web")), Outcome::Pass, took);
        stats.observe(&task(Some("web")), Outcome::Fail(Failure::CommandTimeout), took);
        stats.observe(&task(Some("web")), Outcome::Inconclusive(Cause::NoBuffers), took);
        stats.observe(&task(None), Outcome::Pass, took);
        let all = stats.all();
        let names: Vec<_> = all.iter().map(|(key, _)| &*key.name).collect();
        assert_eq!(names, ["", "web"]);
        let web = &all[1].1;
        assert_eq!(web.checks.value(), 3);
        assert_eq!(web.failures[Failure::CommandTimeout.kind()].value(), 1);
        assert_eq!(web.inconclusive[Cause::NoBuffers.kind()].value(), 1);
        assert_eq!(
            web.duration.cumulative().last(),
            Some((None, 2)),
            "one without a verdict has no duration"
        );
    }

    #[test]
    fn a_service_that_is_gone_is_forgotten_with_its_counts() {
        let stats = EcsStats::default();
        stats.observe(&task(Some("web")), Outcome::Pass, Duration::ZERO);
        stats.observe(&task(None), Outcome::Pass, Duration::ZERO);
        let mut state = State::default();
        state.clusters.insert("default".into(), Arc::default());
        stats.retain(&state);
        let left: Vec<_> = stats.all().into_iter().map(|(key, _)| key.name).collect();
        assert_eq!(left, [Box::from("")]);
    }
}
