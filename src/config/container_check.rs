//! The health check of containers that somebody else started, in the words and ranges of a task definition's.

use std::num::NonZeroU8;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use crate::config::problems::{Problems, quote};
use crate::config::table::{Field, Table, describe};
use crate::config::values;
use crate::model::ecs::check::{CheckCommand, ContainerCheck};

const INTERVALS: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(300);
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_secs(60);
const START_PERIODS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(300);
const COMMAND: &str =
    "a command such as \"CMD-SHELL,curl -f http://localhost/ || exit 1\" or [\"CMD\", \"/bin/check\"]";

/// Reads a check; `None` where something was recorded, or where it is `NONE`.
pub(super) fn read(table: &Table<'_>, problems: &mut Problems<'_>) -> Option<ContainerCheck> {
    let command = table.value("command");
    if let Field::Absent = command {
        table.missing("command", COMMAND, problems);
    }
    let command = command.and_then(|value, place| {
        let words = match value {
            DeValue::String(text) => CheckCommand::split(text).map_err(|what| (quote(text), what)),
            DeValue::Array(items) => {
                let words: Option<Vec<Box<str>>> =
                    items.iter().map(|item| item.get_ref().as_str().map(Box::from)).collect();
                words.ok_or_else(|| ("an array".to_owned(), "must be a list of texts".to_owned()))
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => {
                problems.add(place.clone(), values::refuse(&describe(value), COMMAND));
                return None;
            }
        };
        let parsed = words.and_then(|words| match CheckCommand::parse(&words) {
            _ if words.iter().any(|word| word.contains('\0')) => {
                Err(("an array".to_owned(), "must not contain the character NUL".to_owned()))
            }
            Ok(command) => Ok(command),
            Err(what) => Err((describe(value), what)),
        });
        match parsed {
            Ok(Some(command)) => Some(command),
            Ok(None) => {
                problems
                    .add(place.clone(), values::refuse("NONE", &format!("{COMMAND}, or no `health_check`")));
                None
            }
            Err((found, what)) => {
                problems.add(place.clone(), format!("found {found}: it {what}; allowed: {COMMAND}"));
                None
            }
        }
    });
    let interval = table.duration("interval", &INTERVALS, problems).or(Duration::from_secs(30));
    let timeout = table.duration("timeout", &TIMEOUTS, problems).or(Duration::from_secs(5));
    let retries = table.number("retries", 1..=10, problems).or(3);
    let start_period = table.duration("start_period", &START_PERIODS, problems).or(Duration::ZERO);
    let retries = u8::try_from(retries).ok().and_then(NonZeroU8::new)?;
    Some(ContainerCheck { command: command.given()?, interval, timeout, retries, start_period })
}
