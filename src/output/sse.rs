//! Server-sent events as bytes: `event`, `id` and `data` lines, a comment to keep a quiet stream alive.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use crate::model::tick::Tick;
use crate::runtime::view::View;

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

    /// Waits until something has changed, and keeps the stream alive while nothing does. `quiet` is when the client was told
    /// something last. Says whether the stream goes on; it does not once the process is about to stop, or the client is gone.
    ///
    /// # Errors
    /// If the client is gone, or nothing can change any more.
    pub async fn rest(
        &self,
        view: &View,
        changes: &mut watch::Receiver<u64>,
        quiet: &mut Tick,
    ) -> Result<bool, ()> {
        tokio::select! {
            changed = changes.changed() => changed.map_err(|_| ())?,
            () = view.stopped() => return Ok(false),
            () = self.closed() => return Ok(false),
            () = view.clock.sleep_until(*quiet + KEEP_ALIVE) => {
                *quiet = view.clock.now();
                self.write(KEEP_ALIVE_COMMENT).await?;
            }
        }
        Ok(true)
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
