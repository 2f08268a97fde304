//! What a turn of the agent begins with, and how it is waited for.

use tokio::task::JoinHandle;

use crate::runtime::agent::Ask;
use crate::runtime::agent::hands::Told;
use crate::runtime::agent::targets::Answer;

/// What a turn begins with.
#[derive(Default)]
pub(super) struct Inbox {
    pub(super) asks: Vec<Ask>,
    pub(super) told: Vec<Told>,
    pub(super) kept: Option<Result<(), String>>,
    pub(super) answered: Option<Answer>,
}

/// Waits until what works beside the task is done; for ever where there is nothing.
pub(super) async fn finished<T>(beside: Option<&mut JoinHandle<T>>) -> T {
    match beside {
        Some(beside) => match beside.await {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        },
        None => std::future::pending().await,
    }
}
