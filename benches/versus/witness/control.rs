//! The control channel: one command a line, one line of JSON back.
//!
//! | command | does |
//! |---|---|
//! | `reset` | forgets all arrivals, every target is well again |
//! | `seen` | how many targets were asked, how many requests came |
//! | `firsts MS` | when targets were asked first; burstiness of the first MS milliseconds after the first arrival |
//! | `start INTERVAL_MS [END]` | opens a window; the intervals of the targets before END are judged, or of all |
//! | `report` | closes the window and tells what was in it |
//! | `mode FIRST LAST NAME [MS]` | from now on these targets are `ok`, `500`, `never`, `reset`, `slow` or `endless` |
//! | `log FIRST LAST`, `logged` | writes down arrivals at these targets, and tells them |
//!
//! Times are nanoseconds of the monotonic clock. A range includes both its ends. The witness ends when the connection does.

use serde_json::{Value, json};

use crate::clock::monotonic;
use crate::window::{Mode, Record};

/// Carries out one command.
pub(crate) fn command(record: &mut Record, line: &str) -> Value {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |at: usize| words.get(at).and_then(|word: &&str| word.parse::<u32>().ok());
    let range = || Some(number(1)?..number(2)?.checked_add(1)?);
    let done = match words.first().copied() {
        Some("reset") => {
            record.reset();
            Some(json!({ "now": monotonic() }))
        }
        Some("seen") => Some(record.seen()),
        Some("firsts") => number(1).map(|millis| record.firsts(u64::from(millis))),
        Some("start") => {
            number(1).map(|millis| record.start(u64::from(millis), number(2).unwrap_or(u32::MAX)))
        }
        Some("report") => Some(record.report()),
        Some("mode") => range().and_then(|range| {
            let mode = Mode::named(words.get(3)?, number(4).unwrap_or(0))?;
            let (first, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
            for target in record.targets.get_mut(first..end)? {
                target.mode = mode;
            }
            Some(json!({ "now": monotonic() }))
        }),
        Some("log") => range().map(|range| record.log(range)),
        Some("logged") => Some(record.logged()),
        _ => None,
    };
    done.unwrap_or_else(|| json!({ "error": format!("what is `{}`?", line.trim()) }))
}
