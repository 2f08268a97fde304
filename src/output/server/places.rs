//! Room for so many clients at once, of which none keeps it by saying nothing.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Error;
use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::model::tick::Tick;
use crate::runtime::view::{Clock, View};

/// Where others wait for room, a client that owes us a request head for this long is hung up on. A client in a hurry
/// sends it in a round trip or two of TLS.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who owes us a request head, by since when and number, and how to hang up on them.
type Silent = BTreeMap<(Tick, u64), Arc<Notify>>;

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
    leave: Arc<Notify>,
    clock: Clock,
    /// Where the client stands among the silent ones, if it does.
    since: Mutex<Option<Tick>>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { permits: Arc::new(Semaphore::new(count)), silent: Mutex::default() })
    }

    /// Room for client `number`, which has come, at the cost of the one that has said nothing for longest if there is
    /// no other. No two clients may have the same number.
    pub(super) async fn take(self: &Arc<Self>, number: u64, view: &View) -> Option<Arc<Place>> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait(view).await?,
        };
        let place = Arc::new(Place {
            number,
            places: Arc::clone(self),
            leave: Arc::default(),
            clock: view.clock,
            since: Mutex::default(),
            _permit: permit,
        });
        place.fell_silent();
        Some(place)
    }

    async fn wait(&self, view: &View) -> Option<OwnedSemaphorePermit> {
        let mut free = std::pin::pin!(Arc::clone(&self.permits).acquire_owned());
        loop {
            // Where all are served at present, one will fall silent or leave.
            let oldest = with(&self.silent, |silent| silent.first_key_value().map(|((since, _), _)| *since));
            let until = oldest.unwrap_or_else(|| view.clock.now()) + PATIENCE;
            tokio::select! {
                biased;
                permit = &mut free => return permit.ok(),
                () = view.clock.sleep_until(until) => (),
            }
            let now = view.clock.now();
            with(&self.silent, |silent| {
                let oldest = silent.first_entry().filter(|oldest| now.since(oldest.key().0) >= PATIENCE);
                if let Some(oldest) = oldest {
                    oldest.remove().notify_one();
                }
            });
        }
    }
}

impl Place {
    /// Completes when the client has to go.
    pub(super) async fn leave(&self) {
        self.leave.notified().await;
    }

    /// The client has sent a whole request head, and may stay until it has its answer.
    pub(super) fn spoke(&self) {
        if let Some(since) = with(&self.since, Option::take) {
            with(&self.places.silent, |silent| silent.remove(&(since, self.number)));
        }
    }

    /// The client is to speak next.
    fn fell_silent(&self) {
        self.spoke();
        let now = self.clock.now();
        with(&self.since, |since| *since = Some(now));
        with(&self.places.silent, |silent| silent.insert((now, self.number), Arc::clone(&self.leave)));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.spoke();
    }
}

fn with<T, R>(mutex: &Mutex<T>, work: impl FnOnce(&mut T) -> R) -> R {
    work(&mut mutex.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The body of an answer. When all of it has gone out, the client is to speak next.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    place: Arc<Place>,
}

impl Answer {
    pub(super) fn new(body: Body, place: Arc<Place>) -> Self {
        Self { body, place }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.place.fell_silent();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> Arc<View> {
        View::new(Clock::start(), 1)
    }

    #[tokio::test]
    async fn the_longest_silent_client_makes_room() {
        let (view, places) = (view(), Places::new(2));
        let first = places.take(1, &view).await.unwrap();
        let second = places.take(2, &view).await.unwrap();
        first.spoke();
        let (third, ()) = tokio::join!(places.take(3, &view), async {
            // The third waits, and it is the second who is sent away, since the first has spoken.
            second.leave().await;
            drop(second);
        });
        // Had the first been sent away, too, a permit to leave would be there.
        assert!(futures_util::FutureExt::now_or_never(first.leave()).is_none());
        drop((first, third));
        assert!(with(&places.silent, |silent| silent.is_empty()));
    }

    #[tokio::test]
    async fn a_client_that_has_its_answer_makes_room_again() {
        let (view, places) = (view(), Places::new(1));
        let first = places.take(1, &view).await.unwrap();
        first.spoke();
        let answer = Answer::new(Body::from("all"), Arc::clone(&first));
        assert!(with(&places.silent, |silent| silent.is_empty()));
        drop(answer);
        let (second, ()) = tokio::join!(places.take(2, &view), async {
            first.leave().await;
            drop(first);
        });
        assert_eq!(second.unwrap().number, 2);
    }
}
