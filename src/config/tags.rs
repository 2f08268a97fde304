//! `tags` of a group, within AWS's limits (docs/semantics.md, "Tags").

use std::collections::BTreeMap;

use crate::config::problems::{Problems, quote};
use crate::config::table::{Field, Found, Table, describe};
use crate::config::values;

/// Tags a group may have.
const COUNT: usize = 50;
const TABLE: &str = "a table of at most 50 texts, such as { env = \"dev\" }";
const KEY: &str = "1 to 128 letters, digits, spaces and characters of `_.:/=+-@`, not beginning with `aws:`";
const VALUE: &str = "at most 256 letters, digits, spaces and characters of `_.:/=+-@`";

/// Reads `tags`.
pub(super) fn read(table: &Table<'_>, problems: &mut Problems<'_>) -> BTreeMap<Box<str>, Box<str>> {
    let mut tags = BTreeMap::new();
    let Field::Given(Found { value: entries, place }) = table.entries("tags", TABLE, problems) else {
        return tags;
    };
    if entries.len() > COUNT {
        problems.add(place, values::refuse(&format!("{} tags", entries.len()), TABLE));
    }
    for entry in entries {
        let reserved = entry.key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
        if reserved || !(1..=128).contains(&entry.key.chars().count()) || !is_plain(entry.key) {
            problems.add(entry.at, values::refuse(&quote(entry.key), KEY));
            continue;
        }
        let Found { value, place } = entry.value;
        match value.as_str().filter(|text| text.chars().count() <= 256 && is_plain(text)) {
            Some(text) => _ = tags.insert(Box::from(entry.key), Box::from(text)),
            None => problems.add(place, values::refuse(&describe(value), VALUE)),
        }
    }
    tags
}

fn is_plain(text: &str) -> bool {
    let space = |c: char| c.is_whitespace() && !c.is_control();
    text.chars().all(|c| c.is_alphanumeric() || space(c) || "_.:/=+-@".contains(c))
}
