//! Drives tasks through random lives over a runtime that is slow, fails, does not listen, vanishes and comes back, and
//! through restarts of this program, from a seed. What must never happen is looked for at every step, with counters and
//! arithmetic that share no code with the rules; in the end all is told to stop, and must.
//!
//! Replay one run with `SIM_SEED=<n>`; widen the sweep with `SIM_SEEDS=<n>`.

use std::collections::BTreeSet;
use std::time::Duration;

use self::runtime::Runtime;
use self::watch::Watch;
use crate::engine::ecs::action::Report;
use crate::engine::ecs::ids::Ids;
use crate::engine::ecs::wish::TaskWish;
use crate::engine::ecs::{Ecs, Tags};
use crate::model::arn::Account;
use crate::model::ecs::definition::Blueprint;
use crate::model::ecs::service::{LoadBalancer, ServiceKey};
use crate::model::ecs::settings::Settings;
use crate::model::ecs::state::State;
use crate::model::ecs::task::{Connectivity, StopCode, TaskId};
use crate::model::tick::Tick;

mod kinds;
mod runtime;
mod watch;

/// All that is random.
pub(super) struct Dice(Ids);

impl Dice {
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0.random(sides)
    }

    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.roll(times) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }

    pub(super) fn upto(&mut self, millis: usize) -> Duration {
        Duration::from_millis(self.roll(millis + 1).try_into().unwrap())
    }
}

struct Simulation {
    dice: Dice,
    now: Tick,
    ecs: Ecs,
    runtime: Runtime,
    watch: Watch,
}

#[test]
fn every_promise_holds_in_every_life_of_a_task() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut ends = BTreeSet::new();
    let mut run = |seed| {
        let replay = Replay(seed);
        let mut simulation = Simulation::new(seed);
        (0..simulation.dice.pick(&[50, 150, 400])).for_each(|_| simulation.step());
        simulation.finish();
        ends.append(&mut simulation.watch.ends);
        drop(replay);
    };
    match number("SIM_SEED") {
        Some(seed) => run(seed),
        None => {
            (0..number("SIM_SEEDS").unwrap_or(150)).for_each(run);
            let words: Vec<&str> = ends.iter().map(|end| &**end).collect();
            let all =
                ["EssentialContainerExited", "TaskFailedToStart", "UserInitiated", "killed", "restarted"];
            assert_eq!(words, all, "the simulation reaches them all");
        }
    }
}

/// Tells the seed of a run that failed.
struct Replay(u64);

impl Drop for Replay {
    #[expect(clippy::print_stderr, reason = "the one line that lets a failed run be repeated")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with SIM_SEED={}", self.0);
        }
    }
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let now = Tick(1_790_000_000_000);
        let ecs = Ecs::new(Settings::default(), Account::default(), State::default(), seed, now);
        let dice = Dice(Ids::new(seed));
        let mut simulation = Self { dice, now, ecs, runtime: Runtime::new(now), watch: Watch::default() };
        for (kind, containers) in kinds::all().into_iter().enumerate() {
            let blueprint = Blueprint { family: kind.to_string().into(), containers, ..Blueprint::default() };
            simulation.ecs.register_definition(blueprint, Tags::new(), now).unwrap();
        }
        simulation.settle();
        simulation
    }

    fn step(&mut self) {
        match self.dice.roll(100) {
            0..8 => self.run(),
            8..14 => self.stop_one(),
            14..17 => self.disconnect(),
            17 => self.restart(),
            18..22 => self.tick_for_nothing(),
            _ => {
                let longest = self.dice.pick(&[500, 5_000, 5_000, 30_000, 120_000]);
                let until = self.now + self.dice.upto(longest);
                self.advance(until);
            }
        }
        self.settle();
    }

    /// Runs a task, of a service with a target group or of none.
    fn run(&mut self) {
        if self.ecs.state().tasks.values().filter(|task| !task.is_stopped()).count() >= 8 {
            return;
        }
        let kind = self.dice.roll(kinds::all().len()).to_string();
        let definition = self.ecs.state().latest(&kind).unwrap().id.clone();
        if self.dice.once_in(2) {
            let key = ServiceKey { cluster: "default".into(), name: "none".into() };
            let balancer = LoadBalancer {
                target_group_arn: "arn:group".into(),
                container_name: "web".into(),
                container_port: 80,
            };
            self.ecs.launch(&key, "ecs-svc/1", &definition, &[balancer], self.now).unwrap();
        } else {
            let wish = TaskWish { cluster: "default".into(), definition, count: 1, ..TaskWish::default() };
            self.ecs.run_task(wish, self.now).unwrap();
        }
    }

    fn stop_one(&mut self) {
        let running: Vec<TaskId> =
            self.ecs.state().tasks.values().filter(|it| it.is_wanted()).map(|it| it.id.clone()).collect();
        if !running.is_empty() {
            let id = &running[self.dice.roll(running.len())];
            let force = self.dice.once_in(4);
            self.ecs.stop(id, StopCode::UserInitiated, "enough", force, self.now);
        }
    }

    fn disconnect(&mut self) {
        if self.runtime.is_reachable() {
            self.ecs.report(Report::Connectivity(Connectivity::Disconnected), self.now);
            self.watch.down();
            self.runtime.vanish(&mut self.dice, self.now);
        }
    }

    /// Another process takes up what this one has kept.
    fn restart(&mut self) {
        let state = self.ecs.state().clone();
        let seed = self.dice.roll(usize::MAX).try_into().unwrap();
        let mut next = Ecs::new(Settings::default(), Account::default(), state, seed, self.now);
        // They are the service's to keep, and there is none here.
        for (id, run) in &self.ecs.runs {
            next.runs.get_mut(id).unwrap().balancers.clone_from(&run.balancers);
        }
        self.ecs = next;
        self.runtime.restart(&mut self.dice, self.now);
        self.watch.restart(&self.runtime.keys());
    }

    /// Before its deadline there is nothing to do.
    fn tick_for_nothing(&mut self) {
        if self.ecs.next_deadline().is_none_or(|at| at > self.now) {
            self.ecs.tick(self.now);
            assert!(self.ecs.take_actions().is_empty() && self.ecs.take_happened().is_empty());
        }
    }

    /// Lets time pass until then, and all happen that is due.
    fn advance(&mut self, until: Tick) {
        let mut turns = 0;
        loop {
            let next = self.ecs.next_deadline().into_iter().chain(self.runtime.next()).min();
            self.now = next.map_or(until, |next| next.clamp(self.now, until));
            while let Some(report) = self.runtime.happen(&mut self.dice, &mut self.watch, self.now) {
                self.watch.report(&report, self.ecs.state());
                self.ecs.report(report, self.now);
                self.settle();
            }
            self.ecs.tick(self.now);
            self.settle();
            let deadline = self.ecs.next_deadline();
            assert!(deadline.is_none_or(|at| at > self.now), "{deadline:?} at {:?} is a busy loop", self.now);
            if self.now == until {
                return;
            }
            turns += 1;
            assert!(turns < 20_000, "time stands still at {:?}", self.now);
        }
    }

    /// Does what is asked for, and looks whether all is well.
    fn settle(&mut self) {
        let (actions, happened) = (self.ecs.take_actions(), self.ecs.take_happened());
        happened.iter().for_each(|happened| self.watch.happened(happened));
        for action in actions {
            self.watch.action(&action, self.ecs.state(), self.now);
            self.runtime.act(action, &mut self.dice, self.now);
        }
        self.watch.compare(self.ecs.state());
    }

    /// Tells everything to stop: in bounded time it has, and nothing is left of it.
    fn finish(&mut self) {
        self.advance(self.now + Duration::from_secs(60));
        self.runtime.calm();
        let all: Vec<TaskId> = self.ecs.state().tasks.keys().cloned().collect();
        for id in &all {
            self.ecs.stop(id, StopCode::UserInitiated, "over", false, self.now);
        }
        self.settle();
        // A start, a drain, and three containers one behind the other that have to be killed twice.
        self.advance(self.now + Duration::from_secs(60 + 60 + 3 * (30 + 15)));
        for task in self.ecs.state().tasks.values() {
            assert!(task.is_stopped(), "{task:#?}");
        }
        assert_eq!(self.runtime.left(), [""; 0], "nothing is left");
    }
}
