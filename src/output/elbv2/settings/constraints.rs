//! Limits on single parameters: numbers, lengths and words. All that are broken are told in one error, as AWS does.

use std::ops::RangeInclusive;

use crate::model::excerpt::excerpt;
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::settings::invalid;

/// Broken limits that an error repeats; a call may have thousands of parameters.
const TOLD: usize = 20;

/// The limits that were broken so far: how many, and the first of them.
#[derive(Debug, Default)]
pub(super) struct Constraints(usize, Vec<String>);

impl Constraints {
    /// A limit is broken by the parameter that AWS calls `member`.
    pub(super) fn broken(&mut self, member: &str, value: &str, must: &str) {
        let value = excerpt(value);
        self.add(format!("Value '{value}' at '{member}' failed to satisfy constraint: Member must {must}"));
    }

    /// A parameter that must be there is not.
    pub(super) fn missing(&mut self, member: &str) {
        let must = "Member must not be null";
        self.add(format!("Value null at '{member}' failed to satisfy constraint: {must}"));
    }

    fn add(&mut self, broken: String) {
        self.0 += 1;
        if self.1.len() < TOLD {
            self.1.push(broken);
        }
    }

    /// A whole number in a range.
    pub(super) fn number(
        &mut self,
        member: &str,
        text: Option<&str>,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let text = text?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            self.broken(member, text, "be a whole number");
            return None;
        }
        let number = if digits.len() < text.len() { 0 } else { text.parse().unwrap_or(u32::MAX) };
        if number < *range.start() {
            self.broken(member, text, &format!("have value greater than or equal to {}", range.start()));
        } else if number > *range.end() {
            self.broken(member, text, &format!("have value less than or equal to {}", range.end()));
        } else {
            return Some(number);
        }
        None
    }

    /// The number of a port.
    pub(super) fn port(&mut self, member: &str, text: Option<&str>) -> Option<u16> {
        self.number(member, text, 1..=65_535).and_then(|port| u16::try_from(port).ok())
    }

    /// One of the words of an enumeration.
    pub(super) fn word<T: Copy>(
        &mut self,
        member: &str,
        text: Option<&str>,
        all: &[T],
        word: fn(T) -> &'static str,
    ) -> Option<T> {
        let text = text?;
        let found = all.iter().copied().find(|known| word(*known) == text);
        if found.is_none() {
            let words: Vec<_> = all.iter().map(|known| word(*known)).collect();
            self.broken(member, text, &format!("satisfy enum value set: [{}]", words.join(", ")));
        }
        found
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, member: &str, text: Option<&str>) -> Option<bool> {
        self.word(member, text, &[true, false], |truth| if truth { "true" } else { "false" })
    }

    /// A number of characters.
    pub(super) fn length(&mut self, member: &str, text: Option<&str>, range: RangeInclusive<usize>) {
        let Some(text) = text else { return };
        let length = text.chars().count();
        if length < *range.start() {
            self.broken(member, text, &format!("have length greater than or equal to {}", range.start()));
        } else if length > *range.end() {
            self.broken(member, text, &format!("have length less than or equal to {}", range.end()));
        }
    }

    /// Nothing was broken.
    ///
    /// # Errors
    /// `ValidationError` with all that was.
    pub(super) fn met(self) -> Result<(), ApiError> {
        let Self(count, told) = self;
        let errors = match count {
            0 => return Ok(()),
            1 => "1 validation error".to_owned(),
            several => format!("{several} validation errors"),
        };
        Err(invalid(format!("{errors} detected: {}", told.join("; "))))
    }
}
