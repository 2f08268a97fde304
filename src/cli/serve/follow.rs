//! The configuration file beside a running server: what it wants is made live, at the start and whenever it changes.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use crate::cli::serve::tasks;
use crate::config::{self, Config, Errors, Server};
use crate::discovery::file;
use crate::model::desired::Desired;
use crate::model::ecs::settings::Settings;
use crate::model::ecs::watch::DockerWatch;
use crate::output::guard::Guard;
use crate::output::routes::Reload;
use crate::runtime::agent::{Agent, FileService};
use crate::runtime::view::View;
use crate::runtime::writer::Writer;

/// The configuration file is looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The file a configuration was read from.
#[derive(Debug)]
pub struct Followed {
    /// Where it is.
    pub path: PathBuf,
    /// What the file system said of it right before it was read.
    pub signature: Option<file::Signature>,
    /// Its `[server]` table, before the command line changed anything.
    pub server: Server,
    /// How it wants tasks to be run.
    pub ecs: Option<Settings>,
    /// Which containers it wants to be watched.
    pub watches: Vec<DockerWatch>,
}

/// Reads the file on a thread of its own. What the parser takes and gives back, 300 bytes a target, stays with the
/// allocator's arena of a thread; the one of a thread that has ended serves the next, so every reading uses the same, and
/// after the first one the tables of the shards fill it. Read here, it would stay with each thread that ever did.
pub(super) fn load(path: &Path) -> Result<Config, Errors> {
    thread::scope(|scope| {
        let reader = thread::Builder::new().name("config".to_owned());
        match reader.spawn_scoped(scope, || config::load(path)) {
            Ok(reader) => reader.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => config::load(path),
        }
    })
}

/// Makes a set what the file says and waits until it is live. Says what is live then, what the APIs wish for included, and
/// what this changed.
///
/// # Errors
/// If the server is stopping, so that the set will not become live.
pub async fn apply(writer: &Writer, view: &View, desired: Desired) -> Result<String, String> {
    let changes = writer.file(desired).await.ok_or_else(|| STOPPING.to_owned())?;
    let snapshot = view.snapshot();
    let live = || snapshot.groups.values().filter(|listing| listing.desired);
    let targets = live().flat_map(|listing| &listing.targets).filter(|listed| listed.registered).count();
    Ok(format!(
        "{} with {} live: {} registered, {} deregistered, {} changed",
        count(live().count(), "target group"),
        count(targets, "target"),
        count(changes.registered, "target"),
        changes.deregistered,
        count(changes.updated_groups, "target group"),
    ))
}

pub(super) const STOPPING: &str = "The server is stopping.";

const NO_TASKS: &str =
    "The server was started without tasks: a first [ecs] table or service takes effect at the next start.";

pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// What a file needs from this program.
pub(super) struct Host {
    pub(super) view: Arc<View>,
    pub(super) writer: Writer,
    pub(super) agent: Option<Agent>,
    pub(super) server: Server,
    pub(super) ecs: Option<Settings>,
    pub(super) watches: Vec<DockerWatch>,
    pub(super) guard: Guard,
}

impl file::Surroundings for Host {
    type Wishes = (Desired, Vec<FileService>);

    fn load(&self, path: &Path) -> Result<Self::Wishes, String> {
        // A large file takes its time, and a slow disk takes more; the other tasks of this thread go elsewhere.
        let config = tokio::task::block_in_place(|| load(path)).map_err(|errors| errors.to_string())?;
        if config.server != self.server {
            warn!("The [server] table has changed; that takes effect at the next start.");
        }
        if self.agent.is_none() && config.ecs.is_some() {
            return Err(NO_TASKS.to_owned());
        }
        if self.agent.is_some() && config.ecs != self.ecs {
            warn!("The [ecs] table has changed; that takes effect at the next start.");
        }
        if config.watches != self.watches {
            warn!("The [[docker]] tables have changed; that takes effect at the next start.");
        }
        // What is in the file may change, unlike the file that is named.
        if config.server.credentials_file == self.server.credentials_file
            && let Some(credentials) = config.credentials
        {
            self.guard.replace(credentials);
        }
        Ok((config.desired, config.services))
    }

    async fn apply(&self, (desired, services): Self::Wishes) -> Result<String, String> {
        let mut summary = apply(&self.writer, &self.view, desired).await?;
        if let Some(agent) = &self.agent {
            let services = tasks::apply(agent, &self.view, services).await;
            let services = services.map_err(|problems| format!("Everything else is live, but {problems}"))?;
            summary = format!("{summary}; {services}");
        }
        info!("Configuration reloaded; {summary}.");
        Ok(summary)
    }

    fn refused(&self, errors: &str) {
        self.view.config.successful.store(false, Relaxed);
        error!("The configuration was refused and nothing has changed:\n{errors}");
    }

    async fn pause(&self) {
        self.view.clock.sleep(LOOK_EVERY).await;
    }
}

pub(super) fn reload(asks: mpsc::Sender<file::Ask>) -> Reload {
    Arc::new(move || {
        let asks = asks.clone();
        Box::pin(async move {
            let (ask, answer) = oneshot::channel();
            _ = asks.send(ask).await;
            let answer = answer.await.unwrap_or_else(|_| Err(STOPPING.to_owned()));
            answer.map(|summary| format!("{summary}\n")).map_err(|errors| format!("{errors}\n"))
        })
    })
}

pub(super) async fn nothing_to_reload(mut asks: mpsc::Receiver<file::Ask>) {
    const WHY: &str = "There is no configuration file to reload: the targets were named on the command line.";
    while let Some(ask) = asks.recv().await {
        warn!("{WHY}");
        _ = ask.send(Err(WHY.to_owned()));
    }
}
