//! Services and tasks as JSON: what should run, what does, how it fares, and what a service waits for (docs/api.md,
//! "Services").

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::model::ecs::service::ServiceKey;
use crate::model::ecs::state;
use crate::model::ecs::task::DesiredStatus;
use crate::output::guard::Refusal;
use crate::output::json::{refused, time};
use crate::output::routes::{App, Named};

pub mod obstacle;
#[cfg(test)]
pub(crate) mod sample;
mod service;
mod task;
#[cfg(test)]
mod tests;
mod watch;

pub use crate::output::services::service::{Counts, InFull, Service, Services, in_full, service};
pub use crate::output::services::task::{Task, Tasks, task};

/// The cluster meant where none is named.
const CLUSTER: &str = "default";

/// Names listed when the one asked for does not exist.
const NAMED: usize = 20;

type Shared = State<Arc<App>>;
type Pairs = Query<Vec<(String, String)>>;

/// The routes of services and tasks.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/services", get(services))
        .route("/api/v1/services/{name}", get(one_service))
        .route("/api/v1/tasks", get(tasks))
        .route("/api/v1/tasks/{id}", get(one_task))
}

async fn services(State(app): Shared, Query(query): Pairs) -> Response {
    let cluster = match read(query, ["cluster"]) {
        Ok([cluster]) => cluster,
        Err(refusal) => return refused(refusal),
    };
    let (state, now) = (app.view.ecs(), app.view.clock.now());
    let asked = |key: &ServiceKey| cluster.as_deref().is_none_or(|cluster| *key.cluster == *cluster);
    let found = state.services.iter().filter(|(key, _)| asked(key));
    let shown = found.map(|(_, one)| service(&state, app.writer.account(), one, now)).collect();
    Json(Services { time: time(now), services: shown }).into_response()
}

async fn one_service(State(app): Shared, Named(name): Named<String>, Query(query): Pairs) -> Response {
    let (cluster, follow) = match read(query, ["cluster", "watch"]) {
        Ok([cluster, follow]) => (cluster, follow),
        Err(refusal) => return refused(refusal),
    };
    let follow = match follow.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            return refused(bad(format!("Parameter `watch` is `{other}`; allowed are `true` and `false`.")));
        }
    };
    let cluster = cluster.as_deref().unwrap_or(CLUSTER).into();
    let key = ServiceKey { cluster, name: name.into() };
    let (state, now) = (app.view.ecs(), app.view.clock.now());
    match state.services.get(&key) {
        None => refused(no_service(&state, &key)),
        Some(_) if follow => watch::follow(Arc::clone(&app.view), app.writer.account().clone(), key),
        Some(one) => Json(in_full(&state, app.writer.account(), one, now)).into_response(),
    }
}

async fn tasks(State(app): Shared, Query(query): Pairs) -> Response {
    let [cluster, service, desired] = match read(query, ["cluster", "service", "desired_status"]) {
        Ok(asked) => asked,
        Err(refusal) => return refused(refusal),
    };
    let desired = match desired.as_deref() {
        None => None,
        Some("RUNNING") => Some(DesiredStatus::Running),
        Some("STOPPED") => Some(DesiredStatus::Stopped),
        Some(other) => {
            let message =
                format!("Parameter `desired_status` is `{other}`; allowed are `RUNNING` and `STOPPED`.");
            return refused(bad(message));
        }
    };
    let state = app.view.ecs();
    let found = state.tasks.values().filter(|task| {
        let member = task.service.as_ref().map(|member| &*member.service);
        cluster.as_deref().is_none_or(|cluster| *task.cluster == *cluster)
            && service.as_deref().is_none_or(|service| member == Some(service))
            && desired.is_none_or(|desired| task.desired_status == desired)
    });
    let shown = found.map(|one| task(&state, app.writer.account(), one)).collect();
    Json(Tasks { time: time(app.view.clock.now()), tasks: shown }).into_response()
}

async fn one_task(State(app): Shared, Named(id): Named<String>) -> Response {
    let state = app.view.ecs();
    match state.tasks.get(id.as_str()) {
        Some(one) => Json(task::in_full(&state, app.writer.account(), one)).into_response(),
        None => {
            let message = format!("There is no task `{id}`; `/api/v1/tasks` lists what there is.");
            refused((StatusCode::NOT_FOUND, "task_not_found", message))
        }
    }
}

/// The values of the parameters allowed, in their order; of one given twice the last.
fn read<const N: usize>(
    query: Vec<(String, String)>,
    allowed: [&str; N],
) -> Result<[Option<String>; N], Refusal> {
    let mut values = [const { None }; N];
    for (key, value) in query {
        match allowed.iter().position(|name| *name == key).and_then(|place| values.get_mut(place)) {
            Some(place) => *place = Some(value),
            None => {
                let names = allowed.map(|name| format!("`{name}`")).join(" and ");
                return Err(bad(format!("Parameter `{key}` is unknown; allowed: {names}.")));
            }
        }
    }
    Ok(values)
}

fn bad(message: String) -> Refusal {
    (StatusCode::BAD_REQUEST, "bad_request", message)
}

/// What is said of a service that does not exist; names those of its cluster that do, or the clusters that have one of
/// its name.
fn no_service(state: &state::State, key: &ServiceKey) -> Refusal {
    let elsewhere: Vec<&str> =
        state.services.keys().filter(|other| other.name == key.name).map(|other| &*other.cluster).collect();
    let all = || state.services.keys().filter(|other| other.cluster == key.cluster);
    let known: Vec<&str> = all().map(|other| &*other.name).collect();
    let list = |names: &[&str]| {
        let more = if names.len() > NAMED { ", …" } else { "" };
        format!("{}{more}", names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", "))
    };
    let there = match (&elsewhere[..], &known[..]) {
        ([], []) if state.services.is_empty() => "there are none at all".to_owned(),
        ([], []) => "there are none in it".to_owned(),
        ([], known) => format!("there are: {}", list(known)),
        (clusters, _) => format!("one of that name is in cluster: {}", list(clusters)),
    };
    let message = format!("There is no service `{}` in cluster `{}`; {there}.", key.name, key.cluster);
    (StatusCode::NOT_FOUND, "service_not_found", message)
}
