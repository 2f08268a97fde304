//! `GET /api/v1/target-groups/{name}/transitions`: what happened to a group's targets, the latest first.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::model::past::{Ask, History, Past};
use crate::model::target::{self, TargetDescription};
use crate::model::target_id;
use crate::output::guard::Refusal;
use crate::output::json::{self, time};
use crate::runtime::view::View;

/// Transitions told where nobody says how many.
const USUAL: usize = 100;

/// Transitions told at most at a time; `next` leads on.
const MOST: usize = 1_000;

#[derive(Debug, Serialize)]
struct Transitions {
    transitions: Vec<Transition>,
    /// What `before` must be to go on; `null` at the end.
    next: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Transition {
    number: u64,
    time: String,
    target: String,
    id: String,
    port: u16,
    from: &'static str,
    to: &'static str,
    reason: Option<&'static str>,
    description: Option<String>,
    failure: Option<&'static str>,
}

/// Reads what is asked for of a group.
///
/// # Errors
/// Which parameter is wrong.
pub fn read(view: &View, group: &str, query: &[(String, String)]) -> Result<Ask, Refusal> {
    let mut ask = Ask { group: group.into(), target: None, before: None, limit: USUAL };
    let bad = |message: String| (StatusCode::BAD_REQUEST, "bad_request", message);
    for (key, value) in query {
        match key.as_str() {
            "target" => {
                let read = match view.snapshot().groups.get(group) {
                    Some(listing) => {
                        target::parse_for(&listing.group, value).map(|named| (named.id, named.port))
                    }
                    // A group that is gone still has a history, and had ids of some type.
                    None => target_id::guess(value).map(|(id, port)| (id, port.unwrap_or_default())),
                };
                let read = read.map_err(|error| bad(format!("Parameter `target` is `{value}`: {error}.")));
                ask.target = Some(read?);
            }
            "before" => {
                let number = value.parse().map_err(|_| {
                    bad(format!("Parameter `before` is `{value}`; allowed: the `next` of an earlier answer."))
                })?;
                ask.before = Some(number);
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                ask.limit = limit.ok_or_else(|| {
                    bad(format!("Parameter `limit` is `{value}`; allowed: a whole number from 1 to {MOST}."))
                })?;
            }
            _ => {
                return Err(bad(format!(
                    "Parameter `{key}` is unknown; allowed are `target`, `before` and `limit`."
                )));
            }
        }
    }
    Ok(ask)
}

/// Answers with the transitions asked for. A group that is gone still has its history while that is kept.
pub async fn respond(view: Arc<View>, history: Option<Arc<dyn History>>, ask: Ask) -> Response {
    // What is kept on a disk may take its time.
    let work = tokio::task::spawn_blocking(move || {
        let found = match &history {
            Some(history) => history.transitions(&ask)?,
            None => view.journal.history(&ask),
        };
        let known = !found.is_empty() || view.snapshot().groups.contains_key(&*ask.group);
        let error = (!known).then(|| json::ErrorBody::no_group(&view.snapshot(), &ask.group));
        Ok::<_, String>((found, ask.limit, error))
    });
    match work.await {
        Ok(Ok((_, _, Some(error)))) => (StatusCode::NOT_FOUND, Json(error)).into_response(),
        Ok(Ok((found, limit, None))) => Json(list(&found, limit)).into_response(),
        Ok(Err(why)) => json::refused((
            StatusCode::SERVICE_UNAVAILABLE,
            "history_unreadable",
            format!("The history cannot be read: {why}."),
        )),
        Err(_) => json::refused((
            StatusCode::INTERNAL_SERVER_ERROR,
            "history_failed",
            "The history could not be read.".to_owned(),
        )),
    }
}

fn list(found: &[Past], limit: usize) -> Transitions {
    let next = if found.len() < limit { None } else { found.last().map(|past| past.number) };
    Transitions { transitions: found.iter().map(told).collect(), next }
}

fn told(past: &Past) -> Transition {
    Transition {
        number: past.number,
        time: time(past.at),
        target: TargetDescription::new(&past.id, past.port).to_string(),
        id: past.id.to_string(),
        port: past.port,
        from: past.from.as_str(),
        to: past.to.state.as_str(),
        reason: past.to.reason.map(|reason| reason.as_str()),
        description: past.to.description(),
        failure: past.to.failure.map(|failure| failure.naming().label),
    }
}
