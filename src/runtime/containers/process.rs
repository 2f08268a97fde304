//! Containers as plain processes of this host (docs/ecs.md, "Plain processes").
//!
//! A container is a process group. It outlives us: what it prints goes to a file, a record says which process it is, and
//! every process of it carries its mark in its environment, by which even those are found that have left the group.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use rustix::process::{Pid, Signal};

use crate::engine::ecs::action::{
    ContainerKey, Found, Probe, Report, StartContainer, StartError, StartErrorKind,
};
use crate::model::ecs::check::ContainerCheck;
use crate::model::ecs::definition::{Blueprint, ContainerDefinition, TaskDefinition};
use crate::model::ecs::health::CheckResult;
use crate::model::ecs::task::{Binding, Task};
use crate::model::outcome::{Cause, Outcome};
use crate::probe::command::{Leader, Program, run};
use crate::runtime::clock::Clock;
use crate::runtime::containers::process::container::{Container, Known, MISSED};
use crate::runtime::containers::process::environment::variables;
use crate::runtime::containers::process::folder::{Folder, Record, boot};
use crate::runtime::containers::process::ignored::ignored;
use crate::runtime::containers::process::leftovers::{Leftovers, Running};
use crate::runtime::containers::process::proc::{CHECK, CONTAINER, Identity};
use crate::runtime::containers::process::user::User;
use crate::runtime::containers::{End, Runtime, Started, Unreachable};
use crate::runtime::limits::descriptors_at_start;

mod container;
mod environment;
mod folder;
mod ignored;
mod inventory;
mod leftovers;
mod proc;
mod room;
mod user;

/// The variable with a task's own address, or 127.0.0.1: where its containers should listen.
const ADDRESS: &str = "TGPROBE_TASK_ADDRESS";

/// What runs `CMD-SHELL`.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Bytes of a log that [`Processes::last_lines`] looks at.
const LAST_LINES: u64 = 8 * 1024;

/// Runs containers as process groups of this host. A copy is cheap. Dropping it leaves them running.
#[derive(Clone, Debug)]
pub struct Processes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    owner: Box<str>,
    boot: Box<str>,
    folder: Folder,
    clock: Clock,
    /// By what they are called.
    containers: Mutex<BTreeMap<Box<str>, Arc<Container>>>,
    /// Read while a container is being started, written while it is looked for what there is.
    starting: RwLock<()>,
    /// Sentences that have been said.
    warned: Mutex<BTreeSet<String>>,
    /// Whether checks that were under way when we were last killed have been ended.
    swept: AtomicBool,
    /// What checks that have ended may have left behind.
    leftovers: Leftovers,
}

impl Processes {
    /// Runs containers for `owner`, whom no other tgprobe of this host is called. What they print, and what is needed to
    /// find them again, goes to `folder`, which is made when it is needed.
    #[must_use]
    pub fn new(owner: &str, folder: PathBuf, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            owner: owner.into(),
            boot: boot(),
            folder: Folder::new(folder),
            clock,
            containers: Mutex::default(),
            starting: RwLock::default(),
            warned: Mutex::default(),
            swept: AtomicBool::new(false),
            leftovers: Leftovers::default(),
        }))
    }

    /// The folder for an `owner` that keeps nothing else: within that of the system for temporary files.
    #[must_use]
    pub fn temporary_folder(owner: &str) -> PathBuf {
        std::env::temp_dir().join(format!("tgprobe-{owner}"))
    }

    /// Where a container of a task writes what it prints.
    #[must_use]
    pub fn log_path(&self, task: &str, container: &str) -> PathBuf {
        self.0.folder.log_path(task, container)
    }

    /// The last lines a container has printed, at most `count`, and of a few kilobytes; empty ones are left out.
    #[must_use]
    pub fn last_lines(&self, task: &str, container: &str, count: usize) -> Vec<String> {
        let text = folder::tail(&self.log_path(task, container), LAST_LINES).unwrap_or_default();
        let mut lines: Vec<_> =
            text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
        lines.split_off(lines.len().saturating_sub(count))
    }

    /// What of a task definition has no effect on plain processes: a sentence each, without a period.
    #[must_use]
    pub fn ignored(blueprint: &Blueprint) -> Vec<String> {
        blueprint.containers.iter().flat_map(|container| ignored(&blueprint.family, container)).collect()
    }
}

impl Inner {
    fn containers(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Arc<Container>>> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn container(&self, runtime_id: &str) -> Option<Arc<Container>> {
        self.containers().get(runtime_id).map(Arc::clone)
    }

    fn marker(&self, key: &ContainerKey) -> String {
        format!("{}/{}/{}/{}", self.owner, key.task, key.index, key.run)
    }

    /// Says something once.
    fn warn(&self, sentence: String) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if !warned.contains(&sentence) {
            tracing::warn!("{sentence}");
            warned.insert(sentence);
        }
    }

    /// What a container of a task is run as, but for its mark.
    fn program(
        &self,
        key: &ContainerKey,
        task: &Task,
        definition: &TaskDefinition,
    ) -> Result<(ContainerDefinition, Option<User>, Program), StartError> {
        let container = definition.blueprint.containers.get(key.index);
        let Some(container) = container else {
            return Err(error(
                StartErrorKind::CannotCreate,
                "its definition has no such container".to_owned(),
            ));
        };
        let overrides = task.overrides.get(&container.name);
        let command =
            overrides.and_then(|overrides| overrides.command.as_ref()).unwrap_or(&container.command);
        let argv: Vec<Box<str>> = container.entry_point.iter().chain(command).cloned().collect();
        if argv.is_empty() {
            let text = "it has no command: a plain process is not run from an image, so its definition must say what \
                        is run, in command or entryPoint";
            return Err(error(StartErrorKind::CannotStart, text.to_owned()));
        }
        let user = container.user.as_deref().map(User::find).transpose();
        let user = user.map_err(|text| error(StartErrorKind::CannotStart, text))?;
        let home = user.as_ref().and_then(|user| user.home.as_deref());
        let mut environment = variables(container, overrides, home)
            .map_err(|text| error(StartErrorKind::ResourceInitialization, text))?;
        environment.insert(ADDRESS.into(), address(task).to_string().into());
        let program = Program {
            argv,
            environment,
            directory: container.working_directory.as_deref().map(PathBuf::from),
            user: user.as_ref().map(|user| (user.user, user.group)),
            descriptors: descriptors_at_start(),
        };
        Ok((container.clone(), user, program))
    }

    fn start(&self, wish: &StartContainer) -> Result<Arc<Container>, StartError> {
        let _one_starts = self.starting.read().unwrap_or_else(PoisonError::into_inner);
        let (definition, user, mut program) = self.program(&wish.key, &wish.task, &wish.definition)?;
        for sentence in ignored(&wish.definition.id.family, &definition) {
            self.warn(sentence);
        }
        let (task, name, marker) = (&*wish.key.task, &*definition.name, self.marker(&wish.key));
        program.environment.insert(CONTAINER.into(), marker.clone().into());
        let cannot_create =
            |what: io::Error| error(room::kind(&what, StartErrorKind::CannotCreate), what.to_string());
        let log = self.folder.open_log(task, name, user.as_ref());
        let path = self.folder.log_path(task, name);
        let log = log.map_err(|what| {
            let kind = room::kind(&what, StartErrorKind::CannotCreate);
            error(kind, format!("cannot write its log {}: {what}", path.display()))
        })?;
        let mut command = program.command().map_err(cannot_create)?;
        command.stdout(Stdio::from(log.try_clone().map_err(cannot_create)?)).stderr(Stdio::from(log));
        let leader = Leader::start(&mut command, program.descriptors).map_err(|what| {
            error(room::kind(&what, StartErrorKind::CannotStart), program.complaint(&what))
        })?;
        match self.write_down(wish, &definition, leader.pid()) {
            Ok(found) => {
                let known = Known { found, marker, log: path, this_boot: true };
                let container = Arc::new(Container::started(known, leader, program));
                self.follow(&container);
                Ok(container)
            }
            Err(what) => {
                leader.kill();
                let kind = room::kind(&what, StartErrorKind::CannotCreate);
                Err(error(kind, format!("cannot write down which process it is: {what}")))
            }
        }
    }

    /// Writes down which process a container is, so that it is found again.
    fn write_down(
        &self,
        wish: &StartContainer,
        definition: &ContainerDefinition,
        leader: Pid,
    ) -> io::Result<Found> {
        let identity = Identity::of(leader).ok_or_else(|| io::Error::other("it is not in /proc"))?;
        let (key, started, address) = (wish.key.clone(), self.clock.now(), address(&wish.task));
        let record = Record {
            owner: self.owner.clone(),
            boot: self.boot.clone(),
            task: key.task.clone(),
            index: key.index,
            run: key.run,
            name: definition.name.clone(),
            runtime_id: identity.to_string().into(),
            started,
            address,
            bindings: bindings(address, definition),
        };
        self.folder.write(&record)?;
        let Record { runtime_id, bindings, .. } = record;
        Ok(Found { key, runtime_id, started_at: Some(started), ended: None, address, bindings })
    }

    fn follow(&self, container: &Arc<Container>) {
        self.containers().insert(container.runtime_id.clone(), Arc::clone(container));
        tokio::spawn(Arc::clone(container).follow(self.clock));
    }

    fn remove(&self, container: &Container) {
        self.folder.remove(&container.key.task, container.key.index, &container.runtime_id);
        self.containers().remove(&container.runtime_id);
    }

    /// What a container's check is run as: by the same user, in the same place and with the same variables, but for its
    /// mark, which no other run of it has.
    fn check(&self, probe: &Probe) -> Result<(Program, Box<str>), StartError> {
        let known = self.container(&probe.runtime_id).and_then(|container| container.program.clone());
        let mut program = match known {
            Some(program) => program,
            None => self.program(&probe.key, &probe.task, &probe.definition)?.2,
        };
        let ContainerCheck { command, .. } = &probe.check;
        program.argv = command.argv(&SHELL);
        program.environment.remove(CONTAINER);
        let mark: Box<str> = format!("{}/{}", self.marker(&probe.key), self.clock.now().0).into();
        program.environment.insert(CHECK.into(), mark.clone());
        Ok((program, mark))
    }
}

fn error(kind: StartErrorKind, message: String) -> StartError {
    StartError { kind, message: message.into() }
}

/// Where a task's containers are reached.
fn address(task: &Task) -> IpAddr {
    task.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// On the host's network a container's ports are the host's.
fn bindings(address: IpAddr, container: &ContainerDefinition) -> Vec<Binding> {
    let binding = |container_port, udp| Binding { address, container_port, host_port: container_port, udp };
    container.ports.iter().map(|port| binding(port.container_port, port.udp)).collect()
}

impl Runtime for Processes {
    async fn start(
        &self,
        container: &StartContainer,
        _: impl Fn(Report) + Send + Sync,
    ) -> Result<Result<Started, StartError>, Unreachable> {
        // Files are read, which may take a while. Whoever stops waiting finds the container in the inventory.
        let (inner, wish) = (Arc::clone(&self.0), container.clone());
        let started = tokio::task::spawn_blocking(move || inner.start(&wish)).await;
        let started = started.map_err(|_| Unreachable("tgprobe is ending".to_owned()))?;
        Ok(started.map(|container| Started {
            runtime_id: container.runtime_id.clone(),
            address: container.found.address,
            bindings: container.bindings().to_vec(),
        }))
    }

    async fn terminate(&self, runtime_id: &str) -> Result<(), Unreachable> {
        if let Some(container) = self.0.container(runtime_id) {
            container.signal(Signal::TERM);
        }
        Ok(())
    }

    async fn kill(&self, runtime_id: &str) -> Result<(), Unreachable> {
        if let Some(container) = self.0.container(runtime_id) {
            // Who has left the group is found once the main process has ended.
            container.signal(Signal::KILL);
        }
        Ok(())
    }

    async fn probe(&self, probe: &Probe) -> Result<(Outcome, CheckResult), Unreachable> {
        match self.0.check(probe) {
            Ok((program, mark)) => {
                let _leaves_nothing_behind = Running::new(&self.0, mark);
                Ok(run(&program, probe.check.timeout, &self.0.clock).await)
            }
            Err(error) => {
                let now = self.0.clock.now();
                let result = CheckResult { started: now, ended: now, exit_code: -1, output: error.message };
                Ok((Outcome::Inconclusive(Cause::Internal), result))
            }
        }
    }

    async fn ended(&self, runtime_id: &str) -> Result<End, Unreachable> {
        match self.0.container(runtime_id) {
            Some(container) => container.ended().await,
            None => Ok((None, Some(MISSED.into()))),
        }
    }

    async fn remove(&self, runtime_id: &str) -> Result<(), Unreachable> {
        let Some(container) = self.0.container(runtime_id) else { return Ok(()) };
        let has_ended = container.has_ended();
        let inner = Arc::clone(&self.0);
        // One that is just being killed is removed once it has ended.
        let removal = tokio::spawn(async move {
            if container.ended().await.is_ok() {
                _ = tokio::task::spawn_blocking(move || inner.remove(&container)).await;
            }
        });
        if has_ended {
            _ = removal.await;
        }
        Ok(())
    }

    async fn inventory(&self) -> Result<Vec<Found>, Unreachable> {
        self.0.look_around().await
    }
}
