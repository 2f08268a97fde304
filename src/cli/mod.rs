//! The subcommands; the only place that prints to a terminal.

pub mod validate;
