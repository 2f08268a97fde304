//! A task's places in target groups.

use std::net::IpAddr;
use std::sync::Arc;

use crate::engine::ecs::Ecs;
use crate::engine::ecs::action::{Action, TargetSeen};
use crate::engine::ecs::life::Life;
use crate::model::ecs::task::{Binding, Registration, StopCode, TaskStatus, TaskTarget};
use crate::model::health::State;

impl Life<'_> {
    /// Gives the targets that the container serves their id and port. Those that were registered elsewhere, before it
    /// was started again, move.
    pub(super) fn place_targets(&mut self, index: usize, address: IpAddr) {
        let container = &self.task.containers[index];
        let (name, bindings) = (container.name.clone(), container.bindings.clone());
        let mut left = Vec::new();
        let balancers = std::mem::take(&mut self.run.balancers);
        for (place, balancer) in balancers.iter().enumerate().filter(|(_, it)| it.container_name == name) {
            let (id, port) = (address.to_string(), port(&bindings, balancer.container_port));
            let target = &self.task.targets[place];
            if *target.id == *id && target.port == port {
                continue;
            }
            let stands = matches!(target.registration, Registration::Asked | Registration::Registered);
            if stands {
                left.push(target.clone());
            }
            let target = &mut self.change().targets[place];
            (target.id, target.port) = (id.into(), port);
            if stands {
                target.registration = Registration::Absent;
            }
            (target.state, target.description) = Default::default();
        }
        self.run.balancers = balancers;
        if !left.is_empty() {
            self.actions.push_back(Action::Deregister(self.task.id.clone(), left));
        }
    }

    /// Asks for the task's registration, once the containers that serve its targets have started.
    pub(super) fn register(&mut self) {
        let targets = &self.task.targets;
        let placed = targets.iter().all(|target| target.port > 0);
        let absent = |target: &TaskTarget| target.registration == Registration::Absent;
        if !placed || !targets.iter().any(absent) {
            return;
        }
        let mut missing = Vec::new();
        for target in self.change().targets.iter_mut().filter(|target| absent(target)) {
            target.registration = Registration::Asked;
            missing.push(target.clone());
        }
        self.actions.push_back(Action::Register(self.task.id.clone(), missing));
    }

    pub(super) fn awaits_registration(&self) -> bool {
        self.with(Registration::Asked).next().is_some()
    }

    pub(super) fn is_registered(&self) -> bool {
        self.task.targets.iter().all(|target| target.registration == Registration::Registered)
    }

    /// Notes what became of the registration that was asked for: `Some` is why it did not.
    pub(super) fn registered(&mut self, refused: Option<&str>) {
        let answer = if refused.is_some() { Registration::Gone } else { Registration::Registered };
        let asked = |target: &TaskTarget| target.registration == Registration::Asked;
        if !self.task.targets.iter().any(asked) {
            return;
        }
        self.change().targets.iter_mut().filter(|target| asked(target)).for_each(|target| {
            target.registration = answer;
        });
        if let Some(reason) = refused {
            self.stop(StopCode::TaskFailedToStart, reason, false);
        }
    }

    /// Ends the registrations that stand; whether all are over. One that was asked for is waited for before.
    pub(super) fn deregister(&mut self) -> bool {
        let standing: Vec<TaskTarget> = self.with(Registration::Registered).cloned().collect();
        if !standing.is_empty() {
            let targets = self.change().targets.iter_mut();
            targets.filter(|target| target.registration == Registration::Registered).for_each(|target| {
                target.registration = Registration::Draining;
            });
            self.actions.push_back(Action::Deregister(self.task.id.clone(), standing));
        }
        self.with(Registration::Asked).chain(self.with(Registration::Draining)).next().is_none()
    }

    fn with(&self, registration: Registration) -> impl Iterator<Item = &TaskTarget> {
        self.task.targets.iter().filter(move |target| target.registration == registration)
    }

    /// Notes how its targets fare.
    pub(super) fn seen(&mut self, seen: &[TargetSeen]) {
        for seen in seen {
            let same = |target: &TaskTarget| {
                target.arn == seen.arn && target.id == seen.id && target.port == seen.port
            };
            let Some(place) = self.task.targets.iter().position(same) else { continue };
            let (state, description) = match seen.health {
                Some(health) => (health.state.as_str(), health.description().unwrap_or_default()),
                None => ("", String::new()),
            };
            let unused = seen.health.is_none_or(|health| health.state == State::Unused);
            let target = &self.task.targets[place];
            let gone = unused && target.registration == Registration::Draining;
            if gone || *target.state != *state || *target.description != *description {
                let target = &mut self.change().targets[place];
                (target.state, target.description) = (state.into(), description.into());
                if gone {
                    target.registration = Registration::Gone;
                }
            }
        }
    }

    /// Has what was asked for before a restart asked for again, since nobody knows what became of it.
    pub(super) fn ask_again(&mut self) {
        let stops = self.task.last_status >= TaskStatus::Deactivating;
        for place in 0..self.task.targets.len() {
            let again = match self.task.targets[place].registration {
                Registration::Asked if stops => Registration::Registered,
                Registration::Asked => Registration::Absent,
                Registration::Draining => Registration::Registered,
                Registration::Absent | Registration::Registered | Registration::Gone => continue,
            };
            self.change().targets[place].registration = again;
        }
    }
}

impl Ecs {
    /// Has a task that stops leave alone the targets that another one, which goes on, has in common with it. Tasks without
    /// addresses of their own share their host's: the second of them to want a port ends at once, and to drain its target
    /// would take the first one, which serves there, out of service (docs/semantics.md, "Tasks").
    pub(super) fn let_go_of_shared(&mut self, id: &str) {
        let Some(task) = self.state.tasks.get(id).filter(|task| !task.is_wanted()) else { return };
        let others =
            || self.runs.keys().filter(|other| &***other != id).filter_map(|id| self.state.tasks.get(id));
        let is_shared = |target: &TaskTarget| {
            let same = |it: &TaskTarget| (&it.arn, &it.id, it.port) == (&target.arn, &target.id, target.port);
            let holds = |it: &TaskTarget| same(it) && stands(it);
            stands(target) && others().any(|other| other.is_wanted() && other.targets.iter().any(holds))
        };
        let shared: Vec<usize> = (0..task.targets.len()).filter(|at| is_shared(&task.targets[*at])).collect();
        if let Some(task) = self.state.tasks.get_mut(id).filter(|_| !shared.is_empty()) {
            let targets = &mut Arc::make_mut(task).targets;
            shared.into_iter().for_each(|at| targets[at].registration = Registration::Gone);
        }
    }
}

/// Whether a registration has been asked for or stands.
fn stands(target: &TaskTarget) -> bool {
    matches!(target.registration, Registration::Asked | Registration::Registered)
}

/// The port of the host that leads to a container's port: the same where nothing else is said.
fn port(bindings: &[Binding], container_port: u16) -> u16 {
    let mut found = bindings.iter().filter(|binding| binding.container_port == container_port);
    let first = found.clone().next();
    found.find(|binding| !binding.udp).or(first).map_or(container_port, |binding| binding.host_port)
}
