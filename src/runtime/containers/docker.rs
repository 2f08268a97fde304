//! Containers of a Docker engine, or of what speaks its API.
//!
//! Every container of ours has labels that say whose it is and what it is of, by which it is found again after a restart
//! of ours or of the engine's. Nothing else of the engine is touched.

mod check;
mod native;
mod spec;
mod sweep;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tracing::debug;

use crate::docker::{Engine, EngineError, Inspected};
use crate::engine::ecs::action::{Found, Probe, Report, StartContainer, StartError, StartErrorKind};
use crate::model::ecs::health::CheckResult;
use crate::model::ecs::task::Binding;
use crate::model::outcome::Outcome;
use crate::model::tick::Tick;
use crate::runtime::clock::Clock;
use crate::runtime::containers::variables::variables;
use crate::runtime::containers::{End, Runtime, Started, Unreachable};

/// How long an engine is waited for to tell of an end before it is asked whether it is still there.
const ROUND: Duration = Duration::from_secs(30);

/// What AWS says of a container that used too much memory.
const OUT_OF_MEMORY: &str = "OutOfMemoryError: Container killed due to memory usage";

/// A Docker engine as a [`Runtime`]. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Docker {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    engine: Engine<Clock>,
    clock: Clock,
    owner: Box<str>,
    native: bool,
    /// Commands of checks that could not be killed, by container: no other is started beside one.
    stuck: Mutex<BTreeMap<Box<str>, Box<str>>>,
    /// When the engine's own check that was told of last had ended, by container.
    told: Mutex<BTreeMap<Box<str>, Box<str>>>,
    /// Whether checks that were under way when we were last ended have been ended, too.
    swept: AtomicBool,
}

/// What a call that was made on behalf of a container came to.
type Answer<T> = Result<T, Unreachable>;

impl Docker {
    /// The engine behind `socket`. `owner` tells our containers from those of another instance of this program;
    /// `native` is whether the engine's own checks are trusted instead of ours run inside the container. Nothing is sent
    /// before the first call.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>, owner: &str, native: bool, clock: Clock) -> Self {
        let engine = Engine::new(socket, clock);
        let (stuck, told) = (Mutex::default(), Mutex::default());
        let (owner, swept) = (owner.into(), AtomicBool::new(false));
        Self { inner: Arc::new(Inner { engine, clock, owner, native, stuck, told, swept }) }
    }

    fn engine(&self) -> &Engine<Clock> {
        &self.inner.engine
    }

    /// Has the engine get the image if it does not have it.
    async fn pull(
        &self,
        container: &StartContainer,
        image: &str,
        told: &(impl Fn(Report) + Send + Sync),
    ) -> Answer<Result<(), StartError>> {
        let kind = StartErrorKind::CannotPull;
        match self.engine().image(image).await {
            Ok(Some(_)) => return Ok(Ok(())),
            Ok(None) => {}
            Err(error) => return not_started(kind, error).map(Err),
        }
        told(Report::Pulling(container.key.clone()));
        match self.engine().pull(image).await {
            Ok(()) => {
                told(Report::Pulled(container.key.clone()));
                Ok(Ok(()))
            }
            Err(error) => not_started(kind, error).map(Err),
        }
    }

    /// Makes the container, or finds the one that an attempt whose end nobody saw has made.
    async fn make(&self, container: &StartContainer) -> Answer<Result<Box<str>, StartError>> {
        let definition = Arc::clone(&container.definition);
        let (index, task) = (container.key.index, Arc::clone(&container.task));
        let read = move || {
            let container = definition.blueprint.containers.get(index);
            let overrides = |name| task.overrides.get::<str>(name);
            container.map(|container| variables(container, overrides(&container.name))).transpose()
        };
        let read = tokio::task::spawn_blocking(read).await;
        let environment = match read {
            Ok(Ok(environment)) => environment.unwrap_or_default(),
            Ok(Err(message)) => {
                let kind = StartErrorKind::ResourceInitialization;
                return Ok(Err(StartError { kind, message: message.into() }));
            }
            Err(error) => return Err(Unreachable(error.to_string())),
        };
        let kind = StartErrorKind::CannotCreate;
        let Some(configuration) =
            spec::configuration(container, &self.inner.owner, &environment, self.inner.native)
        else {
            let message = "The definition has no such container".into();
            return Ok(Err(StartError { kind, message }));
        };
        let name = spec::name(container);
        match self.engine().create(Some(&name), &configuration).await {
            Err(error) if error.is_conflict() => {}
            Ok(id) => return Ok(Ok(id)),
            Err(error) => return not_started(kind, error).map(Err),
        }
        let taken = self.engine().inspect(&name).await.map_err(unreachable)?;
        let ours = taken.filter(|taken| {
            spec::key(&taken.config.labels, &self.inner.owner).as_ref() == Some(&container.key)
        });
        if let Some(taken) = ours {
            if taken.state.running {
                return Ok(Ok(taken.id));
            }
            self.engine().remove(&taken.id).await.map_err(unreachable)?;
        }
        match self.engine().create(Some(&name), &configuration).await {
            Ok(id) => Ok(Ok(id)),
            Err(error) => not_started(kind, error).map(Err),
        }
    }

    /// Removes the earlier runs of a container that is started again where it was.
    async fn remove_earlier(&self, container: &StartContainer) -> Answer<()> {
        if container.key.run == 0 {
            return Ok(());
        }
        let labels = spec::labels_of(&self.inner.owner, &container.key.task, container.key.index);
        for listed in self.engine().list(&labels).await.map_err(unreachable)? {
            let key = spec::key(&listed.labels, &self.inner.owner);
            if key.is_some_and(|key| key.run < container.key.run) {
                self.engine().remove(&listed.id).await.map_err(unreachable)?;
            }
        }
        Ok(())
    }

    /// The container as the rules are told of it.
    fn found(&self, inspected: &Inspected) -> Option<Found> {
        let key = spec::key(&inspected.config.labels, &self.inner.owner)?;
        let (address, bindings) = spec::reached(inspected);
        let ended = (!inspected.state.running).then(|| end(inspected));
        let started = inspected.state.started_at.parse::<Timestamp>().ok();
        let started = started.and_then(|at| u64::try_from(at.as_millisecond()).ok()).map(Tick);
        let runtime_id = inspected.id.clone();
        Some(Found { key, runtime_id, started_at: started, ended, address, bindings })
    }

    /// Every container of ours.
    async fn look(&self) -> Answer<Vec<Found>> {
        let mut found = Vec::new();
        for listed in self.engine().list(&[spec::label_of(&self.inner.owner)]).await.map_err(unreachable)? {
            let inspected = self.engine().inspect(&listed.id).await.map_err(unreachable)?;
            found.extend(inspected.and_then(|inspected| self.found(&inspected)));
        }
        Ok(found)
    }

    async fn end_checks(&self, found: &[Found]) {
        for container in found.iter().filter(|container| container.ended.is_none()) {
            self.end_checks_of(&container.runtime_id, &container.key).await;
        }
    }

    /// Ends checks that nobody waits for any more, before whoever has begun them ends. No other is to be begun.
    ///
    /// # Errors
    /// If the engine cannot be reached.
    pub async fn settle(&self) -> Result<(), Unreachable> {
        let found = self.look().await?;
        self.end_checks(&found).await;
        Ok(())
    }

    fn forget(&self, runtime_id: &str) {
        for map in [&self.inner.stuck, &self.inner.told] {
            check::lock(map).remove(runtime_id);
        }
    }
}

impl Runtime for Docker {
    async fn start(
        &self,
        container: &StartContainer,
        told: impl Fn(Report) + Send + Sync,
    ) -> Answer<Result<Started, StartError>> {
        let image = container.definition.blueprint.containers.get(container.key.index);
        let image = image.map(|definition| definition.image.clone()).unwrap_or_default();
        if let Err(error) = self.pull(container, &image, &told).await? {
            return Ok(Err(error));
        }
        self.remove_earlier(container).await?;
        let runtime_id = match self.make(container).await? {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        if let Err(error) = self.engine().start(&runtime_id).await {
            let error = not_started(StartErrorKind::CannotStart, error)?;
            // It never ran, so it has nothing to tell; one that stays is found by the inventory.
            if let Err(error) = self.engine().remove(&runtime_id).await {
                debug!(%error, container = &*runtime_id, "A container that did not start stays.");
            }
            return Ok(Err(error));
        }
        let inspected = self.engine().inspect(&runtime_id).await.map_err(unreachable)?;
        let (address, bindings) =
            inspected.as_ref().map_or((IpAddr::V4(Ipv4Addr::LOCALHOST), Vec::new()), spec::reached);
        Ok(Ok(Started { runtime_id, address, bindings }))
    }

    async fn terminate(&self, runtime_id: &str) -> Answer<()> {
        let Some(inspected) = self.engine().inspect(runtime_id).await.map_err(unreachable)? else {
            return Ok(());
        };
        let signal = match &*inspected.config.stop_signal {
            "" => "SIGTERM",
            signal => signal,
        };
        self.engine().kill(runtime_id, signal).await.map(|_| ()).map_err(unreachable)
    }

    async fn kill(&self, runtime_id: &str) -> Answer<()> {
        self.engine().kill(runtime_id, "SIGKILL").await.map(|_| ()).map_err(unreachable)
    }

    async fn probe(&self, probe: &Probe) -> Answer<(Outcome, CheckResult)> {
        let (mut done, outcome) = oneshot::channel();
        let (docker, probe) = (self.clone(), probe.clone());
        // A task of its own, so that a command is killed though nobody waits for it any more.
        tokio::spawn(async move {
            let gone = async {
                done.closed().await;
            };
            let outcome = if docker.inner.native {
                docker.hear(&probe, gone).await
            } else {
                let whose = check::whose(&probe.key);
                docker.check(&probe.runtime_id, &probe.check, &whose, gone).await
            };
            _ = done.send(outcome);
        });
        outcome.await.unwrap_or_else(|_| Err(Unreachable("this program is about to stop".to_owned())))
    }

    async fn ended(&self, runtime_id: &str) -> Answer<End> {
        loop {
            let ended = self.engine().wait(runtime_id, ROUND).await.map_err(unreachable)?;
            let inspected = self.engine().inspect(runtime_id).await.map_err(unreachable)?;
            let Some(inspected) = inspected else {
                self.forget(runtime_id);
                return Ok((exit_code(ended.flatten()), Some("The container is no longer there".into())));
            };
            if ended.is_some() && !inspected.state.running {
                self.forget(runtime_id);
                return Ok(end(&inspected));
            }
        }
    }

    async fn remove(&self, runtime_id: &str) -> Answer<()> {
        self.forget(runtime_id);
        let Some(inspected) = self.engine().inspect(runtime_id).await.map_err(unreachable)? else {
            return Ok(());
        };
        self.engine().remove(runtime_id).await.map_err(unreachable)?;
        for volume in spec::volumes_of_task(&inspected) {
            // One that another container of the task still has goes with that one.
            self.engine().remove_volume(&volume).await.map_err(unreachable)?;
        }
        Ok(())
    }

    async fn inventory(&self) -> Answer<Vec<Found>> {
        let found = self.look().await?;
        if !self.inner.swept.swap(true, Ordering::AcqRel) {
            self.end_checks(&found).await;
        }
        Ok(found)
    }
}

/// How a container has ended.
fn end(inspected: &Inspected) -> End {
    let state = &inspected.state;
    let reason = if state.oom_killed { OUT_OF_MEMORY } else { &*state.error };
    let reason = Some(reason).filter(|reason| !reason.is_empty()).map(Box::from);
    // One that was never started has an exit code of nothing.
    let ran = &*state.status != "created";
    (ran.then(|| exit_code(Some(state.exit_code))).flatten(), reason)
}

fn exit_code(code: Option<i64>) -> Option<i32> {
    code.and_then(|code| i32::try_from(code).ok())
}

/// A container that has not started is an answer; an engine that is not there is not.
fn not_started(kind: StartErrorKind, error: EngineError) -> Result<StartError, Unreachable> {
    match error {
        EngineError::Unreachable(why) => Err(Unreachable(why)),
        error @ (EngineError::Refused { .. } | EngineError::Garbled(_)) => {
            Ok(StartError { kind, message: error.to_string().into() })
        }
    }
}

/// For calls whose refusal says nothing of a container.
fn unreachable(error: EngineError) -> Unreachable {
    Unreachable(error.to_string())
}

/// A port of a container that needs no mapping.
fn as_is(address: IpAddr, port: u16, udp: bool) -> Binding {
    Binding { address, container_port: port, host_port: port, udp }
}

#[cfg(test)]
mod tests;
