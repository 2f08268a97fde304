//! Durations as people write them: `30s`, `1m30s`, `500ms`.

use std::fmt::Write as _;
use std::time::Duration;

/// Units from the largest to the smallest, in milliseconds. A duration names each at most once, in this order.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// What is allowed, for error messages.
pub const GRAMMAR: &str = "a duration such as \"30s\", \"1m30s\" or \"500ms\" (units d, h, m, s, ms)";

/// Reads a duration: whole numbers with a unit each, the larger unit first. `0` alone needs no unit.
///
/// Returns `None` for anything else, for a unit named twice or out of order, and where the sum does not fit.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let word = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, after) = after.split_at(word);
        let (_, size) = units.by_ref().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*size)?)?;
        rest = after;
    }
    (!text.is_empty()).then(|| Duration::from_millis(total))
}

/// Writes a duration the way [`parse`] reads it, to the millisecond: `1m30s`, `500ms`, `0s`.
#[must_use]
pub fn print(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (name, size) in UNITS {
        let count = left / size;
        if count > 0 {
            // Writing to a `String` cannot fail.
            _ = write!(text, "{count}{name}");
        }
        left %= size;
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("500ms", 500),
            ("0", 0),
            ("0s", 0),
            ("1h", 3_600_000),
            ("1s500ms", 1_500),
            ("2d", 172_800_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in [
            "",
            "30",
            "s",
            "1.5s",
            "-1s",
            "30 s",
            "30S",
            "1s1m",
            "1s1s",
            "99999999999999999999s",
            "1ss",
            "ms",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(millis in 0..10_000_000_000_u64) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&print(duration)), Some(duration));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            _ = parse(&text);
        }
    }
}
