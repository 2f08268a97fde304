//! What a container waits for before it starts (docs/semantics.md, "Dependencies").

use crate::model::ecs::definition::{Blueprint, Condition, Dependency};
use crate::model::ecs::health::HealthStatus;
use crate::model::ecs::task::{ContainerStatus, Task};
use crate::model::tick::Tick;

/// Whether a container may start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Wait {
    /// It may.
    Over,
    /// Not yet; at this moment it is given up.
    Until(Option<Tick>),
    /// It never will, for this reason.
    Never(String),
}

/// Whether the container at `index` may start at `now`.
pub(super) fn wait(task: &Task, blueprint: &Blueprint, index: usize, now: Tick) -> Wait {
    let definition = &blueprint.containers[index];
    let mut whole = Wait::Over;
    for dependency in &definition.depends_on {
        match wait_for(task, blueprint, dependency, now) {
            Wait::Over => {}
            Wait::Until(at) => {
                let earlier = if let Wait::Until(earlier) = whole { earlier } else { None };
                whole = Wait::Until(earlier.into_iter().chain(at).min());
            }
            Wait::Never(why) => {
                let why = format!("TaskDependencyError: container '{}' cannot start: {why}", definition.name);
                return Wait::Never(why);
            }
        }
    }
    whole
}

fn wait_for(task: &Task, blueprint: &Blueprint, dependency: &Dependency, now: Tick) -> Wait {
    let (name, condition) = (&dependency.container, dependency.condition.as_str());
    let (Some(container), Some(definition)) = (task.container(name), blueprint.container(name)) else {
        return Wait::Never(format!("there is no container '{name}', which it depends on"));
    };
    let ended = container.last_status == ContainerStatus::Stopped;
    let unhealthy = container.health == HealthStatus::Unhealthy;
    let satisfied = match dependency.condition {
        Condition::Start => container.started_at.is_some(),
        Condition::Complete => ended,
        Condition::Success => ended && container.exit_code == Some(0),
        Condition::Healthy => !ended && container.health == HealthStatus::Healthy,
    };
    if satisfied {
        return Wait::Over;
    }
    if ended {
        let end = match container.exit_code {
            Some(code) => format!("exit code {code}"),
            None => "an exit code nobody knows".to_owned(),
        };
        return Wait::Never(format!("container '{name}' ended with {end} and had to be {condition}"));
    }
    if unhealthy && dependency.condition == Condition::Healthy {
        return Wait::Never(format!("container '{name}' is UNHEALTHY and had to be {condition}"));
    }
    let limit = definition.start_timeout.filter(|_| dependency.condition != Condition::Start);
    let given_up = limit.zip(container.started_at).map(|(limit, started)| (limit, started + limit));
    match given_up {
        Some((limit, at)) if at <= now => Wait::Never(format!(
            "container '{name}' was not {condition} within its startTimeout of {} seconds",
            limit.as_secs()
        )),
        Some((_, at)) => Wait::Until(Some(at)),
        None => Wait::Until(None),
    }
}
