//! What holds of every definition.

use proptest::prelude::*;
use serde_json::Value;

use super::{put, second, tutorial};
use crate::model::ecs::definition::{Blueprint, Reading, fields};

/// Values for any field, right and wrong.
fn values() -> impl Strategy<Value = Value> {
    const TEXTS: [&str; 21] = [
        "",
        "CMD",
        "CMD-SHELL,true",
        "CMD,a,\\,",
        "[\"NONE\"]",
        "a",
        "b",
        "/a",
        "host",
        "awsvpc",
        "HEALTHY",
        "START",
        "env:A",
        "file:a",
        "1 vCPU",
        "2GB",
        "512",
        "tcp",
        "\0",
        "nofile",
        "é",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![-1_i64, 0, 1, 5, 6, 60, 300, 8000, 65_535, i64::MAX]).prop_map(Value::from),
        prop::sample::select(&TEXTS[..]).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "name",
        "value",
        "command",
        "interval",
        "containerPort",
        "hostPort",
        "containerName",
        "condition",
        "enabled",
        "sourceVolume",
        "containerPath",
        "host",
        "sourcePath",
        "size",
        "tmpfs",
        "softLimit",
        "hardLimit",
        "valueFrom",
    ]);
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..5).prop_map(|entries| {
                Value::Object(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_told_reads_as_what_was_registered(
        changes in prop::collection::vec((0..2_usize, any::<prop::sample::Index>(), values()), 0..4),
    ) {
        let mut json = tutorial();
        put(&mut json, "containerDefinitions.1", second("b"));
        for (container, field, value) in changes {
            let names = fields::names();
            let path = names[field.index(names.len())].replace("0.", &format!("{container}."));
            put(&mut json, &path, value);
        }
        match Blueprint::read(&json) {
            Err(problems) => prop_assert!(problems.iter().all(|one| !one.is_empty() && !one.contains(char::is_control))),
            Ok(Reading { blueprint, .. }) => {
                let again = Blueprint::read(&Value::Object(blueprint.told.clone()));
                prop_assert_eq!(again.map(|reading| reading.blueprint), Ok(blueprint));
            }
        }
    }
}
