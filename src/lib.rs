//! tgprobe: the health of an AWS load-balancer target group, for any list of backends, anywhere.
//!
//! Data flows one way: desired set → engine → job → outcome → engine → event → view → answer. The layers, in reading
//! order; imports point down this list only, and `tests/tidy.rs` holds us to it.

pub mod model;

pub mod docker;
pub mod engine;
pub mod probe;

pub mod runtime;

pub mod config;
pub mod discovery;
pub mod output;
pub mod store;

pub mod cli;
