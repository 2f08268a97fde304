//! Clusters, services and tasks: what should run, what does, and what is to be done about the difference.
//!
//! ```text
//!   API, file ──wishes──►┌─────┐──actions──► whoever runs containers, registers targets
//!             ──reports─►│ Ecs │──state────► readers, the store
//!             ──the time►└─────┘──happened─► event streams
//! ```
//!
//! Pure like all rules: random choices and names come from a generator whose seed is an argument.

pub mod action;
pub mod refusal;
pub mod wish;

mod address;
mod adopt;
mod check;
mod clusters;
mod definitions;
mod dependency;
mod ids;
mod life;
mod reports;
mod rollup;
mod run;
mod services;
mod start;
mod stop;
mod targets;
mod tasks;
mod tokens;
pub(in crate::engine) mod verdict;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::engine::ecs::action::Action;
use crate::engine::ecs::adopt::Link;
use crate::engine::ecs::ids::Ids;
use crate::engine::ecs::life::Life;
use crate::engine::ecs::run::Run;
use crate::engine::ecs::services::Glimpse;
use crate::engine::ecs::tokens::Tokens;
use crate::model::arn::Account;
use crate::model::ecs::event::{Happened, What};
use crate::model::ecs::settings::Settings;
use crate::model::ecs::state::State;
use crate::model::ecs::task::TaskId;
use crate::model::tick::Tick;

/// Tags of one resource.
pub type Tags = BTreeMap<Box<str>, Box<str>>;

/// Stopped tasks that can be asked for: a service whose tasks fail at once must not fill the memory within the hour.
const STOPPED_KEPT: usize = 10_000;

/// Everything of ECS, and the rules that move it. A copy is cheap, and taking it up again undoes what came after it.
#[derive(Clone, Debug)]
pub struct Ecs {
    state: State,
    settings: Arc<Settings>,
    account: Arc<Account>,
    seed: Ids,
    link: Link,
    /// Of every task that is not over.
    runs: BTreeMap<TaskId, Run>,
    /// Tasks that are over, by when they were.
    stopped: VecDeque<(Tick, TaskId)>,
    tokens: Tokens,
    scheduler: services::Memory,
    actions: VecDeque<Action>,
    happened: Vec<Happened>,
}

impl Ecs {
    /// Everything there is now.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whose it all is.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Does what is due by `now`.
    pub fn tick(&mut self, now: Tick) {
        let due = self.runs.iter().filter(|(_, run)| run.due.is_some_and(|at| at <= now));
        for id in due.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.with(&id, now, |_| ());
        }
        while self.stopped.front().is_some_and(|(at, _)| *at + self.settings.keep_stopped <= now) {
            self.forget_stopped();
        }
        self.schedule_due(now);
    }

    /// When [`Ecs::tick`] has something to do next, if nothing happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        let runs = self.runs.values().filter_map(|run| run.due);
        let forgotten = self.stopped.front().map(|(at, _)| *at + self.settings.keep_stopped);
        runs.chain(forgotten).chain(self.next_schedule()).min()
    }

    /// What is to be done, in order.
    pub fn take_actions(&mut self) -> Vec<Action> {
        self.actions.drain(..).collect()
    }

    /// What has happened since this was last asked, in order.
    pub fn take_happened(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.happened)
    }

    /// A number below `below`, or 0 where there is none.
    pub(super) fn random(&mut self, below: usize) -> usize {
        self.seed.random(below)
    }

    pub(super) fn uuid(&mut self) -> Box<str> {
        self.seed.uuid()
    }

    /// `ecs-svc/` and 19 digits.
    pub(super) fn deployment_id(&mut self) -> Box<str> {
        self.seed.deployment()
    }

    /// Tells of something.
    pub(super) fn tell(&mut self, what: What, now: Tick) {
        let id = self.uuid();
        self.happened.push(Happened { id, at: now, what });
    }

    /// Has something happen to a task that is not over, and then all that has become possible by it. `None` if there is
    /// no such task.
    fn with<R>(&mut self, id: &str, now: Tick, happens: impl FnOnce(&mut Life<'_>) -> R) -> Option<R> {
        let before = Glimpse::of(self.state.tasks.get(id)?);
        let answer = happens(&mut self.life(id, now)?);
        self.let_go_of_shared(id);
        let mut life = self.life(id, now)?;
        life.advance();
        let (stopped, moved) = (life.task.is_stopped(), Glimpse::of(life.task) != before);
        if moved {
            self.schedule_at(now);
        }
        if stopped {
            self.runs.remove(id);
            self.stopped.push_back((now, id.into()));
            if self.stopped.len() > STOPPED_KEPT {
                self.forget_stopped();
            }
        }
        Some(answer)
    }

    fn life(&mut self, id: &str, now: Tick) -> Option<Life<'_>> {
        Some(Life {
            task: self.state.tasks.get_mut(id)?,
            run: self.runs.get_mut(id)?,
            actions: &mut self.actions,
            happened: &mut self.happened,
            ids: &mut self.seed,
            settings: &self.settings,
            up: self.link == Link::Up,
            now,
        })
    }

    fn forget_stopped(&mut self) {
        if let Some((_, id)) = self.stopped.pop_front() {
            self.state.tasks.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests;
