//! The store beside a running server: a thread that owns it, and a task that tells it what is seen of targets.
//!
//! ```text
//!   writer ──changes──────────────────┐
//!   agent ──services, tasks───────────┼─► thread "store" ─► SQLite
//!   view, journal ─► recorder ─lives──┘
//! ```
//!
//! A write that fails is told to who asked for it; checks and reading go on. The recorder tries again every second, so
//! that a disk that has room again is noticed without anybody's doing.

mod life;
mod recorder;
mod thread;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use crate::cli::exit::Trouble;
use crate::cli::keep::recorder::Recorder;
use crate::cli::keep::thread::Ask;
use crate::model::arn::Account;
use crate::model::change::Change;
use crate::model::ecs::state::{Difference, State};
use crate::model::past::History;
use crate::model::target_group::GroupName;
use crate::runtime::agent::EcsKeeper;
use crate::runtime::fleet::Former;
use crate::runtime::view::View;
use crate::runtime::writer::{Catalog, Keeper};
use crate::store::{EcsKept, Kept, Limits, Reader, Store};

/// Writes that may wait: the writer has one under way, and so have the recorder and the agent.
const WAITING: usize = 4;

/// How long the end of the process waits for the last write. A disk that hangs does not keep it longer.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// A store in use.
#[derive(Debug)]
pub struct Keep {
    /// What was known of services and tasks at the start, and by which name their containers know whose they are.
    pub ecs: EcsKept,
    view: Arc<View>,
    asks: mpsc::Sender<Ask>,
    reader: Arc<Reader>,
    recorder: Option<Recorder>,
    /// The recorder that runs: how it is told to end, and its task.
    recording: Option<(oneshot::Sender<()>, tokio::task::JoinHandle<()>)>,
}

/// Opens the store in `dir` and reads what survived. To be called before anyone can ask for something.
///
/// The name of a group says its region only where that is another one than the one of `account`, which may have been
/// changed since; then groups are called anew, for good.
///
/// # Errors
/// What is in the way, in words for the user.
pub fn open(
    dir: &Path,
    limits: Limits,
    account: &Account,
    view: &Arc<View>,
) -> Result<(Keep, Kept), Trouble> {
    let wrong = |error: &dyn Display| Trouble::usage(format!("cannot start: {error}"));
    let mut store = Store::open(dir, limits).map_err(|error| wrong(&error))?;
    let now = view.clock.now();
    let mut kept = store.load(now).map_err(|error| wrong(&error))?;
    let names = new_names(&kept, account);
    if !names.is_empty() {
        kept = store.rename(&names).and_then(|()| store.load(now)).map_err(|error| wrong(&error))?;
    }
    let ecs = store.load_ecs().map_err(|error| wrong(&error))?;
    let asks = thread::start(store, Arc::clone(view))
        .map_err(|error| Trouble::usage(format!("cannot start the store's thread: {error}")))?;
    info!(
        directory = %dir.display(),
        target_groups = kept.groups.len(),
        registrations = kept.registrations.len(),
        states = kept.lives.len(),
        services = ecs.state.services.len(),
        tasks = ecs.state.tasks.len(),
        "Store opened."
    );
    let known = kept.lives.iter().map(|(group, target, _)| (group.clone(), Arc::clone(target)));
    let recorder = Recorder::new(Arc::clone(view), asks.clone(), known);
    let reader = Arc::new(Reader::new(dir));
    let keep = Keep { ecs, view: Arc::clone(view), asks, reader, recorder: Some(recorder), recording: None };
    Ok((keep, kept))
}

/// The groups that are called otherwise than in the store, and how.
fn new_names(kept: &Kept, account: &Account) -> BTreeMap<GroupName, GroupName> {
    let names = kept.groups.iter().filter_map(|group| {
        let region = Some(&group.description.region).filter(|region| Account::is_region(region))?;
        let bare = GroupName::parse(group.name.bare()).ok()?;
        Some((group.name.clone(), account.name_in(region, &bare)))
    });
    names.filter(|(old, new)| old != new).collect()
}

/// What was wished for through the APIs before the start, and how every target fared.
#[must_use]
pub fn recall(kept: Kept) -> (Catalog, Vec<Former>) {
    let mut catalog = Catalog::default();
    for group in kept.groups {
        _ = catalog.apply(Change::PutGroup(group));
    }
    for (group, target) in kept.registrations {
        _ = catalog.apply(Change::Register(group, target));
    }
    (catalog, kept.lives)
}

impl Keep {
    /// What makes the changes of the writer durable.
    #[must_use]
    pub fn keeper(&self) -> impl Keeper + use<> {
        Durable { asks: self.asks.clone() }
    }

    /// What keeps services and tasks.
    #[must_use]
    pub fn ecs_keeper(&self) -> impl EcsKeeper + use<> {
        EcsDurable { kept: self.ecs.state.clone(), asks: self.asks.clone() }
    }

    /// The journal of transitions, from before the start too.
    #[must_use]
    pub fn reader(&self) -> Arc<dyn History> {
        Arc::clone(&self.reader) as Arc<dyn History>
    }

    /// Begins to write down what is seen of targets, on the calling runtime. To be called once everything that is wished
    /// for is live: of targets that are not, nothing is kept. A second call changes nothing.
    pub fn record(&mut self) {
        if let Some(recorder) = self.recorder.take() {
            let (end, ended) = oneshot::channel();
            self.recording = Some((end, tokio::spawn(recorder.run(ended))));
        }
    }

    /// Writes down what is seen last and closes the store. To be called once no check runs any more.
    pub async fn stop(self) {
        let clock = self.view.clock;
        let last = async {
            if let Some((end, task)) = self.recording {
                // A recorder that panicked has nothing left to write.
                _ = end.send(());
                _ = task.await;
            }
            let (done, closed) = oneshot::channel();
            _ = self.asks.send(Ask::End(done)).await;
            _ = closed.await;
        };
        tokio::select! {
            () = last => {}
            () = clock.sleep(LAST_WRITE) => {
                warn!("The store does not close; what was seen last is perhaps not kept.");
            }
        }
    }
}

/// Has the thread write what the APIs change.
#[derive(Clone, Debug)]
struct Durable {
    asks: mpsc::Sender<Ask>,
}

impl Keeper for Durable {
    async fn keep(&self, changes: Vec<Change>) -> Result<(), String> {
        let (done, answer) = oneshot::channel();
        _ = self.asks.send(Ask::Write(changes, done)).await;
        answer.await.unwrap_or_else(|_| Err(thread::CLOSED.to_owned()))
    }
}

/// Has the thread write what becomes of services and tasks.
#[derive(Clone, Debug)]
struct EcsDurable {
    kept: State,
    asks: mpsc::Sender<Ask>,
}

impl EcsKeeper for EcsDurable {
    fn kept(&self) -> State {
        self.kept.clone()
    }

    async fn keep(&self, difference: Difference, durable: bool) -> Result<(), String> {
        let (done, answer) = oneshot::channel();
        _ = self.asks.send(Ask::Ecs(difference, durable, done)).await;
        answer.await.unwrap_or_else(|_| Err(thread::CLOSED.to_owned()))
    }
}

#[cfg(test)]
mod tests;
