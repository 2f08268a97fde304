//! `tgprobe validate`.

use std::path::Path;

use crate::cli::exit::Exit;
use crate::cli::term;

/// Runs the command.
#[must_use]
pub fn run(_path: &Path) -> u8 {
    term::error("this build has no `validate`");
    Exit::Usage.code()
}
