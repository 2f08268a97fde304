//! Commands in a container.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::Incoming;
use serde_json::json;

use crate::docker::wire::Made;
use crate::docker::{ANSWER, Engine, EngineError, ExecState, Wait, encode};

/// What a command prints, in frames, while it runs.
#[derive(Debug)]
pub struct ExecStream(Incoming);

impl ExecStream {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`EngineError::Unreachable`] where the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Bytes>, EngineError> {
        while let Some(frame) = self.0.frame().await {
            let broke =
                |error| EngineError::Unreachable(format!("the connection to the engine broke: {error}"));
            if let Ok(data) = frame.map_err(broke)?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

impl<W: Wait> Engine<W> {
    /// Prepares a command in a container, run as the container's user, where it works, with its variables and these;
    /// gives what the command is called from now on.
    ///
    /// # Errors
    /// [`EngineError`]; 404 where the container is not there, 409 where it does not run.
    pub async fn exec(
        &self,
        id: &str,
        argv: &[Box<str>],
        variables: &[String],
    ) -> Result<Box<str>, EngineError> {
        let body = json!({ "AttachStdout": true, "AttachStderr": true, "Cmd": argv, "Env": variables });
        let path = format!("/containers/{}/exec", encode(id));
        let made: Made = self.ask(ANSWER, Method::POST, &path, Some(&body)).await?;
        Ok(made.id)
    }

    /// Starts a command that was prepared. The command runs on when the stream is dropped.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn exec_start(&self, exec: &str) -> Result<ExecStream, EngineError> {
        let (body, path) =
            (json!({ "Detach": false, "Tty": false }), format!("/exec/{}/start", encode(exec)));
        let answer = self.within(ANSWER, self.accepted(Method::POST, &path, Some(&body))).await?;
        Ok(ExecStream(answer.into_body()))
    }

    /// How a command fares.
    ///
    /// # Errors
    /// [`EngineError`]; 404 a few minutes after it has ended.
    pub async fn exec_inspect(&self, exec: &str) -> Result<ExecState, EngineError> {
        self.ask(ANSWER, Method::GET, &format!("/exec/{}/json", encode(exec)), None).await
    }
}
