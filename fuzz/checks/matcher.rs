//! Matchers: the input is one, or not.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use tgprobe::model::matcher::{HIGHEST, LOWEST, Matcher, MatcherError};

/// What a matcher may name: our codes, ALB's, NLB's, those of gRPC.
const ALLOWED: [RangeInclusive<u16>; 4] = [LOWEST..=HIGHEST, 200..=499, 200..=399, 0..=99];

/// A text is a matcher exactly if its items are, and then it contains what they contain and prints as it was typed.
pub fn check(input: &[u8]) -> bool {
    // Work grows with items times codes.
    let Ok(text) = str::from_utf8(&input[..input.len().min(1_024)]) else { return false };
    for allowed in ALLOWED {
        let expected: Option<Vec<_>> = text.split(',').map(|item| codes(item, &allowed)).collect();
        match (Matcher::parse_within(text, &allowed), expected) {
            (Ok(matcher), Some(items)) => {
                holds(&matcher, text, &items.into_iter().flatten().collect(), &allowed)
            }
            (Err(error), None) => explains(&error, text, &allowed),
            (found, expected) => {
                assert_eq!(found.is_ok(), expected.is_some(), "{text:?} in {allowed:?}: {found:?}")
            }
        }
    }
    assert_eq!(Matcher::parse(text), Matcher::parse_within(text, &ALLOWED[0]));
    ALLOWED.iter().any(|allowed| Matcher::parse_within(text, allowed).is_ok())
}

/// The codes of an item, read another way than the program does.
fn codes(item: &str, allowed: &RangeInclusive<u16>) -> Option<RangeInclusive<u16>> {
    let ends: Vec<_> = item.split('-').map(str::trim).collect();
    let number = |text: &str| {
        let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        // A number too long for its type is no code either.
        digits.then(|| text.parse::<u16>().ok()).flatten().filter(|code| allowed.contains(code))
    };
    match ends.as_slice() {
        [one] => number(one).map(|code| code..=code),
        [low, high] => {
            number(low).zip(number(high)).filter(|(low, high)| low <= high).map(|(low, high)| low..=high)
        }
        _ => None,
    }
}

fn holds(matcher: &Matcher, text: &str, codes: &BTreeSet<u16>, allowed: &RangeInclusive<u16>) {
    assert_eq!((matcher.as_str(), matcher.to_string().as_str()), (text, text));
    assert_eq!(Matcher::parse_within(&matcher.to_string(), allowed).as_ref(), Ok(matcher), "read again");
    for code in (0..=1_000).chain([u16::MAX]) {
        assert_eq!(matcher.contains(code), codes.contains(&code), "{code} in {text:?}");
    }
    // Any matcher that is good within less is good within more, and means the same.
    if allowed.start() >= &LOWEST {
        assert_eq!(Matcher::parse(text).as_ref(), Ok(matcher));
    }
}

fn explains(error: &MatcherError, text: &str, allowed: &RangeInclusive<u16>) {
    let message = error.to_string();
    assert!(!message.is_empty());
    match error {
        MatcherError::Empty => assert!(text.split(',').any(|item| item.trim().is_empty()), "{text:?}"),
        MatcherError::Item(item) | MatcherError::Backwards(item) | MatcherError::OutOfRange(item, _) => {
            assert!(text.split(',').any(|typed| typed.trim() == item), "{item:?} of {text:?}");
            assert!(message.contains(item.as_str()), "{message}");
        }
    }
    if let MatcherError::OutOfRange(_, told) = error {
        assert_eq!(told, allowed);
    }
}
