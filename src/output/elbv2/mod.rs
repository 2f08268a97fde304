//! The ELBv2 API: AWS's Query protocol over the view, for target groups and their targets.
//!
//! A reading action is a function of a snapshot and never waits. A writing one gives a decision, a function of the
//! catalog, which the writer carries out when its turn comes. Who the caller is was settled before.

mod absent;
mod action;
mod attributes;
pub mod error;
pub mod form;
mod groups;
mod health;
mod limits;
mod lookup;
mod paging;
mod respond;
pub mod settings;
mod tags;
mod targets;
mod write;
pub mod xml;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use crate::output::body;
use crate::output::elbv2::error::ApiError;
use crate::output::request_id::RequestIds;
use crate::runtime::view::View;
use crate::runtime::writer::Writer;

/// The version of the API, in every call and in the name space of every answer.
pub const VERSION: &str = "2015-12-01";

/// What the actions work on.
#[derive(Debug)]
pub struct Api {
    view: Arc<View>,
    writer: Writer,
    targets_per_target_group: usize,
    ids: RequestIds,
}

impl Api {
    /// The API over what `view` shows, changing it through `writer`.
    #[must_use]
    pub fn new(view: Arc<View>, writer: Writer, targets_per_target_group: u32) -> Self {
        let targets_per_target_group = usize::try_from(targets_per_target_group).unwrap_or(usize::MAX);
        let ids = RequestIds::new(view.clock.now());
        Self { view, writer, targets_per_target_group, ids }
    }
}

/// Who calls, as far as it matters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// The region of the signature's scope; the configured one where there is no signature.
    pub region: Option<String>,
    /// Whether it may change anything.
    pub writes: bool,
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
    /// Takes the whole body in.
    ///
    /// # Errors
    /// If the body is too large, or does not come.
    pub async fn read(request: Request, view: &View) -> Result<Self, ApiError> {
        let (parts, sent) = request.into_parts();
        match body::read(view, sent, body::LIMIT, body::TIMEOUT).await {
            Ok(body) => Ok(Self { parts, body }),
            Err((StatusCode::PAYLOAD_TOO_LARGE, ..)) => Err(ApiError::too_large(body::LIMIT)),
            Err(_) => Err(ApiError::incomplete()),
        }
    }
}

/// Carries out one call and answers it.
pub async fn answer(api: &Api, call: &Call, caller: &Caller) -> Response {
    match action::carry_out(api, call, caller).await {
        Ok((action, result)) => respond::with(action, result, &api.ids.next()),
        Err(error) => refuse(api, &error),
    }
}

/// Answers a call that is refused, for whatever reason.
#[must_use]
pub fn refuse(api: &Api, error: &ApiError) -> Response {
    let id = api.ids.next();
    if error.status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(request_id = %id, error = %error, "A call of the ELBv2 API failed.");
    }
    respond::plain(error.status, xml::refusal(error, &id).into(), &id)
}
