//! `tgprobe check`.

use crate::cli::args::CheckArgs;
use crate::cli::exit::Exit;
use crate::cli::term;

/// Runs the command.
#[must_use]
pub fn run(_args: &CheckArgs) -> Exit {
    term::error("this build has no `check`");
    Exit::Usage
}
