//! A runtime and target groups as they can be: slow, deaf, failing, away.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::Dice;
use super::watch::Watch;
use crate::engine::ecs::action::{
    Action, ContainerKey, Found, Report, StartContainer, StartError, StartErrorKind, TargetSeen,
};
use crate::model::ecs::health::CheckResult;
use crate::model::ecs::task::{Binding, Connectivity, TaskId, TaskTarget};
use crate::model::failure::Failure;
use crate::model::outcome::{Cause, Outcome};
use crate::model::tick::Tick;

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A container there is.
struct Fake {
    key: ContainerKey,
    started: Tick,
    ended: Option<i32>,
    /// It does not listen to SIGTERM.
    deaf: bool,
    port: u16,
}

enum Event {
    Start(StartContainer),
    End(Box<str>, i32),
    Probe(ContainerKey, Box<str>, Tick),
    Answer(Report),
    Drained(TaskId, TaskTarget),
    Back,
    Inventory(Vec<Found>),
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Reach {
    Away,
    /// It has been heard of again, but not yet what runs.
    Back,
    There,
}

pub(super) struct Runtime {
    reach: Reach,
    containers: BTreeMap<Box<str>, Fake>,
    events: BTreeMap<(Tick, u64), Event>,
    /// Whatever is started next has this number.
    count: u64,
    /// Nothing fails any more.
    calm: bool,
}

impl Runtime {
    pub(super) fn new(now: Tick) -> Self {
        let (containers, events) = (BTreeMap::new(), BTreeMap::new());
        let mut runtime = Self { reach: Reach::Away, containers, events, count: 0, calm: false };
        runtime.plan(now, Event::Back);
        runtime
    }

    fn plan(&mut self, at: Tick, event: Event) {
        self.count += 1;
        self.events.insert((at, self.count), event);
    }

    pub(super) fn is_reachable(&self) -> bool {
        self.reach != Reach::Away
    }

    pub(super) fn calm(&mut self) {
        self.calm = true;
    }

    pub(super) fn next(&self) -> Option<Tick> {
        self.events.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn keys(&self) -> BTreeSet<ContainerKey> {
        self.containers.values().map(|fake| fake.key.clone()).collect()
    }

    /// What there still is, in the end.
    pub(super) fn left(&self) -> Vec<String> {
        self.containers.iter().map(|(id, fake)| format!("{id} of {:?}", fake.key)).collect()
    }

    /// It is away for a while. Of starts under way some are lost, some go on, and nobody hears of them for now.
    pub(super) fn vanish(&mut self, dice: &mut Dice, now: Tick) {
        self.reach = Reach::Away;
        self.events.retain(|_, event| match event {
            Event::Start(_) => dice.once_in(2),
            Event::Inventory(_) => false,
            Event::Probe(..) => dice.once_in(2),
            Event::End(..) | Event::Answer(_) | Event::Drained(..) | Event::Back => true,
        });
        let away = dice.pick(&[1_000, 60_000]);
        let back = now + dice.upto(away);
        self.plan(back, Event::Back);
    }

    /// The other side is another process: what it was waiting for is lost.
    pub(super) fn restart(&mut self, dice: &mut Dice, now: Tick) {
        self.reach = Reach::Away;
        let pending = std::mem::take(&mut self.events);
        for ((at, count), event) in pending {
            match event {
                // It had been asked for, and perhaps it was still carried out.
                Event::Start(start) if dice.once_in(2) => _ = self.create(&start, dice, now),
                Event::End(..) | Event::Drained(..) => _ = self.events.insert((at, count), event),
                Event::Start(_) | Event::Probe(..) | Event::Answer(_) | Event::Back | Event::Inventory(_) => {
                }
            }
        }
        let back = now + dice.upto(10_000);
        self.plan(back, Event::Back);
    }

    /// Does what it is asked.
    pub(super) fn act(&mut self, action: Action, dice: &mut Dice, now: Tick) {
        match action {
            Action::Start(start) => {
                let slow = dice.pick(&[0, 1_000, 15_000, 60_000]);
                let at = now + dice.upto(slow);
                self.plan(at, Event::Start(start));
            }
            Action::Terminate(_, id) => {
                if self.containers.get(&id).is_some_and(|fake| !fake.deaf) {
                    let at = now + dice.upto(3_000);
                    let code = dice.pick(&[0, 143]);
                    self.plan(at, Event::End(id, code));
                }
            }
            Action::Kill(_, id) => {
                // Some live on until they are killed again.
                if self.containers.contains_key(&id) && !dice.once_in(4) || self.calm {
                    let at = now + dice.upto(1_000);
                    self.plan(at, Event::End(id, 137));
                }
            }
            Action::Probe(probe) => {
                let longest = dice.pick(&[0, 2_000, 9_000]);
                let at = now + dice.upto(longest);
                self.plan(at, Event::Probe(probe.key, probe.runtime_id, now));
            }
            Action::CancelProbe(key) => self.events.retain(|_, event| match event {
                Event::Probe(other, ..) => *other != key,
                _ => true,
            }),
            Action::Remove(_, ids) => {
                for id in ids {
                    self.containers.remove(&id);
                }
            }
            Action::Register(id, _) => {
                let refused = dice.once_in(15) && !self.calm;
                let no = || Report::NotRegistered(id.clone(), "no such group".into());
                let answer = if refused { no() } else { Report::Registered(id.clone()) };
                let at = now + dice.upto(300);
                self.plan(at, Event::Answer(answer));
            }
            Action::Deregister(id, targets) => {
                for target in targets {
                    let at = now + dice.upto(60_000);
                    self.plan(at, Event::Drained(id.clone(), target));
                }
            }
        }
    }

    /// The next thing that is due and that is told of.
    pub(super) fn happen(&mut self, dice: &mut Dice, watch: &mut Watch, now: Tick) -> Option<Report> {
        loop {
            let first = self.events.first_entry().filter(|first| first.key().0 <= now)?;
            let event = first.remove();
            if let Some(report) = self.one(event, dice, watch, now) {
                return Some(report);
            }
        }
    }

    fn one(&mut self, event: Event, dice: &mut Dice, watch: &mut Watch, now: Tick) -> Option<Report> {
        let told = self.is_reachable();
        match event {
            Event::Start(start) => {
                let key = start.key.clone();
                if dice.once_in(25) && !self.calm {
                    let error = StartError { kind: StartErrorKind::CannotStart, message: "no".into() };
                    return told.then_some(Report::NotStarted(key, error));
                }
                let runtime_id = self.create(&start, dice, now);
                let bindings = binding(self.containers[&runtime_id].port);
                told.then_some(Report::Started { key, runtime_id, address: ADDRESS, bindings })
            }
            Event::End(id, code) => {
                let fake = self.containers.get_mut(&id).filter(|fake| fake.ended.is_none())?;
                fake.ended = Some(code);
                let key = fake.key.clone();
                self.events.retain(|_, event| !matches!(event, Event::Probe(_, other, _) if *other == id));
                watch.ended(&id, code);
                told.then_some(Report::Ended { key, exit_code: Some(code), reason: None })
            }
            Event::Probe(key, _, started) => {
                let outcome = dice.pick(&[
                    Outcome::Pass,
                    Outcome::Pass,
                    Outcome::Fail(Failure::CommandExit(1)),
                    Outcome::Fail(Failure::CommandTimeout),
                    Outcome::Inconclusive(Cause::NoDescriptors),
                ]);
                let exit_code = i32::from(outcome != Outcome::Pass);
                let result = CheckResult { started, ended: now, exit_code, output: "".into() };
                told.then_some(Report::Probed(key, outcome, result))
            }
            Event::Answer(report) => Some(report),
            Event::Drained(task, target) => {
                let seen = TargetSeen { arn: target.arn, id: target.id, port: target.port, health: None };
                Some(Report::Targets(task, vec![seen]))
            }
            Event::Back => {
                self.reach = Reach::Back;
                let found = self.containers.iter().map(|(id, fake)| fake.found(id)).collect();
                let slow = dice.pick(&[0, 0, 4_000]);
                let at = now + dice.upto(slow);
                self.plan(at, Event::Inventory(found));
                Some(Report::Connectivity(Connectivity::Connected))
            }
            Event::Inventory(found) => {
                self.reach = Reach::There;
                watch.up();
                Some(Report::Inventory(found))
            }
        }
    }

    fn create(&mut self, start: &StartContainer, dice: &mut Dice, now: Tick) -> Box<str> {
        self.count += 1;
        let id: Box<str> = format!("c{}", self.count).into();
        let name = &*start.definition.blueprint.containers[start.key.index].name;
        let port = dice.pick(&[32_768, 32_769]);
        let deaf = dice.once_in(4);
        self.containers
            .insert(id.clone(), Fake { key: start.key.clone(), started: now, ended: None, deaf, port });
        if name == "init" {
            let at = now + dice.upto(50_000);
            self.plan(at, Event::End(id.clone(), dice.pick(&[0, 0, 0, 1])));
        } else if dice.once_in(3) && !self.calm {
            let at = now + Duration::from_secs(1) + dice.upto(200_000);
            self.plan(at, Event::End(id.clone(), dice.pick(&[0, 1, 3])));
        }
        id
    }
}

impl Fake {
    fn found(&self, id: &str) -> Found {
        Found {
            key: self.key.clone(),
            runtime_id: id.into(),
            started_at: Some(self.started),
            ended: self.ended.map(|code| (Some(code), None)),
            address: ADDRESS,
            bindings: binding(self.port),
        }
    }
}

fn binding(port: u16) -> Vec<Binding> {
    vec![Binding { address: ADDRESS, container_port: 80, host_port: port, udp: false }]
}
