//! Services as the JSON API shows them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::arn::Account;
use crate::model::description::Origin;
use crate::model::ecs::service::{self, LoadBalancer};
use crate::model::ecs::state::State;
use crate::model::ecs::task::{self, TaskStatus};
use crate::model::tick::Tick;
use crate::output::json::time;
use crate::output::services::obstacle::{self, group_name, of_deployment};
use crate::output::services::task::{Task, task};

/// Stopped tasks shown with a service: the latest ones, since a service that fails may have had very many.
const STOPPED_SHOWN: usize = 10;

/// A list of services.
#[derive(Debug, Serialize)]
pub struct Services {
    /// When it was made.
    pub time: String,
    /// The services, by cluster and name.
    pub services: Vec<Service>,
}

/// One service with its tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InFull {
    time: String,
    #[serde(flatten)]
    service: Service,
    tasks: Vec<Task>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Service {
    service: String,
    cluster: String,
    arn: String,
    origin: &'static str,
    status: &'static str,
    strategy: &'static str,
    definition: String,
    created: String,
    desired_count: usize,
    running_count: usize,
    pending_count: usize,
    /// Tasks that count as healthy.
    healthy_count: usize,
    steady: bool,
    /// Whether what runs containers can be reached.
    connectivity: &'static str,
    /// What keeps it from being steady, beside what its tasks wait for.
    waiting_for: Vec<String>,
    minimum_healthy_percent: u32,
    maximum_percent: u32,
    grace_period: f64,
    circuit_breaker: Breaker,
    failed_starts: u32,
    throttled_until: Option<String>,
    replaced_tasks: u64,
    target_groups: Vec<Group>,
    tags: BTreeMap<String, String>,
    deployments: Vec<Deployment>,
    events: Vec<Event>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Breaker {
    enabled: bool,
    rollback: bool,
    reset_on_healthy_task: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Group {
    target_group: String,
    arn: String,
    container: String,
    container_port: u16,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Deployment {
    id: String,
    status: &'static str,
    definition: String,
    desired_count: u32,
    running_count: usize,
    pending_count: usize,
    healthy_count: usize,
    failed_tasks: u32,
    /// Failures in a row that trip the circuit breaker; `null` where it is off.
    failure_limit: Option<u32>,
    rollout_state: &'static str,
    rollout_state_reason: String,
    rolls_back: Option<String>,
    created: String,
    updated: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Event {
    id: String,
    time: String,
    message: String,
}

/// How many of the tasks that are to run are how far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Those `RUNNING` that are to run.
    pub running: usize,
    /// Those on their way there.
    pub pending: usize,
    /// Those that count as healthy.
    pub healthy: usize,
}

impl Counts {
    /// Counts tasks.
    pub fn of<'a>(state: &State, tasks: impl Iterator<Item = &'a task::Task>) -> Self {
        let mut counts = Self::default();
        for task in tasks.filter(|task| task.is_wanted()) {
            counts.running += usize::from(task.last_status == TaskStatus::Running);
            counts.pending += usize::from(task.last_status < TaskStatus::Running);
            counts.healthy += usize::from(obstacle::of_task(state, task).is_empty());
        }
        counts
    }
}

/// A service as it is shown among others.
#[must_use]
pub fn service(state: &State, account: &Account, service: &service::Service, now: Tick) -> Service {
    let spec = &service.spec;
    let counts = Counts::of(state, state.tasks_of(&spec.key).map(|task| &**task));
    let breaker = &spec.deployment.circuit_breaker;
    Service {
        service: spec.key.name.to_string(),
        cluster: spec.key.cluster.to_string(),
        arn: account.service_arn(&spec.key),
        origin: match spec.origin() {
            Origin::File => "file",
            Origin::Api => "api",
        },
        status: service.status.as_str(),
        strategy: if spec.daemon { "DAEMON" } else { "REPLICA" },
        definition: spec.definition.to_string(),
        created: time(service.created_at),
        desired_count: usize::try_from(spec.desired_count).unwrap_or(usize::MAX),
        running_count: counts.running,
        pending_count: counts.pending,
        healthy_count: counts.healthy,
        steady: service.steady,
        connectivity: state.connectivity.as_str(),
        waiting_for: obstacle::of_service(state, service, now),
        minimum_healthy_percent: spec.deployment.minimum_healthy_percent,
        maximum_percent: spec.deployment.maximum_percent,
        grace_period: spec.grace_period.as_secs_f64(),
        circuit_breaker: Breaker {
            enabled: breaker.enable,
            rollback: breaker.rollback,
            reset_on_healthy_task: breaker.reset_on_healthy_task,
        },
        failed_starts: service.failed_starts,
        throttled_until: service.throttled_until.filter(|until| *until > now).map(time),
        replaced_tasks: service.replaced,
        target_groups: spec.load_balancers.iter().map(group).collect(),
        tags: spec.tags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        deployments: deployments(state, service),
        events: service.events.iter().map(event).collect(),
    }
}

/// A service as it is shown alone: with its tasks by id, all that have not stopped and the last that have.
#[must_use]
pub fn in_full(state: &State, account: &Account, one: &service::Service, now: Tick) -> InFull {
    let mut stopped: Vec<_> =
        state.tasks_of(&one.spec.key).filter(|task| task.is_stopped()).map(|task| task.stopped_at).collect();
    stopped.sort_unstable();
    let from = stopped.len().saturating_sub(STOPPED_SHOWN);
    let oldest = stopped.get(from).copied().unwrap_or_default();
    let shown = state.tasks_of(&one.spec.key).filter(|task| !task.is_stopped() || task.stopped_at >= oldest);
    InFull {
        time: time(now),
        service: service(state, account, one, now),
        tasks: shown.map(|one| task(state, account, one)).collect(),
    }
}

fn deployments(state: &State, service: &service::Service) -> Vec<Deployment> {
    let show = |(place, one): (usize, &service::Deployment)| {
        let counts = Counts::of(state, of_deployment(state, service, one));
        Deployment {
            id: one.id.to_string(),
            status: if place == 0 { "PRIMARY" } else { "ACTIVE" },
            definition: one.definition.to_string(),
            desired_count: one.desired_count,
            running_count: counts.running,
            pending_count: counts.pending,
            healthy_count: counts.healthy,
            failed_tasks: one.failed_tasks,
            failure_limit: service.spec.deployment.circuit_breaker.limit(one.desired_count),
            rollout_state: one.rollout.as_str(),
            rollout_state_reason: one.rollout_reason.to_string(),
            rolls_back: one.rolls_back.as_deref().map(str::to_owned),
            created: time(one.created_at),
            updated: time(one.updated_at),
        }
    };
    service.deployments.iter().enumerate().map(show).collect()
}

fn group(balancer: &LoadBalancer) -> Group {
    Group {
        target_group: group_name(&balancer.target_group_arn).to_owned(),
        arn: balancer.target_group_arn.to_string(),
        container: balancer.container_name.to_string(),
        container_port: balancer.container_port,
    }
}

fn event(event: &service::ServiceEvent) -> Event {
    Event { id: event.id.to_string(), time: time(event.created_at), message: event.message.to_string() }
}
