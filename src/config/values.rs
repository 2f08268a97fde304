//! Readers of single values, the same for the file and for the flags of the command line.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::keys;
use crate::config::problems::{Place, Problems, quote};
use crate::model::duration;
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

/// Every word that is allowed, as the end of a sentence: `"A", "B" or "C"`.
pub(super) fn one_of<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> String {
    let quoted: Vec<_> = all.iter().map(|one| format!("\"{}\"", word(*one))).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some(_) | None => quoted.concat(),
    }
}

/// Reads one of the words of `all`, to the letter.
pub(super) fn word<T: Copy>(
    text: &str,
    place: &Place,
    all: &[T],
    word: impl Fn(T) -> &'static str + Copy,
    problems: &mut Problems<'_>,
) -> Option<T> {
    let known = all.iter().copied().find(|known| word(*known) == text);
    if known.is_none() {
        let words: Vec<_> = all.iter().copied().map(word).collect();
        let hint =
            keys::nearest(text, &words).map_or_else(String::new, |word| format!("; did you mean `{word}`?"));
        problems.add(place.clone(), refuse(&quote(text), &one_of(all, word)) + &hint);
    }
    known
}

/// Codes of HTTP that a matcher may name in the file.
pub(super) const HTTP_CODES: RangeInclusive<u16> = LOWEST..=HIGHEST;
/// Codes of gRPC that a matcher may name (docs/semantics.md, "Matcher").
pub(super) const GRPC_CODES: RangeInclusive<u16> = 0..=99;

pub(super) fn matcher(
    text: &str,
    place: &Place,
    codes: &RangeInclusive<u16>,
    problems: &mut Problems<'_>,
) -> Option<Matcher> {
    let parsed = if text.len() > MATCHER {
        Err(format!("it is longer than {MATCHER} characters"))
    } else {
        Matcher::parse_within(text, codes).map_err(|error| error.to_string().escape_debug().to_string())
    };
    parsed
        .map_err(|error| {
            let allowed = self::codes(codes);
            problems.add(place.clone(), format!("found {}: {error}; allowed: {allowed}", quote(text)))
        })
        .ok()
}

/// What a matcher may be.
pub(super) fn codes(codes: &RangeInclusive<u16>) -> String {
    let (low, high) = (codes.start(), codes.end());
    let such =
        if codes.contains(&200) { "\"200\" or \"200,202,300-399\"" } else { "\"0\" or \"0,12,14-16\"" };
    format!("codes and ranges of codes from {low} to {high}, such as {such}")
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
