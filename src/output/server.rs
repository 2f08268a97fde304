//! The one HTTP listener: accept, limits against slow or many clients, an orderly stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tracing::warn;

use crate::runtime::view::View;

/// Clients at once. More wait in the kernel's queue; each costs a descriptor, and checks need those more.
const CLIENTS: usize = 512;

/// A request head larger than this is refused: no client of ours sends more than a few kilobytes.
const HEAD_LIMIT: usize = 32 * 1_024;

/// A client that has not sent its request head by then is hung up on; so is one that idles between requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// A client that takes in nothing of its answer for this long is hung up on.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long answers under way may take once the process is to stop.
const GRACE: Duration = Duration::from_millis(500);

/// Serves `router` until the view says stop, then lets answers under way finish for a moment.
pub async fn serve(listener: TcpListener, router: Router, view: Arc<View>) {
    let graceful = GracefulShutdown::new();
    let clients = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let accepted = tokio::select! {
            () = view.stopped() => break,
            accepted = accept(&listener, &clients, &view) => accepted,
        };
        let Some((stream, permit)) = accepted else { break };
        let service = TowerToHyperService::new(router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_LIMIT)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // What a client does to its connection is no business of ours.
            _ = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => (),
        () = view.clock.sleep(GRACE) => (),
    }
}

/// Waits for room, then for a client. `None` if there will never be room again.
async fn accept(
    listener: &TcpListener,
    clients: &Arc<Semaphore>,
    view: &View,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(clients).acquire_owned().await.ok()?;
    let mut warned = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers must not wait for more; failing to set it costs a little time only.
                _ = stream.set_nodelay(true);
                // The kernel hangs up on a client that takes nothing more in, so that it does not keep its place.
                _ = SockRef::from(&stream).set_tcp_user_timeout(Some(READ_TIMEOUT));
                return Some((stream, permit));
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
