//! What happens to containers, as the engine tells it.

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;

use crate::docker::wire::or_default;
use crate::docker::{ANSWER, Engine, EngineError, Wait, encode};

/// Bytes of one event. Labels are part of it, and may be long.
const LINE_LIMIT: usize = 1_024 * 1_024;

/// Something that has happened to a container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// The container's id.
    pub id: Box<str>,
    /// Such as `start`, `die` or `health_status: healthy`.
    pub action: Box<str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    #[serde(default, deserialize_with = "or_default")]
    action: Box<str>,
    #[serde(default, deserialize_with = "or_default")]
    actor: Actor,
}

#[derive(Debug, Default, Deserialize)]
struct Actor {
    #[serde(rename = "ID", default, deserialize_with = "or_default")]
    id: Box<str>,
}

/// What happens from now on.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    line: BytesMut,
}

impl Events {
    /// What happens next; `None` once the engine has ended the stream. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`EngineError::Unreachable`] where the connection breaks, [`EngineError::Garbled`] for an event of more than a
    /// mebibyte.
    pub async fn next(&mut self) -> Result<Option<Event>, EngineError> {
        loop {
            if let Some(end) = self.line.iter().position(|&byte| byte == b'\n') {
                let line = self.line.split_to(end + 1);
                // What cannot be read is of another kind than we asked for.
                if let Ok(told) = serde_json::from_slice::<Told>(&line) {
                    return Ok(Some(Event { id: told.actor.id, action: told.action }));
                }
                continue;
            }
            if self.line.len() > LINE_LIMIT {
                return Err(EngineError::Garbled(format!("an event has more than {LINE_LIMIT} bytes")));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let broke =
                |error| EngineError::Unreachable(format!("the connection to the engine broke: {error}"));
            if let Ok(data) = frame.map_err(broke)?.into_data() {
                self.line.extend_from_slice(&data);
            }
        }
    }
}

impl<W: Wait> Engine<W> {
    /// What happens to containers with all of these labels from now on. The stream may be silent for ever, even once the
    /// engine hangs; who listens looks from time to time as well.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn events(&self, labels: &[String]) -> Result<Events, EngineError> {
        let filters = json!({ "type": ["container"], "label": labels }).to_string();
        let path = format!("/events?filters={}", encode(&filters));
        let answer = self.within(ANSWER, self.accepted(Method::GET, &path, None)).await?;
        Ok(Events { body: answer.into_body(), line: BytesMut::new() })
    }
}
