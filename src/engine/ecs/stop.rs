//! From `DEACTIVATING` to `STOPPED`: drained, stopped in reverse order, and removed.

use std::time::Duration;

use crate::engine::ecs::action::Action;
use crate::engine::ecs::life::Life;
use crate::engine::ecs::run::{Phase, Probe};
use crate::model::ecs::definition::STOP_TIMEOUT;
use crate::model::ecs::task::{ContainerStatus, TaskStatus};

/// A container that lives on after SIGKILL, which only a stuck system call can do, gets another one after this.
const KILL_AGAIN: Duration = Duration::from_secs(5);

impl Life<'_> {
    /// Ends the task's registrations and waits until they are over; whether it is in another state now.
    pub(super) fn deactivate(&mut self) -> bool {
        let drained = self.deregister();
        // What becomes of a registration that has been asked for is heard soon, and without that it could not be ended.
        if self.awaits_registration() || !drained && !self.run.forced {
            return false;
        }
        self.enter(TaskStatus::Stopping);
        true
    }

    /// Ends the checks of all its containers: what is stopping has the health it had.
    pub(super) fn rest_checks(&mut self) {
        for index in self.indexes() {
            let key = self.key(index);
            if std::mem::replace(&mut self.track(index).probe, Probe::Rests) == Probe::Out {
                self.actions.push_back(Action::CancelProbe(key));
            }
        }
    }

    /// Stops its containers, each once all that depend on it have ended; whether the task is in another state now.
    pub(super) fn stop_containers(&mut self) -> bool {
        self.deregister();
        for index in self.indexes() {
            if self.run.containers[index].phase == Phase::Waiting {
                self.track(index).phase = Phase::Ended;
                self.container(index).last_status = ContainerStatus::Stopped;
            }
        }
        for index in self.indexes() {
            if self.run.containers[index].phase == Phase::Running {
                self.stop_container(index);
            }
        }
        let over = self.run.containers.iter().all(|track| track.phase == Phase::Ended);
        if over {
            self.enter(TaskStatus::Deprovisioning);
        }
        over
    }

    fn stop_container(&mut self, index: usize) {
        let Some(runtime_id) = self.task.containers[index].runtime_id.clone() else { return };
        let (now, key) = (self.now, self.key(index));
        match self.run.containers[index].kill_at {
            None if self.is_needed(index) => {}
            None => {
                let grace = self.definition(index).stop_timeout.unwrap_or(STOP_TIMEOUT);
                self.track(index).kill_at = Some(now + grace);
                self.actions.push_back(Action::Terminate(key, runtime_id));
            }
            Some(at) if at <= now => {
                self.track(index).kill_at = Some(now + KILL_AGAIN);
                self.actions.push_back(Action::Kill(key, runtime_id));
            }
            Some(_) => {}
        }
    }

    /// Whether a container that depends on this one has not ended yet.
    fn is_needed(&self, index: usize) -> bool {
        let name = &self.definition(index).name;
        let depends = |other: usize| {
            self.definition(other).depends_on.iter().any(|dependency| dependency.container == *name)
        };
        self.indexes().any(|other| self.run.containers[other].phase != Phase::Ended && depends(other))
    }

    /// Gives back what was made for the task.
    pub(super) fn deprovision(&mut self) {
        let mut left = std::mem::take(&mut self.run.leftovers);
        left.extend(self.task.containers.iter().filter_map(|container| container.runtime_id.clone()));
        if !left.is_empty() {
            self.actions.push_back(Action::Remove(self.task.id.clone(), left));
        }
        self.enter(TaskStatus::Stopped);
    }
}
