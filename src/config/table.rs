//! The typed reader: one TOML table with its place and its known keys.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::config::keys::{self, Keys};
use crate::config::problems::{Place, Problems, name, quote};
use crate::config::values;

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// What a key came to.
#[derive(Clone, Debug, Default)]
pub(super) enum Field<T> {
    /// The key is not there; its default holds.
    #[default]
    Absent,
    /// The key is there, its value is not allowed, and that has been recorded.
    Wrong,
    /// A value of the right type within its range.
    Given(Found<T>),
}

impl<T> Field<T> {
    /// The value where there is a good one.
    pub(super) fn given(self) -> Option<T> {
        match self {
            Self::Given(found) => Some(found.value),
            Self::Absent | Self::Wrong => None,
        }
    }

    /// The value, or the default where the key is absent or wrong.
    pub(super) fn or(self, default: T) -> T {
        self.given().unwrap_or(default)
    }

    /// The value and its place; `default` without a place where the key is absent; `None` where it is wrong, so that
    /// no second error is made of it.
    pub(super) fn known(&self, default: T) -> Option<(T, Option<&Place>)>
    where
        T: Clone,
    {
        match self {
            Self::Absent => Some((default, None)),
            Self::Wrong => None,
            Self::Given(found) => Some((found.value.clone(), Some(&found.place))),
        }
    }

    /// Where a good value stands.
    pub(super) fn place(&self) -> Option<&Place> {
        match self {
            Self::Given(found) => Some(&found.place),
            Self::Absent | Self::Wrong => None,
        }
    }

    /// Reads the value further; `read` records what is wrong where it returns `None`.
    pub(super) fn and_then<U>(self, read: impl FnOnce(T, &Place) -> Option<U>) -> Field<U> {
        match self {
            Self::Absent => Field::Absent,
            Self::Wrong => Field::Wrong,
            Self::Given(Found { value, place }) => match read(value, &place) {
                Some(value) => Field::Given(Found { value, place }),
                None => Field::Wrong,
            },
        }
    }
}

/// One entry of a table whose keys are the user's own.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    /// Where the key itself stands.
    pub(super) at: Place,
    pub(super) value: Found<&'a DeValue<'a>>,
}

/// One table of the file.
#[derive(Debug)]
pub(super) struct Table<'a> {
    entries: &'a DeTable<'a>,
    pub(super) place: Place,
    keys: &'static Keys,
}

impl<'a> Table<'a> {
    /// Opens a table and records its unknown keys.
    pub(super) fn open(
        entries: &'a DeTable<'a>,
        place: Place,
        keys: &'static Keys,
        problems: &mut Problems<'_>,
    ) -> Self {
        for (key, _) in entries {
            if keys.keys.contains(&key.get_ref().as_ref()) {
                continue;
            }
            let hint = keys::suggestion(key.get_ref(), keys)
                .unwrap_or_else(|| format!("allowed here: {}", keys.keys.join(", ")));
            problems.add(place.below(&name(key.get_ref()), key.span()), format!("unknown key; {hint}"));
        }
        Self { entries, place, keys }
    }

    /// The value of a known key.
    pub(super) fn value(&self, key: &str) -> Field<&'a DeValue<'a>> {
        debug_assert!(
            self.keys.keys.contains(&key),
            "`{key}` is read and not known in `{}`",
            self.keys.table
        );
        match self.entries.get(key) {
            None => Field::Absent,
            Some(value) => {
                Field::Given(Found { value: value.get_ref(), place: self.place.below(key, value.span()) })
            }
        }
    }

    /// Records that a required key is not there.
    pub(super) fn missing(&self, key: &str, allowed: &str, problems: &mut Problems<'_>) {
        problems.missing(&self.place, key, allowed);
    }

    pub(super) fn text(&self, key: &str, allowed: &str, problems: &mut Problems<'_>) -> Field<&'a str> {
        self.value(key).and_then(|value, place| {
            let text = value.as_str();
            if text.is_none() {
                problems.add(place.clone(), values::refuse(&describe(value), allowed));
            }
            text
        })
    }

    pub(super) fn boolean(&self, key: &str, problems: &mut Problems<'_>) -> Field<bool> {
        self.value(key).and_then(|value, place| {
            let boolean = value.as_bool();
            if boolean.is_none() {
                problems
                    .add(place.clone(), values::refuse(&describe(value), "true or false, without quotes"));
            }
            boolean
        })
    }

    pub(super) fn number(
        &self,
        key: &str,
        range: RangeInclusive<u32>,
        problems: &mut Problems<'_>,
    ) -> Field<u32> {
        self.value(key).and_then(|value, place| {
            let number = number(value).filter(|number| range.contains(number));
            if number.is_none() {
                problems.add(place.clone(), values::refuse(&describe(value), &values::whole(&range)));
            }
            number
        })
    }

    pub(super) fn duration(
        &self,
        key: &str,
        range: &RangeInclusive<Duration>,
        problems: &mut Problems<'_>,
    ) -> Field<Duration> {
        self.text(key, &values::span(range), problems)
            .and_then(|text, place| values::duration(text, place, range, problems))
    }

    /// A table below this one.
    pub(super) fn table(&self, key: &str, keys: &'static Keys, problems: &mut Problems<'_>) -> Field<Self> {
        self.value(key).and_then(|value, place| {
            let Some(entries) = value.as_table() else {
                let allowed = format!("a table `[{}]` with {}", keys.table, keys.keys.join(", "));
                problems.add(place.clone(), values::refuse(&describe(value), &allowed));
                return None;
            };
            Some(Self::open(entries, place.clone(), keys, problems))
        })
    }

    /// The entries of a table whose keys are the user's own, in the order of the file.
    pub(super) fn entries(
        &self,
        key: &str,
        allowed: &str,
        problems: &mut Problems<'_>,
    ) -> Field<Vec<Entry<'a>>> {
        self.value(key).and_then(|value, place| {
            let Some(entries) = value.as_table() else {
                problems.add(place.clone(), values::refuse(&describe(value), allowed));
                return None;
            };
            let entry = |(key, value): (&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>)| {
                let called = name(key.get_ref());
                let found = Found { value: value.get_ref(), place: place.below(&called, value.span()) };
                Entry { key: key.get_ref(), at: place.below(&called, key.span()), value: found }
            };
            let mut entries: Vec<_> = entries.iter().map(entry).collect();
            entries.sort_by_key(|entry| entry.at.span.as_ref().map_or(0, |span| span.start));
            Some(entries)
        })
    }

    /// One of AWS's words.
    pub(super) fn word<T: Copy>(
        &self,
        key: &str,
        all: &[T],
        word: impl Fn(T) -> &'static str + Copy,
        problems: &mut Problems<'_>,
    ) -> Field<T> {
        self.text(key, &values::one_of(all, word), problems)
            .and_then(|text, place| values::word(text, place, all, word, problems))
    }

    /// The items of an array.
    pub(super) fn array(
        &self,
        key: &str,
        allowed: &str,
        problems: &mut Problems<'_>,
    ) -> Field<&'a [Spanned<DeValue<'a>>]> {
        self.value(key).and_then(|value, place| {
            let array = value.as_array();
            if array.is_none() {
                problems.add(place.clone(), values::refuse(&describe(value), allowed));
            }
            array.map(|array| &**array)
        })
    }
}

/// The place of an item of an array, made only where it is needed.
pub(super) fn item(array: &Place, index: usize, item: &Spanned<DeValue<'_>>) -> Place {
    let span: Range<usize> = item.span();
    array.item(index, span)
}

/// The number in a value, if it is a whole number that fits.
pub(super) fn number(value: &DeValue<'_>) -> Option<u32> {
    let integer = value.as_integer()?;
    u32::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A value as an error message calls it.
pub(super) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quote(text),
        DeValue::Integer(number) => format!("the number {}", name(&number.to_string())),
        DeValue::Float(number) => format!("the number {}", name(number.as_str())),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(_) => "a date or time".to_owned(),
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
