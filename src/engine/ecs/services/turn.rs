//! One look at one service: what is new is counted and told, then one decision is taken and carried out, and if there
//! was none to take, what the service has come to is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::ecs::Ecs;
use crate::engine::ecs::services::capacity::Capacity;
use crate::engine::ecs::services::decide::{Decided, Lane, Start, decide};
use crate::engine::ecs::services::deployment::is_broken;
use crate::engine::ecs::services::facts::{Facts, Fault};
use crate::engine::ecs::services::memory::{Memory, News};
use crate::engine::ecs::services::{message, throttle};
use crate::model::ecs::event::ServiceAction;
use crate::model::ecs::service::{Deployment, RolloutState, Service, ServiceKey, ServiceStatus};
use crate::model::ecs::task::{StopCode, TaskId, TaskStatus};
use crate::model::tick::Tick;

/// After this, what has been said before and is still true is said again.
pub(super) const SAID_AGAIN_AFTER: Duration = Duration::from_secs(6 * 60 * 60);

/// One look at one service.
pub(super) struct Turn<'a> {
    pub(super) ecs: &'a mut Ecs,
    pub(super) memory: &'a mut Memory,
    pub(super) service: Arc<Service>,
    pub(super) now: Tick,
}

impl<'a> Turn<'a> {
    /// A look at the service of this name.
    pub(super) fn of(ecs: &'a mut Ecs, memory: &'a mut Memory, key: &ServiceKey, now: Tick) -> Option<Self> {
        let service = Arc::clone(ecs.state.services.get(key)?);
        Some(Self { ecs, memory, service, now })
    }

    /// Takes the look; whether another one may find more to do. `tasks` are all of the service.
    pub(super) fn take(mut self, tasks: &[TaskId]) -> bool {
        let key = self.service.spec.key.clone();
        if self.service.status == ServiceStatus::Inactive {
            self.leave(&key);
            return false;
        }
        let facts: Vec<Facts> = self.look(tasks);
        let now = self.now;
        let broken = is_broken(&self.service);
        if broken {
            self.changing(|ecs, service| ecs.give_up(service, now));
        }
        let moved = broken || self.act(&facts, tasks);
        if !moved {
            self.settle(&facts, tasks);
        }
        let before = self.ecs.state.services.get(&key);
        if before.is_none_or(|before| !Arc::ptr_eq(before, &self.service)) {
            self.ecs.state.services.insert(key, Arc::clone(&self.service));
        }
        moved
    }

    /// Has something change the service.
    pub(super) fn changing(&mut self, change: impl FnOnce(&mut Ecs, &mut Service)) {
        change(self.ecs, Arc::make_mut(&mut self.service));
    }

    pub(super) fn say(&mut self, message: String) {
        let now = self.now;
        self.ecs.say(Arc::make_mut(&mut self.service), message, now);
    }

    pub(super) fn name(&self) -> Box<str> {
        self.service.spec.key.name.clone()
    }

    fn deployment(&mut self, id: &str) -> Option<&mut Deployment> {
        let deployments = &mut Arc::make_mut(&mut self.service).deployments;
        deployments.iter_mut().find(|deployment| *deployment.id == *id)
    }

    /// Takes in how the tasks are, counts what is new and tells it.
    fn look(&mut self, tasks: &[TaskId]) -> Vec<Facts> {
        let (mut registered, mut deregistered) = (BTreeMap::new(), BTreeMap::new());
        let mut draining: BTreeMap<Box<str>, usize> = BTreeMap::new();
        let mut seen = Vec::new();
        for id in tasks {
            let Some(task) = self.ecs.state.tasks.get(id).map(Arc::clone) else { continue };
            let facts = self.ecs.facts(&task, self.memory, self.now);
            let news = self.memory.see(&task, &facts);
            self.count(&facts.deployment, &news, task.started_at.is_some());
            if !news.deregistered.is_empty() {
                *draining.entry(facts.deployment.clone()).or_default() += 1;
            }
            for (arns, counts) in [(news.registered, &mut registered), (news.deregistered, &mut deregistered)]
            {
                for arn in arns {
                    *counts.entry(arn).or_insert(0_usize) += 1;
                }
            }
            if let Some(at) = facts.changes_at {
                self.memory.wake(at);
            }
            seen.push(facts);
        }
        let name = self.name();
        for (arn, count) in registered {
            self.say(message::registered(&name, count, &arn));
        }
        for (arn, count) in deregistered {
            self.say(message::deregistered(&name, count, &arn));
        }
        for (deployment, count) in draining {
            self.say(message::draining(&name, &deployment, count));
        }
        seen
    }

    /// Counts what is new about a task of a deployment, which `ran` or never did.
    fn count(&mut self, deployment: &str, news: &News, ran: bool) {
        let reset = self.service.spec.deployment.circuit_breaker.reset_on_healthy_task;
        if news.failed {
            self.count_failure(deployment);
            if !ran {
                self.slow_down();
            }
        }
        if news.runs {
            if self.service.failed_starts > 0 || self.service.throttled_until.is_some() {
                let service = Arc::make_mut(&mut self.service);
                (service.failed_starts, service.throttled_until) = (0, None);
            }
            if let Some(deployment) = self.deployment(deployment) {
                deployment.has_run = true;
            }
        }
        if news.healthy && reset {
            let counted = |it: &Deployment| *it.id == *deployment && it.failed_tasks > 0;
            if self.service.deployments.iter().any(counted)
                && let Some(deployment) = self.deployment(deployment)
            {
                deployment.failed_tasks = 0;
            }
        }
    }

    /// Counts a failure against a deployment that is on its way.
    fn count_failure(&mut self, deployment: &str) {
        let now = self.now;
        if let Some(deployment) = self.deployment(deployment)
            && deployment.rollout == RolloutState::InProgress
        {
            deployment.failed_tasks = deployment.failed_tasks.saturating_add(1);
            deployment.updated_at = now;
        }
    }

    /// Lengthens the wait before the next start. Tasks that were started together and fail together count once.
    fn slow_down(&mut self) {
        let now = self.now;
        let waits = self.service.throttled_until.is_some_and(|until| now < until);
        if waits || self.service.status != ServiceStatus::Active {
            return;
        }
        let (first, longest) = (self.ecs.settings.first_wait, self.ecs.settings.longest_wait);
        let service = Arc::make_mut(&mut self.service);
        service.failed_starts = service.failed_starts.saturating_add(1);
        service.throttled_until = Some(now + throttle::wait(service.failed_starts, first, longest));
        if service.failed_starts >= throttle::IMPAIRED_AFTER {
            let text = message::impaired(&self.name());
            self.complain(text, Some(ServiceAction::TaskStartImpaired), None, &[]);
        }
    }

    /// Says what is wrong, and what is still wrong only every now and then. Solved is what was said before the service
    /// was steady, or before something was said that holds one of `solutions`.
    pub(super) fn complain(
        &mut self,
        text: String,
        action: Option<ServiceAction>,
        reason: Option<&str>,
        solutions: &[&str],
    ) {
        let steady = message::steady(&self.name());
        let solves = |message: &str| *message == *steady || solutions.iter().any(|it| message.contains(it));
        let mut since = self.service.events.iter().take_while(|event| !solves(&event.message));
        let last = since.find(|event| *event.message == *text);
        let again = last.map(|last| last.created_at + SAID_AGAIN_AFTER);
        if let Some(again) = again.filter(|again| self.now < *again) {
            self.memory.wake(again);
            return;
        }
        self.say(text);
        self.memory.wake(self.now + SAID_AGAIN_AFTER);
        if let Some(action) = action {
            self.ecs.tell_action(&self.service, action, reason, self.now);
        }
    }

    /// Takes a decision and carries it out; whether it changed anything.
    fn act(&mut self, facts: &[Facts], tasks: &[TaskId]) -> bool {
        let active = self.service.status == ServiceStatus::Active;
        let bounds = Capacity::of(&self.service.spec);
        let lanes: Vec<Lane> = self.service.deployments.iter().map(lane).collect();
        let ecs = &mut *self.ecs;
        let decided = decide(bounds, &lanes, facts, &mut |below| ecs.random(below));
        for (lane, kept) in lanes.iter().zip(&decided.kept).filter(|(lane, kept)| lane.desired != **kept) {
            if let Some(deployment) = self.deployment(&lane.id) {
                deployment.desired_count = u32::try_from(*kept).unwrap_or(u32::MAX);
            }
        }
        let mut moved = self.stop(&decided, facts);
        if active && !decided.starts.is_empty() && self.may_start(tasks) {
            moved |= self.start(&decided.starts);
        }
        if decided.stuck {
            let text = message::stuck(&self.name());
            let solutions = ["has started", "has stopped"];
            self.complain(text, None, None, &solutions);
        }
        moved
    }

    /// Stops what is to be stopped; whether there was anything.
    fn stop(&mut self, decided: &Decided, facts: &[Facts]) -> bool {
        let (name, now) = (self.name(), self.now);
        let newest = self.service.deployments.first().map(|newest| newest.id.clone()).unwrap_or_default();
        let (mut running, mut pending) = (Vec::new(), 0);
        for stop in &decided.stops {
            let Some(task) = facts.iter().find(|task| task.id == stop.task) else { continue };
            let reason = match &stop.fault {
                None => format!("Scaling activity initiated by (deployment {newest})"),
                Some(Fault::Containers) => {
                    self.say(message::failed_checks(&name, &task.id));
                    "Task failed container health checks".to_owned()
                }
                Some(Fault::Target { arn, port, description }) => {
                    self.say(message::unhealthy_target(&name, &task.id, *port, arn, description));
                    format!("Task failed ELB health checks in (target-group {arn})")
                }
            };
            if stop.fault.is_some() {
                self.count_failure(&task.deployment);
            }
            if stop.first {
                let key = self.service.spec.key.clone();
                self.memory.owe(&key);
            }
            if task.status == TaskStatus::Running {
                running.push(task.id.clone());
            } else {
                pending += 1;
            }
            self.ecs.stop(&task.id, StopCode::ServiceSchedulerInitiated, &reason, false, now);
        }
        if !running.is_empty() {
            self.say(message::stopped(&name, &running));
            self.ecs.tell_action(&self.service, ServiceAction::TasksStopped, None, now);
        }
        if pending > 0 {
            self.say(message::stopped_pending(&name, pending));
        }
        !decided.stops.is_empty()
    }

    /// Whether tasks may be started now; if not, asks for a look when they may.
    fn may_start(&mut self, tasks: &[TaskId]) -> bool {
        let made = tasks.iter().filter_map(|id| self.ecs.state.tasks.get(id)).map(|task| task.created_at);
        // One that was made in the future was made before the clock was set back.
        let made = made.filter(|made| *made <= self.now);
        let floor = made.max().map(|last| last + throttle::BETWEEN_STARTS);
        let from = floor.max(self.service.throttled_until).filter(|from| self.now < *from);
        if let Some(from) = from {
            self.memory.wake(from);
        }
        from.is_none()
    }

    /// Starts tasks; whether any was.
    fn start(&mut self, starts: &[Start]) -> bool {
        let (name, key, now) = (self.name(), self.service.spec.key.clone(), self.now);
        let (mut started, mut replacing) = (Vec::new(), 0);
        let mut refused = None;
        for start in starts {
            let of = self.service.deployments.iter().find(|deployment| deployment.id == start.deployment);
            let Some((definition, balancers)) =
                of.map(|deployment| (deployment.definition.clone(), deployment.load_balancers.clone()))
            else {
                continue;
            };
            for place in 0..start.count {
                match self.ecs.launch(&key, &start.deployment, &definition, &balancers, now) {
                    Ok(id) => {
                        let replaces = place < start.replaces;
                        self.memory.set_replacement(&id, replaces);
                        replacing += usize::from(replaces);
                        started.push(id);
                    }
                    Err(reason) => {
                        refused = Some(reason);
                        break;
                    }
                }
            }
        }
        if !started.is_empty() {
            let owed = self.memory.pay(&key);
            replacing = (replacing + owed).min(started.len());
            self.say(message::started(&name, &started, replacing));
            let service = Arc::make_mut(&mut self.service);
            let replaced = u64::try_from(replacing).unwrap_or(u64::MAX);
            service.replaced = service.replaced.saturating_add(replaced);
        }
        if let Some(reason) = refused {
            let wait = self.ecs.settings.first_wait.max(throttle::BETWEEN_STARTS);
            Arc::make_mut(&mut self.service).throttled_until = Some(now + wait);
            self.memory.wake(now + wait);
            let text = message::unplaced(&name, &reason);
            self.complain(text, Some(ServiceAction::TaskPlacementFailure), Some(&reason), &[]);
        }
        !started.is_empty()
    }
}

/// A deployment as the rule sees it.
fn lane(deployment: &Deployment) -> Lane {
    Lane {
        id: deployment.id.clone(),
        desired: usize::try_from(deployment.desired_count).unwrap_or(usize::MAX),
        launching: deployment.rollout != RolloutState::Failed,
    }
}
