//! A look at a database before anything may write to it: whether it is ours, sound and not too new.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::model::percent;
use crate::store::error::OpenError;
use crate::store::schema::{APPLICATION_ID, VERSION, beside};

/// What every SQLite database begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// The header before the first page's content, and where the application's id stands in it.
const HEADER: u64 = 100;
const APPLICATION_ID_AT: std::ops::Range<usize> = 68..72;

/// Looks at a database without changing it or its log, and tells the version of its schema.
pub(super) fn examine(path: &Path) -> Result<i64, OpenError> {
    let mut header = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEADER).read_to_end(&mut header));
    read.map_err(|error| OpenError::Io(path.to_owned(), "read", error))?;
    if header.is_empty() {
        return Err(OpenError::Damaged(path.to_owned(), "it is empty".to_owned()));
    }
    if !header.starts_with(MAGIC) {
        return Err(OpenError::Foreign(path.to_owned(), "is not a SQLite database"));
    }
    let id = header.get(APPLICATION_ID_AT).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    if id.map(i64::from) != Some(APPLICATION_ID) {
        return Err(OpenError::Foreign(path.to_owned(), "is the SQLite database of another program"));
    }
    let sqlite = |error: rusqlite::Error| OpenError::sqlite(path, &error);
    let connection = read_only(path).map_err(sqlite)?;
    let version: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sqlite)?;
    if version > VERSION {
        return Err(OpenError::Newer(path.to_owned(), version, VERSION));
    }
    if version < 1 {
        return Err(OpenError::Damaged(path.to_owned(), format!("its schema is {version}")));
    }
    // The journal is bounded, and so is the time this takes: about a second for a million transitions.
    let verdict: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(sqlite)?;
    if verdict != "ok" {
        return Err(OpenError::Damaged(path.to_owned(), verdict));
    }
    Ok(version)
}

/// Opens a database so that neither it nor its log is written. For the one who holds the lock, while nobody writes.
pub(super) fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    // Without a log SQLite would make one, even to read; it is told that nothing changes instead.
    let logged = fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    let connection = if logged { follow(path)? } else { open(path, "?immutable=1")? };
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

/// Opens a database for reading while it is written.
pub(super) fn follow(path: &Path) -> rusqlite::Result<Connection> {
    open(path, "?mode=ro")
}

fn open(path: &Path, query: &str) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri(path, query), flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(connection)
}

/// A path as SQLite reads it in a URI: whatever is not plain is told by its number.
fn uri(path: &Path, query: &str) -> String {
    use std::os::unix::ffi::OsStrExt as _;

    let begin = if path.is_absolute() { "file://" } else { "file:" };
    format!("{begin}{}{query}", percent::encode(path.as_os_str().as_bytes(), b"/"))
}
