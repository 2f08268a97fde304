//! Single values of a definition whose shape is right.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::model::ecs::definition::notes::{Notes, Scope, one_of, quote};

/// What of a definition is read: an object whose shape is right, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'a> {
    pub(super) map: &'a Map<String, Value>,
    pub(super) scope: Scope<'a>,
}

impl<'a> Object<'a> {
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.map.get(name).and_then(Value::as_str)
    }

    pub(super) fn truth(&self, name: &str) -> Option<bool> {
        self.map.get(name).and_then(Value::as_bool)
    }

    /// A text that is not empty where it is there.
    pub(super) fn filled(&self, name: &str, notes: &mut Notes) -> Option<&'a str> {
        let text = self.text(name)?;
        if text.is_empty() {
            notes.problem(&self.scope.field(name), "must not be empty");
            return None;
        }
        Some(text)
    }

    /// A name as AWS has them: 1 to 255 letters, digits, hyphens and underscores.
    pub(super) fn name(&self, name: &str, notes: &mut Notes) -> Option<&'a str> {
        let text = self.text(name)?;
        if !is_name(text) {
            notes.problem(
                &self.scope.field(name),
                format_args!(
                    "must be 1 to 255 letters, digits, hyphens and underscores, and is {}",
                    quote(text)
                ),
            );
            return None;
        }
        Some(text)
    }

    /// A path that begins with `/`.
    pub(super) fn path(&self, name: &str, notes: &mut Notes) -> Option<&'a str> {
        let text = self.text(name)?;
        if !text.starts_with('/') {
            notes.problem(
                &self.scope.field(name),
                format_args!("must be a path that begins with /, and is {}", quote(text)),
            );
            return None;
        }
        Some(text)
    }

    pub(super) fn texts(&self, name: &str) -> Vec<Box<str>> {
        let items = self.map.get(name).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(Box::from).collect()
    }

    /// The objects of a list, with their places.
    pub(super) fn things(
        &self,
        name: &str,
    ) -> impl Iterator<Item = (usize, &'a Map<String, Value>)> + use<'a> {
        let items = self.map.get(name).and_then(Value::as_array).into_iter().flatten();
        items.enumerate().filter_map(|(index, item)| Some((index, item.as_object()?)))
    }

    /// A whole number within a range.
    pub(super) fn whole(&self, name: &str, range: &RangeInclusive<i64>, notes: &mut Notes) -> Option<i64> {
        let number = self.map.get(name).and_then(Value::as_i64)?;
        if !range.contains(&number) {
            let (low, high) = (range.start(), range.end());
            notes.problem(
                &self.scope.field(name),
                if *high == i64::MAX {
                    format!("must be at least {low}, and is {number}")
                } else {
                    format!("must be between {low} and {high}, and is {number}")
                },
            );
            return None;
        }
        Some(number)
    }

    /// A whole number within a range that lies within a smaller type's.
    pub(super) fn number<T: TryFrom<i64>>(
        &self,
        name: &str,
        range: &RangeInclusive<i64>,
        notes: &mut Notes,
    ) -> Option<T> {
        self.whole(name, range, notes).and_then(|number| T::try_from(number).ok())
    }

    /// A number of seconds.
    pub(super) fn seconds(
        &self,
        name: &str,
        range: &RangeInclusive<i64>,
        notes: &mut Notes,
    ) -> Option<Duration> {
        self.number(name, range, notes).map(Duration::from_secs)
    }

    /// One of AWS's words.
    pub(super) fn word<T: Copy>(
        &self,
        name: &str,
        all: &[T],
        word: impl Fn(T) -> &'static str,
        notes: &mut Notes,
    ) -> Option<T> {
        let text = self.text(name)?;
        let found = all.iter().copied().find(|one| word(*one) == text);
        if found.is_none() {
            let words: Vec<_> = all.iter().map(|one| word(*one)).collect();
            notes.problem(
                &self.scope.field(name),
                format_args!("must be {}, and is {}", one_of(&words), quote(text)),
            );
        }
        found
    }
}

/// Whether a name is one of AWS's: 1 to 255 letters, digits, hyphens and underscores.
pub(super) fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
}

/// Reads a size as AWS writes it: a whole number, or a decimal number of a unit that is 1024 times as large.
pub(super) fn size(text: &str, unit: &str) -> Option<u32> {
    let text = text.trim();
    if let Ok(number) = text.parse::<u32>() {
        return Some(number).filter(|number| *number > 0);
    }
    let start = text.len().checked_sub(unit.len()).filter(|start| text.is_char_boundary(*start))?;
    let (number, end) = text.split_at(start);
    let number = number.trim_end();
    if !end.eq_ignore_ascii_case(unit) {
        return None;
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 || whole.len() + fraction.len() == 0 {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let billionths = format!("{fraction:0<9}").parse::<u64>().ok()? * 1_024 / 1_000_000_000;
    let sum = whole.checked_mul(1_024)?.checked_add(billionths)?;
    u32::try_from(sum).ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_aws_writes_them() {
        for (text, unit, expected) in [
            ("256", "vCPU", Some(256)),
            ("1 vCPU", "vCPU", Some(1_024)),
            ("1vcpu", "vCPU", Some(1_024)),
            (".25 vCPU", "vCPU", Some(256)),
            ("0.5GB", "GB", Some(512)),
            ("30 GB", "GB", Some(30_720)),
            ("4.GB", "GB", Some(4_096)),
            ("", "GB", None),
            ("GB", "GB", None),
            (".GB", "GB", None),
            ("0", "GB", None),
            ("0GB", "GB", None),
            ("-1", "GB", None),
            ("+1 GB", "GB", None),
            ("1 MB", "GB", None),
            ("1.5", "GB", None),
            ("9999999999 GB", "GB", None),
            ("99999999999999999999999999 GB", "GB", None),
            ("äGB", "GB", None),
            ("é", "GB", None),
        ] {
            assert_eq!(size(text, unit), expected, "{text}");
        }
    }
}
