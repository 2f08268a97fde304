//! Structured logs on standard error, as text or as one JSON object a line.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;

use crate::cli::args::{LogFormat, LogLevel};
use crate::cli::term;

/// Starts logging. A second call in one process changes nothing.
pub fn start(format: LogFormat, level: LogLevel) {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false)
        // A line that cannot be written is lost; saying so on the same standard error would panic on a full disk.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal() && term::colour_wanted());
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // Only a test that runs two commands in one process gets here twice.
    _ = started;
}
