//! One attempt: sockets in, exactly one [`Report`](crate::model::outcome::Report) out, by the deadline.

use std::time::Duration;

/// A steady clock that only measures; `runtime/clock.rs` holds the real one.
pub trait Stopwatch: Sync {
    /// Time since some fixed moment in the past; never runs backwards.
    fn elapsed(&self) -> Duration;
}
