//! The variables of a container: of files, of its definition, looked up, and of whoever runs the task.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;

use crate::model::ecs::definition::{Secret, TaskDefinition};
use crate::model::ecs::task::Task;

/// Bytes read of a file of variables, or of a secret.
const FILE_LIMIT: u64 = 1_024 * 1_024;

/// The variables of one container. What comes later in this list holds over what comes before: files in their order,
/// the definition, secrets, overrides. To be called where files may be waited for.
///
/// # Errors
/// What cannot be had, in a sentence.
pub(super) fn resolve(
    definition: &TaskDefinition,
    index: usize,
    task: &Task,
) -> Result<BTreeMap<Box<str>, Box<str>>, String> {
    let mut variables = BTreeMap::new();
    let Some(container) = definition.blueprint.containers.get(index) else { return Ok(variables) };
    for path in &container.environment_files {
        let text = read(path).map_err(|why| format!("environment file {path} cannot be read: {why}"))?;
        variables.extend(lines(&text));
    }
    variables.extend(container.environment.clone());
    for (name, secret) in &container.secrets {
        let value = match secret {
            Secret::Variable(source) => std::env::var(&**source)
                .map_err(|why| format!("secret {name}: the variable {source} cannot be used: {why}"))?,
            Secret::File(path) => {
                let text =
                    read(path).map_err(|why| format!("secret {name}: {path} cannot be read: {why}"))?;
                let text = text.strip_suffix('\n').unwrap_or(&text);
                text.strip_suffix('\r').unwrap_or(text).to_owned()
            }
        };
        variables.insert(name.clone(), value.into());
    }
    if let Some(other) = task.overrides.get(&container.name) {
        variables.extend(other.environment.clone());
    }
    Ok(variables)
}

fn read(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(FILE_LIMIT + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if u64::try_from(text.len()).is_ok_and(|length| length > FILE_LIMIT) {
        return Err(format!("it has more than {FILE_LIMIT} bytes"));
    }
    Ok(text)
}

/// `NAME=VALUE` in each line; lines without `=`, and those that begin with `#`, are left out, as Docker does.
fn lines(text: &str) -> impl Iterator<Item = (Box<str>, Box<str>)> {
    let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(name, value)| (name.trim().into(), value.into()))
}
