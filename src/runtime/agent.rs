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

mod crowd;
mod hands;
mod inbox;
mod log;
mod lookout;
mod targets;
mod turn;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tracing::warn;

pub use crate::engine::ecs::refusal::Refusal;
pub use crate::engine::ecs::wish::{FileService, ServiceUpdate, TaskWish};
pub use crate::engine::ecs::{Ecs, Tags};
use crate::model::arn::Account;
use crate::model::ecs::definition::STOP_TIMEOUT;
use crate::model::ecs::settings::Settings;
use crate::model::ecs::state::{Difference, State};
use crate::model::tick::Tick;
use crate::runtime::agent::turn::Task;
use crate::runtime::containers::Runtime;
use crate::runtime::fleet::or_abort;
pub use crate::runtime::staged::Unwritten;
use crate::runtime::staged::{Done, PATIENCE, Staged};
use crate::runtime::view::View;
use crate::runtime::writer::{InMemory, Writer};

/// Calls that may wait for their turn; more wait in their connections, of which there are few hundred.
const WAITING: usize = 256;

/// How long the end of the process waits for the last write. A disk that hangs does not keep it longer.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// What stopping a task may take beyond its containers' own time limits.
const GRACE: Duration = Duration::from_secs(10);

/// Where clusters, services and tasks are kept so that they survive the process.
pub trait EcsKeeper: Send + Sync + 'static {
    /// What it has from before the start.
    fn kept(&self) -> State;

    /// Keeps what differs, all or none of it. With `durable` not even a power cut takes it back; without, the process may
    /// end and the machine may not.
    ///
    /// # Errors
    /// Why none of it is kept.
    fn keep(&self, difference: Difference, durable: bool) -> impl Future<Output = Result<(), String>> + Send;
}

impl EcsKeeper for InMemory {
    fn kept(&self) -> State {
        State::default()
    }

    async fn keep(&self, _: Difference, _: bool) -> Result<(), String> {
        Ok(())
    }
}

/// Decides a call.
type Decide = Box<dyn FnOnce(&mut Ecs, Tick) + Send>;

enum Ask {
    Call(Decide, Done),
    File(Vec<FileService>, oneshot::Sender<Vec<String>>),
    /// Ends the task; answered when what was seen last is written.
    End(oneshot::Sender<()>),
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
    /// Starts the task on the calling runtime. `ecs` has taken up what the keeper has kept.
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
        tokio::spawn(or_abort(Task::new(ecs, (runtime, keeper), writer, view).run(asked)));
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

    /// Ends the task: what was seen last is written, and containers go on. Calls that come later are told that the process
    /// is about to stop. Waits for at most five seconds.
    pub async fn end(&self) {
        let (done, ended) = oneshot::channel();
        let last = async {
            _ = self.asks.send(Ask::End(done)).await;
            _ = ended.await;
        };
        tokio::select! {
            () = last => {}
            () = self.view.clock.sleep(LAST_WRITE) => {}
        }
    }

    /// Stops every task, first the containers that others depend on last, without draining targets. Waits until that is
    /// done, or until it should have been long ago.
    pub async fn stop_tasks(&self) {
        let stop = |ecs: &mut Ecs, now: Tick| {
            let state = ecs.state().clone();
            for task in state.tasks.values().filter(|task| !task.is_stopped()) {
                // Whatever is refused stops already.
                _ = ecs.stop_task(&task.id, Some("tgprobe has stopped"), true, now);
            }
            for key in state.services.keys() {
                _ = ecs.delete_service(key, true, now);
            }
            // Those of the file can be ended by the file alone, and would start other tasks: it wishes for none any more.
            _ = ecs.apply_file(Vec::new(), now);
            Ok::<_, Infallible>(())
        };
        if self.call(stop).await.is_err() {
            return;
        }
        let state = self.state();
        let longest = state.tasks.values().filter_map(|task| {
            let containers = &state.definitions.get(&task.definition)?.blueprint.containers;
            // One behind the other, if each depends on the next.
            Some(containers.iter().map(|container| container.stop_timeout.unwrap_or(STOP_TIMEOUT)).sum())
        });
        let bound = longest.max().unwrap_or(Duration::ZERO) + GRACE;
        let mut changes = self.changes();
        let stopped = async {
            while !self.state().tasks.values().all(|task| task.is_stopped()) {
                // The sender lives as long as the view.
                _ = changes.changed().await;
            }
        };
        tokio::select! {
            () = stopped => {}
            () = self.view.clock.sleep(bound) => warn!("Some tasks have not stopped; their processes may live on."),
        }
    }
}

#[cfg(test)]
mod tests;
