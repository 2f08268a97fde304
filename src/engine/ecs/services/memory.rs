//! What the scheduler remembers of what it has seen, so that each thing is counted and told once.
//!
//! None of it is kept: after a restart, what is there by then counts as seen. A task that has ended while nobody was
//! looking is so nobody's failure.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::ecs::services::facts::{Facts, Standing};
use crate::model::ecs::health::HealthStatus;
use crate::model::ecs::service::ServiceKey;
use crate::model::ecs::task::{Registration, StopCode, Task, TaskId, TaskStatus, TaskTarget};
use crate::model::tick::Tick;

/// What the scheduler remembers. A copy shares what it holds with the original.
#[derive(Clone, Debug, Default)]
pub(in crate::engine::ecs) struct Memory {
    /// When there is something to do next, if nothing happens before.
    pub(super) due: Option<Tick>,
    /// When services were last looked at.
    pub(super) looked_at: Tick,
    /// Whether what was there at the start has been taken in.
    pub(super) primed: bool,
    tasks: Arc<BTreeMap<TaskId, Seen>>,
    /// Unhealthy tasks that were stopped and whose replacements have not been started yet.
    owed: Arc<BTreeMap<ServiceKey, usize>>,
}

/// What of a task its service goes by: while it stays so, nothing is to be done for the service.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::engine::ecs) struct Glimpse {
    status: TaskStatus,
    wanted: bool,
    health: HealthStatus,
    targets: Vec<TaskTarget>,
}

impl Glimpse {
    /// Of a task as it is; `None` if it has no service.
    pub(in crate::engine::ecs) fn of(task: &Task) -> Option<Self> {
        task.service.as_ref()?;
        let (status, wanted, health) = (task.last_status, task.is_wanted(), task.health);
        Some(Self { status, wanted, health, targets: task.targets.clone() })
    }
}

/// What has been seen of a task.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Seen {
    ran: bool,
    healthy: bool,
    over: bool,
    replacement: bool,
    registrations: Vec<Registration>,
}

/// What is new about a task.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct News {
    /// It runs for the first time.
    pub(super) runs: bool,
    /// It counts as healthy for the first time.
    pub(super) healthy: bool,
    /// It ended by itself, or did not start.
    pub(super) failed: bool,
    /// Groups it is registered in now.
    pub(super) registered: Vec<Box<str>>,
    /// Groups it is no longer registered in.
    pub(super) deregistered: Vec<Box<str>>,
}

impl Memory {
    /// Asks for another look at `at`.
    pub(super) fn wake(&mut self, at: Tick) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// Takes in a task as it is and says what is new about it.
    pub(super) fn see(&mut self, task: &Task, facts: &Facts) -> News {
        let before = self.tasks.get(&task.id).cloned().unwrap_or_default();
        let now = Seen {
            ran: task.started_at.is_some(),
            healthy: before.healthy || facts.standing == Standing::Good,
            over: !task.is_wanted(),
            replacement: before.replacement,
            registrations: task.targets.iter().map(|target| target.registration).collect(),
        };
        let by_itself =
            matches!(task.stop_code, Some(StopCode::TaskFailedToStart | StopCode::EssentialContainerExited));
        let mut news = News {
            runs: now.ran && !before.ran,
            healthy: now.healthy && !before.healthy,
            failed: now.over && !before.over && by_itself,
            ..News::default()
        };
        for (place, target) in task.targets.iter().enumerate() {
            let was = before.registrations.get(place).copied().unwrap_or_default();
            let is = target.registration;
            let left = matches!(is, Registration::Draining | Registration::Gone);
            if is == Registration::Registered && was != is {
                news.registered.push(target.arn.clone());
            } else if was == Registration::Registered && left {
                news.deregistered.push(target.arn.clone());
            }
        }
        if now != before {
            Arc::make_mut(&mut self.tasks).insert(task.id.clone(), now);
        }
        news
    }

    /// Whether a task was started in place of an unhealthy one that may still be there.
    pub(super) fn is_replacement(&self, task: &str) -> bool {
        self.tasks.get(task).is_some_and(|seen| seen.replacement)
    }

    /// Says so, or no longer.
    pub(super) fn set_replacement(&mut self, task: &TaskId, replacement: bool) {
        if self.is_replacement(task) != replacement {
            Arc::make_mut(&mut self.tasks).entry(task.clone()).or_default().replacement = replacement;
        }
    }

    /// Notes that an unhealthy task of a service goes before its replacement comes.
    pub(super) fn owe(&mut self, key: &ServiceKey) {
        *Arc::make_mut(&mut self.owed).entry(key.clone()).or_default() += 1;
    }

    /// How many replacements are still to come, which from here on have.
    pub(super) fn pay(&mut self, key: &ServiceKey) -> usize {
        if self.owed.contains_key(key) {
            Arc::make_mut(&mut self.owed).remove(key).unwrap_or_default()
        } else {
            0
        }
    }

    /// Forgets the tasks that are not there.
    pub(super) fn forget(&mut self, there: &BTreeMap<TaskId, Arc<Task>>) {
        if self.tasks.len() > there.len() {
            Arc::make_mut(&mut self.tasks).retain(|id, _| there.contains_key(id));
        }
    }
}
