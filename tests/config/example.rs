//! The example: every key, each at its default.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use tgprobe::config;
use tgprobe::model::ecs::service::ServiceSpec;
use tgprobe::model::ecs::settings::Settings;
use tgprobe::model::ecs::watch::DockerWatch;
use toml::de::{DeTable, DeValue};

use super::{parse, root};

fn example() -> String {
    fs::read_to_string(root().join("config.example.toml")).unwrap()
}

/// Tables whose keys are the user's own.
const FREE: [&str; 5] =
    ["instances", "target_group.tags", "target_group.health_check.headers", "service.tags", "docker.labels"];

/// Adds every key of a table and of what lies in it, as (table, key).
fn keys_of(table: &DeTable<'_>, path: &str, found: &mut BTreeSet<(String, String)>) {
    if FREE.contains(&path) {
        return;
    }
    for (key, value) in table {
        found.insert((path.to_owned(), key.get_ref().to_string()));
        let below =
            if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
        keys_in(value.get_ref(), &below, found);
    }
}

fn keys_in(value: &DeValue<'_>, path: &str, found: &mut BTreeSet<(String, String)>) {
    if let Some(table) = value.as_table() {
        keys_of(table, path, found);
    }
    for item in value.as_array().into_iter().flatten() {
        keys_in(item.get_ref(), path, found);
    }
}

/// The example with the keys that are absent by default; of a key shown twice the first goes.
fn example_in_full() -> String {
    let text = example();
    let mut in_check = false;
    let line = |line| -> String {
        let line: &str = line;
        in_check =
            if line.starts_with('[') { line.starts_with("[target_group.health_check]") } else { in_check };
        match line.strip_prefix('#') {
            Some(key) if key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '[') => format!("{key}\n"),
            None if !(in_check && line.starts_with("protocol")) => format!("{line}\n"),
            Some(_) | None => "\n".to_owned(),
        }
    };
    text.lines().map(line).collect()
}

#[test]
fn the_example_is_valid_and_shows_the_defaults() {
    let shown = parse(&example()).unwrap();
    let bare = parse("[[target_group]]\nname = \"web\"\nport = 4567\n").unwrap();
    assert_eq!(shown.server, bare.server);
    assert_eq!(shown.desired.groups.len(), 2);
    assert_eq!(shown.desired.groups[0].group, bare.desired.groups[0].group);
    let targets: Vec<_> = shown.desired.groups[0].targets.iter().map(ToString::to_string).collect();
    assert_eq!(targets, ["10.0.0.5:4567", "10.0.0.6:8080", "10.0.0.7:4567"]);
    assert_eq!(shown.desired.groups[0].targets[2].zone(), Some("a"));
    let bare =
        parse("[[target_group]]\nname = 'stream'\nport = 5432\nprotocol = 'TCP'\ntarget_type = 'instance'\n");
    assert_eq!(shown.desired.groups[1].group, bare.unwrap().desired.groups[0].group);
    assert_eq!(shown.desired.groups[1].targets[0].to_string(), "i-0123456789abcdef0:5432");
    assert_eq!(shown.desired.instances.get("i-0123456789abcdef0").map(|host| &**host), Some("10.0.0.8"));
}

#[test]
fn the_example_shows_every_key_and_no_other() {
    let text = example_in_full();
    let config = parse(&text).unwrap();
    assert!(config.server.shards.is_some() && config.server.max_checks_in_flight.is_some());
    assert_eq!(config.desired.groups[0].group.health_check.verify.as_ref().unwrap().roots.len(), 1);
    assert_eq!(config.credentials.unwrap().len(), 2);
    assert!(config.server.tls.unwrap().client_ca.is_some());
    let bare = parse("[ecs]\n[[service]]\nname = 'web'\ntask_definition = 'task-definition.json'\n").unwrap();
    let start_interval = Some(Duration::from_secs(5));
    assert_eq!(config.ecs, bare.ecs.map(|ecs| Settings { start_interval, ..ecs }));
    let (shown, bare) = (&config.services[0], &bare.services[0]);
    let spec = ServiceSpec { load_balancers: shown.spec.load_balancers.clone(), ..bare.spec.clone() };
    assert_eq!((&shown.spec, &shown.blueprint), (&spec, &bare.blueprint));
    assert_eq!(shown.spec.load_balancers[0].container_port, 4567);
    let watch = config.watches[0].clone();
    assert!(watch.health_check.is_some() && watch.target_group.is_some() && watch.port.is_some());
    let own = DockerWatch { name: "shop".into(), labels: watch.labels.clone(), ..DockerWatch::default() };
    assert_eq!(DockerWatch { health_check: None, target_group: None, port: None, ..watch }, own);
    let mut shown = BTreeSet::new();
    keys_of(DeTable::parse(&text).unwrap().get_ref(), "", &mut shown);
    let known = config::known_keys().map(|(table, key)| (table.to_owned(), key.to_owned())).collect();
    assert_eq!(shown, known);
}
