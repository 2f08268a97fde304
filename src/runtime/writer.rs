//! The one task through which every wish goes: sets of the file, and calls of the APIs.
//!
//! ```text
//!   file ──whole set──┐
//!                     ├─► catalog ─► durable ─► fleet ─► answered
//!   API ──a decision──┘
//! ```
//!
//! A call is decided by looking at the catalog as it is when its turn comes, so no two calls can contradict each other.
//! It is answered once what it changed is durable and readers see it. Calls that wait are made durable together.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::engine::catalog::Undo;
pub use crate::engine::catalog::{Catalog, Wish};
use crate::engine::registry::{Changes, Drains};
use crate::model::arn::Account;
use crate::model::change::Change;
use crate::model::desired::Desired;
use crate::model::target_group::GroupName;
use crate::model::tick::Tick;
use crate::runtime::clock::Clock;
use crate::runtime::fleet::{Apply, or_abort};
pub use crate::runtime::staged::Unwritten;
use crate::runtime::staged::{Done, PATIENCE, Staged};

/// Calls that may wait for their turn; more wait in their connections, of which there are few hundred.
const WAITING: usize = 256;

/// Calls that are made durable together: the disk is waited for once for all of them.
const TOGETHER: usize = 64;

/// Where changes are kept so that they survive the process.
pub trait Keeper: Send + Sync + 'static {
    /// Makes changes durable, all or none of them.
    ///
    /// # Errors
    /// Why none of them is.
    fn keep(&self, changes: Vec<Change>) -> impl Future<Output = Result<(), String>> + Send;
}

/// Keeps nothing: without a `data_dir` what the APIs change lives as long as the process.
#[derive(Clone, Copy, Debug)]
pub struct InMemory;

impl Keeper for InMemory {
    async fn keep(&self, _: Vec<Change>) -> Result<(), String> {
        Ok(())
    }
}

/// Looks at the catalog and says what to change; `None` where the call is refused.
type Decide = Box<dyn FnOnce(&Catalog, Tick) -> Option<Vec<Change>> + Send>;

enum Ask {
    File(Desired, oneshot::Sender<Changes>),
    Call(Decide, Done),
}

/// The way to the task, for whoever wishes something.
#[derive(Clone, Debug)]
pub struct Writer {
    asks: mpsc::Sender<Ask>,
    account: Arc<Account>,
    clock: Clock,
    patience: Duration,
}

impl Writer {
    /// Starts the task. `catalog` holds what is known from before the start.
    #[must_use]
    pub fn start(
        account: Account,
        catalog: Catalog,
        keeper: impl Keeper,
        clock: Clock,
        fleet: mpsc::Sender<Apply>,
    ) -> Self {
        let (asks, asked) = mpsc::channel(WAITING);
        tokio::spawn(or_abort(Task { catalog, keeper, clock, fleet }.run(asked)));
        Self { asks, account: Arc::new(account), clock, patience: PATIENCE }
    }

    /// The account and region of groups.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Makes `desired` what the file says; answered when it is live. `None` if the process is about to stop.
    pub async fn file(&self, desired: Desired) -> Option<Changes> {
        let (done, answer) = oneshot::channel();
        _ = self.asks.send(Ask::File(desired, done)).await;
        answer.await.ok()
    }

    /// Has a call decided when its turn comes, at the moment it is given, and answered when what it changes is durable
    /// and seen by every reader. A call that changes nothing is answered too. None waits for longer than ten seconds.
    ///
    /// # Errors
    /// Why nothing has changed, or that it is not known whether something has.
    pub async fn call<T: Send + 'static, E: Send + 'static>(
        &self,
        decide: impl FnOnce(&Catalog, Tick) -> Result<(Vec<Change>, T), E> + Send + 'static,
    ) -> Result<T, Unwritten<E>> {
        let staged = Staged::new();
        let deciding = staged.clone();
        let decide: Decide = Box::new(move |catalog, now| deciding.decide(|| decide(catalog, now)));
        let (done, durable) = oneshot::channel();
        let asked = async {
            _ = self.asks.send(Ask::Call(decide, done)).await;
            durable.await
        };
        staged.outcome(asked, self.clock, self.patience).await
    }
}

struct Task<K> {
    catalog: Catalog,
    keeper: K,
    clock: Clock,
    fleet: mpsc::Sender<Apply>,
}

/// What a batch of calls came to.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    undo: Vec<Undo>,
    touched: BTreeSet<GroupName>,
    deleted: Vec<GroupName>,
    drains: Drains,
    answers: Vec<Done>,
}

impl<K: Keeper> Task<K> {
    async fn run(mut self, mut asked: mpsc::Receiver<Ask>) {
        let mut asks = Vec::new();
        let mut first = true;
        while asked.recv_many(&mut asks, TOGETHER).await > 0 {
            let mut batch = Batch::default();
            for ask in asks.drain(..) {
                match ask {
                    Ask::Call(decide, answer) => self.decide(decide, answer, &mut batch),
                    Ask::File(desired, answer) => {
                        self.carry_out(std::mem::take(&mut batch)).await;
                        let mut touched = self.catalog.apply_file(desired);
                        // What is known from before the start becomes live with the first file.
                        if std::mem::take(&mut first) {
                            touched = self.catalog.names();
                        }
                        if let Some(changes) = self.make_live(touched, Default::default(), true).await {
                            // Whoever asked may have gone away; the set is live all the same.
                            _ = answer.send(changes);
                        }
                    }
                }
            }
            self.carry_out(batch).await;
        }
    }

    fn decide(&mut self, decide: Decide, answer: Done, batch: &mut Batch) {
        let changes = decide(&self.catalog, self.clock.now()).unwrap_or_default();
        for change in changes {
            match &change {
                Change::PutGroup(group) => _ = batch.touched.insert(group.name.clone()),
                Change::DeleteGroup(name) => {
                    batch.touched.insert(name.clone());
                    batch.deleted.push(name.clone());
                }
                Change::Register(name, _) => _ = batch.touched.insert(name.clone()),
                Change::Deregister { group, id, port, drain_ends } => {
                    batch.touched.insert(group.clone());
                    if let Some(end) = drain_ends {
                        batch.drains.entry(group.clone()).or_default().insert((id.clone(), *port), *end);
                    }
                }
            }
            batch.changes.push(change.clone());
            batch.undo.extend(self.catalog.apply(change));
        }
        batch.answers.push(answer);
    }

    async fn carry_out(&mut self, batch: Batch) {
        let Batch { changes, undo, touched, deleted, drains, answers } = batch;
        let mut outcome = Ok(());
        if !changes.is_empty() {
            outcome = self.keeper.keep(changes).await;
            if outcome.is_err() {
                // Later calls of the batch were decided by what earlier ones changed, so all of them are taken back.
                self.catalog.undo(undo);
            } else if self.make_live(touched, (deleted, drains), false).await.is_none() {
                return;
            }
        }
        for answer in answers {
            // Whoever asked may have gone away; what it asked for holds all the same.
            _ = answer.send(outcome.clone());
        }
    }

    /// Hands the fleet what changed and waits until readers see it. `None` if the fleet is stopping.
    async fn make_live(
        &self,
        touched: impl IntoIterator<Item = GroupName>,
        (deleted, drains): (Vec<GroupName>, Drains),
        whole_file: bool,
    ) -> Option<Changes> {
        let (mut groups, mut gone) = (Vec::new(), Vec::new());
        for name in touched {
            match self.catalog.desired(&name) {
                Some(group) => groups.push(group),
                None => gone.push(name),
            }
        }
        let (done, live) = oneshot::channel();
        self.fleet.send(Apply { groups, gone, deleted, drains, whole_file, done }).await.ok()?;
        live.await.ok()
    }
}

#[cfg(test)]
mod tests;
