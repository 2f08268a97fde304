//! Who asks for the end of `run-task`.

use tokio::sync::mpsc;

use crate::cli::exit::Trouble;
use crate::cli::serve;

/// SIGINT and SIGTERM, as often as they come.
pub(super) struct Signals(mpsc::Receiver<()>);

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// If signals cannot be listened for.
    pub(super) fn listen() -> Result<Self, Trouble> {
        let (tell, heard) = mpsc::channel(1);
        let mut next = Box::pin(serve::end_signals()?);
        tokio::spawn(async move {
            loop {
                next.await;
                // One that nobody has taken notice of yet says the same.
                _ = tell.try_send(());
                match serve::end_signals() {
                    Ok(signals) => next = Box::pin(signals),
                    Err(_) => return,
                }
            }
        });
        Ok(Self(heard))
    }

    /// Waits for the next one. May be dropped and called again.
    pub(super) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending().await
        }
    }
}
