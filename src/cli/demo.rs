//! `tgprobe demo`.

use crate::cli::args::DemoArgs;
use crate::cli::exit::Exit;
use crate::cli::term;

/// Runs the command.
#[must_use]
pub fn run(_args: &DemoArgs) -> Exit {
    term::error("this build has no `demo`");
    Exit::Usage
}
