//! Lives of services, with a world around them that does what it is asked.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroU8;
use std::time::Duration;

use crate::engine::ecs::action::{
    Action, ContainerKey, Found, Report, StartError, StartErrorKind, TargetSeen,
};
use crate::engine::ecs::services::samples;
use crate::engine::ecs::wish::ServiceUpdate;
use crate::engine::ecs::{Ecs, Tags};
use crate::model::arn::Account;
use crate::model::ecs::check::{CheckCommand, ContainerCheck};
use crate::model::ecs::definition::{Blueprint, ContainerDefinition, DefinitionId, PortMapping};
use crate::model::ecs::event::{Happened, What};
use crate::model::ecs::health::CheckResult;
use crate::model::ecs::service::{LoadBalancer, Service, ServiceSpec};
use crate::model::ecs::settings::Settings;
use crate::model::ecs::state::State;
use crate::model::ecs::task::{Connectivity, Registration, Task, TaskId, TaskTarget};
use crate::model::failure::Failure;
use crate::model::health::TargetHealth;
use crate::model::outcome::Outcome;
use crate::model::tick::Tick;

mod deployments;
mod file;
mod replacement;
mod simulation;
mod starts;
mod wishes;

/// Each task has an address of its own, as those of network mode `awsvpc` have.
fn address(task: &str) -> IpAddr {
    let part = |at: usize| u8::from_str_radix(&task[at..at + 2], 16).unwrap();
    IpAddr::from([127, part(0), part(2), part(4)])
}
const SECOND: Duration = Duration::from_secs(1);
const HEALTHY: TargetHealth = TargetHealth::HEALTHY;

/// Containers start and stop at once, targets are healthy and drain for two seconds, unless a test says otherwise.
struct World {
    ecs: Ecs,
    settings: Settings,
    now: Tick,
    running: BTreeSet<ContainerKey>,
    /// Tasks whose checks fail.
    sick: BTreeSet<TaskId>,
    /// Tasks whose targets are unhealthy.
    unreached: BTreeSet<TaskId>,
    /// Revisions whose containers do not start.
    broken: BTreeSet<u32>,
    draining: Vec<(Tick, TaskId)>,
    happened: Vec<Happened>,
}

/// One essential container with a check every five seconds, two failures of which are one too many.
fn blueprint(command: &str) -> Blueprint {
    let check = ContainerCheck {
        command: CheckCommand::Exec(["true".into()].into()),
        interval: SECOND * 5,
        timeout: SECOND * 5,
        retries: NonZeroU8::MIN.saturating_add(1),
        start_period: Duration::ZERO,
    };
    let container = ContainerDefinition {
        name: "web".into(),
        essential: true,
        command: vec![command.into()],
        ports: vec![PortMapping { container_port: 80, host_port: 80, udp: false }],
        check: Some(check),
        ..ContainerDefinition::default()
    };
    Blueprint { family: "web".into(), containers: vec![container], ..Blueprint::default() }
}

fn revision(revision: u32) -> DefinitionId {
    DefinitionId { family: "web".into(), revision }
}

fn balancer() -> LoadBalancer {
    LoadBalancer { target_group_arn: "arn".into(), container_name: "web".into(), container_port: 80 }
}

impl World {
    /// One that is connected, with three revisions and no service.
    fn new() -> Self {
        let mut world = Self::of(State::default());
        world.define();
        world
    }

    fn define(&mut self) {
        for command in ["one", "two", "three"] {
            self.ecs.register_definition(blueprint(command), Tags::new(), self.now).unwrap();
        }
    }

    fn of(state: State) -> Self {
        Self::run_as(state, Settings::default(), 7)
    }

    fn run_as(state: State, settings: Settings, seed: u64) -> Self {
        let now = Tick(1_790_000_000_000);
        let ecs = Ecs::new(settings.clone(), Account::default(), state, seed, now);
        let mut world = Self {
            ecs,
            settings,
            now,
            running: BTreeSet::new(),
            sick: BTreeSet::new(),
            unreached: BTreeSet::new(),
            broken: BTreeSet::new(),
            draining: Vec::new(),
            happened: Vec::new(),
        };
        world.connect();
        world
    }

    /// One with this service, run for so long.
    fn with(spec: ServiceSpec, seconds: u64) -> Self {
        let mut world = Self::new();
        world.ecs.create_service(spec, world.now).unwrap();
        world.wait(seconds);
        world
    }

    fn connect(&mut self) {
        let found = self.running.iter().map(|key| Found {
            key: key.clone(),
            runtime_id: runtime_id(key),
            started_at: None,
            ended: None,
            address: address(&key.task),
            bindings: Vec::new(),
        });
        let found = found.collect();
        self.tell(Report::Connectivity(Connectivity::Connected), self.now);
        self.tell(Report::Inventory(found), self.now);
    }

    /// Reports something, and looks at what was done about it.
    fn tell(&mut self, report: Report, now: Tick) {
        let before = self.ecs.state().clone();
        self.ecs.report(report, now);
        simulation::check(&before, self.ecs.state(), now);
    }

    fn disconnect(&mut self) {
        self.tell(Report::Connectivity(Connectivity::Disconnected), self.now);
    }

    /// Another process takes up what this one has kept.
    fn restart(&mut self) {
        self.ecs = Ecs::new(
            self.settings.clone(),
            Account::default(),
            self.ecs.state().clone(),
            self.now.0,
            self.now,
        );
        self.connect();
    }

    /// Lets time pass, second by second.
    fn wait(&mut self, seconds: u64) {
        self.work();
        for _ in 0..seconds {
            self.now = self.now + SECOND;
            let over = self.draining.iter().filter(|(at, _)| *at <= self.now);
            for id in over.map(|(_, id)| id.clone()).collect::<Vec<_>>() {
                self.targets(&id, None);
            }
            self.draining.retain(|(at, _)| *at > self.now);
            self.work();
        }
    }

    /// Does what is asked for by now, until nothing is any more.
    fn work(&mut self) {
        for _ in 0..1_000 {
            let before = self.ecs.state().clone();
            self.ecs.tick(self.now);
            simulation::check(&before, self.ecs.state(), self.now);
            self.happened.extend(self.ecs.take_happened());
            let actions = self.ecs.take_actions();
            let settled = actions.is_empty();
            for action in actions {
                self.carry_out(action);
            }
            if settled && self.ecs.next_deadline().is_none_or(|at| at > self.now) {
                return;
            }
        }
        panic!("it never rests");
    }

    fn carry_out(&mut self, action: Action) {
        let now = self.now;
        match action {
            Action::Start(start) if self.broken.contains(&start.definition.id.revision) => {
                let message = "no such file".into();
                let error = StartError { kind: StartErrorKind::CannotStart, message };
                self.tell(Report::NotStarted(start.key, error), now);
            }
            Action::Start(start) => {
                let key = start.key;
                self.running.insert(key.clone());
                let runtime_id = runtime_id(&key);
                let address = address(&key.task);
                let report = Report::Started { key, runtime_id, address, bindings: Vec::new() };
                self.tell(report, now);
            }
            Action::Terminate(key, _) | Action::Kill(key, _) => self.end(&key, 143),
            Action::Probe(probe) => {
                let sick = self.sick.contains(&probe.key.task);
                let outcome = if sick { Outcome::Fail(Failure::CommandExit(1)) } else { Outcome::Pass };
                let exit_code = i32::from(sick);
                let result = CheckResult { started: now, ended: now, exit_code, output: "".into() };
                self.tell(Report::Probed(probe.key, outcome, result), now);
            }
            Action::Register(id, _) => {
                self.tell(Report::Registered(id.clone()), now);
                let health = self.health_of(&id);
                self.targets(&id, Some(health));
            }
            Action::Deregister(id, _) => self.draining.push((now + SECOND * 2, id)),
            Action::CancelProbe(_) | Action::Remove(..) => {}
        }
    }

    fn health_of(&self, id: &TaskId) -> TargetHealth {
        if self.unreached.contains(id) {
            TargetHealth::failing(crate::model::health::State::Unhealthy, Failure::ConnectRefused)
        } else {
            HEALTHY
        }
    }

    /// Tells how the targets of a task fare.
    fn targets(&mut self, id: &TaskId, health: Option<TargetHealth>) {
        let Some(task) = self.ecs.state().tasks.get(id) else { return };
        let told = |target: &TaskTarget| {
            let draining = target.registration == Registration::Draining && health.is_some();
            let (arn, id, port) = (target.arn.clone(), target.id.clone(), target.port);
            (!draining).then_some(TargetSeen { arn, id, port, health })
        };
        let seen = task.targets.iter().filter_map(told).collect();
        self.tell(Report::Targets(id.clone(), seen), self.now);
    }

    /// Has the checks of a task, or its target, fail or pass from here on.
    fn make_sick(&mut self, id: &TaskId, sick: bool) {
        if sick {
            self.sick.insert(id.clone())
        } else {
            self.sick.remove(id)
        };
    }

    fn make_unreached(&mut self, id: &TaskId, unreached: bool) {
        if unreached {
            self.unreached.insert(id.clone())
        } else {
            self.unreached.remove(id)
        };
        let health = self.health_of(id);
        self.targets(id, Some(health));
    }

    fn end(&mut self, key: &ContainerKey, exit_code: i32) {
        if self.running.remove(key) {
            let report = Report::Ended { key: key.clone(), exit_code: Some(exit_code), reason: None };
            self.tell(report, self.now);
        }
    }

    /// Has a task's container end by itself.
    fn exit(&mut self, id: &TaskId) {
        let key = self.running.iter().find(|key| key.task == *id).cloned();
        key.iter().for_each(|key| self.end(key, 1));
        self.work();
    }

    fn service(&self) -> &Service {
        &self.ecs.state().services[&samples::key()]
    }

    fn update(&mut self, update: ServiceUpdate) {
        self.ecs.update_service(&samples::key(), update, self.now).unwrap();
    }

    fn deploy(&mut self, number: u32) {
        self.update(ServiceUpdate { definition: Some(revision(number)), ..ServiceUpdate::default() });
    }

    /// Tasks of the service in the order they were made.
    fn all(&self) -> Vec<&Task> {
        let mut tasks: Vec<&Task> = self.ecs.state().tasks.values().map(|task| &**task).collect();
        tasks.sort_by_key(|task| (task.created_at, task.id.clone()));
        tasks
    }

    /// Those that should run.
    fn wanted(&self) -> Vec<TaskId> {
        let wanted = self.all().into_iter().filter(|task| task.is_wanted());
        wanted.map(|task| task.id.clone()).collect()
    }

    fn task(&self, id: &TaskId) -> &Task {
        &self.ecs.state().tasks[id]
    }

    /// Puts short names for long ones: tasks `t1`, deployments `d1`, in the order they were made.
    fn short(&self, text: &str) -> String {
        let mut text = text.replace("(service web) ", "").replace("(target-group arn)", "arn");
        for (place, task) in self.all().iter().enumerate() {
            text = text.replace(&*task.id, &format!("t{}", place + 1));
        }
        let mut deployments: Vec<Box<str>> = Vec::new();
        for happened in &self.happened {
            if let What::Deployment { deployment, .. } = &happened.what
                && !deployments.contains(deployment)
            {
                deployments.push(deployment.clone());
            }
        }
        for (place, deployment) in deployments.iter().enumerate() {
            text = text.replace(&**deployment, &format!("d{}", place + 1));
        }
        text
    }

    /// What the service has said, in the order it did.
    fn said(&self) -> Vec<String> {
        self.service().events.iter().rev().map(|event| self.short(&event.message)).collect()
    }

    /// What it has said since it had said `before` messages.
    fn said_since(&self, before: usize) -> Vec<String> {
        self.said().split_off(before)
    }

    /// What else was told: service actions, deployments, and states of tasks.
    fn told(&self) -> Vec<String> {
        let word = |happened: &Happened| match &happened.what {
            What::Service { action, .. } => action.as_str().to_owned(),
            What::Deployment { deployment, state, reason, .. } => {
                self.short(&format!("{deployment} {} {reason}", state.as_str()))
            }
            What::Task(task) => self.short(&format!("{} {}", task.id, task.last_status)),
            What::Health(change) => self.short(&format!("{} {}", change.task, change.task_health)),
        };
        self.happened.iter().map(word).collect()
    }
}

fn runtime_id(key: &ContainerKey) -> Box<str> {
    format!("{}-{}-{}", key.task, key.index, key.run).into()
}
