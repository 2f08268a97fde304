//! The rules. Pure: told the time and the outcomes, answering with jobs and events.
//!
//! No clock, no socket, no log, no randomness: the same calls in the same order give the same answers, so a whole
//! life is replayed from a seed in no time.
//!
//! ```text
//!   registry ──commands──► shard ──poll_job──► (a probe elsewhere) ──on_outcome──► shard ──poll_event──► readers
//! ```

pub mod catalog;
pub mod ecs;
pub mod machine;
pub mod place;
pub mod queue;
pub mod registry;
pub mod rollup;
pub mod shard;
pub mod status;
pub mod table;
pub mod watch;
