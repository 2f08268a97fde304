//! Containers: made, started, looked at, ended and removed.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use crate::docker::wire::{Made, Waited};
use crate::docker::{ANSWER, Engine, EngineError, Inspected, Listed, WORK, Wait, encode, found};

impl<W: Wait> Engine<W> {
    /// Makes a container, called `name` if there is one, out of what the API calls its configuration. Gives its id.
    ///
    /// # Errors
    /// [`EngineError`]; 404 where the image is not there, 409 where the name is taken.
    pub async fn create(&self, name: Option<&str>, configuration: &Value) -> Result<Box<str>, EngineError> {
        let name = name.map_or_else(String::new, |name| format!("?name={}", encode(name)));
        let path = format!("/containers/create{name}");
        let made: Made = self.ask(WORK, Method::POST, &path, Some(configuration)).await?;
        Ok(made.id)
    }

    /// Starts a container. One that runs is no error.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn start(&self, id: &str) -> Result<(), EngineError> {
        let path = format!("/containers/{}/start", encode(id));
        self.call(WORK, Method::POST, &path, None).await?;
        Ok(())
    }

    /// Sends a container a signal, by its name or number. False where it does not run, or is not there.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn kill(&self, id: &str, signal: &str) -> Result<bool, EngineError> {
        let path = format!("/containers/{}/kill?signal={}", encode(id), encode(signal));
        match self.call(ANSWER, Method::POST, &path, None).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Asks a container to stop, and kills it where it has not after `patience`, which the engine counts in whole seconds.
    /// False where it is not there.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn stop(&self, id: &str, patience: Duration) -> Result<bool, EngineError> {
        let seconds = patience.as_secs().saturating_add(u64::from(patience.subsec_nanos() > 0));
        let path = format!("/containers/{}/stop?t={seconds}", encode(id));
        let limit = WORK.saturating_add(Duration::from_secs(seconds));
        Ok(found(self.call(limit, Method::POST, &path, None).await)?.is_some())
    }

    /// A container; `None` where it is not there.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn inspect(&self, id: &str) -> Result<Option<Inspected>, EngineError> {
        found(self.ask(ANSWER, Method::GET, &format!("/containers/{}/json", encode(id)), None).await)
    }

    /// Every container that has all of these labels, `name` or `name=value` each, in the order of their ids; those that
    /// have ended too.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn list(&self, labels: &[String]) -> Result<Vec<Listed>, EngineError> {
        let filters = encode(&json!({ "label": labels }).to_string());
        let path = format!("/containers/json?all=1&filters={filters}");
        let mut listed: Vec<Listed> = self.ask(ANSWER, Method::GET, &path, None).await?;
        listed.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(listed)
    }

    /// Waits until a container does not run, for `patience` at most. `None` where it still does. What is not there does
    /// not run, and has no exit code.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn wait(&self, id: &str, patience: Duration) -> Result<Option<Option<i64>>, EngineError> {
        let path = format!("/containers/{}/wait?condition=not-running", encode(id));
        let waited = tokio::select! {
            biased;
            waited = self.ask::<Waited>(Duration::MAX, Method::POST, &path, None) => found(waited)?,
            () = self.inner.wait.wait(patience) => return Ok(None),
        };
        Ok(Some(waited.map(|waited| waited.status_code)))
    }

    /// Gives a container another name.
    ///
    /// # Errors
    /// [`EngineError`]; 409 where the name is taken.
    pub async fn rename(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let path = format!("/containers/{}/rename?name={}", encode(id), encode(name));
        self.call(ANSWER, Method::POST, &path, None).await?;
        Ok(())
    }

    /// Removes a container and its nameless volumes, and kills it first where it runs. False where it is not there.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn remove(&self, id: &str) -> Result<bool, EngineError> {
        let path = format!("/containers/{}?force=true&v=true", encode(id));
        match self.call(WORK, Method::DELETE, &path, None).await {
            // The engine's word for one that it is already removing.
            Err(error) if error.is_conflict() => Ok(true),
            answer => Ok(found(answer)?.is_some()),
        }
    }

    /// Removes a volume. False where it is not there, or still used.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn remove_volume(&self, name: &str) -> Result<bool, EngineError> {
        match self.call(WORK, Method::DELETE, &format!("/volumes/{}", encode(name)), None).await {
            Err(error) if error.is_conflict() => Ok(false),
            answer => Ok(found(answer)?.is_some()),
        }
    }
}
