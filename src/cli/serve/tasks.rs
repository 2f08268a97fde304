//! What runs tasks beside a running server, where the configuration asks for it.

use std::sync::Arc;

use ring::rand::{SecureRandom as _, SystemRandom};
use tracing::{info, warn};

use crate::cli::exit::Trouble;
use crate::cli::keep::Keep;
use crate::cli::serve::follow::{STOPPING, count};
use crate::cli::validate::services;
use crate::config::Server;
use crate::model::ecs::settings::{RuntimeKind, Settings};
use crate::model::ecs::state::{Difference, State};
use crate::model::target_group::GroupName;
use crate::runtime::agent::{Agent, Ecs, EcsKeeper, FileService};
use crate::runtime::containers::docker::Docker;
use crate::runtime::containers::process::Processes;
use crate::runtime::view::View;
use crate::runtime::writer::Writer;
use crate::store::EcsKept;

/// The folder within `data_dir` for what plain processes print, and for what is needed to find them again.
const FOLDER: &str = "containers";

const FORGETFUL: &str = "Without `data_dir` tasks are stopped when this server ends. Should it be killed, their containers live on and no later start knows them.";

/// What runs tasks.
#[derive(Debug)]
pub(super) struct Tasks {
    /// The way to it.
    pub(super) agent: Agent,
    /// Whether the next start will know them.
    kept: bool,
}

/// Has tasks run as `settings` say. Those that ran before the start are taken up.
///
/// # Errors
/// If the system has no randomness.
pub(super) fn start(
    settings: Settings,
    server: &Server,
    keep: Option<&Keep>,
    writer: &Writer,
    view: &Arc<View>,
) -> Result<Tasks, Trouble> {
    let EcsKept { instance, state } = match keep {
        Some(keep) => keep.ecs.clone(),
        None => {
            warn!("{FORGETFUL}");
            EcsKept { instance: format!("{:016x}", random()?).into(), ..EcsKept::default() }
        }
    };
    let (account, clock) = (server.account.clone(), view.clock);
    let ecs = Ecs::new(settings.clone(), account, state, random()?, clock.now());
    let keeper = keep.map_or(Keeping::Memory, |keep| Keeping::Store(keep.ecs_keeper()));
    let (writer, shown) = (writer.clone(), Arc::clone(view));
    let agent = match settings.runtime {
        RuntimeKind::Process => {
            let folder = server.data_dir.as_ref().map(|dir| dir.join(FOLDER));
            let folder = folder.unwrap_or_else(|| Processes::temporary_folder(&instance));
            let processes = Processes::new(&instance, folder, clock);
            Agent::start(ecs, settings, (processes, keeper), writer, shown)
        }
        RuntimeKind::Docker => {
            let docker = Docker::new(&settings.docker_socket, &instance, settings.native_checks, clock);
            Agent::start(ecs, settings, (docker, keeper), writer, shown)
        }
    };
    Ok(Tasks { agent, kept: keep.is_some() })
}

/// Says so where tasks were kept that nothing runs any more.
pub(super) fn warn_of_left(keep: Option<&Keep>) {
    let left = keep.map_or(0, |keep| keep.ecs.state.tasks.values().filter(|task| !task.is_stopped()).count());
    if left > 0 {
        warn!(
            tasks = left,
            "Tasks ran before the start, and the configuration has neither [ecs] nor a service: they are left alone."
        );
    }
}

impl Tasks {
    /// Lets tasks run on where the next start finds them, and stops them where it would not.
    pub(super) async fn stop(self) {
        let running = self.agent.state().tasks.values().filter(|task| !task.is_stopped()).count();
        if !self.kept && running > 0 {
            info!(tasks = running, "Stopping tasks.");
            self.agent.stop_tasks().await;
        }
        self.agent.end().await;
    }
}

/// Makes these services what the file wants, and says how many there are.
///
/// # Errors
/// What of them cannot be, or that the server is stopping.
pub(super) async fn apply(agent: &Agent, view: &View, services: Vec<FileService>) -> Result<String, String> {
    let number = services.len();
    for service in &services {
        for warning in services::warnings(service, agent.settings()) {
            warn!(service = &*service.spec.key.name, "{warning}.");
        }
    }
    let services = services.into_iter().map(|service| with_arns(view, service)).collect();
    let problems = agent.file(services).await.ok_or_else(|| STOPPING.to_owned())?;
    if problems.is_empty() { Ok(count(number, "service")) } else { Err(problems.join("\n")) }
}

/// The service with the ARNs of the target groups that are there. One that is not keeps its name, by which it is found once
/// it is.
fn with_arns(view: &View, mut service: FileService) -> FileService {
    let snapshot = view.snapshot();
    for balancer in &mut service.spec.load_balancers {
        let group = GroupName::parse(&balancer.target_group_arn).ok();
        if let Some(listing) = group.and_then(|name| snapshot.groups.get(&name)) {
            balancer.target_group_arn = listing.group.description.arn.clone();
        }
    }
    service
}

/// Where services and tasks are kept.
enum Keeping<K> {
    Memory,
    Store(K),
}

impl<K: EcsKeeper> EcsKeeper for Keeping<K> {
    fn kept(&self) -> State {
        match self {
            Self::Memory => State::default(),
            Self::Store(store) => store.kept(),
        }
    }

    async fn keep(&self, difference: Difference, durable: bool) -> Result<(), String> {
        match self {
            Self::Memory => Ok(()),
            Self::Store(store) => store.keep(difference, durable).await,
        }
    }
}

fn random() -> Result<u64, Trouble> {
    let mut bytes = [0; 8];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Trouble::usage("cannot start: the system has no random numbers".to_owned()))?;
    Ok(u64::from_ne_bytes(bytes))
}
