//! Whether a task has come to what `run-task` waits for, and why not.

use crate::model::ecs::definition::Blueprint;
use crate::model::ecs::health::HealthStatus;
use crate::model::ecs::state::State;
use crate::model::ecs::task::{Container, ContainerStatus, Task};
use crate::output::services::obstacle;

/// What a task has come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It is `HEALTHY`.
    Healthy,
    /// It is `UNHEALTHY`.
    Unhealthy,
    /// It stops, or has stopped, by itself.
    Stopped,
    /// It is none of that, and its time is over.
    Late,
    /// Somebody has asked for its end.
    Interrupted,
}

impl Verdict {
    /// What `task` has come to by itself; `None` while that is open.
    pub(super) fn of(task: &Task) -> Option<Self> {
        if !task.is_wanted() || task.is_stopped() {
            return Some(Self::Stopped);
        }
        match task.health {
            HealthStatus::Healthy => Some(Self::Healthy),
            HealthStatus::Unhealthy => Some(Self::Unhealthy),
            HealthStatus::Unknown => None,
        }
    }

    /// The word of the JSON.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Stopped => "stopped",
            Self::Late => "timeout",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a task is not `HEALTHY`, in one sentence without a period.
pub(super) fn why(state: &State, task: &Task) -> String {
    if task.is_wanted() {
        let obstacles = obstacle::of_task(state, task);
        let messages: Vec<_> = obstacles.iter().map(obstacle::Obstacle::message).collect();
        return messages.join("; ");
    }
    let reason = task.stopped_reason.as_deref().unwrap_or("the task has stopped");
    let ended = task.containers.iter().filter_map(end).collect::<Vec<_>>().join(", ");
    if ended.is_empty() { reason.to_owned() } else { format!("{reason} ({ended})") }
}

/// How a container that has stopped did.
fn end(container: &Container) -> Option<String> {
    let stopped = container.last_status == ContainerStatus::Stopped;
    stopped.then(|| format!("{}: {}", container.name, ending(container)))
}

/// The exit code and the reason of a container that has stopped.
pub(super) fn ending(container: &Container) -> String {
    let code = container.exit_code.map(|code| format!("exit code {code}"));
    let parts: Vec<_> = code.into_iter().chain(container.reason.as_deref().map(str::to_owned)).collect();
    if parts.is_empty() { "not started".to_owned() } else { parts.join(", ") }
}

/// Why a task of this kind can never be `HEALTHY`; `None` for one that can.
pub(super) fn hopeless(blueprint: &Blueprint) -> Option<String> {
    let essential: Vec<_> = blueprint.containers.iter().filter(|container| container.essential).collect();
    if essential.iter().any(|container| container.check.is_some()) {
        return None;
    }
    let names: Vec<_> = essential.iter().map(|container| &*container.name).collect();
    Some(format!(
        "a task is HEALTHY by the health checks of its essential containers, and none of them has one: give a \
         healthCheck to {}",
        names.join(" or ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ecs::definition::ContainerDefinition;
    use crate::model::ecs::task::DesiredStatus;

    #[test]
    fn a_task_that_stops_is_not_healthy_whatever_it_was() {
        for health in HealthStatus::ALL {
            let running = Task { health, ..Task::default() };
            let stopping = Task { desired_status: DesiredStatus::Stopped, ..running.clone() };
            assert_eq!(Verdict::of(&stopping), Some(Verdict::Stopped));
            let expected = match health {
                HealthStatus::Healthy => Some(Verdict::Healthy),
                HealthStatus::Unhealthy => Some(Verdict::Unhealthy),
                HealthStatus::Unknown => None,
            };
            assert_eq!(Verdict::of(&running), expected);
        }
    }

    #[test]
    fn it_is_said_how_its_containers_ended() {
        let mut task = Task {
            desired_status: DesiredStatus::Stopped,
            stopped_reason: Some("Essential container in task exited".into()),
            ..Task::default()
        };
        assert_eq!(why(&State::default(), &task), "Essential container in task exited");
        let container = |name: &str, exit_code, reason: Option<&str>| Container {
            name: name.into(),
            last_status: ContainerStatus::Stopped,
            exit_code,
            reason: reason.map(Into::into),
            ..Container::default()
        };
        task.containers = vec![
            container("app", Some(1), None),
            container("db", None, Some("gone")),
            container("late", None, None),
            Container { name: "on".into(), last_status: ContainerStatus::Running, ..Container::default() },
        ];
        let expected = "Essential container in task exited (app: exit code 1, db: gone, late: not started)";
        assert_eq!(why(&State::default(), &task), expected);
    }

    #[test]
    fn a_task_without_an_essential_check_is_hopeless() {
        let container = |name: &str, essential| ContainerDefinition {
            name: name.into(),
            essential,
            ..ContainerDefinition::default()
        };
        let containers = vec![container("app", true), container("side", false), container("db", true)];
        let why = hopeless(&Blueprint { containers, ..Blueprint::default() }).unwrap();
        assert!(why.ends_with("give a healthCheck to app or db"), "{why}");
    }
}
