//! Calls, losses and restarts over containers that exist in name only, and target groups that exist.

use super::*;
use crate::model::change::Change;
use crate::model::description::{Description, Origin};
use crate::model::ecs::definition::{Blueprint, DefinitionId};
use crate::model::ecs::task::{Connectivity, Task as EcsTask, TaskStatus};
use crate::model::protocol::Protocol;
use crate::model::target_group::{GroupName, TargetGroup};
use crate::runtime::clock::Clock;
use crate::runtime::fleet::{Fleet, Layout};
use crate::runtime::writer::Catalog;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};

mod containers;
mod targets;
mod tasks;

use containers::Containers;

/// Keeps what it is given, or refuses while it is full.
#[derive(Clone, Default)]
struct Memory {
    /// Whoever has it, has everything wait that is to be kept.
    hangs: Arc<tokio::sync::Mutex<()>>,
    full: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    state: Arc<Mutex<State>>,
}

impl EcsKeeper for Memory {
    fn kept(&self) -> State {
        self.state.lock().unwrap().clone()
    }

    async fn keep(&self, difference: Difference, _: bool) -> Result<(), String> {
        self.asked.fetch_add(1, SeqCst);
        let _hangs = self.hangs.lock().await;
        if self.full.load(SeqCst) {
            self.refused.fetch_add(1, SeqCst);
            return Err("the disk is full".to_owned());
        }
        let mut state = self.state.lock().unwrap();
        merge(&mut state.clusters, difference.clusters);
        merge(&mut state.definitions, difference.definitions);
        merge(&mut state.services, difference.services);
        merge(&mut state.tasks, difference.tasks);
        Ok(())
    }
}

fn merge<K: Ord, V>(into: &mut BTreeMap<K, V>, from: BTreeMap<K, Option<V>>) {
    for (key, value) in from {
        match value {
            Some(value) => _ = into.insert(key, value),
            None => _ = into.remove(&key),
        }
    }
}

struct House {
    view: Arc<View>,
    fleet: Fleet,
    writer: Writer,
    memory: Memory,
    containers: Containers,
    agent: Agent,
}

impl House {
    fn start() -> Self {
        Self::with(Memory::default(), Containers::default())
    }

    /// One that finds what another one has left.
    fn with(memory: Memory, containers: Containers) -> Self {
        let view = View::new(Clock::start(), 1);
        let layout = Layout { shards: 1, in_flight_limit: 8, resolve_interval: Duration::from_secs(60) };
        let fleet = Fleet::start(&view, layout, Vec::new()).unwrap();
        let writer =
            Writer::start(Account::default(), Catalog::default(), InMemory, view.clock, fleet.applies());
        let settings = Settings::default();
        let ecs = Ecs::new(settings.clone(), Account::default(), memory.kept(), 7, view.clock.now());
        let (work, seen) = ((containers.clone(), memory.clone()), Arc::clone(&view));
        let agent = Agent::start(ecs, settings, work, writer.clone(), seen);
        Self { view, fleet, writer, memory, containers, agent }
    }

    /// Waits until what is shown is as it should be.
    async fn until(&self, holds: impl Fn(&State) -> bool) -> Arc<State> {
        let mut changes = self.view.changes();
        loop {
            let state = self.view.ecs();
            if holds(&state) {
                return state;
            }
            changes.changed().await.unwrap();
        }
    }

    async fn define(&self) -> DefinitionId {
        let told = serde_json::json!({
            "family": "web",
            "networkMode": "awsvpc",
            "containerDefinitions": [{
                "name": "app",
                "image": "x",
                "portMappings": [{ "containerPort": 80 }],
                "healthCheck": { "command": ["CMD", "true"], "interval": 5 },
            }],
        });
        let blueprint = Blueprint::read(&told).unwrap().blueprint;
        let register = move |ecs: &mut Ecs, now| ecs.register_definition(blueprint, Tags::new(), now);
        self.agent.call(register).await.unwrap().id.clone()
    }

    async fn run(&self, definition: DefinitionId) -> Result<Arc<EcsTask>, Unwritten<Refusal>> {
        let wish = TaskWish { cluster: "default".into(), definition, count: 1, ..TaskWish::default() };
        self.agent.call(move |ecs, now| ecs.run_task(wish, now)).await.map(|mut tasks| tasks.remove(0))
    }

    /// A task that runs.
    async fn running(&self) -> Arc<EcsTask> {
        let definition = self.define().await;
        let id = self.run(definition).await.unwrap().id.clone();
        let state = self.until(|state| state.tasks[&id].last_status == TaskStatus::Running).await;
        Arc::clone(&state.tasks[&id])
    }

    async fn stop(self) {
        self.agent.end().await;
        drop((self.agent, self.writer));
        self.fleet.stop().await;
    }
}
