//! `ACTIVATING`: containers start one behind the other, and the task is registered in its target groups.

use std::net::IpAddr;
use std::sync::Arc;

use crate::engine::ecs::action::{Action, StartContainer, StartError};
use crate::engine::ecs::dependency::{Wait, wait};
use crate::engine::ecs::life::Life;
use crate::engine::ecs::run::{Phase, Probe};
use crate::engine::ecs::verdict::Verdict;
use crate::model::ecs::health::HealthStatus;
use crate::model::ecs::task::{Binding, ContainerStatus, StopCode, TaskStatus};
use crate::model::tick::Tick;

impl Life<'_> {
    /// Starts what may be started, and registers the task once it can be; whether it is in another state now.
    pub(super) fn activate(&mut self) -> bool {
        for index in self.indexes() {
            if self.run.containers[index].phase != Phase::Waiting {
                continue;
            }
            match self.wait(index) {
                Wait::Over => self.start(index),
                Wait::Until(_) => {}
                Wait::Never(reason) => {
                    self.container(index).reason = Some(reason.as_str().into());
                    self.stop(StopCode::TaskFailedToStart, &reason, false);
                    return true;
                }
            }
        }
        self.register();
        let started = self.task.containers.iter().all(|container| container.started_at.is_some());
        if !started || !self.is_registered() {
            return false;
        }
        self.enter(TaskStatus::Running);
        true
    }

    /// Starts what has ended and is to be started again where it was.
    pub(super) fn restart(&mut self) {
        for index in self.indexes() {
            if self.run.containers[index].phase == Phase::Waiting {
                self.start(index);
            }
        }
        self.register();
    }

    /// When it is given up that the container will start.
    pub(super) fn gives_up_at(&self, index: usize) -> Option<Tick> {
        match self.wait(index) {
            Wait::Until(at) => at,
            Wait::Over | Wait::Never(_) => None,
        }
    }

    fn wait(&self, index: usize) -> Wait {
        if self.task.containers[index].started_at.is_some() {
            // It is started again where it was; what it depends on is asked for only once.
            return Wait::Over;
        }
        wait(self.task, &self.run.definition.blueprint, index, self.now)
    }

    fn start(&mut self, index: usize) {
        self.track(index).phase = Phase::Starting;
        let leftovers = std::mem::take(&mut self.run.leftovers);
        if !leftovers.is_empty() {
            self.actions.push_back(Action::Remove(self.task.id.clone(), leftovers));
        }
        let (task, definition) = (Arc::clone(self.task), Arc::clone(&self.run.definition));
        self.actions.push_back(Action::Start(StartContainer { key: self.key(index), task, definition }));
    }

    /// Notes that an image is being pulled, or is there.
    pub(super) fn pulled(&mut self, done: bool) {
        let now = self.now;
        if done {
            self.change().pull_stopped_at = Some(now);
        } else if self.task.pull_started_at.is_none() {
            self.change().pull_started_at = Some(now);
        }
    }

    /// Notes that a container has started, at `started`.
    pub(super) fn started(
        &mut self,
        index: usize,
        runtime_id: Box<str>,
        address: IpAddr,
        bindings: Vec<Binding>,
        started: Tick,
    ) {
        let fresh = !self.up;
        let verdict = self.definition(index).check.as_ref().map(|check| Verdict::new(check, started));
        let track = self.track(index);
        (track.phase, track.fresh, track.verdict) = (Phase::Running, fresh, verdict);
        let container = self.container(index);
        container.runtime_id = Some(runtime_id);
        container.last_status = ContainerStatus::Running;
        container.started_at = Some(started);
        container.health_since = started;
        container.stopped_at = None;
        container.bindings = bindings;
        self.place_targets(index, address);
        self.expect_probe(index);
    }

    /// Notes that a container could not be started, which is the end of its task.
    pub(super) fn not_started(&mut self, index: usize, error: &StartError) {
        let reason = format!("{}: {}", error.kind.as_str(), error.message);
        if self.task.started_at.is_some() {
            // It ran once and was to be started again where it was.
            self.end(index, None, Some(reason.into()), false);
            return;
        }
        // Why a task was first told to stop is what stays, and the end of an essential container tells it, too.
        self.stop(StopCode::TaskFailedToStart, &reason, false);
        self.end(index, None, Some(reason.into()), false);
    }

    /// Notes that a container has ended.
    pub(super) fn ended(&mut self, index: usize, exit_code: Option<i32>, reason: Option<Box<str>>) {
        if self.task.containers[index].started_at.is_none() {
            // It was over before anybody heard of its start.
            let now = self.now;
            self.container(index).started_at = Some(now);
        }
        let again = self.starts_again(index, exit_code);
        self.end(index, exit_code, reason, again);
    }

    fn end(&mut self, index: usize, exit_code: Option<i32>, reason: Option<Box<str>>, again: bool) {
        let (now, key) = (self.now, self.key(index));
        let track = self.track(index);
        if std::mem::replace(&mut track.probe, Probe::Rests) == Probe::Out {
            self.actions.push_back(Action::CancelProbe(key));
        }
        let track = self.track(index);
        track.phase = Phase::Ended;
        let container = self.container(index);
        container.last_status = ContainerStatus::Stopped;
        (container.stopped_at, container.exit_code, container.reason) = (Some(now), exit_code, reason);
        if again {
            self.prepare_restart(index);
        } else if self.definition(index).essential {
            if self.task.execution_stopped_at.is_none() {
                self.change().execution_stopped_at = Some(now);
            }
            let reason = "Essential container in task exited";
            self.stop(StopCode::EssentialContainerExited, reason, false);
        }
    }

    /// Whether a container that has ended is started again where it was.
    fn starts_again(&self, index: usize, exit_code: Option<i32>) -> bool {
        let Some(policy) = &self.definition(index).restart else { return false };
        let container = &self.task.containers[index];
        let ran = container.started_at.map(|started| self.now.since(started));
        let ignored = exit_code.is_some_and(|code| policy.ignored_exit_codes.contains(&code));
        let status = self.task.last_status;
        let runs = matches!(status, TaskStatus::Activating | TaskStatus::Running) && self.task.is_wanted();
        runs && !ignored && ran.is_some_and(|ran| ran >= policy.attempt_period)
    }

    fn prepare_restart(&mut self, index: usize) {
        let track = self.track(index);
        track.run = track.run.saturating_add(1);
        (track.phase, track.verdict) = (Phase::Waiting, None);
        let container = self.container(index);
        container.last_status = ContainerStatus::Pending;
        container.restarts = container.restarts.saturating_add(1);
        self.forget_start(index);
    }

    /// Forgets what was known of an earlier start of a container.
    pub(super) fn forget_start(&mut self, index: usize) {
        let container = self.container(index);
        (container.failures, container.passed) = (0, false);
        container.results.clear();
        let leftover = container.runtime_id.take();
        self.run.leftovers.extend(leftover);
        self.become_healthy(index, HealthStatus::Unknown, None);
    }
}
