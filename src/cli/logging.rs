//! Structured logs on standard error, as text or as one JSON object a line.
//!
//! Lines are written by a thread of their own. A reader of the log that is slow, stuck or gone, or a disk that is full,
//! costs lines and is told of that when it reads again; it delays nothing and ends nothing.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing::warn;

use crate::cli::args::{LogFormat, LogLevel};
use crate::cli::term;

/// Lines that may wait to be written, a megabyte or so; further ones are lost and counted.
const QUEUE: usize = 4_096;

/// How long the end of the program waits for lines not yet written.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// What the writing thread is given.
enum Item {
    Line(Vec<u8>),
    /// Everything before has been written once this is answered.
    End(SyncSender<()>),
}

/// The log; dropping it waits a moment until everything is written.
#[derive(Debug)]
pub struct Log(Option<Lines>);

impl Drop for Log {
    fn drop(&mut self) {
        let Some(lines) = self.0.take() else { return };
        let (done, written) = sync_channel(1);
        if lines.queue.try_send(Item::End(done)).is_ok() {
            // Nobody reads: what is left is lost.
            _ = written.recv_timeout(LAST_WORDS);
        }
    }
}

/// Takes whole lines without ever waiting or failing.
#[derive(Clone, Debug)]
struct Lines {
    queue: SyncSender<Item>,
    lost: Arc<AtomicU64>,
}

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Item::Line(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts logging, and does so until what is returned is dropped. A second call in one process changes nothing.
#[must_use]
pub fn start(format: LogFormat, level: LogLevel) -> Log {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let (queue, items) = sync_channel(QUEUE);
    let lines = Lines { queue, lost: Arc::default() };
    let lost = Arc::clone(&lines.lost);
    let writer = std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&items, &lost));
    if let Err(error) = writer {
        term::error(&format!("there will be no log: {error}"));
        return Log(None);
    }
    let log = Log(Some(lines.clone()));
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(move || lines.clone())
        .with_target(false)
        // A line that cannot be written is lost; saying so on the same standard error would panic on a full disk.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal() && term::colour_wanted());
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // Only a test that runs two commands in one process gets here twice.
    _ = started;
    log
}

/// The writing thread. Errors have nowhere to go: standard error is where they would be told.
fn write(items: &Receiver<Item>, lost: &AtomicU64) {
    for item in items {
        match item {
            Item::Line(line) => {
                if io::stderr().lock().write_all(&line).is_err() {
                    lost.fetch_add(1, Relaxed);
                } else if let lost @ 1.. = lost.swap(0, Relaxed) {
                    // An event like any other; it only takes a place in the queue.
                    warn!(lost, "Log lines were lost: they were not read, or could not be written.");
                }
            }
            Item::End(done) => _ = done.send(()),
        }
    }
}
