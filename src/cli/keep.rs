//! The store beside a running server: a thread that owns it, and a task that tells it what is seen of targets.
//!
//! ```text
//!   writer ──changes──────────────────┐
//!                                     ├─► thread "store" ─► SQLite
//!   view, journal ─► recorder ─lives──┘
//! ```
//!
//! A write that fails is told to who asked for it; checks and reading go on. The recorder tries again every second, so
//! that a disk that has room again is noticed without anybody's doing.

mod life;
mod recorder;
mod thread;

use std::collections::BTreeMap;
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
use crate::model::past::History;
use crate::model::target_group::GroupName;
use crate::runtime::fleet::Former;
use crate::runtime::view::View;
use crate::runtime::writer::{Catalog, Keeper};
use crate::store::{Kept, Limits, Reader, Store};

/// Writes that may wait: the writer has one under way, and so has the recorder.
const WAITING: usize = 4;

/// How long the end of the process waits for the last write. A disk that hangs does not keep it longer.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// A store in use.
#[derive(Debug)]
pub struct Keep {
    view: Arc<View>,
    asks: mpsc::Sender<Ask>,
    reader: Arc<Reader>,
    recorder: Option<Recorder>,
    /// The recorder that runs: how it is told to end, and its task.
    recording: Option<(oneshot::Sender<()>, tokio::task::JoinHandle<()>)>,
}

/// Opens the store in `dir` and reads what survived. To be called before anyone can ask for something.
///
/// # Errors
/// What is in the way, in words for the user.
pub fn open(dir: &Path, limits: Limits, view: &Arc<View>) -> Result<(Keep, Kept), Trouble> {
    let store = Store::open(dir, limits).map_err(|error| Trouble::usage(format!("cannot start: {error}")))?;
    let kept = store
        .load(view.clock.now())
        .map_err(|error| Trouble::usage(format!("cannot start: the store cannot be read: {error}")))?;
    let asks = thread::start(store, Arc::clone(view))
        .map_err(|error| Trouble::usage(format!("cannot start the store's thread: {error}")))?;
    info!(
        directory = %dir.display(),
        target_groups = kept.groups.len(),
        registrations = kept.registrations.len(),
        states = kept.lives.len(),
        "Store opened."
    );
    let known = kept.lives.iter().map(|(group, target, _)| (group.clone(), Arc::clone(target)));
    let recorder = Recorder::new(Arc::clone(view), asks.clone(), known);
    let reader = Arc::new(Reader::new(dir));
    let keep = Keep { view: Arc::clone(view), asks, reader, recorder: Some(recorder), recording: None };
    Ok((keep, kept))
}

/// What was wished for through the APIs before the start, and how every target fared. A group's name says its region only
/// where that is another one than the configured one, which may have been changed since.
#[must_use]
pub fn recall(kept: Kept, account: &Account) -> (Catalog, Vec<Former>) {
    let mut catalog = Catalog::default();
    let mut renamed = BTreeMap::new();
    for mut group in kept.groups {
        let name = account.name_in(&group.description.region, &group.name);
        if group.name != name {
            renamed.insert(group.name.clone(), name.clone());
            Arc::make_mut(&mut group).name = name;
        }
        _ = catalog.apply(Change::PutGroup(group));
    }
    let now = |name: GroupName| renamed.get(&name).cloned().unwrap_or(name);
    for (group, target) in kept.registrations {
        _ = catalog.apply(Change::Register(now(group), target));
    }
    let lives = kept.lives.into_iter().map(|(group, target, life)| (now(group), target, life));
    (catalog, lives.collect())
}

impl Keep {
    /// What makes the changes of the writer durable.
    #[must_use]
    pub fn keeper(&self) -> impl Keeper + use<> {
        Durable { asks: self.asks.clone() }
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

#[cfg(test)]
mod tests;
