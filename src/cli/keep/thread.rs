//! The thread that owns the store: it may wait for a disk, and nobody else does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use crate::cli::keep::WAITING;
use crate::model::change::Change;
use crate::model::ecs::state::Difference;
use crate::runtime::limits;
use crate::runtime::view::View;
use crate::store::{Happened, Seen, Store, StoreError};

/// What the thread is asked.
#[derive(Debug)]
pub(super) enum Ask {
    /// Make changes durable.
    Write(Vec<Change>, oneshot::Sender<Result<(), String>>),
    /// Write down what was seen; answered with the places in it of what has to be told again later.
    Record(Vec<Happened>, Vec<Seen>, oneshot::Sender<Result<Vec<usize>, String>>),
    /// Keep what differs of services and tasks, durable or not.
    Ecs(Difference, bool, oneshot::Sender<Result<(), String>>),
    /// Find out whether the store can be written.
    TryOut(oneshot::Sender<Result<(), String>>),
    /// Close the store.
    End(oneshot::Sender<()>),
}

/// Why nothing is written once the thread has ended.
pub(super) const CLOSED: &str = "the store is closed";

/// Starts the thread. It ends when it is asked to, or when nobody can ask any more.
pub(super) fn start(store: Store, view: Arc<View>) -> io::Result<mpsc::Sender<Ask>> {
    view.store.healthy.store(true, Relaxed);
    view.store.present.store(true, Relaxed);
    let (asks, asked) = mpsc::channel(WAITING);
    std::thread::Builder::new().name("store".to_owned()).spawn(move || run(store, &view, asked))?;
    Ok(asks)
}

fn run(mut store: Store, view: &View, mut asked: mpsc::Receiver<Ask>) {
    limits::stand_back();
    // A disk that takes nothing is told of at the start, not with the first call.
    _ = counted(view, store.try_out());
    // Should that fail, then the next start does it.
    _ = store.forget_ended(view.clock.now());
    // Whoever asked may have gone away; what was written is written.
    while let Some(ask) = asked.blocking_recv() {
        let now = view.clock.now();
        match ask {
            Ask::Write(changes, answer) => _ = answer.send(counted(view, store.write(&changes, now))),
            Ask::Record(happened, seen, answer) => {
                _ = answer.send(counted(view, store.record(&happened, &seen, now)));
            }
            Ask::Ecs(difference, durable, answer) => {
                _ = answer.send(counted(view, store.keep_ecs(&difference, durable)));
            }
            Ask::TryOut(answer) => _ = answer.send(counted(view, store.try_out())),
            Ask::End(done) => {
                drop(store);
                _ = done.send(());
                return;
            }
        }
    }
}

/// Counts how a write went, and says so in the log where that has changed.
fn counted<T>(view: &View, outcome: Result<T, StoreError>) -> Result<T, String> {
    let stats = &view.store;
    let fine = outcome.is_ok();
    if fine {
        stats.writes.add(1)
    } else {
        stats.failures.add(1)
    }
    let before = stats.healthy.swap(fine, Relaxed);
    match &outcome {
        Err(why) if before => error!(
            reason = %why,
            "The store cannot be written: changes through the APIs are refused until it can. Checks and reading go on."
        ),
        Ok(_) if !before => info!("The store can be written again."),
        _ => {}
    }
    outcome.map_err(|error| error.to_string())
}
