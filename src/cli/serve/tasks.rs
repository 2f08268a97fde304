//! What runs tasks beside a running server, where the configuration asks for it.

use std::path::PathBuf;
use std::sync::Arc;

use ring::rand::{SecureRandom as _, SystemRandom};
use tracing::{info, warn};

use crate::cli::exit::Trouble;
use crate::cli::keep::Keep;
use crate::cli::serve::follow::{STOPPING, count};
use crate::config::Server;
use crate::model::ecs::settings::{RuntimeKind, Settings};
use crate::model::target_group::GroupName;
use crate::runtime::agent::{Agent, Ecs, FileService};
use crate::runtime::containers::process::Processes;
use crate::runtime::view::View;
use crate::runtime::writer::{InMemory, Writer};
use crate::store::EcsKept;

/// The folder within `data_dir` for what plain processes print, and for what is needed to find them again.
const FOLDER: &str = "containers";

/// Said where nothing is kept.
const FORGETFUL: &str = "Without `data_dir` tasks are stopped when this server ends. Should it be killed, their containers \
    live on and no later start knows them: set `data_dir` to keep them.";

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
    let kept = match keep {
        Some(keep) => keep.ecs.clone(),
        None => {
            warn!("{FORGETFUL}");
            EcsKept { instance: format!("{:016x}", random()?).into(), ..EcsKept::default() }
        }
    };
    let EcsKept { instance, state } = kept;
    let (account, clock) = (server.account.clone(), view.clock);
    let ecs = Ecs::new(settings.clone(), account, state, random()?, clock.now());
    let folder = match &server.data_dir {
        Some(dir) => dir.join(FOLDER),
        None => Processes::temporary_folder(&instance),
    };
    let agent = match settings.runtime {
        RuntimeKind::Process => {
            let processes = Processes::new(&instance, folder, clock);
            match keep {
                Some(keep) => run(ecs, settings, (processes, keep.ecs_keeper()), writer, view),
                None => run(ecs, settings, (processes, InMemory), writer, view),
            }
        }
        RuntimeKind::Docker => todo!(),
    };
    Ok(Tasks { agent, kept: keep.is_some() })
}
