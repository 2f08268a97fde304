//! The variables that a task definition, and whoever runs the task, give a container, whatever runs it (docs/ecs.md).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::model::ecs::definition::{ContainerDefinition, Secret};
use crate::model::ecs::task::ContainerOverride;

/// Variables by name.
pub(super) type Variables = BTreeMap<Box<str>, Box<str>>;

/// The longest file of variables, or with a secret, that is read, in bytes: twice what Linux lets a word of the
/// environment be.
const LONGEST: u64 = 256 * 1024;

/// The variables of a container. What comes later overrides what comes before: its files in their order, its variables,
/// its secrets, and what the caller said. Reads files, so it is to be called where they may be waited for.
///
/// # Errors
/// A sentence that says which file, or which secret, could not be read.
pub(super) fn variables(
    container: &ContainerDefinition,
    overrides: Option<&ContainerOverride>,
) -> Result<Variables, String> {
    let mut all = Variables::new();
    for path in &container.environment_files {
        let text =
            read(path).map_err(|error| format!("cannot read the file of variables {path}: {error}"))?;
        all.extend(file(&text).map_err(|(line, error)| format!("{path}, line {line}: {error}"))?);
    }
    all.extend(container.environment.clone());
    for (name, secret) in &container.secrets {
        let value = match secret {
            Secret::Variable(variable) => std::env::var(&**variable).map_err(|error| {
                format!("cannot read the variable {variable} for the secret {name}: {error}")
            })?,
            Secret::File(path) => {
                let error = |error| format!("cannot read the file {path} for the secret {name}: {error}");
                let text = read(path).map_err(error)?;
                let text = text.strip_suffix('\n').unwrap_or(&text);
                text.strip_suffix('\r').unwrap_or(text).to_owned()
            }
        };
        all.insert(name.clone(), value.into());
    }
    all.extend(overrides.map(|overrides| overrides.environment.clone()).unwrap_or_default());
    Ok(all)
}

/// The text of a file. A pipe or a device is refused before it is opened, or it would be waited for.
fn read(path: &str) -> Result<String, String> {
    let metadata = Path::new(path).metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LONGEST) {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// Reads `NAME=VALUE` lines. Empty lines and those that start with `#` say nothing; quotes and spaces belong to a value.
fn file(text: &str) -> Result<Variables, (usize, &'static str)> {
    let mut all = Variables::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or((index + 1, "it is not of the form NAME=VALUE"))?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err((index + 1, "the name before the = is empty, or has a space in it"));
        }
        all.insert(name.into(), value.into());
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| (Box::from(*name), Box::from(*value))).collect()
    }

    #[test]
    fn files_are_read_line_by_line_and_word_for_word() {
        let text = "# comment\n\nA=1\r\nB= two \"quoted\" \nC=\nD=x=y\n";
        assert_eq!(file(text), Ok(set(&[("A", "1"), ("B", " two \"quoted\" "), ("C", ""), ("D", "x=y")])));
        assert_eq!(file("A=1\nexport B").unwrap_err().0, 2);
        assert_eq!(file("export B=1").unwrap_err().0, 1);
        assert_eq!(file("=1").unwrap_err().0, 1);
    }

    #[test]
    fn what_is_nearer_to_the_caller_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str, text: &str| -> Box<str> {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().into()
        };
        let container = ContainerDefinition {
            environment_files: vec![
                path("one.env", "A=file\nB=file\nC=file\nD=file"),
                path("two.env", "A=two"),
            ],
            environment: set(&[("B", "environment"), ("C", "environment"), ("D", "environment")]),
            secrets: [
                ("C".into(), Secret::File(path("c", "secret\r\n"))),
                ("D".into(), Secret::File(path("d", "secret\n\n"))),
                ("P".into(), Secret::Variable("PATH".into())),
            ]
            .into(),
            ..ContainerDefinition::default()
        };
        let overrides = ContainerOverride { environment: set(&[("D", "override")]), ..Default::default() };
        let all = variables(&container, Some(&overrides)).unwrap();
        for (name, value) in [
            ("A", "two"),
            ("B", "environment"),
            ("C", "secret"),
            ("D", "override"),
            ("P", &*std::env::var("PATH").unwrap()),
        ] {
            assert_eq!(all.get(name).map(|value| &**value), Some(value), "{name}");
        }
        let all = variables(&container, None).unwrap();
        assert_eq!(all.get("D").map(|value| &**value), Some("secret\n"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let mut container = ContainerDefinition::default();
        container.secrets.insert("KEY".into(), Secret::Variable("NO_SUCH_VARIABLE".into()));
        let error = variables(&container, None).unwrap_err();
        assert_eq!(
            error,
            "cannot read the variable NO_SUCH_VARIABLE for the secret KEY: environment variable not found"
        );
        container.secrets.insert("KEY".into(), Secret::File("/dev/zero".into()));
        let error = variables(&container, None).unwrap_err();
        assert_eq!(error, "cannot read the file /dev/zero for the secret KEY: it is no regular file");
        // A pipe that nobody writes to would be waited for.
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        container.secrets.insert("KEY".into(), Secret::File(pipe.to_str().unwrap().into()));
        let error = variables(&container, None).unwrap_err();
        assert!(error.ends_with("it is no regular file"), "{error}");
        container.secrets.clear();
        container.environment_files = vec!["/no/such.env".into()];
        let error = variables(&container, None).unwrap_err();
        assert!(error.starts_with("cannot read the file of variables /no/such.env: No such file"), "{error}");
    }
}
