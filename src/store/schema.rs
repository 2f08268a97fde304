//! The tables, and how a database of an older version gets them.

use std::fs;
use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::store::error::OpenError;

/// Stands in the file's header and tells it from other programs' databases: the letters `tgpb`.
pub(super) const APPLICATION_ID: i64 = 0x7467_7062;

/// What leads from each version of the schema to the next, from an empty database on. `user_version` says how many of
/// them a database has seen. What was released is never edited, only followed by another.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql"), include_str!("schema/2.sql")];

/// The version this program writes.
pub(super) const VERSION: i64 = 2;
const _: () = assert!(MIGRATIONS.len() == 2 && VERSION == 2, "as many migrations as versions");

/// How long a write waits for a person who looks at the database with another program.
const PATIENCE: Duration = Duration::from_secs(2);

/// The log of changes is cut back to this many bytes once it has been taken into the database.
const LOG_BYTES: i64 = 8 << 20;

/// Makes an empty database where there is none. It appears whole or not at all.
pub(super) fn make_if_missing(dir: &Path, path: &Path) -> Result<(), OpenError> {
    let failed = |error| OpenError::Io(path.to_owned(), "make", error);
    if path.try_exists().map_err(failed)? {
        return Ok(());
    }
    let draft = dir.join("tgprobe.db.new");
    // What a process that died while it made one has left, and the log of a database that was moved away without it.
    for stale in [draft.clone(), beside(&draft, "-journal"), beside(&draft, "-wal"), beside(&draft, "-shm")] {
        remove(&stale).map_err(failed)?;
    }
    remove(&beside(path, "-wal")).and_then(|()| remove(&beside(path, "-shm"))).map_err(failed)?;
    let make = || -> rusqlite::Result<()> {
        let mut connection = Connection::open(&draft)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        migrate(&mut connection, MIGRATIONS)?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.close().map_err(|(_, error)| error)
    };
    make().map_err(|error| OpenError::sqlite(path, &error))?;
    let publish = || -> io::Result<()> {
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o600))?;
        File::open(&draft)?.sync_all()?;
        fs::rename(&draft, path)?;
        File::open(dir)?.sync_all()
    };
    publish().map_err(failed)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The file that SQLite keeps beside a database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Opens a database that is known to be ours for writing.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
    // SQLite opens for reading what cannot be written.
    if connection.is_readonly("main")? {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY);
        return Err(rusqlite::Error::SqliteFailure(code, None));
    }
    Ok(connection)
}

/// Writes over what the log holds beyond the latest commit, without waiting for the disk.
pub(super) fn overwrite_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "user_version", VERSION)
}

/// Takes the log into the database and has the disk confirm that, so that nothing hangs on what the log held.
pub(super) fn begin_log_anew(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        return Err(rusqlite::Error::SqliteFailure(code, None));
    }
    Ok(())
}

/// Brings the schema up to the newest version, each step whole or not at all.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> rusqlite::Result<()> {
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let Some(next) = usize::try_from(version).ok().and_then(|version| migrations.get(version)) else {
            return transaction.rollback();
        };
        transaction.execute_batch(next)?;
        transaction.pragma_update(None, "user_version", version + 1)?;
        transaction.commit()?;
    }
}
