//! Images: looked up and pulled.

use std::time::Duration;

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::Method;
use serde::Deserialize;

use crate::docker::wire::or_default;
use crate::docker::{ANSWER, Engine, EngineError, Image, MESSAGE_LIMIT, Wait, bounded, encode, found};
use crate::model::percent;

/// How long an engine may be silent while it pulls; it tells of its progress several times a second.
const SILENCE: Duration = Duration::from_secs(120);

/// Bytes of one line of what is told of a pull.
const LINE_LIMIT: usize = 64 * 1_024;

/// A line of what is told of a pull.
#[derive(Debug, Deserialize)]
struct Progress {
    #[serde(default, deserialize_with = "or_default")]
    error: String,
}

impl<W: Wait> Engine<W> {
    /// An image; `None` where the engine does not have it.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn image(&self, name: &str) -> Result<Option<Image>, EngineError> {
        // The slashes of a name are slashes of the path.
        let path = percent::encode(name.as_bytes(), b"/");
        found(self.ask(ANSWER, Method::GET, &format!("/images/{path}/json"), None).await)
    }

    /// Has the engine pull an image; done when it has it. A pull may take for ever as long as it goes on.
    ///
    /// # Errors
    /// [`EngineError`]; a pull that fails on its way is refused with status 500.
    pub async fn pull(&self, name: &str) -> Result<(), EngineError> {
        let (repository, tag) = reference(name);
        let path = format!("/images/create?fromImage={}&tag={}", encode(repository), encode(tag));
        let answer = self.within(SILENCE, self.accepted(Method::POST, &path, None)).await?;
        let mut body = answer.into_body();
        let mut line = BytesMut::new();
        loop {
            let next = async { Ok(body.frame().await) };
            let Some(frame) = self.within(SILENCE, next).await? else { return failure(&line) };
            let frame = frame.map_err(|error| self.unreachable(error))?;
            let Ok(data) = frame.into_data() else { continue };
            for piece in data.split_inclusive(|&byte| byte == b'\n') {
                if line.len().saturating_add(piece.len()) <= LINE_LIMIT {
                    line.extend_from_slice(piece);
                }
                if piece.ends_with(b"\n") {
                    failure(&line)?;
                    line.clear();
                }
            }
        }
    }
}

/// Whether a line of what is told of a pull is of its failure.
fn failure(line: &[u8]) -> Result<(), EngineError> {
    match serde_json::from_slice::<Progress>(line) {
        Ok(progress) if !progress.error.is_empty() => {
            Err(EngineError::Refused { status: 500, message: bounded(progress.error.trim(), MESSAGE_LIMIT) })
        }
        // Progress, or a line too long to be of any use.
        _ => Ok(()),
    }
}

/// A repository, and a tag or digest of it: without either the engine would pull every tag there is.
fn reference(name: &str) -> (&str, &str) {
    if let Some((repository, digest)) = name.split_once('@') {
        return (repository, digest);
    }
    match name.rsplit_once(':') {
        // A colon before a slash belongs to the port of a registry.
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tag_is_pulled() {
        for (name, expected) in [
            ("nginx", ("nginx", "latest")),
            ("nginx:1.27", ("nginx", "1.27")),
            ("localhost:5000/team/web", ("localhost:5000/team/web", "latest")),
            ("localhost:5000/team/web:2", ("localhost:5000/team/web", "2")),
            ("web@sha256:00", ("web", "sha256:00")),
        ] {
            assert_eq!(reference(name), expected, "{name}");
        }
    }

    #[test]
    fn a_pull_that_fails_on_its_way_is_told_by_a_line() {
        assert_eq!(failure(br#"{"status":"Pulling fs layer","id":"a"}"#), Ok(()));
        assert_eq!(failure(b""), Ok(()));
        let failed = failure(br#"{"errorDetail":{"message":"no space left"},"error":"no space left"}"#);
        assert_eq!(failed, Err(EngineError::Refused { status: 500, message: "no space left".to_owned() }));
    }
}
