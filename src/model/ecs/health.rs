//! How a container, or a task, fares.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::tick::Tick;

/// Bytes of a check's output that are kept (docs/semantics.md, "Container checks").
pub const OUTPUT_LIMIT: usize = 4_096;

/// Results of checks that are kept for each container.
pub const RESULTS_KEPT: usize = 5;

/// Characters of a check's output that go into a sentence; the rest is with the check.
pub const GIST_LIMIT: usize = 160;

/// `HealthStatus` of the ECS API.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HealthStatus {
    /// The check has passed.
    Healthy,
    /// The check has failed as often in a row as it may.
    Unhealthy,
    /// No verdict yet, or there is no check.
    #[default]
    Unknown,
}

impl HealthStatus {
    /// All three, in the order of the API's enumeration.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Unhealthy, Self::Unknown];

    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What one run of a check's command came to.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// When the command was started.
    pub started: Tick,
    /// When it had ended.
    pub ended: Tick,
    /// Its exit code, 128 and the signal's number where a signal ended it; -1 where it was killed for taking too long or
    /// could not be started.
    pub exit_code: i32,
    /// Standard output and standard error as they came, the first [`OUTPUT_LIMIT`] bytes, with `...` behind them where
    /// there was more. What is no UTF-8 is replaced. For a command that was killed or not started, a sentence that says
    /// so comes first.
    pub output: Box<str>,
}

impl CheckResult {
    /// The last line of the output that says something; empty where none does. A carriage return ends a line, too, so
    /// that a bar of progress is not taken for one.
    #[must_use]
    pub fn last_words(&self) -> &str {
        self.output.rsplit(['\n', '\r']).map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
    }

    /// The output on one line, for a sentence: all of it where it has no more than [`GIST_LIMIT`] characters, or else
    /// its last line, as programs such as curl say what is the matter last. Of a command that was killed or not
    /// started it is the beginning, which says so. What is still too long is cut, with `…` behind it.
    #[must_use]
    pub fn gist(&self) -> String {
        let short = |text: &str| text.chars().nth(GIST_LIMIT).is_none();
        let all = self.output.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = if self.exit_code == -1 || short(&all) { all.as_str() } else { self.last_words() };
        if short(words) {
            return words.to_owned();
        }
        words.chars().take(GIST_LIMIT).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gist(exit_code: i32, output: &str) -> String {
        CheckResult { started: Tick(1), ended: Tick(2), exit_code, output: output.into() }.gist()
    }

    #[test]
    fn the_gist_of_a_short_output_is_all_of_it_and_of_a_long_one_what_it_ends_with() {
        assert_eq!(gist(1, ""), "");
        assert_eq!(gist(1, "cannot connect\n  to the database\n"), "cannot connect to the database");
        let meter = format!("  % Total    % Received\n{}", "\r  0     0 --:--:--".repeat(20));
        let output = format!("{meter}\ncurl: (22) The requested URL returned error: 500\n");
        assert_eq!(gist(1, &output), "curl: (22) The requested URL returned error: 500");
        let overwritten = gist(0, &format!("{meter}\rfine\n"));
        assert_eq!(overwritten, "fine");
    }

    #[test]
    fn the_gist_of_a_killed_command_says_that_it_was() {
        let output = format!("Health check exceeded timeout (5s): {}\nlast", "ä".repeat(300));
        assert!(gist(-1, &output).starts_with("Health check exceeded timeout (5s): ä"));
        assert_eq!(gist(1, &"ä".repeat(161)), format!("{}…", "ä".repeat(160)));
        assert_eq!(gist(1, &"ä".repeat(160)), "ä".repeat(160));
    }
}
