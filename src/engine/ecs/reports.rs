//! What is told of containers and targets, and whom it concerns.

use crate::engine::ecs::Ecs;
use crate::engine::ecs::action::{Action, ContainerKey, Report};
use crate::engine::ecs::adopt::Link;
use crate::engine::ecs::life::Life;
use crate::engine::ecs::run::Phase;
use crate::model::ecs::task::Connectivity;
use crate::model::tick::Tick;

impl Ecs {
    /// Takes in what has happened. What services make of it comes with the next tick, so that many reports cost one look.
    pub fn report(&mut self, report: Report, now: Tick) {
        match report {
            Report::Pulling(key) => self.of(&key, now, |life, _| life.pulled(false)),
            Report::Pulled(key) => self.of(&key, now, |life, _| life.pulled(true)),
            Report::Started { key, runtime_id, address, bindings } => {
                if self.is_stray(&key, &runtime_id) {
                    self.put_away(key, runtime_id, false);
                } else {
                    self.of(&key, now, |life, index| {
                        if life.track(index).phase == Phase::Starting {
                            life.started(index, runtime_id, address, bindings, now);
                        }
                    });
                }
            }
            Report::NotStarted(key, error) => self.of(&key, now, |life, index| {
                if life.track(index).phase == Phase::Starting {
                    life.not_started(index, &error);
                }
            }),
            Report::Ended { key, exit_code, reason } => self.of(&key, now, |life, index| {
                if matches!(life.track(index).phase, Phase::Starting | Phase::Running) {
                    life.ended(index, exit_code, reason);
                }
            }),
            Report::Probed(key, outcome, result) => {
                self.of(&key, now, |life, index| life.probed(index, outcome, result));
            }
            Report::Registered(id) => _ = self.with(&id, now, |life| life.registered(None)),
            Report::NotRegistered(id, why) => _ = self.with(&id, now, |life| life.registered(Some(&*why))),
            Report::Targets(id, seen) => _ = self.with(&id, now, |life| life.seen(&seen)),
            Report::Connectivity(Connectivity::Connected) => self.connected(now),
            Report::Connectivity(Connectivity::Disconnected) => self.disconnected(now),
            Report::Inventory(found) => self.take_inventory(found, now),
        }
    }

    /// Has something happen to a container, unless the start it is told of is not its latest one.
    fn of(&mut self, key: &ContainerKey, now: Tick, happens: impl FnOnce(&mut Life<'_>, usize)) {
        let track = self.runs.get(&key.task).and_then(|run| run.containers.get(key.index));
        if track.is_some_and(|track| track.run == key.run) {
            self.with(&key.task, now, |life| happens(life, key.index));
        }
    }

    /// Whether a container that is told to have started is one that nobody waits for.
    fn is_stray(&self, key: &ContainerKey, runtime_id: &str) -> bool {
        let Some(run) = self.runs.get(&key.task) else { return true };
        let Some(track) = run.containers.get(key.index) else { return true };
        let known = || {
            let container = self.state.tasks.get(&key.task).and_then(|task| task.containers.get(key.index));
            container.is_some_and(|container| container.runtime_id.as_deref() == Some(runtime_id))
        };
        track.run != key.run || (track.phase != Phase::Starting && !known())
    }

    /// Ends a container that nobody wants, and has it removed. The next inventory names those that are left while what
    /// runs containers is unreachable.
    pub(super) fn put_away(&mut self, key: ContainerKey, runtime_id: Box<str>, ended: bool) {
        if self.link != Link::Up {
            return;
        }
        let task = key.task.clone();
        if !ended {
            self.actions.push_back(Action::Kill(key, runtime_id.clone()));
        }
        self.actions.push_back(Action::Remove(task, vec![runtime_id]));
    }
}
