//! A small client of the Docker Engine API over its Unix socket: the calls we need and no others.
//!
//! Every call has a connection of its own, a time limit and a limit to what is read of the answer. Podman's compatible
//! service speaks the same API. Nothing here knows what a task or a target is.

mod containers;
mod events;
mod exec;
mod frames;
mod images;
mod wire;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::model::percent;

pub use events::{Event, Events};
pub use exec::ExecStream;
pub use frames::Output;
pub use wire::{
    ContainerState, Endpoint, ExecState, Health, HealthEntry, Image, ImageConfig, Inspected, InspectedConfig,
    Listed, MountPoint, NetworkSettings, PortBinding,
};

/// The newest version of the API we have read the documentation of. An engine that knows newer ones is asked in this one,
/// an older engine in its own.
const NEWEST: (u16, u16) = (1, 51);

/// How long a connection may take; the socket is on this machine.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an engine may take for what it answers at once as a rule.
const ANSWER: Duration = Duration::from_secs(30);

/// How long it may take to make, start or remove a container, which waits for disks.
const WORK: Duration = Duration::from_secs(120);

/// Bytes read of an answer: an inspected container has few thousand, a list one thousand a container.
const BODY_LIMIT: usize = 16 * 1_024 * 1_024;

/// Bytes kept of what an engine says of an error.
const MESSAGE_LIMIT: usize = 1_024;

/// What waits, for the limits of calls; `runtime/clock.rs` holds the real one.
pub trait Wait: Clone + fmt::Debug + Send + Sync + 'static {
    /// Waits for `duration`.
    fn wait(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// Why a call has come to nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EngineError {
    /// No connection, no answer in time, or the connection broke: nothing is known.
    Unreachable(String),
    /// The engine's own answer.
    Refused {
        /// The status of HTTP.
        status: u16,
        /// Its message, at most 1,024 bytes.
        message: String,
    },
    /// What it sent is not what its API says, or longer than we read.
    Garbled(String),
}

impl EngineError {
    /// Whether the engine says that there is no such thing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether the engine says that things are not as the call needs them, such as a container that does not run.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: 409, .. })
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) | Self::Garbled(why) => f.write_str(why),
            Self::Refused { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for EngineError {}

/// One engine. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Engine<W> {
    inner: Arc<Inner<W>>,
}

#[derive(Debug)]
struct Inner<W> {
    socket: PathBuf,
    wait: W,
    /// The beginning of every path, such as `/v1.41`, once the engine has said what it speaks.
    prefix: Mutex<Option<Arc<str>>>,
}

impl<W: Wait> Engine<W> {
    /// The engine that listens on `socket`. Nothing is sent before the first call.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>, wait: W) -> Self {
        Self { inner: Arc::new(Inner { socket: socket.into(), wait, prefix: Mutex::new(None) }) }
    }

    /// Asks the engine whether it is there, and which version of the API it is to be spoken to in, such as `1.41`; empty
    /// where it does not say.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn ping(&self) -> Result<String, EngineError> {
        let answer = self.within(ANSWER, self.send(Method::GET, "/_ping", None)).await?;
        let said = answer.headers().get("api-version").and_then(|value| value.to_str().ok());
        let version = said.and_then(parse_version).map(|version| version.min(NEWEST));
        self.within(ANSWER, self.whole(answer)).await?;
        let version = version.map_or_else(String::new, |(major, minor)| format!("{major}.{minor}"));
        let prefix = if version.is_empty() { String::new() } else { format!("/v{version}") };
        self.remember(Some(prefix.into()));
        Ok(version)
    }

    fn remember(&self, prefix: Option<Arc<str>>) {
        *self.inner.prefix.lock().unwrap_or_else(PoisonError::into_inner) = prefix;
    }

    /// `path` in the version of the API that the engine speaks.
    async fn versioned(&self, path: &str) -> Result<String, EngineError> {
        let known = self.inner.prefix.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let prefix = match known {
            Some(prefix) => prefix,
            None => {
                let version = self.ping().await?;
                if version.is_empty() { "".into() } else { format!("/v{version}").into() }
            }
        };
        Ok(format!("{prefix}{path}"))
    }

    /// What `work` gives, within `limit`. An engine that cannot be reached may be another one when it is back.
    async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let outcome = tokio::select! {
            biased;
            outcome = work => outcome,
            () = self.inner.wait.wait(limit) => {
                Err(self.unreachable(format_args!("it has not answered for {limit:?}")))
            }
        };
        if matches!(outcome, Err(EngineError::Unreachable(_))) {
            self.remember(None);
        }
        outcome
    }

    fn unreachable(&self, why: impl fmt::Display) -> EngineError {
        EngineError::Unreachable(format!(
            "the engine at {} cannot be reached: {why}",
            self.inner.socket.display()
        ))
    }

    fn garbled(&self, why: impl fmt::Display) -> EngineError {
        EngineError::Garbled(format!(
            "the engine at {} answered what is not of its API: {why}",
            self.inner.socket.display()
        ))
    }

    /// Sends a request and gives the answer once its head is there, whatever its status.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Incoming>, EngineError> {
        let connecting =
            async { UnixStream::connect(&self.inner.socket).await.map_err(|error| self.unreachable(error)) };
        let stream = self.within(CONNECT, connecting).await?;
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(|error| self.unreachable(error))?;
        // Ends with the connection, which ends when sender and body are dropped.
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header(HOST, "docker");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = request.body(Full::new(body)).map_err(|error| self.garbled(error))?;
        sender.send_request(request).await.map_err(|error| self.unreachable(error))
    }

    /// The body of an answer.
    async fn whole(&self, answer: Response<Incoming>) -> Result<Bytes, EngineError> {
        let mut body = answer.into_body();
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.unreachable(error))?;
            if let Ok(data) = frame.into_data() {
                if bytes.len().saturating_add(data.len()) > BODY_LIMIT {
                    return Err(self.garbled(format_args!("it has more than {BODY_LIMIT} bytes")));
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes.freeze())
    }

    /// An answer whose status says that it was done. The body has not been read.
    async fn accepted(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Incoming>, EngineError> {
        let path = self.versioned(path).await?;
        let answer = self.send(method, &path, body).await?;
        let status = answer.status();
        // 304 is the engine's word for what is so already.
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(answer);
        }
        let body = self.whole(answer).await?;
        Err(EngineError::Refused { status: status.as_u16(), message: message(status, &body) })
    }

    /// Has something done and gives the body of the answer.
    async fn call(
        &self,
        limit: Duration,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Bytes, EngineError> {
        let work = async {
            let answer = self.accepted(method, path, body).await?;
            self.whole(answer).await
        };
        self.within(limit, work).await
    }

    /// The same for an answer in JSON.
    async fn ask<T: DeserializeOwned>(
        &self,
        limit: Duration,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, EngineError> {
        let bytes = self.call(limit, method, path, body).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.garbled(error))
    }
}

/// A version as `/_ping` tells it.
fn parse_version(text: &str) -> Option<(u16, u16)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// What an engine says of an error, or its status where it says nothing.
fn message(status: StatusCode, body: &[u8]) -> String {
    let said = serde_json::from_slice::<wire::Refusal>(body).map(|refusal| refusal.message);
    let said = said.ok().filter(|said| !said.trim().is_empty());
    let said = said.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    match said.trim() {
        "" => format!("the engine answered {status}"),
        said => bounded(said, MESSAGE_LIMIT),
    }
}

/// The first `limit` bytes of `text`, with `...` behind them where there was more.
fn bounded(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    format!("{}...", &text[..end])
}

/// A part of a path or of a query, with nothing in it that could end it.
fn encode(text: &str) -> String {
    percent::encode(text.as_bytes(), b"")
}

/// `found`, or `None` where the engine says that there is no such thing.
fn found<T>(answer: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_spoken_to_in_the_older_of_two_versions() {
        for (said, expected) in [
            ("1.41", Some((1, 41))),
            ("1.44", Some((1, 44))),
            ("1.99", Some(NEWEST)),
            ("2.0", Some(NEWEST)),
            ("", None),
            ("1", None),
            ("1.x", None),
        ] {
            assert_eq!(parse_version(said).map(|version| version.min(NEWEST)), expected, "{said}");
        }
    }

    #[test]
    fn an_error_says_what_the_engine_says_and_no_more_than_a_page_of_it() {
        let status = StatusCode::NOT_FOUND;
        assert_eq!(message(status, br#"{"message":"No such image: a"}"#), "No such image: a");
        assert_eq!(message(status, b"page not found\n"), "page not found");
        assert_eq!(message(status, b""), "the engine answered 404 Not Found");
        assert_eq!(message(status, br#"{"message":""}"#), r#"{"message":""}"#);
        let long = message(status, "ä".repeat(2_000).as_bytes());
        assert_eq!((long.len(), &long[long.len() - 5..]), (MESSAGE_LIMIT + 3, "ä..."));
    }
}
