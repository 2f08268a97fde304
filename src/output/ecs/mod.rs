//! The ECS API: AWS's JSON protocol over clusters, task definitions, services and tasks.
//!
//! A reading action is a function of what the view shows and never waits. A writing one gives a decision, which the agent
//! carries out when its turn comes. Who the caller is was settled before.

mod action;
mod clusters;
mod definitions;
mod deployment;
mod echo;
pub mod error;
pub mod input;
mod instances;
mod lookup;
mod paging;
mod services;
mod tags;
mod tasks;
pub(super) mod told;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::model::arn::Account;
use crate::output::body;
use crate::output::ecs::error::ApiError;
use crate::output::request_id::{REQUEST_ID, RequestIds};
use crate::runtime::agent::Agent;
use crate::runtime::view::View;

/// The header that names the action, and by which a call is told from one of the ELBv2 API.
const TARGET: &str = "x-amz-target";

/// What comes before the action in that header.
const PREFIX: &str = "AmazonEC2ContainerServiceV20141113.";

/// What the actions work on.
#[derive(Debug)]
pub struct Api {
    view: Arc<View>,
    account: Account,
    agent: Option<Agent>,
    ids: RequestIds,
}

impl Api {
    /// The API over what `view` shows, changing it through `agent`; without one nothing can be changed.
    #[must_use]
    pub fn new(view: Arc<View>, account: Account, agent: Option<Agent>) -> Self {
        let ids = RequestIds::new(view.clock.now());
        Self { view, account, agent, ids }
    }
}

/// Whether a call is one of this API, or at least one of AWS's JSON protocol.
#[must_use]
pub fn is_call(headers: &HeaderMap) -> bool {
    headers.contains_key(TARGET)
}

/// One request with the whole of its body, as a signature is made over both.
#[derive(Debug)]
pub struct Call {
    /// Method, path and query, headers.
    pub parts: Parts,
    /// The body.
    pub body: Bytes,
}

impl Call {
    /// Takes the whole body in, of as many bytes as the ELBv2 API takes: sixteen times the largest task definition.
    ///
    /// # Errors
    /// If the body is too large, or does not come.
    pub async fn read(request: Request, view: &View) -> Result<Self, ApiError> {
        let (parts, sent) = request.into_parts();
        let body = body::read(view, sent, body::LIMIT, body::TIMEOUT).await.map_err(ApiError::of_body)?;
        Ok(Self { parts, body })
    }
}

/// Carries out one call and answers it. `writes` is whether the caller may change anything.
pub async fn answer(api: &Api, call: &Call, writes: bool) -> Response {
    match action::carry_out(api, call, writes).await {
        Ok(told) => respond(StatusCode::OK, &told, &api.ids.next()),
        Err(error) => refuse(api, &error),
    }
}

/// Answers a call that is refused, for whatever reason.
#[must_use]
pub fn refuse(api: &Api, error: &ApiError) -> Response {
    let id = api.ids.next();
    if error.status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(request_id = %id, error = %error, "A call of the ECS API failed.");
    }
    respond(error.status, &json!({ "__type": error.code, "message": error.message }), &id)
}

fn respond(status: StatusCode, told: &Value, id: &str) -> Response {
    // An id is hexadecimal digits and hyphens.
    let id = HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("-"));
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1")), (REQUEST_ID, id)];
    (status, headers, told.to_string()).into_response()
}
