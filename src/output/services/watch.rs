//! `GET /api/v1/services/{name}?watch=true`: a service with its tasks, again whenever anything of it changes.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use serde::Serialize;

use crate::model::arn::Account;
use crate::model::ecs::service::{Service, ServiceKey};
use crate::model::ecs::state::State;
use crate::model::ecs::task::{Connectivity, Task};
use crate::output::services::in_full;
use crate::output::sse::{Writer, event, stream};
use crate::runtime::view::View;

/// Publishes that come closer together are told as one.
const AT_MOST_EVERY: Duration = Duration::from_millis(50);

/// Sent once the service is not even remembered any more.
#[derive(Debug, Serialize)]
struct Gone<'a> {
    service: &'a str,
    cluster: &'a str,
}

/// What a client has been told.
struct Told {
    service: Arc<Service>,
    tasks: Vec<Arc<Task>>,
    connectivity: Connectivity,
}

impl Told {
    fn of(state: &State, service: &Arc<Service>) -> Self {
        let tasks = state.tasks_of(&service.spec.key).map(Arc::clone).collect();
        Self { service: Arc::clone(service), tasks, connectivity: state.connectivity }
    }

    /// Whether `other` is of the same things: what has not changed is shared.
    fn is(&self, other: &Self) -> bool {
        let same = |(a, b): (&Arc<Task>, &Arc<Task>)| Arc::ptr_eq(a, b);
        Arc::ptr_eq(&self.service, &other.service)
            && self.connectivity == other.connectivity
            && self.tasks.len() == other.tasks.len()
            && self.tasks.iter().zip(&other.tasks).all(same)
    }
}

/// Follows a service that exists.
pub(super) fn follow(view: Arc<View>, account: Account, key: ServiceKey) -> Response {
    let (writer, response) = stream();
    tokio::spawn(async move {
        // Ends with the client, whose going away is no error.
        _ = feed(&view, &writer, &account, &key).await;
    });
    response
}

async fn feed(view: &View, writer: &Writer, account: &Account, key: &ServiceKey) -> Result<(), ()> {
    let mut changes = view.changes();
    let mut told: Option<Told> = None;
    let mut quiet = view.clock.now();
    loop {
        changes.borrow_and_update();
        let (state, now) = (view.ecs(), view.clock.now());
        let Some(service) = state.services.get(key) else {
            let gone = Gone { service: &key.name, cluster: &key.cluster };
            return writer.write(event("service_gone", None, &gone)).await;
        };
        let new = Told::of(&state, service);
        if !told.as_ref().is_some_and(|told| told.is(&new)) {
            quiet = now;
            writer.write(event("service", None, &in_full(&state, account, service, now))).await?;
        }
        told = Some(new);
        view.clock.sleep(AT_MOST_EVERY).await;
        if !writer.rest(view, &mut changes, &mut quiet).await? {
            return Ok(());
        }
    }
}
