//! One run of a container's check as the JSON API shows it.

use serde::Serialize;

use crate::model::ecs::health::CheckResult;
use crate::output::json::time;

/// One run of a container's check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::output) struct Check {
    started: String,
    ended: String,
    duration: f64,
    exit_code: i32,
    output: String,
}

/// A result as it is shown.
pub(in crate::output) fn check(result: &CheckResult) -> Check {
    Check {
        started: time(result.started),
        ended: time(result.ended),
        duration: result.ended.since(result.started).as_secs_f64(),
        exit_code: result.exit_code,
        output: result.output.to_string(),
    }
}

/// A text; `None` where there is none.
pub(in crate::output) fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
