//! One attempt: sockets in, exactly one [`Report`] out, by the deadline.
//!
//! Stateless: whether a target is healthy is not known here, only what became of one check. Every check has a
//! connection of its own, which is gone when the report is there.
//!
//! ```text
//! http1: connect → (tls) → request → head → status → matcher → Report
//!           └──────── errno ────────┘  what broke off, and in which phase, names the Failure
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::model::health_check::HealthCheck;
use crate::model::outcome::Report;

mod connect;
mod errno;
pub mod head;
pub mod http1;
mod tls;

/// A steady clock that only measures; `runtime/clock.rs` holds the real one.
pub trait Stopwatch: Sync {
    /// Time since some fixed moment in the past; never runs backwards.
    fn elapsed(&self) -> Duration;
}

/// Makes the checks of one target group. All that can be prepared is prepared once, here; cloning is cheap.
#[derive(Clone, Debug)]
pub enum Prober {
    /// `GET` over HTTP/1.1, plain or over TLS.
    Http1(Arc<http1::Http1>),
}

impl Prober {
    /// Prepares the checks that `check` describes.
    #[must_use]
    pub fn new(check: &HealthCheck) -> Self {
        Self::Http1(Arc::new(http1::Http1::new(check)))
    }

    /// Checks one target: connects to `address`, and calls the target `id` in `Host` and towards TLS.
    ///
    /// `id` is the target's id as registered, an IP literal without brackets or a host name. Gives one report, no
    /// later than the check's timeout plus the granularity of tokio's timer (1 ms) and our own lateness.
    pub async fn probe(&self, address: SocketAddr, id: &str, clock: &impl Stopwatch) -> Report {
        match self {
            Self::Http1(http1) => http1.probe(address, id, clock).await,
        }
    }
}
