//! The only place with clocks, threads and channels.
//!
//! ```text
//!   desired set ─► fleet ─commands─► shard thread ─publish─► view ─► whoever asks
//!                    ▲                    │
//!                    └──── happenings ────┘──► journal (events)
//! ```

pub mod admission;
pub mod agent;
pub mod backlog;
pub mod clock;
pub mod containers;
pub mod episode;
pub mod fleet;
pub mod flights;
pub mod group;
pub mod journal;
pub mod limits;
pub mod mailbox;
pub mod pace;
pub mod poller;
pub mod record;
pub mod resolver;
pub mod roster;
pub mod shard_loop;
pub mod slots;
pub mod staged;
pub mod telemetry;
pub mod view;
pub mod writer;
