//! The one task that owns clusters, services and tasks, and the way to it.
//!
//! ```text
//!   API, file ──calls──►┌───────┐──difference──► durable ─► readers ─► answered
//!   runtime ──reports──►│ rules │
//!   clock ─────────────►└───────┘──actions──► runtime, writer (targets)
//! ```
//!
//! A call is decided when its turn comes, on what there is then, so no two calls can contradict each other. It is answered
//! once what it changed is durable and readers see it; where it cannot be made durable, nothing has happened. What is only
//! seen, such as a check that fails, is written without waiting for the disk.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

pub use crate::engine::ecs::refusal::Refusal;
pub use crate::engine::ecs::wish::{FileService, ServiceUpdate, TaskWish};
pub use crate::engine::ecs::{Ecs, Tags};
use crate::model::arn::Account;
use crate::model::ecs::settings::Settings;
use crate::model::ecs::state::{Difference, State};
use crate::model::tick::Tick;
use crate::runtime::containers::Runtime;
use crate::runtime::fleet::or_abort;
pub use crate::runtime::staged::Unwritten;
use crate::runtime::staged::{Done, PATIENCE, Staged};
use crate::runtime::view::View;
use crate::runtime::writer::{InMemory, Writer};

/// Calls that may wait for their turn; more wait in their connections, of which there are few hundred.
const WAITING: usize = 256;

/// Where clusters, services and tasks are kept so that they survive the process.
pub trait EcsKeeper: Send + Sync + 'static {
    /// Keeps what differs, all or none of it. With `durable` not even a power cut takes it back; without, the process may
    /// end and the machine may not.
    ///
    /// # Errors
    /// Why none of it is kept.
    fn keep(&self, difference: Difference, durable: bool) -> impl Future<Output = Result<(), String>> + Send;
}

impl EcsKeeper for InMemory {
    async fn keep(&self, _: Difference, _: bool) -> Result<(), String> {
        Ok(())
    }
}

/// Decides a call.
type Decide = Box<dyn FnOnce(&mut Ecs, Tick) + Send>;

enum Ask {
    Call(Decide, Done),
    File(Vec<FileService>, oneshot::Sender<Vec<String>>),
}

/// The way to the task, for whoever wishes something. A copy leads to the same task.
#[derive(Clone, Debug)]
pub struct Agent {
    asks: mpsc::Sender<Ask>,
    account: Arc<Account>,
    settings: Arc<Settings>,
    view: Arc<View>,
    patience: Duration,
}

impl Agent {
    /// Starts the task on the calling runtime. `ecs` holds what is known from before the start, which `keeper` keeps
    /// already.
    #[must_use]
    pub fn start(
        ecs: Ecs,
        settings: Settings,
        (runtime, keeper): (impl Runtime, impl EcsKeeper),
        writer: Writer,
        view: Arc<View>,
    ) -> Self {
        let (asks, asked) = mpsc::channel(WAITING);
        let account = Arc::new(ecs.account().clone());
        view.publish_ecs(Arc::new(ecs.state().clone()));
        let agent =
            Self { asks, account, settings: Arc::new(settings), view: Arc::clone(&view), patience: PATIENCE };
        tokio::spawn(or_abort(run(ecs, runtime, keeper, writer, view, asked)));
        agent
    }

    /// Everything there is, as every reader sees it.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.view.ecs()
    }

    /// The account and region of everything.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// How tasks are run.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Tells when anything has been published since it was last looked at.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.view.changes()
    }

    /// Has a call decided when its turn comes, at the moment it is given, and answered when what it changes is durable
    /// and seen by every reader. A call that changes nothing is answered too, and one that refuses changes nothing. None
    /// waits for longer than ten seconds.
    ///
    /// # Errors
    /// Why nothing has changed, or that it is not known whether something has.
    pub async fn call<T: Send + 'static, E: Send + 'static>(
        &self,
        decide: impl FnOnce(&mut Ecs, Tick) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Unwritten<E>> {
        let staged = Staged::new();
        let deciding = staged.clone();
        let decide: Decide = Box::new(move |ecs, now| {
            _ = deciding.decide(|| {
                let before = ecs.clone();
                let verdict = decide(ecs, now);
                if verdict.is_err() {
                    *ecs = before;
                }
                verdict.map(|value| ((), value))
            });
        });
        let (done, durable) = oneshot::channel();
        let asked = async {
            _ = self.asks.send(Ask::Call(decide, done)).await;
            durable.await
        };
        staged.outcome(asked, self.view.clock, self.patience).await
    }

    /// Makes these services what the file wants; answered when that is live. Says what cannot be. `None` if the process is
    /// about to stop.
    pub async fn file(&self, services: Vec<FileService>) -> Option<Vec<String>> {
        let (done, answer) = oneshot::channel();
        _ = self.asks.send(Ask::File(services, done)).await;
        answer.await.ok()
    }
}

async fn run(
    mut ecs: Ecs,
    runtime: impl Runtime,
    keeper: impl EcsKeeper,
    writer: Writer,
    view: Arc<View>,
    mut asked: mpsc::Receiver<Ask>,
) {
    _ = (&runtime, &writer);
    while let Some(ask) = asked.recv().await {
        let now = view.clock.now();
        let before = ecs.clone();
        let (outcome, told) = match ask {
            Ask::Call(decide, done) => {
                decide(&mut ecs, now);
                (Some(done), None)
            }
            Ask::File(services, done) => (None, Some((ecs.apply_file(services, now), done))),
        };
        let kept = keeper.keep(Difference::between(before.state(), ecs.state()), true).await;
        if kept.is_err() {
            ecs = before;
        }
        view.publish_ecs(Arc::new(ecs.state().clone()));
        _ = outcome.map(|done| done.send(kept));
        _ = told.map(|(told, done)| done.send(told));
    }
}
