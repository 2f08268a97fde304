//! What the server's JSON says of services and tasks. Unknown fields are ignored.

use jiff::Timestamp;
use serde::Deserialize;

use crate::cli::wire::optional_time;

/// A list of services.
#[derive(Clone, Debug, Deserialize)]
pub struct Services {
    /// The services.
    pub services: Vec<Service>,
}

/// A list of tasks.
#[derive(Clone, Debug, Deserialize)]
pub struct Tasks {
    /// The tasks.
    pub tasks: Vec<Task>,
}

/// One service.
#[derive(Clone, Debug, Deserialize)]
pub struct Service {
    /// Its name.
    pub service: String,
    /// Its cluster.
    pub cluster: String,
    /// AWS's word.
    pub status: String,
    /// What its tasks are.
    pub definition: String,
    /// Tasks there should be.
    pub desired_count: usize,
    /// Tasks that run.
    pub running_count: usize,
    /// Tasks on their way there.
    pub pending_count: usize,
    /// Tasks that count as healthy.
    pub healthy_count: usize,
    /// Whether it is steady.
    pub steady: bool,
    /// AWS's word for whether what runs containers can be reached.
    #[serde(default)]
    pub connectivity: String,
    /// What it waits for, beside what its tasks wait for.
    #[serde(default)]
    pub waiting_for: Vec<String>,
    /// Its deployments, the newest first.
    pub deployments: Vec<Deployment>,
    /// Its tasks, where the service was asked for alone.
    #[serde(default)]
    pub tasks: Vec<Task>,
}

/// One deployment.
#[derive(Clone, Debug, Deserialize)]
pub struct Deployment {
    /// Its id.
    pub id: String,
    /// AWS's word.
    pub status: String,
    /// What its tasks are.
    pub definition: String,
    /// Tasks it should have.
    pub desired_count: usize,
    /// Tasks that run.
    pub running_count: usize,
    /// Tasks on their way there.
    pub pending_count: usize,
    /// Failures of its tasks in a row.
    pub failed_tasks: u64,
    /// Failures that trip its circuit breaker, if it has one.
    pub failure_limit: Option<u64>,
    /// AWS's word.
    pub rollout_state: String,
    /// AWS's sentence.
    #[serde(default)]
    pub rollout_state_reason: String,
    /// The deployment it takes back.
    pub rolls_back: Option<String>,
}

/// One task.
#[derive(Clone, Debug, Deserialize)]
pub struct Task {
    /// Its id.
    pub task: String,
    /// Its cluster.
    #[serde(default)]
    pub cluster: String,
    /// Its service.
    pub service: Option<String>,
    /// Its service's deployment.
    pub deployment: Option<String>,
    /// Its group.
    #[serde(default)]
    pub group: String,
    /// What it is.
    pub definition: String,
    /// AWS's word for where it is.
    pub last_status: String,
    /// AWS's word for where it should be.
    pub desired_status: String,
    /// AWS's word for its health.
    pub health: String,
    /// When it first ran.
    #[serde(default, deserialize_with = "optional_time")]
    pub started: Option<Timestamp>,
    /// When it was over.
    #[serde(default, deserialize_with = "optional_time")]
    pub stopped: Option<Timestamp>,
    /// Why it stops.
    pub stopped_reason: Option<String>,
    /// What keeps it from counting as healthy.
    #[serde(default)]
    pub waiting_for: Vec<Obstacle>,
    /// Its containers.
    #[serde(default)]
    pub containers: Vec<Container>,
    /// Its targets.
    #[serde(default)]
    pub targets: Vec<Target>,
}

/// What a task waits for.
#[derive(Clone, Debug, Deserialize)]
pub struct Obstacle {
    /// The container it is about.
    pub container: Option<String>,
    /// The target it is about.
    pub target: Option<String>,
    /// What is the matter.
    pub message: String,
}

/// One container.
#[derive(Clone, Debug, Deserialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// AWS's word for where it is.
    pub last_status: String,
    /// AWS's word for its health.
    pub health: String,
    /// How it ended.
    pub exit_code: Option<i32>,
    /// What else is to be said of its end.
    pub reason: Option<String>,
    /// The latest run of its check.
    pub last_check: Option<Run>,
}

/// One run of a container's check.
#[derive(Clone, Debug, Deserialize)]
pub struct Run {
    /// Its exit code.
    pub exit_code: i32,
    /// What it said.
    #[serde(default)]
    pub output: String,
}

/// A task's place in a target group.
#[derive(Clone, Debug, Deserialize)]
pub struct Target {
    /// The group.
    pub target_group: String,
    /// `id:port`.
    pub target: String,
    /// What the group says of it.
    pub state: Option<String>,
}

impl Task {
    /// Whether it is over.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.last_status == "STOPPED"
    }

    /// The beginning of its id, enough to tell it from others.
    #[must_use]
    pub fn short(&self) -> &str {
        short(&self.task)
    }
}

/// The beginning of a task's id, enough to tell it from others.
#[must_use]
pub fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}
