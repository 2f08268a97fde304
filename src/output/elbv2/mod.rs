//! The ELBv2 API.

pub mod error;
pub mod settings;
