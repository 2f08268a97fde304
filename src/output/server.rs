//! The one HTTP listener: accept, TLS, limits against slow or many clients, an orderly stop.

mod places;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, warn};

use crate::output::server::places::{Answer, Place, Places};
use crate::output::tls::Tls;
use crate::runtime::view::View;

/// Clients at once. More wait in the kernel's queue; each costs a descriptor, and checks need those more.
const CLIENTS: usize = 512;

/// A request head larger than this is refused: no client of ours sends more than a few kilobytes.
const HEAD_LIMIT: usize = 32 * 1_024;

/// A client that has not sent its request head by then is hung up on; so is one that idles between requests. Where others
/// wait for room, either goes earlier.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// A handshake that takes longer is given up.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that takes in nothing of its answer for this long is hung up on.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long answers under way may take once the process is to stop.
const GRACE: Duration = Duration::from_millis(500);

/// Serves `router` until the view says stop, then lets answers under way finish for a moment. With `tls` it speaks
/// nothing else.
pub async fn serve(listener: TcpListener, router: Router, view: Arc<View>, tls: Option<Arc<Tls>>) {
    let graceful = GracefulShutdown::new();
    let places = Places::new(CLIENTS);
    for number in 0.. {
        let accepted = tokio::select! {
            () = view.stopped() => break,
            accepted = accept(&listener, &places, number, &view) => accepted,
        };
        let Some((stream, place)) = accepted else { break };
        let (router, tls, view, watcher) =
            (router.clone(), tls.clone(), Arc::clone(&view), graceful.watcher());
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = place.leave() => debug!("A client that sent no request had to make room."),
                () = converse(stream, router, &place, watcher, tls, &view) => (),
            }
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => (),
        () = view.clock.sleep(GRACE) => (),
    }
}

/// Answers one client until either side has enough.
async fn converse(
    stream: TcpStream,
    router: Router,
    place: &Arc<Place>,
    watcher: Watcher,
    tls: Option<Arc<Tls>>,
    view: &View,
) {
    let Some(tls) = tls else { return answer(stream, router, place, watcher).await };
    let shaken = tokio::select! {
        biased;
        shaken = tls.acceptor().accept(stream) => shaken,
        () = view.clock.sleep(HANDSHAKE_TIMEOUT) => Err(io::ErrorKind::TimedOut.into()),
    };
    match shaken {
        Ok(stream) => answer(stream, router, place, watcher).await,
        Err(error) => debug!(%error, "A TLS handshake with a client failed."),
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    place: &Arc<Place>,
    watcher: Watcher,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request| {
        place.spoke();
        let (answer, place) = (router.call(request), Arc::clone(place));
        async { answer.await.map(|answer| answer.map(|body| Answer::new(body, place))) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    // What a client does to its connection is no business of ours.
    _ = watcher.watch(connection).await;
}

/// Waits for a client, then for room. `None` if there will never be room again.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Places>,
    number: u64,
    view: &View,
) -> Option<(TcpStream, Arc<Place>)> {
    let mut warned = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers must not wait for more; failing to set it costs a little time only.
                _ = stream.set_nodelay(true);
                // The kernel hangs up on a client that takes nothing more in, so that it does not keep its place.
                _ = SockRef::from(&stream).set_tcp_user_timeout(Some(READ_TIMEOUT));
                return Some((stream, places.take(number, view).await?));
            }
            Err(error) if is_clients(&error) => (),
            Err(error) => {
                // Once until one is accepted again: whatever the trouble, it lasts for longer than one attempt.
                if !std::mem::replace(&mut warned, true) {
                    warn!(%error, "A client could not be accepted.");
                }
                view.clock.sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Errors of a client that went away before it was accepted.
fn is_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
