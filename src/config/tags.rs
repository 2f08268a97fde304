//! `tags` of a group, within AWS's limits (docs/semantics.md, "Tags").

use std::collections::BTreeMap;

use crate::config::problems::{Problems, quote};
use crate::config::table::{Field, Found, Table, describe};
use crate::config::values;
use crate::model::tag;

const TABLE: &str = "a table of at most 50 texts, such as { env = \"dev\" }";
const KEY: &str = "1 to 128 letters, digits, spaces and characters of `_.:/=+-@`, not beginning with `aws:`";
const VALUE: &str = "at most 256 letters, digits, spaces and characters of `_.:/=+-@`";

/// Reads `tags`.
pub(super) fn read(table: &Table<'_>, problems: &mut Problems<'_>) -> BTreeMap<Box<str>, Box<str>> {
    let mut tags = BTreeMap::new();
    let Field::Given(Found { value: entries, place }) = table.entries("tags", TABLE, problems) else {
        return tags;
    };
    if entries.len() > tag::MOST {
        problems.add(place, values::refuse(&format!("{} tags", entries.len()), TABLE));
    }
    for entry in entries {
        let fits = (1..=tag::KEY).contains(&entry.key.chars().count());
        if !fits || tag::is_reserved(entry.key) || !tag::is_plain(entry.key) {
            problems.add(entry.at, values::refuse(&quote(entry.key), KEY));
            continue;
        }
        let Found { value, place } = entry.value;
        match value.as_str().filter(|text| text.chars().count() <= tag::VALUE && tag::is_plain(text)) {
            Some(text) => _ = tags.insert(Box::from(entry.key), Box::from(text)),
            None => problems.add(place, values::refuse(&describe(value), VALUE)),
        }
    }
    tags
}
