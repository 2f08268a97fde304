//! The way of a revision through a service (docs/semantics.md, "Deployments" and "Circuit breaker").

use std::sync::Arc;

use crate::engine::ecs::Ecs;
use crate::engine::ecs::services::message;
use crate::model::ecs::event::{ServiceAction, What};
use crate::model::ecs::service::{Deployment, EVENTS_KEPT, RolloutState, Service, ServiceEvent};
use crate::model::ecs::task::{Task, TaskStatus};
use crate::model::tick::Tick;

impl Ecs {
    /// Starts a deployment of what the service's specification says. Of an older one only what runs is kept.
    pub(super) fn begin_deployment(
        &mut self,
        service: &mut Service,
        rolls_back: Option<Box<str>>,
        now: Tick,
    ) {
        // What never had a task would otherwise pile up while nothing can be started. The newest may be shown for a while.
        let newest = service.deployments.first().map(|newest| newest.id.clone());
        service.deployments.retain(|older| {
            let mine = |task: &Arc<Task>| is_of(task, &older.id) && task.is_wanted();
            Some(&older.id) == newest.as_ref() || self.state.tasks_of(&service.spec.key).any(mine)
        });
        for older in &mut service.deployments {
            let runs = |task: &&Arc<Task>| is_running_of(task, &older.id);
            let running = self.state.tasks_of(&service.spec.key).filter(runs).count();
            older.desired_count = older.desired_count.min(u32::try_from(running).unwrap_or(u32::MAX));
        }
        let id = self.deployment_id();
        let reason: Box<str> = format!("ECS deployment {id} in progress.").into();
        service.deployments.insert(
            0,
            Deployment {
                id,
                definition: service.spec.definition.clone(),
                load_balancers: service.spec.load_balancers.clone(),
                desired_count: service.spec.desired_count,
                failed_tasks: 0,
                has_run: false,
                created_at: now,
                updated_at: now,
                rollout: RolloutState::InProgress,
                rollout_reason: reason,
                rolls_back,
            },
        );
        (service.failed_starts, service.throttled_until, service.steady) = (0, None, false);
        self.tell_deployment(service, now);
    }

    /// Gives up the newest deployment, and goes back to the last completed one where that is wished for.
    pub(super) fn give_up(&mut self, service: &mut Service, now: Tick) {
        let rollback = service.spec.deployment.circuit_breaker.rollback;
        let Some(newest) = service.deployments.first_mut() else { return };
        newest.rollout = RolloutState::Failed;
        newest.updated_at = now;
        newest.rollout_reason = "ECS deployment circuit breaker: tasks failed to start.".into();
        let failed = newest.id.clone();
        let is_rollback = newest.rolls_back.is_some();
        let name = service.spec.key.name.clone();
        self.say(service, message::failed(&name, &failed), now);
        let last = service.last_completed.clone().filter(|_| rollback && !is_rollback);
        let Some(last) = last else {
            self.tell_deployment(service, now);
            return;
        };
        let given_up = std::mem::replace(&mut service.spec.definition, last);
        service.given_up = Some(given_up);
        service.spec.load_balancers.clone_from(&service.last_load_balancers);
        let told = self.happened.len();
        self.begin_deployment(service, Some(failed.clone()), now);
        let back = service.deployments[0].id.clone();
        let reason = format!("ECS deployment circuit breaker: rolling back to deploymentId {back}.");
        service.deployments[1].rollout_reason = reason.as_str().into();
        let what = What::Deployment {
            service: service.spec.key.clone(),
            deployment: failed,
            state: RolloutState::Failed,
            reason: reason.into(),
        };
        self.tell(what, now);
        // The end of the one comes before the start of the other.
        self.happened[told..].rotate_right(1);
        self.say(service, message::rolling_back(&name, &back), now);
    }

    /// Notes that the newest deployment has arrived.
    pub(super) fn complete(&mut self, service: &mut Service, now: Tick) {
        let Some(newest) = service.deployments.first_mut() else { return };
        newest.rollout = RolloutState::Completed;
        newest.updated_at = now;
        newest.rollout_reason = format!("ECS deployment {} completed.", newest.id).into();
        service.last_completed = Some(newest.definition.clone());
        service.last_load_balancers.clone_from(&newest.load_balancers);
        let text = message::completed(&service.spec.key.name, &newest.id);
        self.tell_deployment(service, now);
        self.say(service, text, now);
    }

    /// Tells where the newest deployment is.
    fn tell_deployment(&mut self, service: &Service, now: Tick) {
        let Some(newest) = service.deployments.first() else { return };
        let what = What::Deployment {
            service: service.spec.key.clone(),
            deployment: newest.id.clone(),
            state: newest.rollout,
            reason: newest.rollout_reason.clone(),
        };
        self.tell(what, now);
    }

    /// Adds to what a service says of itself.
    pub(super) fn say(&mut self, service: &mut Service, message: String, now: Tick) {
        let event = ServiceEvent { id: self.uuid(), created_at: now, message: message.into() };
        service.events.push_front(event);
        service.events.truncate(EVENTS_KEPT);
    }

    /// Tells of something a service has done.
    pub(super) fn tell_action(
        &mut self,
        service: &Service,
        action: ServiceAction,
        reason: Option<&str>,
        now: Tick,
    ) {
        let (service, reason) = (service.spec.key.clone(), reason.map(Into::into));
        self.tell(What::Service { service, action, reason }, now);
    }
}

/// Whether too many tasks of the newest deployment have failed in a row.
pub(super) fn is_broken(service: &Service) -> bool {
    let limit = service.spec.deployment.circuit_breaker.limit(service.spec.desired_count);
    let newest = service.deployments.first();
    let newest = newest.filter(|newest| newest.rollout == RolloutState::InProgress);
    newest.zip(limit).is_some_and(|(newest, limit)| newest.failed_tasks >= limit)
}

fn is_of(task: &Task, deployment: &str) -> bool {
    task.service.as_ref().is_some_and(|member| *member.deployment == *deployment)
}

fn is_running_of(task: &Task, deployment: &str) -> bool {
    is_of(task, deployment) && task.is_wanted() && task.last_status == TaskStatus::Running
}
