//! What survives a restart: groups made through the API, registrations, drains, states and the latest transitions;
//! clusters, task definitions, services and tasks.
//!
//! One SQLite database, `tgprobe.db`, in a directory that one process at a time may use. Its tables hold words and numbers
//! that a person can read with the stock `sqlite3` shell; times are milliseconds since 1970. There are two kinds of
//! writing:
//!
//! - What was asked for ([`Store::write`]) is on the disk before it is answered, whatever happens to the machine.
//! - What was seen ([`Store::record`]) is handed to the kernel, so that it survives the process. A power cut may take the
//!   latest of it, and the checks after the next start find it out again.
//!
//! A write that fails leaves what there was, and the next one is tried as if nothing had happened: the disk may have
//! room again.

mod ecs;
mod error;
mod examine;
mod journal;
mod latest;
mod load;
mod lock;
mod rename;
mod rows;
mod schema;
mod write;

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

pub use ecs::EcsKept;
pub use error::{OpenError, StoreError};
pub use journal::{Happened, Reader, Seen};
pub use load::Kept;

use crate::model::tick::Tick;
use crate::store::latest::Latest;

/// The database's file in the directory.
pub const FILE: &str = "tgprobe.db";

/// Bounds of the journal of transitions. Whichever is reached first holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Transitions older than this are forgotten.
    pub max_age: Duration,
    /// More transitions than this are not kept; the oldest are forgotten. Each takes about 160 bytes.
    pub max_transitions: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_age: Duration::from_secs(7 * 24 * 60 * 60), max_transitions: 1_000_000 }
    }
}

/// The database, open for writing.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    limits: Limits,
    /// `None` while it can be read and not written: it is tried again with every write.
    connection: Option<Connection>,
    /// Whether the disk failed, so that what its log holds has perhaps never reached it.
    doubted: bool,
    latest: Latest,
    /// Held as long as the process lives, and no longer.
    _lock: File,
}

impl Store {
    /// Opens the store in a directory, and makes both where they are missing. The directory is made for its owner alone.
    ///
    /// A database that is damaged, another program's or of a newer version is refused and left as it is. One that can only
    /// be read, because the disk is full or may not be written, is read; writes fail until it can be written.
    ///
    /// # Errors
    /// What is in the way, in a sentence that names it.
    pub fn open(dir: &Path, limits: Limits) -> Result<Self, OpenError> {
        let unusable = |error| OpenError::Io(dir.to_owned(), "make the directory", error);
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable)?;
        let lock = lock::take(dir)?;
        let path = dir.join(FILE);
        schema::make_if_missing(dir, &path)?;
        let version = examine::examine(&path)?;
        let connection = match schema::connect(&path) {
            Ok(mut connection) => {
                schema::migrate(&mut connection, schema::MIGRATIONS)
                    .map_err(|error| OpenError::sqlite(&path, &error))?;
                Some(connection)
            }
            Err(error) if version < schema::VERSION => return Err(OpenError::sqlite(&path, &error)),
            Err(_) => None,
        };
        Ok(Self { path, limits, connection, doubted: false, latest: Latest::default(), _lock: lock })
    }

    /// Where the database is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes something that changes nothing, to find out whether the store can be written.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn try_out(&mut self) -> Result<(), StoreError> {
        self.attempt(|connection| {
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "user_version", schema::VERSION)
        })
    }

    /// Forgets drains that were over by `now`, of which nobody is told any more.
    ///
    /// # Errors
    /// Why they are still there.
    pub fn forget_ended(&mut self, now: Tick) -> Result<(), StoreError> {
        let ended = "DELETE FROM target_states WHERE drain_ends <= ?1";
        self.attempt(|connection| connection.execute(ended, [rows::tick(now)]).map(|_| ()))
    }

    /// Does something with the connection, which is made where there is none yet.
    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let path = &self.path;
        let failed = |error| StoreError::sqlite(path, &error);
        if self.connection.is_none() {
            self.connection = Some(schema::connect(path).map_err(failed)?);
        }
        let Some(connection) = &mut self.connection else {
            return Err(StoreError::new(path, "it is not open"));
        };
        if self.doubted {
            schema::begin_log_anew(connection).map_err(failed)?;
            self.doubted = false;
        }
        let outcome = work(connection);
        if outcome.as_ref().is_err_and(|error| {
            // A log that was written whole and not confirmed looks like a commit to the next process.
            error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
        }) {
            self.doubted = true;
            // Should this fail too, then so much is wrong with the disk that nothing can be written there.
            _ = schema::overwrite_log(connection);
        }
        outcome.map_err(failed)
    }
}

#[cfg(test)]
mod tests;
