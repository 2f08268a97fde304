//! What of a task is not told, and is made anew from what is when a task is taken up after a restart.

use std::sync::Arc;

use crate::engine::ecs::verdict::Verdict;
use crate::model::ecs::definition::{ContainerDefinition, TaskDefinition};
use crate::model::ecs::service::LoadBalancer;
use crate::model::ecs::task::{ContainerStatus, Task};
use crate::model::tick::Tick;

/// What of a task that is not over is not told.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) definition: Arc<TaskDefinition>,
    /// What serves each of the task's targets, in their order.
    pub(super) balancers: Vec<LoadBalancer>,
    /// In the order of the definition.
    pub(super) containers: Vec<ContainerRun>,
    /// Whether it stops without waiting for its targets to drain.
    pub(super) forced: bool,
    /// What the runtime called containers that have been started again since, and that are to be removed.
    pub(super) leftovers: Vec<Box<str>>,
    /// When time alone has it go on.
    pub(super) due: Option<Tick>,
}

/// What of a container is not told.
#[derive(Clone, Debug)]
pub(super) struct ContainerRun {
    /// Which start of it this is.
    pub(super) run: u32,
    pub(super) phase: Phase,
    /// What its check has said since it started; `None` without a check, and before.
    pub(super) verdict: Option<Verdict>,
    pub(super) probe: Probe,
    /// When it is killed; `None` while its stop has not begun.
    pub(super) kill_at: Option<Tick>,
    /// It was told to have started while an inventory was under way, which need not know of it.
    pub(super) fresh: bool,
}

/// How far one start of a container is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// It has not been asked for.
    Waiting,
    /// It has been asked for, and nothing has been heard of it.
    Starting,
    /// It runs.
    Running,
    /// It has ended, or never will be asked for.
    Ended,
}

/// Where a container's checks are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Probe {
    /// There are none, or none any more.
    Rests,
    /// The next one is due then.
    Due(Tick),
    /// One is under way.
    Out,
}

impl Run {
    /// Of a task that has just been made, or was kept.
    pub(super) fn new(task: &Task, definition: Arc<TaskDefinition>, balancers: Vec<LoadBalancer>) -> Self {
        let containers = task.containers.iter().map(|container| ContainerRun {
            run: container.restarts,
            phase: match container.last_status {
                ContainerStatus::Pending => Phase::Waiting,
                ContainerStatus::Running => Phase::Running,
                ContainerStatus::Stopped => Phase::Ended,
            },
            verdict: None,
            probe: Probe::Rests,
            kill_at: None,
            fresh: false,
        });
        let containers = containers.collect();
        Self { definition, balancers, containers, forced: false, leftovers: Vec::new(), due: None }
    }

    /// The definitions of its containers.
    pub(super) fn definitions(&self) -> &[ContainerDefinition] {
        &self.definition.blueprint.containers
    }
}

impl ContainerRun {
    /// Whether a container that was found is this one, and not what an earlier start has left behind or one that has
    /// ended since.
    pub(super) fn takes(&self, run: u32) -> bool {
        self.phase != Phase::Ended && self.run <= run
    }
}
