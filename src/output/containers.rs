//! Watched containers as JSON: how they fare and what is done about them (docs/api.md, "Watched containers").

use serde::Serialize;

use crate::model::ecs::watched::{Watched, WatchedContainer};
use crate::model::target::TargetDescription;
use crate::output::container_check::{Check, check, said};
use crate::output::json::time;
use crate::runtime::view::View;

/// Every watch, and every container of each.
#[derive(Debug, Serialize)]
pub struct Containers {
    time: String,
    watches: Vec<Watch>,
    containers: Vec<Container>,
}

#[derive(Debug, Serialize)]
struct Watch {
    name: String,
    target_group: Option<String>,
    connectivity: &'static str,
    /// Why the engine cannot be reached.
    trouble: Option<String>,
    restarts: u64,
}

#[derive(Debug, Serialize)]
struct Container {
    watch: String,
    name: String,
    id: String,
    status: String,
    health: &'static str,
    health_since: String,
    last_check: Option<Check>,
    target: Option<String>,
    registered: bool,
    doing: &'static str,
    restarts: u32,
    not_before: Option<String>,
    gave_up: bool,
    trouble: Option<String>,
}

/// All that is watched, by the names of watches and containers.
#[must_use]
pub fn all(view: &View) -> Containers {
    let watched = view.watched();
    let containers = watched
        .values()
        .flat_map(|watch| watch.containers.iter().map(|(name, one)| container(&watch.name, name, one)));
    Containers {
        time: time(view.clock.now()),
        watches: watched.values().map(|watched| watch(watched)).collect(),
        containers: containers.collect(),
    }
}

fn watch(watched: &Watched) -> Watch {
    Watch {
        name: watched.name.to_string(),
        target_group: watched.target_group.as_ref().map(ToString::to_string),
        connectivity: watched.connectivity.as_str(),
        trouble: said(&watched.trouble),
        restarts: watched.restarts,
    }
}

fn container(watch: &str, name: &str, one: &WatchedContainer) -> Container {
    Container {
        watch: watch.to_owned(),
        name: name.to_owned(),
        id: one.id.to_string(),
        status: one.status.to_string(),
        health: one.health.as_str(),
        health_since: time(one.health_since),
        last_check: one.result.as_ref().map(check),
        target: one.target.as_ref().map(|(id, port)| TargetDescription::new(id, *port).to_string()),
        registered: one.registered,
        doing: one.step.as_str(),
        restarts: one.restarts,
        not_before: one.not_before.map(time),
        gave_up: one.gave_up,
        trouble: said(&one.trouble),
    }
}
