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
mod services;
pub mod wish;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::engine::ecs::action::{Action, Report};
use crate::engine::ecs::refusal::Refusal;
use crate::engine::ecs::wish::TaskWish;
use crate::model::arn::Account;
use crate::model::ecs::definition::{Blueprint, DefinitionId, TaskDefinition};
use crate::model::ecs::event::Happened;
use crate::model::ecs::settings::Settings;
use crate::model::ecs::state::{Cluster, State};
use crate::model::ecs::task::Task;
use crate::model::tick::Tick;

/// Tags of one resource.
pub type Tags = BTreeMap<Box<str>, Box<str>>;

/// Everything of ECS, and the rules that move it. A copy is cheap, and taking it up again undoes what came after it.
#[derive(Clone, Debug)]
pub struct Ecs {
    state: State,
    settings: Arc<Settings>,
    account: Arc<Account>,
    seed: u64,
    actions: VecDeque<Action>,
    happened: Vec<Happened>,
}

impl Ecs {
    /// Takes up `state`, which is empty or what was kept. Nothing is started before the first [`Report::Inventory`] has
    /// said what runs already. `seed` is never the same for two processes.
    #[must_use]
    pub fn new(settings: Settings, account: Account, state: State, seed: u64, now: Tick) -> Self {
        _ = now;
        let (settings, account) = (Arc::new(settings), Arc::new(account));
        Self { state, settings, account, seed, actions: VecDeque::new(), happened: Vec::new() }
    }

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

    /// Takes in what has happened.
    pub fn report(&mut self, report: Report, now: Tick) {
        _ = (report, now);
    }

    /// Does what is due by `now`.
    pub fn tick(&mut self, now: Tick) {
        _ = now;
    }

    /// When [`Ecs::tick`] has something to do next, if nothing happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        None
    }

    /// What is to be done, in order.
    pub fn take_actions(&mut self) -> Vec<Action> {
        self.actions.drain(..).collect()
    }

    /// What has happened since this was last asked, in order.
    pub fn take_happened(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.happened)
    }
}

/// Wishes. Each takes effect at once and whole, or is refused and changes nothing.
impl Ecs {
    /// Makes a cluster, or gives the one there is.
    pub fn create_cluster(&mut self, name: &str, tags: Tags) -> Arc<Cluster> {
        _ = tags;
        self.state.clusters.get(name).map_or_else(Default::default, Arc::clone)
    }

    /// Deletes a cluster without services and tasks.
    ///
    /// # Errors
    /// If there is none of this name, or something is in it.
    pub fn delete_cluster(&mut self, name: &str) -> Result<Arc<Cluster>, Refusal> {
        _ = name;
        Err(Refusal::ClusterNotFound)
    }

    /// Registers the next revision of a family.
    ///
    /// # Errors
    /// If there are too many.
    pub fn register_definition(
        &mut self,
        blueprint: Blueprint,
        tags: Tags,
        now: Tick,
    ) -> Result<Arc<TaskDefinition>, Refusal> {
        _ = (blueprint, tags, now);
        Err(Refusal::Client(String::new()))
    }

    /// Makes a revision `INACTIVE`. Tasks and services that use it go on.
    ///
    /// # Errors
    /// If there is no such revision.
    pub fn deregister_definition(
        &mut self,
        id: &DefinitionId,
        now: Tick,
    ) -> Result<Arc<TaskDefinition>, Refusal> {
        _ = (id, now);
        Err(Refusal::Client(String::new()))
    }

    /// Runs tasks that belong to no service.
    ///
    /// # Errors
    /// Why none of them is run.
    pub fn run_task(&mut self, wish: TaskWish, now: Tick) -> Result<Vec<Arc<Task>>, Refusal> {
        _ = (wish, now);
        Err(Refusal::ClusterNotFound)
    }

    /// Stops a task, after draining it unless `force` says otherwise. One that stops already is given as it is.
    ///
    /// # Errors
    /// If there is no such task.
    pub fn stop_task(
        &mut self,
        id: &str,
        reason: Option<&str>,
        force: bool,
        now: Tick,
    ) -> Result<Arc<Task>, Refusal> {
        _ = (id, reason, force, now);
        Err(Refusal::InvalidParameter("The referenced task was not found.".to_owned()))
    }

    /// Gives a cluster, service, task or definition other tags.
    ///
    /// # Errors
    /// If there is no resource of this ARN.
    pub fn set_tags(&mut self, arn: &str, tags: Tags) -> Result<(), Refusal> {
        _ = (arn, tags);
        Err(Refusal::InvalidParameter(String::new()))
    }
}
