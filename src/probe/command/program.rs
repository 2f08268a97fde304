//! A program as it is to be run.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program as it is to be run: nothing but what is said here is handed down to it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Program {
    /// The program, looked up in the `PATH` of `environment` where it has no `/`, and its arguments: at least one word.
    pub argv: Vec<Box<str>>,
    /// All its variables.
    pub environment: BTreeMap<Box<str>, Box<str>>,
    /// Where it starts; where we are, if `None`.
    pub directory: Option<PathBuf>,
    /// Who it runs as: user and group. Further groups are dropped. Ours, if `None`.
    pub user: Option<(u32, u32)>,
    /// Its soft limit of open descriptors; ours, if `None`. Set right after it has started.
    pub descriptors: Option<u64>,
}

impl Program {
    /// The command that runs it, without standard input.
    ///
    /// # Errors
    /// If there is nothing to run.
    pub fn command(&self) -> io::Result<Command> {
        let Some((program, arguments)) = self.argv.split_first().filter(|(program, _)| !program.is_empty())
        else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is nothing to run"));
        };
        let mut command = Command::new(&**program);
        command.args(arguments.iter().map(|word| &**word)).stdin(Stdio::null()).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (&**name, &**value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        if let Some((user, group)) = self.user {
            // Without a word on them, the standard library drops further groups where it may.
            command.uid(user).gid(group);
        }
        Ok(command)
    }

    /// A sentence that says why it has not started.
    #[must_use]
    pub fn complaint(&self, error: &io::Error) -> String {
        let missing = self.directory.as_deref().filter(|directory| !Path::is_dir(directory));
        if let Some(directory) = missing {
            return format!("cannot start in the working directory {}: {error}", directory.display());
        }
        let program = self.argv.first().map_or("", |program| program);
        format!("cannot start {program:?}: {error}")
    }
}
