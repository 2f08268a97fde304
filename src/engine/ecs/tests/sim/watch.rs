//! What must never happen, and what the health must be, by counters of its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::ecs::action::{Action, ContainerKey, Report};
use crate::model::ecs::definition::{Condition, TaskDefinition};
use crate::model::ecs::event::{Happened, What};
use crate::model::ecs::health::HealthStatus;
use crate::model::ecs::state::State;
use crate::model::ecs::task::{ContainerStatus, Task, TaskId, TaskStatus};
use crate::model::outcome::Outcome;
use crate::model::tick::Tick;

/// What the checks of one start of a container have said.
#[derive(Clone, Copy, Default)]
struct Counted {
    failures: u32,
    health: HealthStatus,
    /// When the next check is due at the earliest.
    due: Tick,
    /// The same after one that was inconclusive, which is forgotten with everything of which nothing is told.
    retry: Tick,
}

#[derive(Default)]
pub(super) struct Watch {
    /// What runs containers may be asked for something.
    up: bool,
    /// State and version told last.
    told: BTreeMap<TaskId, (TaskStatus, u64)>,
    started: BTreeSet<ContainerKey>,
    /// By what the runtime calls them.
    ended: BTreeMap<Box<str>, i32>,
    terminated: BTreeSet<Box<str>>,
    /// Checks that are under way.
    probes: BTreeSet<(TaskId, usize)>,
    counted: BTreeMap<Box<str>, Counted>,
    /// The ways in which tasks and containers have ended.
    pub(super) ends: BTreeSet<String>,
}

impl Watch {
    pub(super) fn down(&mut self) {
        self.up = false;
        self.counted.values_mut().for_each(|counted| counted.retry = Tick(0));
    }

    pub(super) fn up(&mut self) {
        self.up = true;
    }

    /// Another process takes over. `there` are the containers there are: what was asked for and did not come to be may
    /// be asked for again.
    pub(super) fn restart(&mut self, there: &BTreeSet<ContainerKey>) {
        self.down();
        self.started.retain(|key| there.contains(key));
        self.probes.clear();
    }

    pub(super) fn ended(&mut self, id: &str, code: i32) {
        self.ended.insert(id.into(), code);
    }

    /// No state is left out, none comes twice, and each is told.
    pub(super) fn happened(&mut self, happened: &Happened) {
        let What::Task(task) = &happened.what else { return };
        let to = task.last_status;
        let (from, version) = match self.told.insert(task.id.clone(), (to, task.version)) {
            Some((from, version)) => (from, version),
            None => (TaskStatus::Provisioning, 0),
        };
        assert_eq!(task.version, version + 1, "every version is told once");
        let next = TaskStatus::ALL.into_iter().find(|status| *status > from);
        let stops = to == TaskStatus::Deactivating && from < TaskStatus::Deactivating;
        assert!(to == from || Some(to) == next || stops, "{to} comes after {from}");
        assert!(task.is_wanted() || task.stop_code.is_some(), "it is said why it stops");
        if to >= TaskStatus::Deactivating {
            assert!(!task.is_wanted() && task.stopping_at.is_some(), "{to} and still wanted");
        }
        if to == TaskStatus::Stopped {
            self.ends.extend(task.stop_code.map(|code| code.as_str().to_owned()));
        }
    }

    pub(super) fn action(&mut self, action: &Action, state: &State, now: Tick) {
        match action {
            Action::Start(start) => {
                self.reached(action);
                let (key, task) = (&start.key, &state.tasks[&start.key.task]);
                assert!(self.started.insert(key.clone()), "{key:?} is started twice");
                assert!(task.is_wanted(), "{key:?} is started and not wanted");
                let known = task.containers[key.index].started_at;
                if known.is_none() {
                    assert!(may_start(task, &start.definition, key.index), "{key:?} has to wait");
                } else {
                    self.ends.insert("restarted".to_owned());
                }
                let before = &task.containers[key.index];
                assert_ne!(before.last_status, ContainerStatus::Running, "{key:?} runs");
            }
            Action::Terminate(key, id) => {
                self.reached(action);
                // After a time out of reach, or a restart, it may be told again.
                self.terminated.insert(id.clone());
                self.in_turn(key, state);
            }
            Action::Kill(key, id) => {
                self.reached(action);
                let known = state.tasks.get(&key.task).is_some_and(|task| {
                    task.containers.get(key.index).and_then(|it| it.runtime_id.as_ref()) == Some(id)
                });
                if known && !state.tasks[&key.task].is_stopped() && !self.ended.contains_key(id) {
                    assert!(self.terminated.contains(id), "{key:?} is killed before it is told");
                    self.in_turn(key, state);
                    self.ends.insert("killed".to_owned());
                }
            }
            Action::Probe(probe) => {
                self.reached(action);
                let place = (probe.key.task.clone(), probe.key.index);
                assert!(self.probes.insert(place), "two checks of {:?} at once", probe.key);
                assert!(probe.task.is_wanted(), "{:?} is stopping", probe.key);
                assert!(!self.terminated.contains(&probe.runtime_id), "{:?} is told to end", probe.key);
                let counted = self.counted.get(&probe.runtime_id).copied().unwrap_or_default();
                let from = probe.task.containers[probe.key.index].started_at.unwrap();
                let due = counted.due.max(counted.retry).max(from + probe.check.interval);
                assert!(now >= due, "{:?} is checked at {now:?} and due at {due:?}", probe.key);
            }
            Action::CancelProbe(key) => _ = self.probes.remove(&(key.task.clone(), key.index)),
            Action::Remove(..) => self.reached(action),
            Action::Register(..) | Action::Deregister(..) => {}
        }
    }

    /// Nothing is asked of what cannot be reached.
    fn reached(&self, action: &Action) {
        assert!(self.up, "{action:?} while nothing can be reached");
    }

    /// All that depend on it have ended.
    fn in_turn(&self, key: &ContainerKey, state: &State) {
        let task = &state.tasks[&key.task];
        let containers = &state.definitions[&task.definition].blueprint.containers;
        let name = &containers[key.index].name;
        for (index, other) in containers.iter().enumerate() {
            let needs = other.depends_on.iter().any(|dependency| dependency.container == *name);
            let ended = task.containers[index].last_status == ContainerStatus::Stopped;
            assert!(!needs || ended, "{key:?} is told to end, and {} needs it", other.name);
        }
    }

    /// Counts what is told of checks.
    pub(super) fn report(&mut self, report: &Report, state: &State) {
        if let Report::Ended { key, .. } = report {
            self.probes.remove(&(key.task.clone(), key.index));
        }
        let Report::Probed(key, outcome, result) = report else { return };
        if !self.probes.remove(&(key.task.clone(), key.index)) || !self.up {
            return;
        }
        let task = &state.tasks[&key.task];
        let container = &task.containers[key.index];
        let check =
            state.definitions[&task.definition].blueprint.containers[key.index].check.as_ref().unwrap();
        let counted = self.counted.entry(container.runtime_id.clone().unwrap()).or_default();
        let due =
            if matches!(outcome, Outcome::Inconclusive(_)) { &mut counted.retry } else { &mut counted.due };
        *due = result.ended + check.interval;
        let starting = result.started.since(container.started_at.unwrap()) < check.start_period;
        match outcome {
            Outcome::Pass => (counted.failures, counted.health) = (0, HealthStatus::Healthy),
            Outcome::Fail(_) if starting && counted.health == HealthStatus::Unknown => {}
            Outcome::Fail(_) => {
                counted.failures += 1;
                if counted.failures >= u32::from(check.retries.get()) {
                    counted.health = HealthStatus::Unhealthy;
                }
            }
            Outcome::Inconclusive(_) => {}
        }
    }

    /// Every container, and every task, is as healthy as its checks say.
    pub(super) fn compare(&self, state: &State) {
        for task in state.tasks.values() {
            let definitions = &state.definitions[&task.definition].blueprint.containers;
            let mut whole: Option<HealthStatus> = None;
            for (container, definition) in task.containers.iter().zip(definitions) {
                let counted = container.runtime_id.as_ref().and_then(|id| self.counted.get(id));
                let counted = counted.copied().unwrap_or_default();
                assert_eq!(
                    (container.health, container.failures),
                    (counted.health, counted.failures),
                    "{task:#?}"
                );
                if definition.essential && definition.check.is_some() {
                    whole = Some(match (whole, counted.health) {
                        (Some(HealthStatus::Unhealthy), _) | (_, HealthStatus::Unhealthy) => {
                            HealthStatus::Unhealthy
                        }
                        (Some(HealthStatus::Unknown), _) | (_, HealthStatus::Unknown) => {
                            HealthStatus::Unknown
                        }
                        _ => HealthStatus::Healthy,
                    });
                }
            }
            let never_ran = task.started_at.is_none();
            let want = whole.filter(|_| !never_ran).unwrap_or_default();
            assert_eq!(task.health, want, "{task:#?}");
            let (status, _) = self.told[&task.id];
            assert_eq!(status, task.last_status, "a state that was not told");
        }
    }
}

/// Whether all that the container waits for is as it must be.
fn may_start(task: &Task, definition: &TaskDefinition, index: usize) -> bool {
    definition.blueprint.containers[index].depends_on.iter().all(|dependency| {
        let other = task.container(&dependency.container).unwrap();
        match dependency.condition {
            Condition::Start => other.started_at.is_some(),
            Condition::Complete => other.stopped_at.is_some(),
            Condition::Success => other.exit_code == Some(0),
            Condition::Healthy => other.health == HealthStatus::Healthy,
        }
    })
}
