//! How a gate's progress is shown: a line that is redrawn on a terminal, one line per change off it.

use std::fmt::Write as _;
use std::time::Duration;

use crate::cli::gate::Progress;
use crate::cli::term;

/// The least time between two drawings on a terminal, so that many changes cost little.
const REDRAW: Duration = Duration::from_millis(100);
/// The time left is redrawn this often.
const TICK: Duration = Duration::from_secs(1);

/// Where a gate stands.
#[derive(Debug)]
pub struct Standing<'a> {
    /// How near the goal is.
    pub progress: Progress,
    /// The first of those who block it, each in a few words.
    pub blockers: &'a [String],
    /// How many block it.
    pub blocked: usize,
    /// What blocks it where no target does.
    pub obstacle: Option<&'static str>,
    /// Whether the server can be heard.
    pub connected: bool,
    /// Time left.
    pub left: Duration,
    /// The moment, on a steady clock.
    pub now: Duration,
}

/// Shows where a gate stands, on standard error.
#[derive(Debug)]
pub struct Reporter {
    name: String,
    word: String,
    terminal: bool,
    last: String,
    drawn: Option<Duration>,
    /// Something changed that has not been drawn yet.
    pending: bool,
}

impl Reporter {
    /// A reporter for the gate of `name`; `word` says what counts, such as `healthy`.
    #[must_use]
    pub fn new(name: &str, word: &str) -> Self {
        let terminal = term::stderr_is_terminal();
        Self {
            name: name.to_owned(),
            word: word.to_owned(),
            terminal,
            last: String::new(),
            drawn: None,
            pending: false,
        }
    }

    /// Shows `standing` where it differs from what is shown.
    pub fn show(&mut self, standing: &Standing<'_>) {
        let line = line(&self.name, &self.word, standing);
        if !self.terminal {
            if line != self.last {
                term::message(&line);
                self.last = line;
            }
            return;
        }
        if self.drawn.is_some_and(|drawn| standing.now.saturating_sub(drawn) < REDRAW) {
            self.pending |= line != self.last;
            return;
        }
        let seconds = |span: Duration| term::span(Duration::from_secs(span.as_secs()));
        let holds = standing.progress.holds_until.map(|until| until.saturating_sub(standing.now));
        let holds = holds.map(|left| format!(" for {} more", seconds(left))).unwrap_or_default();
        term::redraw_line(&format!("[{} left] {line}{holds}", seconds(standing.left)));
        (self.last, self.drawn, self.pending) = (line, Some(standing.now), false);
    }

    /// When to show the standing again even if nothing happens.
    #[must_use]
    pub fn due(&self, now: Duration) -> Option<Duration> {
        let wait = if self.pending { REDRAW } else { TICK };
        self.terminal.then(|| self.drawn.map_or(now, |drawn| drawn.saturating_add(wait)))
    }

    /// Says something on a line of its own.
    pub fn note(&mut self, text: &str) {
        self.clear();
        term::message(&format!("{}: {text}", self.name));
    }

    /// Removes the line that is redrawn.
    pub fn clear(&mut self) {
        if self.terminal && self.drawn.take().is_some() {
            term::redraw_line("");
        }
    }
}

fn line(name: &str, word: &str, standing: &Standing<'_>) -> String {
    let Progress { counting, needed, holds_until } = standing.progress;
    let mut line = format!("{name}: {counting}/{needed} {word}");
    if !standing.connected {
        line.push_str(", server lost");
    } else if holds_until.is_some() {
        line.push_str(", must hold");
    } else if let Some(obstacle) = standing.obstacle {
        // Writing to a `String` cannot fail.
        _ = write!(line, ", {obstacle}");
    } else if !standing.blockers.is_empty() {
        _ = write!(line, ", waiting for {}", standing.blockers.join(", "));
        if let Some(more) = standing.blocked.checked_sub(standing.blockers.len()).filter(|more| *more > 0) {
            _ = write!(line, " and {more} more");
        }
    }
    term::plain(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Standing<'_>), expected: &str) {
        let blockers = ["a:1 unhealthy Target.Timeout".to_owned(), "b:2 unhealthy Target.Timeout".to_owned()];
        let mut standing = Standing {
            progress: Progress { counting: 1, needed: 4, holds_until: None },
            blockers: &blockers,
            blocked: 3,
            obstacle: None,
            connected: true,
            left: Duration::from_secs(9),
            now: Duration::ZERO,
        };
        change(&mut standing);
        assert_eq!(line("web", "healthy", &standing), expected);
    }

    #[test]
    fn the_line_says_how_many_who_blocks_and_why() {
        let expected = "web: 1/4 healthy, waiting for a:1 unhealthy Target.Timeout, \
                        b:2 unhealthy Target.Timeout and 1 more";
        check(|_| {}, expected);
    }

    #[test]
    fn the_line_says_what_else_it_waits_for() {
        check(|standing| standing.connected = false, "web: 1/4 healthy, server lost");
        check(|standing| standing.progress.holds_until = Some(Duration::ZERO), "web: 1/4 healthy, must hold");
        check(
            |standing| standing.obstacle = Some("no target is registered"),
            "web: 1/4 healthy, no target is registered",
        );
    }
}
