//! `tgprobe serve`.

use crate::cli::args::ServeArgs;
use crate::cli::exit::Exit;
use crate::cli::term;

/// Runs the command.
#[must_use]
pub fn run(_args: &ServeArgs) -> Exit {
    term::error("this build has no `serve`");
    Exit::Usage
}
