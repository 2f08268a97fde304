//! Why the store cannot be opened or written.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the store cannot be opened. Nothing has been changed.
#[derive(Debug)]
pub enum OpenError {
    /// Another process uses the directory.
    InUse(PathBuf),
    /// The database was written by a newer version: its schema, and the newest that is known here.
    Newer(PathBuf, i64, i64),
    /// The file is no database of this program, and why that is thought.
    Foreign(PathBuf, &'static str),
    /// The database is damaged, and where.
    Damaged(PathBuf, String),
    /// The operating system is in the way: of what, and what it says.
    Io(PathBuf, &'static str, io::Error),
    /// SQLite is in the way.
    Sqlite(PathBuf, String),
}

impl OpenError {
    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(path.to_owned(), error.to_string())
            }
            _ => Self::Sqlite(path.to_owned(), reason(error)),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(dir) => write!(
                f,
                "the data directory {} is in use by another process: each needs a `data_dir` of its own",
                dir.display()
            ),
            Self::Newer(path, found, known) => write!(
                f,
                "{} was written by a newer version of tgprobe: its schema is {found}, and this version knows {known}; it was left as it is",
                path.display()
            ),
            Self::Foreign(path, why) => {
                write!(f, "{} {why}, so it is not tgprobe's and was left as it is", path.display())
            }
            Self::Damaged(path, what) => write!(
                f,
                "{} is damaged ({what}); it was left as it is: restore it from a copy, or move it away to begin with an empty store",
                path.display()
            ),
            Self::Io(path, what, error) => write!(f, "cannot {what} {}: {error}", path.display()),
            Self::Sqlite(path, why) => write!(f, "cannot open {}: {why}", path.display()),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, _, error) => Some(error),
            Self::InUse(_) | Self::Newer(..) | Self::Foreign(..) | Self::Damaged(..) | Self::Sqlite(..) => {
                None
            }
        }
    }
}

/// Why the store cannot be read or written. What it holds is what it held before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreError(String);

impl StoreError {
    pub(super) fn new(path: &Path, why: impl fmt::Display) -> Self {
        Self(format!("{}: {why}", path.display()))
    }

    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        Self::new(path, reason(error))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreError {}

/// What an operator can do something about first; SQLite's own words behind.
fn reason(error: &rusqlite::Error) -> String {
    if let rusqlite::Error::FromSqlConversionFailure(_, _, what) = error {
        return format!("it holds what cannot be understood: {what}");
    }
    let what = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full",
        Some(ErrorCode::ReadOnly) => "it cannot be written, only read",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another program holds it locked",
        Some(ErrorCode::SystemIoFailure) => "the disk does not take or give what it should",
        Some(ErrorCode::CannotOpen) => "a file of it cannot be opened or made",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "it is damaged",
        _ => return error.to_string(),
    };
    format!("{what} ({error})")
}
