//! A world in which containers do at once what they are asked, unless a test says otherwise.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;
use std::time::Duration;

use crate::engine::ecs::Ecs;
use crate::engine::ecs::action::{Action, ContainerKey, Report};
use crate::engine::ecs::wish::TaskWish;
use crate::model::arn::Account;
use crate::model::ecs::check::{CheckCommand, ContainerCheck};
use crate::model::ecs::definition::{Blueprint, Condition, ContainerDefinition, Dependency};
use crate::model::ecs::event::What;
use crate::model::ecs::health::CheckResult;
use crate::model::ecs::settings::Settings;
use crate::model::ecs::state::State;
use crate::model::ecs::task::{Binding, Connectivity, Task, TaskStatus};
use crate::model::failure::Failure;
use crate::model::outcome::Outcome;
use crate::model::tick::Tick;

mod adoption;
mod checks;
mod dependencies;
mod restarts;
mod sim;
mod stopping;
mod targets;
mod wishes;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const FAIL: Outcome = Outcome::Fail(Failure::CommandExit(1));

struct World {
    ecs: Ecs,
    now: Tick,
}

fn container(name: &str) -> ContainerDefinition {
    ContainerDefinition { name: name.into(), essential: true, ..ContainerDefinition::default() }
}

fn checked(name: &str) -> ContainerDefinition {
    ContainerDefinition { check: Some(check()), ..container(name) }
}

fn check() -> ContainerCheck {
    ContainerCheck {
        command: CheckCommand::Exec(["true".into()].into()),
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(5),
        retries: NonZeroU8::MIN.saturating_add(1),
        start_period: Duration::ZERO,
    }
}

fn helper(name: &str) -> ContainerDefinition {
    ContainerDefinition { essential: false, ..container(name) }
}

fn after(definition: ContainerDefinition, name: &str, condition: Condition) -> ContainerDefinition {
    let mut definition = definition;
    definition.depends_on.push(Dependency { container: name.into(), condition });
    definition
}

impl World {
    /// One that is connected and empty.
    fn new() -> Self {
        let mut world = Self::of(State::default(), Settings::default());
        world.report(Report::Connectivity(Connectivity::Connected));
        world.report(Report::Inventory(Vec::new()));
        world
    }

    fn of(state: State, settings: Settings) -> Self {
        let now = Tick(1_790_000_000_000);
        let ecs = Ecs::new(settings, Account::default(), state, 7, now);
        Self { ecs, now }
    }

    fn report(&mut self, report: Report) {
        self.ecs.report(report, self.now);
    }

    /// Registers a definition of these containers.
    fn define(&mut self, containers: Vec<ContainerDefinition>) -> Blueprint {
        let blueprint = Blueprint { family: "web".into(), containers, ..Blueprint::default() };
        self.ecs.register_definition(blueprint.clone(), super::Tags::new(), self.now).unwrap();
        blueprint
    }

    /// Runs one task of these containers.
    fn run(&mut self, containers: Vec<ContainerDefinition>) -> Box<str> {
        self.define(containers);
        self.run_again()
    }

    fn run_again(&mut self) -> Box<str> {
        let definition = self.ecs.state().latest("web").unwrap().id.clone();
        let wish = TaskWish { cluster: "default".into(), definition, count: 1, ..TaskWish::default() };
        self.ecs.run_task(wish, self.now).unwrap()[0].id.clone()
    }

    fn task(&self, id: &str) -> &Task {
        &self.ecs.state().tasks[id]
    }

    fn status(&self, id: &str) -> TaskStatus {
        self.task(id).last_status
    }

    /// What is asked for, each in a word or two.
    fn actions(&mut self) -> Vec<String> {
        self.ecs.take_actions().iter().map(|action| word(self.ecs.state(), action)).collect()
    }

    /// The names of the states the task has been told to be in.
    fn states(&mut self) -> Vec<&'static str> {
        self.ecs
            .take_happened()
            .iter()
            .filter_map(|happened| match &happened.what {
                What::Task(task) => Some(task.last_status.as_str()),
                What::Health(_) | What::Service { .. } | What::Deployment { .. } => None,
            })
            .collect()
    }

    fn key(&self, id: &str, name: &str) -> ContainerKey {
        let task = self.task(id);
        let index = task.containers.iter().position(|container| *container.name == *name).unwrap();
        ContainerKey { task: id.into(), index, run: task.containers[index].restarts }
    }

    fn start(&mut self, id: &str, name: &str) {
        let key = self.key(id, name);
        let runtime_id = format!("{name}-{}", key.run).into();
        let bindings = vec![Binding { address: LOOPBACK, container_port: 80, host_port: 32_768, udp: false }];
        self.report(Report::Started { key, runtime_id, address: LOOPBACK, bindings });
    }

    fn end(&mut self, id: &str, name: &str, exit_code: i32) {
        let key = self.key(id, name);
        self.report(Report::Ended { key, exit_code: Some(exit_code), reason: None });
    }

    /// A check ends that has taken a second.
    fn probe(&mut self, id: &str, name: &str, outcome: Outcome) {
        let key = self.key(id, name);
        let exit_code = i32::from(outcome != Outcome::Pass);
        let started = self.now - Duration::from_secs(1);
        let result = CheckResult { started, ended: self.now, exit_code, output: "".into() };
        self.report(Report::Probed(key, outcome, result));
    }

    /// Lets time pass, second by second.
    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now + Duration::from_secs(1);
            self.ecs.tick(self.now);
        }
    }
}

fn word(state: &State, action: &Action) -> String {
    let name = |key: &ContainerKey| {
        state.tasks.get(&key.task).map_or("?", |task| &*task.containers[key.index].name).to_owned()
    };
    match action {
        Action::Start(start) => format!("start {}", name(&start.key)),
        Action::Terminate(key, _) => format!("terminate {}", name(key)),
        Action::Kill(key, _) => format!("kill {}", name(key)),
        Action::Probe(probe) => format!("probe {}", name(&probe.key)),
        Action::CancelProbe(key) => format!("cancel {}", name(key)),
        Action::Remove(_, ids) => format!("remove {}", ids.join(" ")),
        Action::Register(_, targets) => format!("register {}", targets.len()),
        Action::Deregister(_, targets) => format!("deregister {}", targets.len()),
    }
}

#[test]
fn a_task_goes_through_every_state_in_order() {
    let mut world = World::new();
    let id = world.run(vec![checked("web")]);
    assert_eq!(world.states(), ["PROVISIONING", "PENDING", "ACTIVATING"]);
    assert_eq!(world.actions(), ["start web"]);
    world.start(&id, "web");
    assert_eq!(world.states(), ["RUNNING"]);
    world.wait(10);
    assert_eq!(world.actions(), ["probe web"]);
    world.probe(&id, "web", Outcome::Pass);
    assert_eq!(world.task(&id).health.as_str(), "HEALTHY");
    let stopping = world.ecs.stop_task(&id, None, false, world.now).unwrap();
    assert_eq!(world.states(), ["DEACTIVATING", "STOPPING"]);
    assert_eq!(stopping.stopped_reason.as_deref(), Some("Task stopped by user"));
    assert_eq!(world.actions(), ["terminate web"]);
    world.end(&id, "web", 143);
    assert_eq!(world.states(), ["DEPROVISIONING", "STOPPED"]);
    assert_eq!(world.actions(), ["remove web-0"]);
    let task = world.task(&id);
    assert_eq!((task.version, task.containers[0].exit_code), (8, Some(143)));
    assert_eq!(task.health.as_str(), "HEALTHY", "the last one heard of");
}
