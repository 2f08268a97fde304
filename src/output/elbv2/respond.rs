//! Answers as HTTP responses: their headers, their ids, and long ones in pieces.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

use crate::output::elbv2::health::Pieces;
use crate::output::elbv2::xml;
use crate::output::request_id::REQUEST_ID;

/// What an action has to tell.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The elements of its result.
    Whole(String),
    /// The elements of its result, written while they are sent.
    Pieces(Box<Pieces>),
}

/// Answers a call of `action`.
pub(super) fn with(action: &str, outcome: Outcome, id: &str) -> Response {
    let body = match outcome {
        Outcome::Whole(inside) => xml::answer(action, id, &inside).into(),
        Outcome::Pieces(pieces) => {
            let whole = [xml::head(action)].into_iter().chain(*pieces).chain([xml::tail(action, id)]);
            Body::from_stream(stream::iter(whole.map(Ok::<_, Infallible>)))
        }
    };
    plain(StatusCode::OK, body, id)
}

/// A response with this body and id.
pub(super) fn plain(status: StatusCode, body: Body, id: &str) -> Response {
    // An id is hexadecimal digits and hyphens.
    let id = HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("-"));
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("text/xml")), (REQUEST_ID, id)];
    (status, headers, body).into_response()
}
