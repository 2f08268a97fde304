//! Readers of single values, the same for the file and for the flags of the command line.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::keys;
use crate::config::problems::{Place, Problems, quote};
use crate::model::duration;
use crate::model::health_check::{Close, HealthCheckProtocol};
use crate::model::matcher::{HIGHEST, LOWEST, Matcher};

/// The whole of a port number.
pub(super) const PORTS: RangeInclusive<u32> = 1..=65_535;

/// Longest text of a matcher that is read, in bytes; AWS's own are far shorter.
const MATCHER: usize = 1_024;

/// The sentence every wrong value gets.
pub(super) fn refuse(found: &str, allowed: &str) -> String {
    format!("found {found}; allowed: {allowed}")
}

pub(super) fn whole(range: &RangeInclusive<impl Display>) -> String {
    format!("a whole number from {} to {}", range.start(), range.end())
}

pub(super) fn span(range: &RangeInclusive<Duration>) -> String {
    format!(
        "a duration from {} to {}, such as \"30s\", \"1m30s\" or \"500ms\"",
        duration::print(*range.start()),
        duration::print(*range.end())
    )
}

pub(super) fn duration(
    text: &str,
    place: &Place,
    range: &RangeInclusive<Duration>,
    problems: &mut Problems<'_>,
) -> Option<Duration> {
    let value = duration::parse(text).filter(|value| range.contains(value));
    if value.is_none() {
        problems.add(place.clone(), refuse(&quote(text), &span(range)));
    }
    value
}

/// A number typed on the command line.
pub(super) fn number(
    text: &str,
    place: &Place,
    range: &RangeInclusive<u32>,
    problems: &mut Problems<'_>,
) -> Option<u32> {
    let value = text.parse().ok().filter(|value| range.contains(value));
    if value.is_none() {
        problems.add(place.clone(), refuse(&quote(text), &whole(range)));
    }
    value
}

pub(super) fn protocol(
    text: &str,
    place: &Place,
    problems: &mut Problems<'_>,
) -> Option<HealthCheckProtocol> {
    let known = [HealthCheckProtocol::Http, HealthCheckProtocol::Https];
    let words = known.map(HealthCheckProtocol::as_str);
    let protocol = known.into_iter().find(|protocol| protocol.as_str() == text);
    if protocol.is_none() {
        let allowed = words.map(|word| format!("\"{word}\"")).join(" or ");
        let hint =
            keys::nearest(text, &words).map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
        problems.add(place.clone(), refuse(&quote(text), &allowed) + &hint);
    }
    protocol
}

pub(super) const CLOSES: &str = "\"reset\" or \"orderly\"";

pub(super) fn close(text: &str, place: &Place, problems: &mut Problems<'_>) -> Option<Close> {
    let close = [Close::Reset, Close::Orderly].into_iter().find(|close| close.as_str() == text);
    if close.is_none() {
        problems.add(place.clone(), refuse(&quote(text), CLOSES));
    }
    close
}

pub(super) fn matcher(text: &str, place: &Place, problems: &mut Problems<'_>) -> Option<Matcher> {
    let parsed = if text.len() > MATCHER {
        Err(format!("it is longer than {MATCHER} characters"))
    } else {
        Matcher::parse(text).map_err(|error| error.to_string().escape_debug().to_string())
    };
    parsed
        .map_err(|error| {
            problems.add(place.clone(), format!("found {}: {error}; allowed: {}", quote(text), codes()))
        })
        .ok()
}

/// What a matcher may be.
pub(super) fn codes() -> String {
    format!("codes and ranges of codes from {LOWEST} to {HIGHEST}, such as \"200\" or \"200,202,300-399\"")
}

/// The path of a check, with an optional query (docs/semantics.md, "Health check path").
pub(super) fn path(text: &str, place: &Place, problems: &mut Problems<'_>) -> Option<String> {
    let wrong = if text.is_empty() {
        "it is empty".to_owned()
    } else if let Some(c) = text.chars().find(|c| !matches!(c, '!'..='~') || *c == '#') {
        format!("it contains {:?}", c)
    } else if !text.starts_with('/') {
        "it does not begin with `/`".to_owned()
    } else if text.len() > 1_024 {
        format!("it has {} characters", text.len())
    } else {
        return Some(text.to_owned());
    };
    problems.add(place.clone(), format!("found {}: {wrong}; allowed: {PATH}", quote(text)));
    None
}

/// What a path may be.
pub(super) const PATH: &str =
    "a path that begins with `/`, 1 to 1024 printable ASCII characters without space and `#`";
