//! Which status codes count as success: `200`, `200-299`, `200,202,301-302`.

use std::fmt;
use std::ops::RangeInclusive;

/// The lowest code a matcher may name; an interim 1xx answer is never a verdict.
pub const LOWEST: u16 = 200;
/// The highest code a matcher may name in the file. AWS allows 499 on an ALB (docs/semantics.md, "Matcher").
pub const HIGHEST: u16 = 599;

/// A set of status codes. Keeps and prints the text it was made from, as AWS does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Matcher {
    text: String,
    /// Inclusive ranges, in the order typed.
    ranges: Vec<(u16, u16)>,
}

/// Why a text is not a matcher.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MatcherError {
    /// Nothing between two commas, or nothing at all.
    Empty,
    /// An item that is neither a code nor a range of codes.
    Item(String),
    /// A code outside what is allowed, and that.
    OutOfRange(String, RangeInclusive<u16>),
    /// A range whose lower bound is above its upper bound.
    Backwards(String),
}

impl Matcher {
    /// Reads `codes := item *("," item)`, `item := code | code "-" code`; spaces around items are ignored.
    ///
    /// # Errors
    /// The first item that does not fit, and why.
    pub fn parse(text: &str) -> Result<Self, MatcherError> {
        Self::parse_within(text, &(LOWEST..=HIGHEST))
    }

    /// The same with other codes allowed: those of gRPC, or AWS's narrower ranges (docs/semantics.md, "Matcher").
    ///
    /// # Errors
    /// The first item that does not fit, and why.
    pub fn parse_within(text: &str, allowed: &RangeInclusive<u16>) -> Result<Self, MatcherError> {
        let item = |item: &str| parse_item(item.trim(), allowed);
        let ranges = text.split(',').map(item).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), ranges })
    }

    /// The matcher of one code.
    #[must_use]
    pub fn one(code: u16) -> Self {
        Self { text: code.to_string(), ranges: vec![(code, code)] }
    }

    /// The matcher of one range, both ends included.
    #[must_use]
    pub fn range(low: u16, high: u16) -> Self {
        Self { text: format!("{low}-{high}"), ranges: vec![(low, high)] }
    }

    /// Whether `code` counts as success.
    #[must_use]
    pub fn contains(&self, code: u16) -> bool {
        self.ranges.iter().any(|&(low, high)| (low..=high).contains(&code))
    }

    /// The text as typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Default for Matcher {
    /// ALB's default, `200`.
    fn default() -> Self {
        Self { text: "200".to_owned(), ranges: vec![(200, 200)] }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for MatcherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "an item is empty"),
            Self::Item(item) => write!(f, "`{item}` is neither a code nor a range of codes"),
            Self::OutOfRange(item, allowed) => {
                write!(f, "`{item}` is not within {} to {}", allowed.start(), allowed.end())
            }
            Self::Backwards(item) => write!(f, "`{item}` has its lower bound above its upper bound"),
        }
    }
}

fn parse_item(item: &str, allowed: &RangeInclusive<u16>) -> Result<(u16, u16), MatcherError> {
    if item.is_empty() {
        return Err(MatcherError::Empty);
    }
    let (low, high) = item.split_once('-').unwrap_or((item, item));
    let code = |text: &str| -> Result<u16, MatcherError> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(MatcherError::Item(item.to_owned()));
        }
        let outside = || MatcherError::OutOfRange(item.to_owned(), allowed.clone());
        let code = text.parse().map_err(|_| outside())?;
        if allowed.contains(&code) { Ok(code) } else { Err(outside()) }
    };
    let range = (code(low)?, code(high)?);
    if range.0 <= range.1 { Ok(range) } else { Err(MatcherError::Backwards(item.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, inside: &[u16], outside: &[u16]) {
        let matcher = Matcher::parse(text).unwrap();
        for code in inside {
            assert!(matcher.contains(*code), "{text} contains {code}");
        }
        for code in outside {
            assert!(!matcher.contains(*code), "{text} does not contain {code}");
        }
        assert_eq!(matcher.to_string(), text);
    }

    #[test]
    fn codes_and_ranges_are_inclusive() {
        check("200", &[200], &[199, 201]);
        check("200-299", &[200, 250, 299], &[300, 199]);
        check("200,202,301-302", &[200, 202, 301, 302], &[201, 300, 303]);
        check(" 200 , 204 - 206 ", &[200, 204, 205, 206], &[203, 207]);
        check("200-599", &[500, 599], &[600, 100]);
    }

    #[test]
    fn what_is_not_a_matcher_is_refused_with_the_item() {
        let outside = |item: &str| MatcherError::OutOfRange(item.to_owned(), LOWEST..=HIGHEST);
        for (text, error) in [
            ("", MatcherError::Empty),
            ("200,", MatcherError::Empty),
            ("abc", MatcherError::Item("abc".into())),
            ("200-", MatcherError::Item("200-".into())),
            ("200-300-400", MatcherError::Item("200-300-400".into())),
            ("+200", MatcherError::Item("+200".into())),
            ("199", outside("199")),
            ("200-600", outside("200-600")),
            ("99999999", outside("99999999")),
            ("299-200", MatcherError::Backwards("299-200".into())),
        ] {
            assert_eq!(Matcher::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            _ = Matcher::parse(&text);
        }

        #[test]
        fn a_range_contains_exactly_its_codes(low in 200..600_u16, length in 0..100_u16, code in 0..1_000_u16) {
            let high = (low + length).min(599);
            let matcher = Matcher::parse(&format!("{low}-{high}")).unwrap();
            prop_assert_eq!(matcher.contains(code), low <= code && code <= high);
        }
    }
}
