//! Times in which what runs containers is unreachable, and how tasks are taken up after them (docs/semantics.md,
//! "Containers after a restart").

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::engine::ecs::Ecs;
use crate::engine::ecs::action::{Action, Found};
use crate::engine::ecs::ids::Ids;
use crate::engine::ecs::life::Life;
use crate::engine::ecs::run::{Phase, Probe, Run};
use crate::engine::ecs::services::Memory;
use crate::engine::ecs::tokens::Tokens;
use crate::engine::ecs::verdict::Verdict;
use crate::model::arn::Account;
use crate::model::ecs::service::{LoadBalancer, ServiceKey};
use crate::model::ecs::settings::Settings;
use crate::model::ecs::state::{Cluster, State};
use crate::model::ecs::task::{Connectivity, Task, TaskId};
use crate::model::tick::Tick;

/// Whether what runs containers can be asked for something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Link {
    /// It is unreachable.
    Down,
    /// It is reachable and has not said yet what runs.
    Awaiting,
    /// It can.
    Up,
}

/// Why a container is over that ran before and is nowhere now.
const LOST: &str = "The container was not found once what runs containers was reachable again.";

impl Ecs {
    /// Takes up `state`, which is empty or what was kept. Nothing is started before the first
    /// [`Report::Inventory`](crate::engine::ecs::action::Report::Inventory) has said what runs already; until then what
    /// runs containers counts as unreachable. `seed` is never the same for two processes.
    #[must_use]
    pub fn new(settings: Settings, account: Account, state: State, seed: u64, now: Tick) -> Self {
        let (settings, account) = (Arc::new(settings), Arc::new(account));
        let mut ecs = Self {
            state,
            settings,
            account,
            seed: Ids::new(seed),
            link: Link::Down,
            runs: BTreeMap::new(),
            stopped: VecDeque::new(),
            tokens: Tokens::default(),
            scheduler: Memory::default(),
            actions: VecDeque::new(),
            happened: Vec::new(),
        };
        ecs.state.connectivity = Connectivity::Disconnected;
        ecs.forget_the_future(now);
        let cluster = || Arc::new(Cluster { name: "default".into(), ..Cluster::default() });
        ecs.state.clusters.entry("default".into()).or_insert_with(cluster);
        for (id, mut task) in std::mem::take(&mut ecs.state.tasks) {
            if task.is_stopped() {
                ecs.stopped.push_back((task.stopped_at.unwrap_or(now), id.clone()));
                ecs.state.tasks.insert(id, task);
                continue;
            }
            // A task whose definition is lost could neither be run nor stopped; its containers are found and put away.
            let Some(definition) = ecs.state.definitions.get(&task.definition).map(Arc::clone) else {
                continue;
            };
            if task.containers.len() != definition.blueprint.containers.len() {
                continue;
            }
            if task.connectivity == Connectivity::Connected {
                Arc::make_mut(&mut task).connectivity = Connectivity::Disconnected;
            }
            let run = Run::new(&task, definition, ecs.balancers(&task));
            ecs.runs.insert(id.clone(), run);
            ecs.state.tasks.insert(id.clone(), task);
            ecs.with(&id, now, |life| life.ask_again());
        }
        ecs.stopped.make_contiguous().sort();
        ecs
    }

    /// Makes what was to be waited from begin at `now` where the clock has been set back since: nobody is to wait for as
    /// long as that was.
    fn forget_the_future(&mut self, now: Tick) {
        for service in self.state.services.values_mut() {
            if service.throttled_until.is_some_and(|until| until > now + self.settings.longest_wait) {
                Arc::make_mut(service).throttled_until = None;
            }
        }
        for task in self.state.tasks.values_mut().filter(|task| !task.is_stopped()) {
            let of_containers = task.containers.iter().filter_map(|container| {
                container.started_at.max(container.last_result().map(|result| result.ended))
            });
            if of_containers.chain(task.started_at).all(|at| at <= now) {
                continue;
            }
            let task = Arc::make_mut(task);
            task.started_at = task.started_at.map(|at| at.min(now));
            for container in &mut task.containers {
                container.started_at = container.started_at.map(|at| at.min(now));
                for result in &mut container.results {
                    (result.started, result.ended) = (result.started.min(now), result.ended.min(now));
                }
            }
        }
    }

    /// What serves the targets of a task of a service, in their order.
    fn balancers(&self, task: &Task) -> Vec<LoadBalancer> {
        let Some(member) = &task.service else { return Vec::new() };
        let key = ServiceKey { cluster: task.cluster.clone(), name: member.service.clone() };
        let deployments = self.state.services.get(&key).map(|service| &service.deployments);
        let mut deployments = deployments.into_iter().flatten();
        let found = deployments.find(|deployment| deployment.id == member.deployment);
        found.map_or_else(Vec::new, |deployment| deployment.load_balancers.clone())
    }

    /// Notes that what runs containers is unreachable: what is known of them stays as it is, and nothing is done.
    pub(super) fn disconnected(&mut self, now: Tick) {
        if self.link != Link::Down {
            self.link = Link::Down;
            self.connect(Connectivity::Disconnected, now);
        }
    }

    /// Notes that it is reachable again. What runs it says next.
    pub(super) fn connected(&mut self, now: Tick) {
        if self.link == Link::Down {
            self.link = Link::Awaiting;
            self.connect(Connectivity::Connected, now);
        }
    }

    fn connect(&mut self, connectivity: Connectivity, now: Tick) {
        let at = (connectivity == Connectivity::Connected).then_some(now);
        self.state.connectivity = connectivity;
        self.state.connectivity_at = at.or(self.state.connectivity_at);
        for id in self.runs.keys().cloned().collect::<Vec<_>>() {
            self.with(&id, now, |life| {
                let task = life.change();
                task.connectivity = connectivity;
                task.connectivity_at = at.or(task.connectivity_at);
                life.tell_task();
            });
        }
    }

    /// Takes in what runs, and has every task go on from there.
    pub(super) fn take_inventory(&mut self, found: Vec<Found>, now: Tick) {
        self.connected(now);
        if self.link == Link::Up {
            return;
        }
        let mut latest: BTreeMap<(TaskId, usize), Found> = BTreeMap::new();
        let mut strays = Vec::new();
        for one in found {
            let place = (one.key.task.clone(), one.key.index);
            let track = self.runs.get(&place.0).and_then(|run| run.containers.get(place.1));
            let rival = latest.get(&place).map(|rival| rival.key.run);
            if track.is_some_and(|track| track.takes(one.key.run))
                && rival.is_none_or(|run| run < one.key.run)
            {
                strays.extend(latest.insert(place, one));
            } else {
                strays.push(one);
            }
        }
        self.link = Link::Up;
        if !self.state.services.is_empty() {
            self.schedule_at(now);
        }
        for stray in strays {
            self.put_away(stray.key, stray.runtime_id, stray.ended.is_some());
        }
        for id in self.runs.keys().cloned().collect::<Vec<_>>() {
            self.with(&id, now, |life| {
                for index in life.indexes() {
                    match latest.remove(&(id.clone(), index)) {
                        Some(found) => life.found(index, found),
                        None => life.missed(index),
                    }
                }
            });
        }
    }
}

impl Life<'_> {
    /// Goes on with a container that was found.
    fn found(&mut self, index: usize, found: Found) {
        let Found { key, runtime_id, started_at, ended, address, bindings } = found;
        let known = self.task.containers[index].runtime_id.as_deref() == Some(&*runtime_id);
        let track = self.track(index);
        // Which start it is of is not kept where it was asked for more than once.
        (track.fresh, track.run) = (false, key.run);
        if track.phase == Phase::Running && known {
            self.adopt(index, started_at);
        } else {
            // Its start was asked for, and the answer was lost.
            let container = self.container(index);
            container.restarts = container.restarts.max(key.run);
            self.forget_start(index);
            let now = self.now;
            self.started(index, runtime_id, address, bindings, started_at.unwrap_or(now).min(now));
        }
        if let Some((exit_code, reason)) = ended {
            self.ended(index, exit_code, reason);
        }
    }

    /// Takes up a container that runs as it did. Its health is what it was, and its next check is not sooner than it
    /// would have been.
    fn adopt(&mut self, index: usize, started_at: Option<Tick>) {
        if self.task.containers[index].started_at.is_none() {
            self.container(index).started_at = started_at.or(Some(self.now));
        }
        let container = &self.task.containers[index];
        let check = self.definition(index).check.as_ref();
        let verdict = check.zip(container.started_at);
        let verdict = verdict.map(|(check, started)| Verdict::restore(check, container, started));
        let key = self.key(index);
        let track = self.track(index);
        if track.verdict.is_none() {
            track.verdict = verdict;
        }
        if track.probe == Probe::Out {
            self.actions.push_back(Action::CancelProbe(key));
        }
        self.expect_probe(index);
    }

    /// Goes on without a container that was not found.
    fn missed(&mut self, index: usize) {
        let track = self.track(index);
        let fresh = std::mem::take(&mut track.fresh);
        match track.phase {
            // Should it turn up after all, it is not the one that is asked for next.
            Phase::Starting => (track.phase, track.run) = (Phase::Waiting, track.run.saturating_add(1)),
            Phase::Running if !fresh => self.ended(index, None, Some(LOST.into())),
            Phase::Running => self.adopt(index, None),
            Phase::Waiting | Phase::Ended => {}
        }
    }
}
