//! The health check of a container: a command that is run inside it.

use std::num::NonZeroU8;
use std::time::Duration;

/// `HealthCheck` of a container definition (docs/semantics.md, "Container checks").
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContainerCheck {
    /// What is run.
    pub command: CheckCommand,
    /// From the end of one run to the start of the next, and from the container's start to the first: 5 s to 300 s,
    /// 30 s by default.
    pub interval: Duration,
    /// How long a run may take: 2 s to 60 s, 5 s by default.
    pub timeout: Duration,
    /// Failures in a row that make the container unhealthy: 1 to 10, 3 by default.
    pub retries: NonZeroU8,
    /// Failures of runs that start within this time after the container's start do not count, until one has passed: 0 s
    /// to 300 s, none by default.
    pub start_period: Duration,
}

/// What is run: at least one word, and the first is not empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CheckCommand {
    /// `CMD`: a program and its arguments.
    Exec(Box<[Box<str>]>),
    /// `CMD-SHELL`: what the shell is to run, and the words it calls `$0`, `$1` and so on.
    Shell(Box<[Box<str>]>),
}

impl CheckCommand {
    /// The words to run. `shell` is the container's own, `/bin/sh -c` as a rule.
    #[must_use]
    pub fn argv(&self, shell: &[&str]) -> Vec<Box<str>> {
        match self {
            Self::Exec(words) => words.to_vec(),
            Self::Shell(words) => shell.iter().map(|word| Box::from(*word)).chain(words.to_vec()).collect(),
        }
    }
}
