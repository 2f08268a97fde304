//! What is done for each service whenever something has happened (docs/semantics.md, "Services").

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::ecs::Ecs;
use crate::engine::ecs::adopt::Link;
use crate::engine::ecs::services::facts::Facts;
use crate::engine::ecs::services::memory::Memory;
use crate::engine::ecs::services::turn::Turn;
use crate::model::ecs::definition::DefinitionId;
use crate::model::ecs::service::ServiceKey;
use crate::model::ecs::task::{Task, TaskId};
use crate::model::tick::Tick;

/// Looks at one service in a row: a stop makes room for a start, and the last look finds nothing to do.
const LOOKS: usize = 8;

impl Ecs {
    /// Looks at all services if something has happened that one of them goes by, or if it is time to.
    pub(in crate::engine::ecs) fn schedule_due(&mut self, now: Tick) {
        if self.next_schedule().is_some_and(|due| due <= now) {
            self.schedule(now);
        }
    }

    /// Does what is due for all services. While what runs containers is unreachable, and until it has said what runs, nothing
    /// is: no task is started, stopped or replaced for what nobody can know.
    fn schedule(&mut self, now: Tick) {
        let mut memory = std::mem::take(&mut self.scheduler);
        let before = std::mem::replace(&mut memory.looked_at, now);
        memory.due = None;
        if !memory.primed {
            self.prime(&mut memory, now);
        }
        let mut members: BTreeMap<ServiceKey, Vec<TaskId>> = BTreeMap::new();
        for task in self.lately(before) {
            if let Some(key) = key_of(task) {
                members.entry(key).or_default().push(task.id.clone());
            }
        }
        for key in self.state.services.keys().cloned().collect::<Vec<_>>() {
            let mut tasks = members.remove(&key).unwrap_or_default();
            let mut looks = 0;
            while Turn::of(self, &mut memory, &key, now).is_some_and(|turn| turn.take(&tasks)) {
                looks += 1;
                if looks == LOOKS {
                    memory.wake(now + super::throttle::BETWEEN_STARTS);
                    break;
                }
                let mine = self.lately(before).filter(|task| is_of(task, &key));
                tasks = mine.map(|task| task.id.clone()).collect();
            }
        }
        memory.forget(&self.state.tasks);
        self.scheduler = memory;
    }

    /// Tasks that are not over, and those that have ended since `before` or so shortly before that the next start still
    /// counts from theirs. Those that ended earlier have nothing new to say, and may be thousands.
    pub(super) fn lately(&self, before: Tick) -> impl Iterator<Item = &Arc<Task>> {
        let ended = self.stopped.iter().rev();
        let ended = ended.take_while(move |(at, _)| *at + super::throttle::BETWEEN_STARTS >= before);
        let ids = self.runs.keys().chain(ended.map(|(_, id)| id));
        ids.filter_map(|id| self.state.tasks.get(id))
    }

    /// When [`Ecs::schedule_due`] has something to do next, if nothing happens before.
    pub(in crate::engine::ecs) fn next_schedule(&self) -> Option<Tick> {
        self.scheduler.due.filter(|_| self.link == Link::Up)
    }

    /// Has services looked at soon, because of what was wished of one.
    pub(in crate::engine::ecs) fn schedule_at(&mut self, now: Tick) {
        self.scheduler.wake(now);
    }

    /// What is seen of a task of a service.
    pub(super) fn facts(&self, task: &Task, memory: &Memory, now: Tick) -> Facts {
        let spec = key_of(task).and_then(|key| self.state.services.get(&key));
        let grace = spec.map(|service| service.spec.grace_period).unwrap_or_default();
        Facts::of(task, self.is_checked(&task.definition), grace, memory.is_replacement(&task.id), now)
    }

    /// Whether an essential container of such tasks has a check.
    fn is_checked(&self, definition: &DefinitionId) -> bool {
        let definition = self.state.definitions.get(definition);
        definition.is_some_and(|definition| {
            let mut containers = definition.blueprint.containers.iter();
            containers.any(|container| container.essential && container.check.is_some())
        })
    }

    /// Takes in what is there at the start. The newest of the tasks that are too many were started in place of others.
    fn prime(&self, memory: &mut Memory, now: Tick) {
        memory.primed = true;
        for task in self.state.tasks.values().filter(|task| task.service.is_some()) {
            let facts = self.facts(task, memory, now);
            memory.see(task, &facts);
        }
        for (key, service) in &self.state.services {
            let Some(newest) = service.deployments.first() else { continue };
            let mine = |task: &&Arc<Task>| {
                let mine = task.service.as_ref().is_some_and(|member| member.deployment == newest.id);
                mine && task.is_wanted()
            };
            let mut tasks: Vec<_> = self.state.tasks_of(key).filter(mine).collect();
            tasks.sort_by_key(|task| task.created_at);
            let desired = usize::try_from(newest.desired_count).unwrap_or(usize::MAX);
            for task in tasks.into_iter().skip(desired) {
                memory.set_replacement(&task.id, true);
            }
        }
    }
}

/// Whether a task belongs to this service.
fn is_of(task: &Task, key: &ServiceKey) -> bool {
    let name = task.service.as_ref().map(|member| &member.service);
    task.cluster == key.cluster && name == Some(&key.name)
}

/// The service a task belongs to.
fn key_of(task: &Task) -> Option<ServiceKey> {
    let member = task.service.as_ref()?;
    Some(ServiceKey { cluster: task.cluster.clone(), name: member.service.clone() })
}
