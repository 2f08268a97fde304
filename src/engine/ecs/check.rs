//! The checks of a task's containers: when they are due, and what they lead to.

use std::sync::Arc;

use crate::engine::ecs::action::{self, Action};
use crate::engine::ecs::life::Life;
use crate::engine::ecs::run::{Phase, Probe};
use crate::model::ecs::check::ContainerCheck;
use crate::model::ecs::event::{HealthChange, What};
use crate::model::ecs::health::{CheckResult, HealthStatus, RESULTS_KEPT};
use crate::model::ecs::task::Container;
use crate::model::outcome::Outcome;
use crate::model::tick::Tick;

impl Life<'_> {
    /// Runs the checks that are due.
    pub(super) fn probe(&mut self) {
        if !self.is_checked() {
            return;
        }
        for index in self.indexes() {
            let due = matches!(self.run.containers[index].probe, Probe::Due(at) if at <= self.now);
            let check = self.definition(index).check.clone();
            let runtime_id = self.task.containers[index].runtime_id.clone();
            if let (true, Some(check), Some(runtime_id)) = (due, check, runtime_id) {
                self.track(index).probe = Probe::Out;
                let (task, definition) = (Arc::clone(self.task), Arc::clone(&self.run.definition));
                let key = self.key(index);
                self.actions.push_back(Action::Probe(action::Probe {
                    key,
                    runtime_id,
                    check,
                    task,
                    definition,
                }));
            }
        }
    }

    /// Sets when the next check of a container that runs is due.
    pub(super) fn expect_probe(&mut self, index: usize) {
        let container = &self.task.containers[index];
        let next = self.definition(index).check.as_ref().and_then(|check| self.next_check(check, container));
        self.track(index).probe = next.map_or(Probe::Rests, Probe::Due);
    }

    /// One interval after the container's start, or after the end of its latest check.
    fn next_check(&self, check: &ContainerCheck, container: &Container) -> Option<Tick> {
        let started = container.started_at?;
        let from = container.last_result().map_or(started, |result| result.ended.max(started));
        let starting = container.health == HealthStatus::Unknown && self.now < started + check.start_period;
        let gap = self.settings.start_interval.filter(|_| starting).unwrap_or(check.interval);
        Some((from + gap).max(self.now))
    }

    /// Takes in what a check has come to.
    pub(super) fn probed(&mut self, index: usize, outcome: Outcome, result: CheckResult) {
        let (now, checked) = (self.now, self.is_checked());
        let track = self.track(index);
        if !checked || track.phase != Phase::Running || track.probe != Probe::Out {
            return;
        }
        if let (Outcome::Inconclusive(_), Some(check)) = (outcome, &self.definition(index).check) {
            let next = now + check.interval;
            self.track(index).probe = Probe::Due(next);
            return;
        }
        let Some(verdict) = &mut self.track(index).verdict else { return };
        verdict.take(outcome, result.started, now);
        let (health, failures) = (verdict.health(), verdict.failures());
        let container = self.container(index);
        container.failures = failures;
        container.passed |= outcome == Outcome::Pass;
        container.results.push_back(result.clone());
        while container.results.len() > RESULTS_KEPT {
            container.results.pop_front();
        }
        self.become_healthy(index, health, Some(result));
        self.expect_probe(index);
    }

    /// Gives a container another health, and its task, and tells of it.
    pub(super) fn become_healthy(&mut self, index: usize, to: HealthStatus, result: Option<CheckResult>) {
        let now = self.now;
        let from = self.task.containers[index].health;
        if from == to {
            return;
        }
        let container = self.container(index);
        (container.health, container.health_since) = (to, now);
        let name = container.name.clone();
        self.roll_up();
        let task = &**self.task;
        let change = HealthChange {
            cluster: task.cluster.clone(),
            task: task.id.clone(),
            group: task.group.clone(),
            container: name,
            from,
            to,
            task_health: task.health,
            result,
        };
        self.tell(What::Health(change));
    }
}
