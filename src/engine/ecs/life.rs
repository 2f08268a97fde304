//! The life of one task, from one state to the next (docs/semantics.md, "Tasks").
//!
//! ```text
//!   PROVISIONING ─► PENDING ─► ACTIVATING ─► RUNNING
//!        └────────────┴───────────┴────────────┴─► DEACTIVATING ─► STOPPING ─► DEPROVISIONING ─► STOPPED
//! ```
//!
//! What is told only changes what is known; [`Life::advance`] then does all that has become possible. While what runs
//! containers is unreachable it does nothing, and does all of it when that is over.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::engine::ecs::action::{Action, ContainerKey};
use crate::engine::ecs::ids::Ids;
use crate::engine::ecs::rollup::{Part, roll_up};
use crate::engine::ecs::run::{ContainerRun, Phase, Probe, Run};
use crate::model::ecs::definition::ContainerDefinition;
use crate::model::ecs::event::{Happened, What};
use crate::model::ecs::settings::Settings;
use crate::model::ecs::task::{Container, DesiredStatus, StopCode, Task, TaskStatus};
use crate::model::tick::Tick;

/// One task, with what it is to be moved.
pub(super) struct Life<'a> {
    pub(super) task: &'a mut Arc<Task>,
    pub(super) run: &'a mut Run,
    pub(super) actions: &'a mut VecDeque<Action>,
    pub(super) happened: &'a mut Vec<Happened>,
    pub(super) ids: &'a mut Ids,
    pub(super) settings: &'a Settings,
    /// Whether what runs containers can be asked for something.
    pub(super) up: bool,
    pub(super) now: Tick,
}

impl Life<'_> {
    /// The task, to be changed.
    pub(super) fn change(&mut self) -> &mut Task {
        Arc::make_mut(self.task)
    }

    /// A container, to be changed.
    pub(super) fn container(&mut self, index: usize) -> &mut Container {
        &mut Arc::make_mut(self.task).containers[index]
    }

    pub(super) fn definition(&self, index: usize) -> &ContainerDefinition {
        &self.run.definitions()[index]
    }

    pub(super) fn track(&mut self, index: usize) -> &mut ContainerRun {
        &mut self.run.containers[index]
    }

    pub(super) fn key(&self, index: usize) -> ContainerKey {
        ContainerKey { task: self.task.id.clone(), index, run: self.run.containers[index].run }
    }

    /// The indexes of its containers.
    pub(super) fn indexes(&self) -> std::ops::Range<usize> {
        0..self.run.containers.len()
    }

    pub(super) fn tell(&mut self, what: What) {
        self.happened.push(Happened { id: self.ids.uuid(), at: self.now, what });
    }

    /// Tells of the task as it is now.
    pub(super) fn tell_task(&mut self) {
        self.change().version += 1;
        self.tell(What::Task(Arc::clone(self.task)));
    }

    /// Enters a state.
    pub(super) fn enter(&mut self, status: TaskStatus) {
        let now = self.now;
        let task = self.change();
        task.last_status = status;
        if status == TaskStatus::Running {
            task.started_at = Some(now);
        }
        if status == TaskStatus::Stopped {
            task.stopped_at = Some(now);
        }
        self.roll_up();
        self.tell_task();
    }

    /// Says that the task should stop. Why it was first told to is what stays.
    pub(super) fn stop(&mut self, code: StopCode, reason: &str, force: bool) {
        self.run.forced |= force;
        if !self.task.is_wanted() {
            return;
        }
        let now = self.now;
        let task = self.change();
        task.desired_status = DesiredStatus::Stopped;
        task.stop_code = Some(code);
        task.stopped_reason = Some(reason.into());
        task.stopping_at = Some(now);
        if !self.up {
            // Its next state, which would tell of this, is far away.
            self.tell_task();
        }
    }

    /// Does all that is possible by now.
    pub(super) fn advance(&mut self) {
        while self.step() {}
        self.probe();
        self.run.due = self.due();
    }

    /// Does what is next; whether the task is in another state now.
    fn step(&mut self) -> bool {
        let status = self.task.last_status;
        if !self.up && status > TaskStatus::Provisioning {
            return false;
        }
        let unwanted = !self.task.is_wanted();
        match status {
            TaskStatus::Provisioning => self.enter(TaskStatus::Pending),
            TaskStatus::Pending | TaskStatus::Activating | TaskStatus::Running if unwanted => {
                self.rest_checks();
                self.enter(TaskStatus::Deactivating);
            }
            TaskStatus::Pending => self.enter(TaskStatus::Activating),
            TaskStatus::Activating => return self.activate(),
            TaskStatus::Running => {
                self.restart();
                return false;
            }
            TaskStatus::Deactivating => return self.deactivate(),
            TaskStatus::Stopping => return self.stop_containers(),
            TaskStatus::Deprovisioning => self.deprovision(),
            TaskStatus::Stopped => return false,
        }
        true
    }

    /// Whether its containers are checked in the state it is in.
    pub(super) fn is_checked(&self) -> bool {
        self.up && self.task.is_wanted()
    }

    /// Makes the task's health what its containers' says, while it should run: a task that was stopped for its health
    /// shows it to the end.
    pub(super) fn roll_up(&mut self) {
        if self.task.started_at.is_none() || !self.task.is_wanted() {
            return;
        }
        let parts = self.task.containers.iter().zip(self.run.definitions());
        let health = roll_up(
            parts.map(|(container, definition)| Part::of(container, definition)),
            self.settings.rollup,
        );
        if health != self.task.health {
            let now = self.now;
            let task = self.change();
            (task.health, task.health_since) = (health, now);
        }
    }

    /// When time alone has it go on.
    fn due(&self) -> Option<Tick> {
        if !self.up {
            return None;
        }
        let checked = self.is_checked();
        let of = |index: usize| {
            let track = &self.run.containers[index];
            let probe = match track.probe {
                Probe::Due(at) if checked => Some(at),
                Probe::Due(_) | Probe::Rests | Probe::Out => None,
            };
            let starts = self.task.last_status == TaskStatus::Activating && track.phase == Phase::Waiting;
            let given_up = starts.then(|| self.gives_up_at(index)).flatten();
            let killed = track.kill_at.filter(|_| track.phase != Phase::Ended);
            probe.into_iter().chain(given_up).chain(killed).min()
        };
        self.indexes().filter_map(of).min()
    }
}
