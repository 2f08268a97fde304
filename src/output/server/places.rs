//! Room for so many clients at once, of which none keeps it by saying nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::model::tick::Tick;
use crate::runtime::view::View;

/// Where others wait for room, a client that has not sent its first request head by then is hung up on. A client in a
/// hurry sends it in a round trip or two of TLS.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who has not yet sent a whole request head.
#[derive(Debug, Default)]
struct Silent {
    /// In the order they came: since when, and how to hang up on them.
    clients: BTreeMap<u64, (Tick, oneshot::Sender<()>)>,
    /// The number of the next one.
    next: u64,
}

/// All the room there is.
#[derive(Debug)]
pub(super) struct Places {
    permits: Arc<Semaphore>,
    silent: Mutex<Silent>,
}

/// Room for one client, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    places: Arc<Places>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { permits: Arc::new(Semaphore::new(count)), silent: Mutex::default() })
    }

    /// Room for a client that has come, at the cost of the one that has said nothing for longest if there is no other.
    /// The receiver hears when this client has to go in its turn.
    pub(super) async fn take(self: &Arc<Self>, view: &View) -> Option<(Place, oneshot::Receiver<()>)> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait(view).await?,
        };
        let (leave, left) = oneshot::channel();
        let number = self.with(|silent| {
            let number = silent.next;
            silent.next += 1;
            silent.clients.insert(number, (view.clock.now(), leave));
            number
        });
        Some((Place { number, places: Arc::clone(self), _permit: permit }, left))
    }

    async fn wait(&self, view: &View) -> Option<OwnedSemaphorePermit> {
        let free = Arc::clone(&self.permits).acquire_owned();
        let mut free = std::pin::pin!(free);
        let oldest = |silent: &mut Silent| silent.clients.first_key_value().map(|(_, (since, _))| *since);
        if let Some(since) = self.with(oldest) {
            tokio::select! {
                biased;
                permit = &mut free => return permit.ok(),
                () = view.clock.sleep_until(since + PATIENCE) => (),
            }
            if let Some((_, (_, leave))) = self.with(|silent| silent.clients.pop_first()) {
                // Nobody hears it who has left already.
                _ = leave.send(());
            }
        }
        free.await.ok()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Silent) -> T) -> T {
        work(&mut self.silent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Place {
    /// The client has sent a whole request head, and may stay.
    pub(super) fn spoke(&self) {
        self.places.with(|silent| silent.clients.remove(&self.number));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.spoke();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::view::Clock;

    #[tokio::test]
    async fn the_longest_silent_client_makes_room() {
        let (view, places) = (View::new(Clock::start(), 1), Places::new(2));
        let (first, mut first_leaves) = places.take(&view).await.unwrap();
        let (second, mut second_leaves) = places.take(&view).await.unwrap();
        first.spoke();
        let came = tokio::join!(places.take(&view), async {
            // The third waits, and it is the second who is sent away, since the first has spoken.
            (&mut second_leaves).await.unwrap();
            drop(second);
        });
        assert!(came.0.is_some());
        assert!(first_leaves.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_place_that_is_given_back_is_taken_again() {
        let (view, places) = (View::new(Clock::start(), 1), Places::new(1));
        for _ in 0..3 {
            let (place, mut leaves) = places.take(&view).await.unwrap();
            place.spoke();
            assert!(leaves.try_recv().is_err());
        }
        assert!(places.with(|silent| silent.clients.is_empty()));
    }
}
