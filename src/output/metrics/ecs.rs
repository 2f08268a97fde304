//! Metrics of services, tasks and containers.

use std::collections::BTreeMap;

use crate::model::ecs::health::HealthStatus;
use crate::model::ecs::service::{RolloutState, Service, ServiceKey, ServiceStatus};
use crate::model::ecs::state::State;
use crate::model::ecs::task::{Connectivity, Container, ContainerStatus, Task, TaskStatus};
use crate::model::failure::Failure;
use crate::model::outcome::Cause;
use crate::model::tick::Tick;
use crate::output::metrics::families::{Families, flag, number};
use crate::output::services::Counts;
use crate::runtime::view::{CheckStats, EcsStats};

/// Every state of a rollout.
const ROLLOUT: [RolloutState; 3] = [RolloutState::InProgress, RolloutState::Completed, RolloutState::Failed];

/// The name of a service's series. Tasks of no service have an empty one.
type Labels<'a> = [(&'static str, &'a str); 2];

impl Families {
    /// All that is told of ECS. At most `limit` containers get series of their own.
    pub(super) fn ecs(&mut self, state: &State, stats: &EcsStats, now: Tick, limit: u32) {
        self.gauge("tgprobe_ecs_connected", &[], flag(state.connectivity == Connectivity::Connected));
        let mut tasks = tasks(state);
        let mut room = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut dropped = 0;
        let shown = |service: &&Service| service.status != ServiceStatus::Inactive;
        for service in state.services.values().map(|service| &**service).filter(shown) {
            let key = &service.spec.key;
            let own = tasks.remove(key).unwrap_or_default();
            self.service(state, service, &own, now);
            self.tasks(key, &own, &mut room, &mut dropped);
        }
        // Those of no service, and what is left of services that are gone.
        for (key, own) in &tasks {
            self.tasks(key, own, &mut room, &mut dropped);
        }
        self.gauge("tgprobe_container_series_dropped", &[], number(dropped));
        for (key, counted) in stats.all() {
            self.checks(&labels(&key), &counted);
        }
    }

    fn service(&mut self, state: &State, service: &Service, tasks: &[&Task], now: Tick) {
        let labels = &labels(&service.spec.key);
        let counts = Counts::of(state, tasks.iter().copied());
        self.gauge("tgprobe_service_desired_tasks", labels, f64::from(service.spec.desired_count));
        self.gauge("tgprobe_service_running_tasks", labels, number(counts.running));
        self.gauge("tgprobe_service_pending_tasks", labels, number(counts.pending));
        self.gauge("tgprobe_service_healthy_tasks", labels, number(counts.healthy));
        self.gauge("tgprobe_service_steady", labels, flag(service.steady));
        let throttled = service.throttled_until.is_some_and(|until| until > now);
        self.gauge("tgprobe_service_start_throttled", labels, flag(throttled));
        self.counter("tgprobe_service_replaced_tasks_total", labels, service.replaced);
        let Some(primary) = service.deployments.first() else { return };
        self.gauge("tgprobe_deployment_failed_tasks", labels, f64::from(primary.failed_tasks));
        self.gauge("tgprobe_deployment_rolled_back", labels, flag(primary.rolls_back.is_some()));
        for rollout in ROLLOUT {
            let labels = &[&labels[..], &[("state", rollout.as_str())]].concat();
            self.gauge("tgprobe_deployment_rollout_state", labels, flag(rollout == primary.rollout));
        }
    }

    fn tasks(&mut self, key: &ServiceKey, tasks: &[&Task], room: &mut usize, dropped: &mut usize) {
        let labels = &labels(key);
        for status in TaskStatus::ALL {
            let count = tasks.iter().filter(|task| task.last_status == status).count();
            let labels = &[&labels[..], &[("last_status", status.as_str())]].concat();
            self.gauge("tgprobe_tasks", labels, number(count));
        }
        let wanted: Vec<&Task> = tasks.iter().copied().filter(|task| task.is_wanted()).collect();
        for health in HealthStatus::ALL {
            let count = wanted.iter().filter(|task| task.health == health).count();
            let labels = &[&labels[..], &[("health", health.as_str())]].concat();
            self.gauge("tgprobe_task_health", labels, number(count));
        }
        // As with targets: half a service would hide what is wrong in the other half.
        let containers: usize = wanted.iter().map(|task| task.containers.len()).sum();
        if containers > *room {
            *dropped += containers;
            return;
        }
        *room -= containers;
        for task in wanted {
            self.containers(labels, task);
        }
    }

    fn containers(&mut self, labels: &Labels<'_>, task: &Task) {
        // One that has stopped keeps the last health heard of it.
        let runs = |container: &&Container| container.last_status != ContainerStatus::Stopped;
        for container in task.containers.iter().filter(runs) {
            let healthy = match container.health {
                HealthStatus::Healthy => true,
                HealthStatus::Unhealthy => false,
                HealthStatus::Unknown => continue,
            };
            let own = [("task", &*task.id), ("container", &*container.name)];
            self.gauge("tgprobe_container_healthy", &[&labels[..], &own].concat(), flag(healthy));
        }
    }

    fn checks(&mut self, labels: &Labels<'_>, counted: &CheckStats) {
        self.counter("tgprobe_container_checks_total", labels, counted.checks.value());
        self.histogram("tgprobe_container_check_duration_seconds", labels, &counted.duration);
        let failures = Failure::ALL.iter().zip(&counted.failures);
        for (failure, count) in failures.filter(|(failure, _)| failure.is_of_command()) {
            let labels = &[&labels[..], &[("failure", failure.naming().label)]].concat();
            self.counter("tgprobe_container_check_failures_total", labels, count.value());
        }
        for (cause, count) in Cause::ALL.iter().zip(&counted.inconclusive) {
            let labels = &[&labels[..], &[("cause", cause.label())]].concat();
            self.counter("tgprobe_container_checks_inconclusive_total", labels, count.value());
        }
    }
}

fn labels(key: &ServiceKey) -> Labels<'_> {
    [("cluster", &key.cluster), ("service", &key.name)]
}

/// The tasks of each service, and under an empty name those of none.
fn tasks(state: &State) -> BTreeMap<ServiceKey, Vec<&Task>> {
    let mut all = BTreeMap::<_, Vec<&Task>>::new();
    for task in state.tasks.values() {
        let name = task.service.as_ref().map(|member| member.service.clone()).unwrap_or_default();
        all.entry(ServiceKey { cluster: task.cluster.clone(), name }).or_default().push(task);
    }
    all
}
