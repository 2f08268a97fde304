//! How a command ends. The four codes are a promise to scripts.

use std::process::ExitCode;

/// The exit code of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// 0: done, healthy, the goal was reached.
    Done,
    /// 1: unhealthy, the goal is out of reach, or the deadline passed.
    Unhealthy,
    /// 2: wrong usage or configuration.
    Usage,
    /// 3: the server could not be reached.
    Unreachable,
}

impl Exit {
    /// The number, 0 to 3.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unhealthy => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command ends before its work is done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trouble {
    /// How it ends.
    pub exit: Exit,
    /// What to tell the user; nothing where the reader of our output simply hung up.
    pub message: Option<String>,
}

impl Trouble {
    /// An end with a message.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: Some(message.into()) }
    }

    /// Wrong usage.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Wrong usage, as another error says.
    pub(crate) fn usage_of(error: impl std::fmt::Display) -> Self {
        Self::usage(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_the_ones_promised() {
        let codes = [Exit::Done, Exit::Unhealthy, Exit::Usage, Exit::Unreachable].map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3]);
    }
}
