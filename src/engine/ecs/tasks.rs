//! Tasks: how they are made and told to stop.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::ecs::Ecs;
use crate::engine::ecs::address::lowest_free;
use crate::engine::ecs::refusal::Refusal;
use crate::engine::ecs::run::Run;
use crate::engine::ecs::wish::TaskWish;
use crate::model::ecs::definition::{DefinitionId, NetworkMode, TaskDefinition};
use crate::model::ecs::event::What;
use crate::model::ecs::service::{LoadBalancer, ServiceKey};
use crate::model::ecs::task::{Container, Membership, StopCode, Task, TaskId, TaskTarget};
use crate::model::tick::Tick;

/// Tasks that are not over; each is at least a process of this host, or a container.
const TASKS: usize = 1_000;

/// Tasks of one call, as on AWS.
const TASKS_A_CALL: u32 = 10;

impl Ecs {
    /// Runs tasks that belong to no service, and gives them as they were made. They are fewer than wished for, or none,
    /// where no address is left for one. The same call with the same token gives what it gave.
    ///
    /// # Errors
    /// Why none of them is run.
    pub fn run_task(&mut self, wish: TaskWish, now: Tick) -> Result<Vec<Arc<Task>>, Refusal> {
        if self.state.clusters.get(&wish.cluster).is_none_or(|cluster| cluster.inactive) {
            return Err(Refusal::ClusterNotFound);
        }
        if let Some(tasks) = self.made_before(&wish)? {
            return Ok(tasks);
        }
        let definition = self.definition_of(&wish)?;
        let wanted = usize::try_from(wish.count).unwrap_or(usize::MAX);
        if self.runs.len().saturating_add(wanted) > TASKS {
            return Err(Refusal::LimitExceeded(full()));
        }
        let group = wish.group.clone().unwrap_or_else(|| format!("family:{}", definition.id.family).into());
        let draft = Task {
            cluster: wish.cluster.clone(),
            group,
            started_by: wish.started_by.clone(),
            launch_type: wish.launch_type.clone(),
            overrides: wish.overrides.clone(),
            tags: wish.tags.clone(),
            ..Task::default()
        };
        let made = (0..wanted).map_while(|_| self.make(draft.clone(), &definition, Vec::new(), now).ok());
        let made: Vec<Arc<Task>> = made.collect();
        self.tokens.keep(wish, &made);
        for task in &made {
            self.with(&task.id, now, |_| ());
        }
        Ok(made)
    }

    /// What the same call with the same token made, whatever its definition is found to be by now.
    ///
    /// # Errors
    /// If the token was used for another call.
    pub fn made_before(&self, wish: &TaskWish) -> Result<Option<Vec<Arc<Task>>>, Refusal> {
        match self.tokens.find(wish) {
            Some((true, tasks)) => Ok(Some(tasks)),
            Some((false, _)) => {
                Err(Refusal::Conflict("The client token was used for another request.".to_owned()))
            }
            None => Ok(None),
        }
    }

    fn definition_of(&self, wish: &TaskWish) -> Result<Arc<TaskDefinition>, Refusal> {
        let Some(definition) = self.state.definitions.get(&wish.definition) else {
            return Err(Refusal::Client("TaskDefinition not found.".to_owned()));
        };
        if definition.deregistered.is_some() {
            return Err(Refusal::Client("TaskDefinition is inactive".to_owned()));
        }
        if !(1..=TASKS_A_CALL).contains(&wish.count) {
            let text = format!("count must be between 1 and {TASKS_A_CALL}, and is {}.", wish.count);
            return Err(Refusal::InvalidParameter(text));
        }
        let strange = wish.overrides.keys().find(|name| definition.blueprint.container(name).is_none());
        if let Some(name) = strange {
            let text =
                format!("Override for container named {name} is not a container in the TaskDefinition.");
            return Err(Refusal::InvalidParameter(text));
        }
        Ok(Arc::clone(definition))
    }

    /// Stops a task, after draining it unless `force` says otherwise. One that stops already is given as it is, but no
    /// longer drains where `force` says so.
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
        let reason = reason.filter(|reason| !reason.is_empty()).unwrap_or("Task stopped by user");
        self.stop(id, StopCode::UserInitiated, reason, force, now);
        let gone = || Refusal::InvalidParameter("The referenced task was not found.".to_owned());
        self.state.tasks.get(id).map(Arc::clone).ok_or_else(gone)
    }

    /// Tells a task to stop. Nothing happens to one that stops already, but that it no longer drains where `force` says
    /// so.
    pub(super) fn stop(&mut self, id: &str, code: StopCode, reason: &str, force: bool, now: Tick) {
        self.with(id, now, |life| life.stop(code, reason, force));
    }

    /// Makes a task of a service.
    ///
    /// # Errors
    /// Why it cannot be placed.
    pub(super) fn launch(
        &mut self,
        key: &ServiceKey,
        deployment_id: &str,
        definition: &DefinitionId,
        load_balancers: &[LoadBalancer],
        now: Tick,
    ) -> Result<TaskId, String> {
        let definition = self.state.definitions.get(definition).map(Arc::clone);
        let definition = definition.ok_or_else(|| "TaskDefinition not found.".to_owned())?;
        let draft = Task {
            cluster: key.cluster.clone(),
            group: format!("service:{}", key.name).into(),
            started_by: Some(deployment_id.into()),
            service: Some(Membership { service: key.name.clone(), deployment: deployment_id.into() }),
            ..Task::default()
        };
        let task = self.make(draft, &definition, load_balancers.to_vec(), now)?;
        self.with(&task.id, now, |_| ());
        Ok(task.id.clone())
    }

    /// Makes a task out of a draft, in `PROVISIONING`.
    fn make(
        &mut self,
        draft: Task,
        definition: &Arc<TaskDefinition>,
        balancers: Vec<LoadBalancer>,
        now: Tick,
    ) -> Result<Arc<Task>, String> {
        if self.runs.len() >= TASKS {
            return Err(full());
        }
        let own = definition.blueprint.network_mode == NetworkMode::Awsvpc;
        let address = if own { Some(self.free_address()?) } else { None };
        let id = self.seed.task();
        let containers = definition.blueprint.containers.iter().map(|container| Container {
            name: container.name.clone(),
            uuid: self.seed.uuid(),
            health_since: now,
            ..Container::default()
        });
        let target = |balancer: &LoadBalancer| TaskTarget {
            arn: balancer.target_group_arn.clone(),
            ..TaskTarget::default()
        };
        let task = Arc::new(Task {
            id: id.clone(),
            definition: definition.id.clone(),
            health_since: now,
            connectivity: self.state.connectivity,
            connectivity_at: self.state.connectivity_at,
            address,
            version: 1,
            created_at: now,
            containers: containers.collect(),
            targets: balancers.iter().map(target).collect(),
            ..draft
        });
        self.runs.insert(id.clone(), Run::new(&task, Arc::clone(definition), balancers));
        self.state.tasks.insert(id, Arc::clone(&task));
        self.tell(What::Task(Arc::clone(&task)), now);
        Ok(task)
    }

    fn free_address(&self) -> Result<std::net::IpAddr, String> {
        let running = self.runs.keys().filter_map(|id| self.state.tasks.get(id));
        let used: BTreeSet<_> = running.filter_map(|task| task.address).collect();
        let (network, length) = self.settings.task_addresses;
        let none = || format!("no address of {network}/{length} is free");
        lowest_free((network, length), &used).ok_or_else(none)
    }
}

fn full() -> String {
    format!("There are at most {TASKS} tasks that have not stopped.")
}
