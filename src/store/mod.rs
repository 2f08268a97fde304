//! What survives a restart: groups made through the API, registrations, drains, states and the latest transitions.
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

mod error;
mod examine;
mod journal;
mod load;
mod lock;
mod rows;
mod schema;
mod write;

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

pub use error::{OpenError, StoreError};
pub use journal::{Happened, Reader, Seen};
pub use load::Kept;

use crate::model::target_group::GroupName;
use crate::model::tick::Tick;

/// The database's file in the directory.
pub const FILE: &str = "tgprobe.db";

/// Bounds of the journal of transitions. Whichever is reached first holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Transitions older than this are forgotten.
    pub max_age: Duration,
    /// More transitions than this are not kept; the oldest are forgotten. Each takes about 250 bytes.
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
    latest: Latest,
    /// Held as long as the process lives, and no longer.
    _lock: File,
}

/// What the latest write changed. It may not be live yet: what is recorded from a look at the targets before it was must
/// not undo it.
#[derive(Debug, Default)]
struct Latest {
    at: Tick,
    deregistered: BTreeSet<Whose>,
    registered: BTreeSet<Whose>,
    deleted: BTreeSet<GroupName>,
}

/// A target: its group, its id and its port.
type Whose = (GroupName, Box<str>, u16);

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
        Ok(Self { path, limits, connection, latest: Latest::default(), _lock: lock })
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
        match &mut self.connection {
            Some(connection) => work(connection).map_err(failed),
            None => Err(StoreError::new(path, "it is not open")),
        }
    }
}

#[cfg(test)]
mod tests;
