//! `[[docker]]`: containers that somebody else started and that are only watched.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use crate::config::names::{self, Group, Names};
use crate::config::problems::{Place, Problems, quote};
use crate::config::table::{Field, Found, Table, describe, item};
use crate::config::{container_check, ecs, keys, values};
use crate::model::ecs::watch::{DockerWatch, OnUnhealthy};

const WAITS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);
const STOPS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);
const RESTARTS: RangeInclusive<u32> = 1..=1_000;
const LABELS: &str =
    "at least one label with its value, such as { app = \"web\" } or [\"app=web\", \"watched\"]";

/// Reads every `[[docker]]`.
pub(super) fn read_all(root: &Table<'_>, problems: &mut Problems<'_>) -> Vec<DockerWatch> {
    const ALLOWED: &str = "any number of tables `[[docker]]`, in double brackets";
    let tables = names::tables(root, "docker", &keys::DOCKER, ALLOWED, problems);
    let groups = names::of_groups(root);
    let mut names = Names::default();
    tables.iter().filter_map(|table| read(table, &groups, &mut names, problems)).collect()
}

/// Reads one; `None` where its name is not right, and then something was recorded.
fn read(
    table: &Table<'_>,
    groups: &[Group<'_>],
    names: &mut Names,
    problems: &mut Problems<'_>,
) -> Option<DockerWatch> {
    let default = DockerWatch::default();
    let name = names.read(table, "", "watch", problems);
    let labels = labels(table, problems);
    let target_group = names::target_group(table, groups, problems).given();
    let port = table.number("port", values::PORTS, problems);
    if let (Some(place), Field::Absent) = (port.place(), table.value("target_group")) {
        problems
            .clash(place.clone(), "allowed: only with `target_group`, in which it is registered".to_owned());
    }
    let check = table.table("health_check", &keys::CONTAINER_CHECK, problems).given();
    let (first_wait, longest_wait) =
        ecs::waits(table, &WAITS, (default.first_wait, default.longest_wait), problems);
    let on_unhealthy = table.word("on_unhealthy", &OnUnhealthy::ALL, OnUnhealthy::as_str, problems);
    Some(DockerWatch {
        socket: ecs::socket(table, "socket", problems).unwrap_or(default.socket),
        labels,
        target_group: target_group.map(Box::from),
        port: port.given().and_then(|port| u16::try_from(port).ok()),
        health_check: check.and_then(|table| container_check::read(&table, problems)),
        on_unhealthy: on_unhealthy.or(default.on_unhealthy),
        drain: table.boolean("drain", problems).or(default.drain),
        stop_timeout: table.duration("stop_timeout", &STOPS, problems).or(default.stop_timeout),
        first_wait,
        longest_wait,
        max_restarts: table.number("max_restarts", RESTARTS, problems).or(default.max_restarts),
        within: table.duration("within", &WAITS, problems).or(default.within),
        name: name?.into(),
    })
}

/// Reads `labels`, a table or an array.
fn labels(table: &Table<'_>, problems: &mut Problems<'_>) -> BTreeMap<Box<str>, Option<Box<str>>> {
    let mut labels = BTreeMap::new();
    let Found { value, place } = match table.value("labels") {
        Field::Given(found) => found,
        Field::Absent => {
            table.missing("labels", LABELS, problems);
            return labels;
        }
        Field::Wrong => return labels,
    };
    let mut add = |key: &str, value: Option<&str>, at: Place, problems: &mut Problems<'_>| {
        if key.is_empty() || key.contains(['=', '\0']) {
            problems.add(at, values::refuse(&quote(key), "the name of a label, without `=`"));
        } else {
            labels.insert(key.into(), value.map(Box::from));
        }
    };
    match value {
        DeValue::Table(_) => {
            for entry in table.entries("labels", LABELS, problems).or(Vec::new()) {
                let Found { value, place } = entry.value;
                match value.as_str() {
                    Some(text) => add(entry.key, Some(text), entry.at, problems),
                    None => problems.add(place, values::refuse(&describe(value), "a text")),
                }
            }
        }
        DeValue::Array(items) => {
            for (index, one) in items.iter().enumerate() {
                let at = item(&place, index, one);
                match one.get_ref().as_str().map(|text| text.split_once('=').ok_or(text)) {
                    Some(Ok((key, value))) => add(key, Some(value), at, problems),
                    Some(Err(key)) => add(key, None, at, problems),
                    None => problems.add(at, values::refuse(&describe(one.get_ref()), "a text")),
                }
            }
        }
        other @ (DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)) => {
            problems.add(place, values::refuse(&describe(other), LABELS));
            return labels;
        }
    }
    if value.as_table().is_some_and(toml::map::Map::is_empty)
        || value.as_array().is_some_and(|array| array.is_empty())
    {
        problems.add(place, values::refuse("none", LABELS));
    }
    labels
}
