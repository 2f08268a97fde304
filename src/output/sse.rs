//! Server-sent events as bytes: `event`, `id` and `data` lines, a comment to keep a quiet stream alive.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::mpsc;

/// A comment is sent this often, so that a client can tell a quiet stream from a lost one.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The comment.
pub const KEEP_ALIVE_COMMENT: &[u8] = b": keep-alive\n\n";

/// Writes that may wait for a slow client before the stream that feeds them waits too. One of them can be the records
/// of every target of a group, and what a feed that waits has missed it tells as one.
const QUEUE: usize = 1;

/// Renders one event. `data` is JSON and so has no line breaks of its own.
#[must_use]
pub fn event<T: Serialize>(name: &str, id: Option<String>, data: &T) -> String {
    let data = serde_json::to_string(data).unwrap_or_default();
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("event: {name}\n{id}data: {data}\n\n")
}

/// The writing end of a stream; writing fails once the client is gone.
#[derive(Debug)]
pub struct Writer(mpsc::Sender<Bytes>);

impl Writer {
    /// Sends text, waiting for a slow client.
    ///
    /// # Errors
    /// If the client is gone.
    pub async fn write(&self, text: impl Into<Bytes>) -> Result<(), ()> {
        self.0.send(text.into()).await.map_err(|_| ())
    }

    /// Ends when the client is gone.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

/// An open stream, and the end to write to.
#[must_use]
pub fn stream() -> (Writer, Response) {
    let (sender, receiver) = mpsc::channel::<Bytes>(QUEUE);
    let body = stream::unfold(receiver, async |mut receiver| {
        let bytes = receiver.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(bytes), receiver))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (Writer(sender), (headers, Body::from_stream(body)).into_response())
}
