//! One attempt: sockets in, exactly one [`Report`] out, by the deadline.
//!
//! Stateless: whether a target is healthy is not known here, only what became of one check. Every check has a
//! connection of its own, which is gone when the report is there.
//!
//! ```text
//! attempt: connect → (tls) → request → answer → matcher → Report
//!            └──────── errno ────────┘  what broke off, and in which phase, names the Failure
//! ```
//!
//! An [`Attempt`] never waits. A shard drives thousands of them by its own poller; [`Prober::probe`] drives one by
//! tokio's.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::model::health_check::HealthCheck;
use crate::model::outcome::{Cause, Report};
use crate::model::protocol::ProtocolVersion;
use crate::probe::plan::Plan;

mod answer;
mod attempt;
pub mod command;
mod errno;
pub mod head;
pub mod http1;
mod http2;
mod kit;
mod plan;
mod request;
mod search;
mod sessions;
mod socket;
mod text;
mod tls;

pub use attempt::{Attempt, Interest};
pub use kit::Kit;
pub use plan::tolerance;

/// A steady clock that only measures; `runtime/clock.rs` holds the real one.
pub trait Stopwatch: Sync {
    /// Time since some fixed moment in the past; never runs backwards.
    fn elapsed(&self) -> Duration;
}

/// Makes the checks of one target group. All that can be prepared is prepared once, here; cloning is cheap.
#[derive(Clone, Debug)]
pub struct Prober(Arc<Plan>);

impl Prober {
    /// Prepares the checks that `check` describes. `version` is that of the group, HTTP/1.1 where it has none; a TCP
    /// check has no use for it.
    #[must_use]
    pub fn new(check: &HealthCheck, version: Option<ProtocolVersion>) -> Self {
        Self(Arc::new(Plan::new(check, version)))
    }

    /// A check of the target at `address`, whose time begins now. Nothing is sent before its first step. An IPv4
    /// address written as an IPv6 one is checked over IPv4.
    #[must_use]
    pub fn attempt(&self, address: SocketAddr, clock: &impl Stopwatch) -> Attempt {
        Attempt::new(Arc::clone(&self.0), canonical(address), clock)
    }

    /// Checks one target: connects to `address`, and calls the target `id` in `Host` and towards TLS.
    ///
    /// `id` is the target's id as registered, an IP literal without brackets or a host name. Gives one report, no
    /// later than the check's timeout plus the granularity of tokio's timer (1 ms) and our own lateness. To be called
    /// on a tokio runtime.
    pub async fn probe(&self, address: SocketAddr, id: &str, clock: &impl Stopwatch) -> Report {
        let mut kit = Kit::new();
        let mut attempt = self.attempt(address, clock);
        if let Some(report) = attempt.step(id, &mut kit, clock) {
            return report;
        }
        let Some(fd) = attempt.watch().and_then(|(fd, _)| fd.try_clone_to_owned().ok()) else {
            return attempt.abandon(Cause::NoDescriptors, &mut kit, clock);
        };
        // A second descriptor of the same socket: tokio only waits for it, the attempt does the rest.
        let Ok(readiness) = TcpStream::from_std(fd.into()) else {
            return attempt.abandon(Cause::Internal, &mut kit, clock);
        };
        loop {
            let ready = wait(&readiness, attempt.interest(), attempt.is_cut_short());
            match tokio::time::timeout(attempt.remaining(clock), ready).await {
                Ok(true) => {}
                Ok(false) => return attempt.abandon(Cause::Internal, &mut kit, clock),
                Err(_) => return attempt.expire(id, &mut kit, clock),
            }
            if let Some(report) = attempt.step(id, &mut kit, clock) {
                return report;
            }
        }
    }
}

/// An IPv4 address written as an IPv6 one (RFC 4291, section 2.5.5.2) as what it is.
///
/// A socket that was once connected to it by an IPv6 socket stays an IPv4 one within, and no IPv6 connection of it
/// comes about ever after.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        // As it came, so that the zone of a link-local address stays.
        IpAddr::V6(_) => address,
    }
}

/// Waits until the socket may be ready, and has tokio forget that it was. False where tokio cannot say. What a step has
/// left is not told again, so where it was `cut_short` there is nothing to wait for.
async fn wait(socket: &TcpStream, interest: Interest, cut_short: bool) -> bool {
    if cut_short {
        tokio::task::yield_now().await;
        return true;
    }
    let (waited, interest) = match interest {
        Interest::Readable => (socket.readable().await, tokio::io::Interest::READABLE),
        Interest::Writable => (socket.writable().await, tokio::io::Interest::WRITABLE),
    };
    _ = socket.try_io(interest, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
    waited.is_ok()
}
