//! What `run-task` begins with: the file, and what runs the task.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::cli::exit::{Exit, Trouble};
use crate::model::arn::Account;
use crate::model::ecs::definition::{Blueprint, Reading, TaskDefinition};
use crate::model::ecs::settings::Settings;
use crate::model::ecs::state::State;
use crate::model::ecs::task::TaskId;
use crate::runtime::agent::{Agent, Ecs, Refusal, Tags, TaskWish, Unwritten};
use crate::runtime::containers::{Runtime, Unreachable};
use crate::runtime::view::View;
use crate::runtime::writer::{Catalog, InMemory, Writer};

/// The cluster the task is in; nobody else sees it.
const CLUSTER: &str = "default";

/// The longest file that is read, in bytes: AWS takes definitions of 64 KiB, and tags beside them.
const LONGEST: u64 = 1024 * 1024;

/// Reads a task definition; relative paths in it are beside the file.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read(path: &Path) -> Result<Reading, Trouble> {
    let name = path.display();
    let refused = |what: &dyn std::fmt::Display| Trouble::usage(format!("{name}: {what}"));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| refused(&error))?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| refused(&error))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LONGEST) {
        return Err(refused(&format_args!("it is longer than {LONGEST} bytes")));
    }
    let json: Value =
        serde_json::from_slice(&bytes).map_err(|error| refused(&format_args!("not JSON: {error}")))?;
    let mut reading = Blueprint::read(&json).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(|problem| format!("{name}: {problem}")).collect();
        Trouble::usage(lines.join("\nerror: "))
    })?;
    reading.blueprint.settle(&folder(path)?);
    Ok(reading)
}

/// The folder of a file, from the root on.
fn folder(path: &Path) -> Result<PathBuf, Trouble> {
    let path =
        std::path::absolute(path).map_err(|error| Trouble::usage(format!("{}: {error}", path.display())))?;
    Ok(path.parent().map_or_else(PathBuf::new, Path::to_path_buf))
}

/// A number that no other run has.
///
/// # Errors
/// If the machine has no random numbers.
pub(super) fn seed() -> Result<u64, Trouble> {
    let mut bytes = [0; 8];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Trouble::usage("cannot start: the machine has no random numbers"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// Where the Docker engine listens: what `DOCKER_HOST` says, or where it does by default.
///
/// # Errors
/// If that is no Unix socket.
pub(super) fn docker_socket() -> Result<PathBuf, Trouble> {
    let Some(host) = std::env::var_os("DOCKER_HOST").filter(|host| !host.is_empty()) else {
        return Ok(Settings::default().docker_socket);
    };
    let host = host.to_string_lossy();
    let path = host.strip_prefix("unix://").filter(|path| path.starts_with('/'));
    path.map(PathBuf::from).ok_or_else(|| {
        Trouble::usage(format!(
            "DOCKER_HOST is {host:?}: expected a Unix socket, such as \"unix:///run/docker.sock\""
        ))
    })
}

/// A task that was asked for, and the way to it.
pub(super) struct Asked {
    pub(super) agent: Agent,
    pub(super) view: Arc<View>,
    pub(super) definition: Arc<TaskDefinition>,
    pub(super) task: TaskId,
}

/// Has `runtime` run one task, which is all there is in memory.
///
/// # Errors
/// If the runtime cannot be reached, or the task is refused.
pub(super) async fn ask(
    reading: Reading,
    runtime: impl Runtime,
    seed: u64,
    view: Arc<View>,
) -> Result<Asked, Trouble> {
    if let Err(Unreachable(why)) = runtime.inventory().await {
        return Err(Trouble::new(Exit::Unreachable, why));
    }
    let (clock, settings, account) = (view.clock, Settings::default(), Account::default());
    let ecs = Ecs::new(settings.clone(), account.clone(), State::default(), seed, clock.now());
    // The task has no target group, so nobody ever has to hear of targets.
    let (targets, _) = mpsc::channel(1);
    let writer = Writer::start(account, Catalog::default(), InMemory, clock, targets);
    let agent = Agent::start(ecs, settings, (runtime, InMemory), writer, Arc::clone(&view));
    let asked = agent
        .call(move |ecs, now| {
            ecs.create_cluster(CLUSTER, Tags::new());
            let definition = ecs.register_definition(reading.blueprint, reading.tags, now)?;
            let wish = TaskWish {
                cluster: CLUSTER.into(),
                definition: definition.id.clone(),
                count: 1,
                ..TaskWish::default()
            };
            let tasks = ecs.run_task(wish, now)?;
            let task = tasks.first().map(|task| task.id.clone());
            let none = || Refusal::Client("there is no address left for the task".to_owned());
            Ok::<_, Refusal>((definition, task.ok_or_else(none)?))
        })
        .await;
    match asked {
        Ok((definition, task)) => Ok(Asked { agent, view, definition, task }),
        Err(Unwritten::Refused(refusal)) => Err(Trouble::usage(refusal.to_string())),
        Err(Unwritten::NotDurable(why) | Unwritten::Unknown(why)) => Err(Trouble::usage(why)),
        Err(Unwritten::Stopping) => Err(Trouble::usage("cannot start: it is about to stop")),
    }
}
