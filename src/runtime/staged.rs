//! A call that waits for its turn with a task that takes calls one after another: it is decided once, unless it has waited
//! for too long, and answered once what it changes is durable and live.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::runtime::clock::Clock;

/// How long a call waits for its turn and for the disk: longer than a disk that works ever takes, and shorter than clients
/// wait for an answer, which is a minute as a rule.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Why a call has not taken effect, or not yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unwritten<E> {
    /// It was decided against.
    Refused(E),
    /// What it changes cannot be made durable, for this reason; nothing has changed.
    NotDurable(String),
    /// Whether what it changes can be made durable has not been known in time. It takes effect if that succeeds later.
    Unknown(String),
    /// The process is about to stop.
    Stopping,
}

/// What the task says when it is done with a call: that what it changed is durable and live, or why it is neither.
pub(super) type Done = oneshot::Sender<Result<(), String>>;

/// What has become of a call so far.
enum Stage<T, E> {
    Waiting,
    Decided(Result<T, E>),
    /// It waited for too long, and must not be decided any more.
    Withdrawn,
}

/// A call: one half is with whoever waits, the other one with the task.
pub(super) struct Staged<T, E>(Arc<Mutex<Stage<T, E>>>);

impl<T, E> Clone for Staged<T, E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T, E> Staged<T, E> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Stage::Waiting)))
    }

    /// Decides, unless nobody waits any more. Gives what is to be changed, if anything is.
    pub(super) fn decide<C>(&self, decide: impl FnOnce() -> Result<(C, T), E>) -> Option<C> {
        let mut stage = lock(&self.0);
        if matches!(*stage, Stage::Withdrawn) {
            return None;
        }
        let (changes, verdict) = match decide() {
            Ok((changes, value)) => (Some(changes), Ok(value)),
            Err(refusal) => (None, Err(refusal)),
        };
        *stage = Stage::Decided(verdict);
        changes
    }

    /// Waits for what becomes of the call, but no longer than `patience`. `asked` hands it to the task and gives what the
    /// task says.
    pub(super) async fn outcome(
        self,
        asked: impl Future<Output = Result<Result<(), String>, oneshot::error::RecvError>>,
        clock: Clock,
        patience: Duration,
    ) -> Result<T, Unwritten<E>> {
        let outcome = tokio::select! {
            outcome = asked => Some(outcome),
            () = clock.sleep(patience) => None,
        };
        let stage = std::mem::replace(&mut *lock(&self.0), Stage::Withdrawn);
        let late = || format!("the store has not answered for {patience:?}");
        match (outcome, stage) {
            (Some(Ok(Ok(()))), Stage::Decided(verdict)) => verdict.map_err(Unwritten::Refused),
            (Some(Ok(Err(why))), _) => Err(Unwritten::NotDurable(why)),
            (Some(_), _) => Err(Unwritten::Stopping),
            (None, Stage::Decided(_)) => Err(Unwritten::Unknown(late())),
            (None, Stage::Waiting | Stage::Withdrawn) => Err(Unwritten::NotDurable(late())),
        }
    }
}
