//! What tables of services and of watched containers have in common: lists of tables, names, and groups named.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use crate::config::keys::Keys;
use crate::config::problems::{Problems, quote};
use crate::config::table::{Field, Found, Table, describe, item};
use crate::config::values;
use crate::model::nearest::nearest;

/// What a name of the ECS API is.
pub(super) const NAME: &str = "1 to 255 letters, digits, hyphens and underscores";

/// Opens every table of an array of tables.
pub(super) fn tables<'a>(
    above: &Table<'a>,
    key: &str,
    keys: &'static Keys,
    allowed: &str,
    problems: &mut Problems<'_>,
) -> Vec<Table<'a>> {
    let Field::Given(Found { value: items, place }) = above.array(key, allowed, problems) else {
        return Vec::new();
    };
    let mut tables = Vec::new();
    for (index, value) in items.iter().enumerate() {
        let at = item(&place, index, value);
        match value.get_ref().as_table() {
            Some(entries) => tables.push(Table::open(entries, at, keys, problems)),
            None => problems.add(at, values::refuse(&describe(value.get_ref()), allowed)),
        }
    }
    tables
}

/// A name of the ECS API, if it is one.
pub(super) fn name<'a>(table: &Table<'a>, key: &str, problems: &mut Problems<'_>) -> Field<&'a str> {
    table.text(key, NAME, problems).and_then(|text, place| {
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
        let good = (1..=255).contains(&text.len()) && text.bytes().all(plain);
        if !good {
            problems.add(place.clone(), values::refuse(&quote(text), NAME));
        }
        good.then_some(text)
    })
}

/// Names that were read, with where they stand.
#[derive(Debug, Default)]
pub(super) struct Names {
    seen: BTreeMap<(String, String), usize>,
}

impl Names {
    /// Reads the required `name` of a table, which nothing else `within` the same may have.
    pub(super) fn read<'a>(
        &mut self,
        table: &Table<'a>,
        within: &str,
        noun: &str,
        problems: &mut Problems<'_>,
    ) -> Option<&'a str> {
        let found = name(table, "name", problems);
        if let Field::Absent = found {
            table.missing("name", NAME, problems);
        }
        let Field::Given(Found { value: text, place }) = found else {
            return None;
        };
        let start = place.span.as_ref().map_or(0, |span| span.start);
        let first = *self.seen.entry((within.to_owned(), text.to_owned())).or_insert(start);
        if first != start {
            let line = problems.line(first);
            problems.add(
                place,
                format!(
                    "found {}, the name of the {noun} in line {line}; allowed: a name of its own",
                    quote(text)
                ),
            );
        }
        Some(text)
    }
}

/// A target group as the file names it, whatever else is wrong with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group<'a> {
    name: &'a str,
    /// Whether its targets are no addresses.
    is_apart: bool,
}

/// Every target group of the file.
pub(super) fn of_groups<'a>(root: &Table<'a>) -> Vec<Group<'a>> {
    let groups = root.value("target_group").given().and_then(DeValue::as_array);
    let tables = groups.into_iter().flatten().filter_map(|group| group.get_ref().as_table());
    let group = |table: &'a DeTable<'a>| {
        let text = |key| table.get(key).and_then(|value| value.get_ref().as_str());
        let is_apart = matches!(text("target_type"), Some("lambda" | "alb"));
        Some(Group { name: text("name")?, is_apart })
    };
    tables.filter_map(group).collect()
}

/// What names a target group.
pub(super) const GROUP: &str =
    "the name of a `[[target_group]]` of this file with the target type \"ip\" or \"instance\"";

/// Reads `target_group`.
pub(super) fn target_group<'a>(
    table: &Table<'a>,
    groups: &[Group<'_>],
    problems: &mut Problems<'_>,
) -> Field<&'a str> {
    table.text("target_group", GROUP, problems).and_then(|text, place| {
        let names: Vec<&str> =
            groups.iter().filter(|group| !group.is_apart).map(|group| group.name).collect();
        if names.contains(&text) {
            return Some(text);
        }
        let hint = nearest(text, &names).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        problems.add(place.clone(), values::refuse(&quote(text), GROUP) + &hint);
        None
    })
}
