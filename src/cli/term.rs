//! Printing: the only file that writes to standard output and standard error.
//!
//! A reader that hangs up ends a command quietly; it is never a panic. Colour and redrawing happen on a terminal only.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use comfy_table::{Table, presets};
use rustix::termios::tcgetwinsize;

use crate::cli::exit::{Exit, Trouble};
use crate::model::duration;
use crate::model::health::State;

/// Prints one line, or several, on standard output.
///
/// # Errors
/// A silent end where the reader hung up; an end with a message where writing fails otherwise, as on a full disk.
pub fn out(text: &str) -> Result<(), Trouble> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Trouble { exit: Exit::Done, message: None };
        }
        Trouble::usage(format!("cannot write to standard output: {error}"))
    })
}

/// Prints a message on standard error. Where nobody can hear it there is nobody to tell.
pub fn message(text: &str) {
    _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints a message on standard error in the form all our errors have.
pub fn error(text: &str) {
    message(&format!("error: {text}"));
}

/// Tells the user about `trouble`, if there is something to tell, and gives the exit code.
#[must_use]
pub fn end(result: Result<Exit, Trouble>) -> Exit {
    result.unwrap_or_else(|trouble| {
        if let Some(text) = trouble.message {
            error(&text);
        }
        trouble.exit
    })
}

/// Whether standard output is a terminal.
#[must_use]
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether standard error is a terminal that can redraw a line.
#[must_use]
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Columns and rows of the terminal on standard error; 80 by 24 where it does not say.
#[must_use]
pub fn size() -> (usize, usize) {
    match tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 24),
    }
}

/// Puts `line` in the place of the line the cursor is on, cut to the width of the terminal.
pub fn redraw_line(line: &str) {
    let (columns, _) = size();
    let cut: String = line.chars().take(columns.saturating_sub(1)).collect();
    let mut stderr = io::stderr().lock();
    _ = write!(stderr, "\r\x1b[2K{cut}").and_then(|()| stderr.flush());
}

/// Replaces what is on the terminal by `lines`, as many as fit.
///
/// # Errors
/// As [`out`].
pub fn redraw_screen(lines: &[String]) -> Result<(), Trouble> {
    let (_, rows) = size();
    let room = rows.saturating_sub(2).max(1);
    // Lines longer than the terminal is wide are cut by the terminal itself, colours and all.
    let mut text = "\x1b[?7l\x1b[H".to_owned();
    for line in lines.iter().take(room) {
        text.push_str(line);
        text.push_str("\x1b[K\n");
    }
    if let Some(more) = lines.len().checked_sub(room).filter(|more| *more > 0) {
        text.push_str(&format!("… and {more} more\x1b[K\n"));
    }
    text.push_str("\x1b[J\x1b[?7h");
    out(&text)
}

/// Draws a table below what is on the terminal and puts the cursor back on its first line, so that the next one takes
/// its place.
///
/// # Errors
/// As [`out`].
pub fn redraw_table(lines: &[String]) -> Result<(), Trouble> {
    let mut text = String::new();
    for line in lines {
        text.push_str(&format!("\x1b[2K{line}\n"));
    }
    // `out` ends with a line break of its own.
    out(&format!("{text}\x1b[{}A", lines.len() + 1))
}

/// Whether standard output may carry colour (<https://no-color.org>: set and not empty means no).
#[must_use]
pub fn colour() -> bool {
    stdout_is_terminal() && colour_wanted()
}

/// Whether the user has not asked for no colour.
#[must_use]
pub fn colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `line` in the colour of `state`.
#[must_use]
pub fn paint(line: &str, state: State) -> String {
    let code = match state {
        State::Healthy => "32",
        State::Unhealthy | State::UnhealthyDraining => "31",
        State::Initial => "33",
        State::Draining => "34",
        State::Unavailable => "35",
        State::Unused => "2",
    };
    format!("\x1b[{code}m{line}\x1b[0m")
}

/// Lays out rows under a header in columns, without borders. The first line is the header, then a line per row.
#[must_use]
pub fn columns(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.iter().copied());
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// `text` without control characters, so that nothing a target or a server says can steer the terminal.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A duration for people: to the millisecond below ten seconds, to the second above.
#[must_use]
pub fn span(span: Duration) -> String {
    let whole = if span < Duration::from_secs(10) { span } else { Duration::from_secs(span.as_secs()) };
    duration::print(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_without_borders() {
        let rows = [vec!["a".to_owned(), "bbb".to_owned()], vec!["cccc".to_owned(), "d\x1b[2J".to_owned()]];
        assert_eq!(columns(&["X", "LONG"], &rows), ["X     LONG", "a     bbb", "cccc  d\u{fffd}[2J"]);
    }

    #[test]
    fn long_spans_lose_their_milliseconds() {
        assert_eq!(span(Duration::from_millis(1_250)), "1s250ms");
        assert_eq!(span(Duration::from_millis(61_250)), "1m1s");
    }
}
