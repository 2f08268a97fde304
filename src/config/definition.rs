//! Files of task definitions, in JSON.

use std::path::Path;

use serde_json::Value;

use crate::config::errors::{Error, Errors};
use crate::config::{self, SMALL_LIMIT};
use crate::model::ecs::definition::{Blueprint, Reading};

/// Whether a file is a task definition and no configuration: no TOML begins like JSON's objects.
#[must_use]
pub fn is_definition(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
}

/// Reads a file of at most 4 MiB. Relative paths in it come back with its own folder before them, which is absolute.
///
/// # Errors
/// Everything that is wrong with the definition, or why the file cannot be read.
pub fn load(path: &Path) -> Result<Reading, Errors> {
    let file = path.display().to_string();
    let of_file = |message: String| Errors::of_file(&file, message);
    let bytes =
        config::read(path, SMALL_LIMIT).map_err(|error| of_file(format!("cannot be read: {error}")))?;
    let mut reading = parse(&bytes).map_err(|problems| {
        let list: Vec<Error> = problems.into_iter().flat_map(|problem| of_file(problem).list).collect();
        Errors { list }
    })?;
    reading.blueprint.settle(&config::folder(path)?);
    Ok(reading)
}

/// Reads a task definition.
///
/// # Errors
/// Everything that is wrong with it; never empty.
pub(super) fn parse(bytes: &[u8]) -> Result<Reading, Vec<String>> {
    let json: Value = serde_json::from_slice(bytes).map_err(|error| vec![format!("not JSON: {error}")])?;
    Blueprint::read(&json).map_err(|problems| problems.iter().map(str::to_owned).collect())
}
