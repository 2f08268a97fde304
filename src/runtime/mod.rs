//! The only place with clocks, threads and channels.
//!
//! ```text
//!   desired set ─► fleet ─commands─► shard thread ─publish─► view ─► whoever asks
//!                    ▲                    │
//!                    └──── happenings ────┘──► journal (events)
//! ```

pub mod attempt;
pub mod clock;
pub mod fleet;
pub mod journal;
pub mod limits;
pub mod record;
pub mod resolver;
pub mod shard_loop;
pub mod slots;
pub mod telemetry;
pub mod view;
