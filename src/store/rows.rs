//! Between values and what stands in columns.

use std::fmt::Display;
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension as _, Result, Row};

use crate::model::failure::Failure;
use crate::model::target_group::GroupName;
use crate::model::tick::{Tick, millis};

/// An integer as SQLite has them; saturating.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A moment in milliseconds.
pub(super) fn tick(at: Tick) -> i64 {
    integer(at.0)
}

/// A length of time in milliseconds.
pub(super) fn length(duration: Duration) -> i64 {
    integer(millis(duration))
}

/// The one row a statement gives, if it gives any.
pub(super) fn first<T>(row: Result<T>) -> Result<Option<T>> {
    row.optional()
}

/// Why a value in a row is none of ours, naming it.
pub(super) fn strange(column: &str, found: impl Display) -> Error {
    Error::FromSqlConversionFailure(0, Type::Text, format!("{column} is `{found}`").into())
}

/// The same with where it stands.
fn within(table: &str, error: Error) -> Error {
    let table = table.split(' ').next().unwrap_or(table);
    let Error::FromSqlConversionFailure(index, kind, what) = error else { return error };
    Error::FromSqlConversionFailure(index, kind, format!("in {table}, {what}").into())
}

/// A word that `parse` knows.
pub(super) fn word<T>(row: &Row<'_>, column: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
    let text: Box<str> = row.get(column)?;
    parse(&text).ok_or_else(|| strange(column, &text))
}

/// The same where there may be none.
pub(super) fn optional_word<T>(
    row: &Row<'_>,
    column: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>> {
    let text: Option<Box<str>> = row.get(column)?;
    text.map(|text| parse(&text).ok_or_else(|| strange(column, &text))).transpose()
}

/// The name of a group.
pub(super) fn name(row: &Row<'_>, column: &str) -> Result<GroupName> {
    word(row, column, |text| GroupName::parse_shown(text).ok())
}

/// A moment in milliseconds.
pub(super) fn moment(row: &Row<'_>, column: &str) -> Result<Tick> {
    row.get(column).map(Tick)
}

/// A length of time in milliseconds.
pub(super) fn duration(row: &Row<'_>, column: &str) -> Result<Duration> {
    row.get(column).map(Duration::from_millis)
}

/// A failure, in two columns.
pub(super) fn failure(row: &Row<'_>) -> Result<Option<Failure>> {
    let detail: Option<u16> = row.get("failure_detail")?;
    optional_word(row, "failure", |label| Failure::from_label(label, detail))
}

/// Every row of a table, in the order of its key. What is wrong with a row is told with its table.
pub(super) fn all<T>(
    connection: &Connection,
    table: &str,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2, 3"))?;
    statement.query_map([], |row| read(row))?.map(|row| row.map_err(|error| within(table, error))).collect()
}
