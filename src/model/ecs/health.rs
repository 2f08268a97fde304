//! How a container, or a task, fares.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::tick::Tick;

/// Bytes of a check's output that are kept (docs/semantics.md, "Container checks").
pub const OUTPUT_LIMIT: usize = 4_096;

/// Results of checks that are kept for each container.
pub const RESULTS_KEPT: usize = 5;

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
