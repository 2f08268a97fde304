//! Who keeps a service from arriving at a deployment, and why.

use std::fmt;

use serde::Serialize;

use crate::cli::rollout::Rollout;
use crate::cli::wire::service::{Task, short};

/// Something that keeps the gate shut.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Blocker {
    /// The task it is about.
    pub task: Option<String>,
    /// Its container it is about.
    pub container: Option<String>,
    /// Its target it is about, `id:port`.
    pub target: Option<String>,
    /// What is the matter.
    pub message: String,
}

impl Blocker {
    fn of_service(message: String) -> Self {
        Self { task: None, container: None, target: None, message }
    }

    fn of_task(task: &Task, message: String) -> Self {
        Self { task: Some(task.task.clone()), container: None, target: None, message }
    }

    /// As it is shown, but for the task's id in full.
    #[must_use]
    pub fn in_full(&self) -> String {
        match &self.task {
            Some(task) => format!("task {task}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.task {
            Some(task) => write!(f, "task {}: {}", short(task), self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Rollout {
    /// The first `limit` things that keep the gate shut: those of the service first, then its tasks.
    #[must_use]
    pub fn blockers(&self, limit: usize) -> Vec<Blocker> {
        let all = self.of_service().chain(self.of_tasks()).chain(self.of_old_tasks());
        all.chain(self.of_failures()).take(limit).collect()
    }

    /// How many things keep the gate shut.
    #[must_use]
    pub fn blocker_count(&self) -> usize {
        self.blockers(usize::MAX).len()
    }

    fn of_service(&self) -> impl Iterator<Item = Blocker> {
        let said = self.service.iter().flat_map(|service| service.waiting_for.iter().cloned());
        let missing = self.progress().needed.saturating_sub(self.tasks().count());
        let missing = (missing > 0).then(|| match missing {
            1 => "1 task is still to be started".to_owned(),
            _ => format!("{missing} tasks are still to be started"),
        });
        said.chain(missing).map(Blocker::of_service)
    }

    fn of_tasks(&self) -> impl Iterator<Item = Blocker> {
        // What fails tells more than what has not been checked yet, and little room is shown.
        let mut tasks: Vec<_> = self.tasks().collect();
        tasks.sort_by_key(|task| task.health != "UNHEALTHY");
        tasks.into_iter().flat_map(|task| {
            task.waiting_for.iter().map(|obstacle| Blocker {
                task: Some(task.task.clone()),
                container: obstacle.container.clone(),
                target: obstacle.target.clone(),
                message: obstacle.message.clone(),
            })
        })
    }

    fn of_old_tasks(&self) -> impl Iterator<Item = Blocker> {
        let old = self.old_tasks().filter(|_| self.aim.old_tasks_stopped);
        old.map(|task| {
            let deployment = task.deployment.as_deref().unwrap_or("another deployment");
            Blocker::of_task(task, format!("it is of {deployment} and {}", task.last_status))
        })
    }

    /// Tasks of the deployment that have stopped, the last one first: what failed, where nothing is to be waited for.
    fn of_failures(&self) -> impl Iterator<Item = Blocker> {
        let all = self.service.iter().filter(|_| self.hopeless.is_some()).flat_map(|service| &service.tasks);
        let own =
            all.filter(|task| task.deployment == self.aim.deployment && task.desired_status != "RUNNING");
        let mut own: Vec<_> = own.collect();
        own.sort_by_key(|task| std::cmp::Reverse(task.stopped));
        own.into_iter().map(|task| {
            let reason = task.stopped_reason.as_deref().unwrap_or("no reason is known");
            let mut message = format!("it is {}: {reason}", task.last_status);
            for container in &task.containers {
                if let Some(code) = container.exit_code {
                    message.push_str(&format!("; container {} ended with exit code {code}", container.name));
                }
                if let Some(reason) = &container.reason {
                    message.push_str(&format!("; container {}: {reason}", container.name));
                }
                if let Some(run) = container.last_check.as_ref().filter(|run| run.exit_code != 0) {
                    let output = run.output.split_whitespace().collect::<Vec<_>>().join(" ");
                    message.push_str(&format!("; its check said {}: {output}", run.exit_code));
                }
            }
            Blocker::of_task(task, message)
        })
    }
}
