//! What a service has come to, once there is nothing to do for it (docs/semantics.md, "Deployments").

use std::sync::Arc;

use crate::engine::ecs::services::capacity::Capacity;
use crate::engine::ecs::services::facts::{Facts, Standing};
use crate::engine::ecs::services::message;
use crate::engine::ecs::services::turn::{SAID_AGAIN_AFTER, Turn};
use crate::model::ecs::event::ServiceAction;
use crate::model::ecs::service::{RolloutState, ServiceKey, ServiceStatus};
use crate::model::ecs::task::{Registration, Task, TaskId, TaskStatus};

impl Turn<'_> {
    /// Tells what the service has come to.
    pub(super) fn settle(&mut self, facts: &[Facts], tasks: &[TaskId]) {
        if self.service.status == ServiceStatus::Draining {
            self.end_drain(facts);
            return;
        }
        let leaving = self.leaving(tasks);
        self.drop_older(facts, &leaving);
        let desired = Capacity::of(&self.service.spec).desired;
        let wanted: Vec<&Facts> = facts.iter().filter(|task| task.wanted).collect();
        if wanted.len() == desired {
            // Each has its place: none is there in place of another any more.
            for task in &wanted {
                self.memory.set_replacement(&task.id, false);
            }
        }
        let newest = self.service.deployments.first().map(|newest| &newest.id);
        let steady = !self.service.deployments.is_empty()
            && wanted.iter().all(|task| Some(&task.deployment) == newest)
            && self.service.deployments[0].rollout != RolloutState::Failed
            && wanted.len() == desired
            && wanted.iter().all(|task| task.standing == Standing::Good)
            && leaving.is_empty();
        if steady {
            self.arrive();
        } else if self.service.steady {
            Arc::make_mut(&mut self.service).steady = false;
        }
    }

    /// Says that all is as it should be, when it has become so and every now and then while it stays so.
    fn arrive(&mut self) {
        let now = self.now;
        if self.service.deployments[0].rollout == RolloutState::InProgress {
            self.changing(|ecs, service| ecs.complete(service, now));
            Arc::make_mut(&mut self.service).deployments.truncate(1);
        }
        let text = message::steady(&self.name());
        let said = self.service.events.iter().find(|event| *event.message == *text);
        let again = said.map(|event| event.created_at + SAID_AGAIN_AFTER).filter(|_| self.service.steady);
        if let Some(again) = again.filter(|again| now < *again) {
            self.memory.wake(again);
            return;
        }
        self.say(text);
        Arc::make_mut(&mut self.service).steady = true;
        self.memory.wake(now + SAID_AGAIN_AFTER);
        self.ecs.tell_action(&self.service, ServiceAction::SteadyState, None, now);
    }

    /// The deployments of tasks that stop and are still registered in a target group.
    fn leaving(&self, tasks: &[TaskId]) -> Vec<Box<str>> {
        let tasks = tasks.iter().filter_map(|id| self.ecs.state.tasks.get(id));
        let leaving = tasks.filter(|task| !task.is_wanted() && !task.is_stopped() && is_registered(task));
        leaving.filter_map(|task| task.service.as_ref().map(|member| member.deployment.clone())).collect()
    }

    /// Drops the older deployments that have no tasks left but such as drain.
    fn drop_older(&mut self, facts: &[Facts], leaving: &[Box<str>]) {
        let Some(newest) = self.service.deployments.first() else { return };
        // What is being rolled back is shown until that is done.
        let failed = newest.rolls_back.clone().filter(|_| newest.rollout != RolloutState::Completed);
        let newest = newest.id.clone();
        let stays = |id: &str| {
            *id == *newest
                || failed.as_deref() == Some(id)
                || leaving.iter().any(|leaving| **leaving == *id)
                || facts.iter().any(|task| task.wanted && *task.deployment == *id)
        };
        if self.service.deployments.iter().any(|deployment| !stays(&deployment.id)) {
            let service = Arc::make_mut(&mut self.service);
            service.deployments.retain(|deployment| stays(&deployment.id));
        }
    }

    /// Ends a deleted service once its tasks have stopped.
    fn end_drain(&mut self, facts: &[Facts]) {
        if facts.iter().any(|task| task.status != TaskStatus::Stopped) {
            return;
        }
        let now = self.now;
        let service = Arc::make_mut(&mut self.service);
        service.status = ServiceStatus::Inactive;
        service.deployments.truncate(1);
        for deployment in &mut service.deployments {
            // How long it can still be asked for counts from here.
            deployment.updated_at = now;
        }
        self.memory.wake(now + self.ecs.settings.keep_stopped);
    }

    /// Forgets a service that ended long enough ago.
    pub(super) fn leave(&mut self, key: &ServiceKey) {
        let ended = self.service.deployments.first().map(|deployment| deployment.updated_at);
        let until = ended.unwrap_or_default() + self.ecs.settings.keep_stopped;
        if self.now < until {
            self.memory.wake(until);
        } else {
            self.ecs.state.services.remove(key);
        }
    }
}

/// Whether a task still is, or is becoming, registered somewhere.
fn is_registered(task: &Task) -> bool {
    let stands = |registration| matches!(registration, Registration::Asked | Registration::Registered);
    task.targets.iter().any(|target| stands(target.registration))
}
