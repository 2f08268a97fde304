//! The only place with clocks, threads and channels.

pub mod clock;
