//! Task definitions that are read: what they mean, what is told of them, and every rule's sentence.

mod property;
mod rules;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::model::ecs::check::CheckCommand;

/// The definition of the founding document: a backend whose health check asks its database.
fn tutorial() -> Value {
    json!({
        "family": "backend",
        "containerDefinitions": [{
            "name": "backend",
            "image": "registry.example.com/backend:1",
            "portMappings": [{ "containerPort": 8000 }],
            "healthCheck": {
                "command": ["CMD-SHELL", "curl -f http://localhost:8000/randomUser || exit 1"],
                "startPeriod": 60
            }
        }]
    })
}

fn read(json: &Value) -> Reading {
    Blueprint::read(json).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Puts a value where a path leads, making objects and lists on its way.
fn put(json: &mut Value, path: &str, value: Value) {
    let mut at = json;
    for step in path.split('.') {
        at = match step.parse::<usize>() {
            Ok(index) => {
                if !at.is_array() {
                    *at = json!([]);
                }
                let items = at.as_array_mut().unwrap();
                while items.len() <= index {
                    items.push(json!({}));
                }
                &mut items[index]
            }
            Err(_) => {
                if !at.is_object() {
                    *at = json!({});
                }
                at.as_object_mut().unwrap().entry(step).or_insert(Value::Null)
            }
        };
    }
    *at = value;
}

/// The tutorial's definition with a value somewhere else; `c` is its container.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut json = tutorial();
    for (path, value) in changes {
        let path = match path.strip_prefix("c.") {
            Some(rest) => format!("containerDefinitions.0.{rest}"),
            None => (*path).to_owned(),
        };
        put(&mut json, &path, value.clone());
    }
    json
}

fn problems(json: &Value) -> Vec<String> {
    Blueprint::read(json).unwrap_err().iter().map(str::to_owned).collect()
}

/// A second container that is right in itself.
fn second(name: &str) -> Value {
    json!({ "name": name, "image": "busybox", "essential": false })
}

#[test]
fn the_tutorials_definition_is_read() {
    let Reading { blueprint, tags, warnings } = read(&tutorial());
    assert_eq!((&*blueprint.family, tags.len(), warnings.len()), ("backend", 0, 0));
    let container = blueprint.container("backend").unwrap();
    assert!(container.essential);
    assert_eq!(container.ports, [PortMapping { container_port: 8000, host_port: 0, udp: false }]);
    let check = container.check.as_ref().unwrap();
    let line: Box<str> = "curl -f http://localhost:8000/randomUser || exit 1".into();
    assert_eq!(check.command, CheckCommand::Shell([line].into()));
    let seconds = [check.interval, check.timeout, check.start_period].map(|time| time.as_secs());
    assert_eq!((seconds, check.retries.get()), ([30, 5, 60], 3));
    assert_eq!(blueprint.requires_attributes(), ["ecs.capability.container-health-check"]);
    assert_eq!(blueprint.compatibilities(), ["EXTERNAL", "EC2"]);
}

#[test]
fn every_field_is_documented() {
    let document = include_str!("../../../../docs/ecs.md");
    let missing: Vec<_> =
        fields::all().into_iter().filter(|name| !document.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "not in docs/ecs.md: {missing:?}");
}

#[test]
fn defaults_are_told() {
    let told = Value::Object(read(&tutorial()).blueprint.told);
    assert_eq!(
        told,
        json!({
            "family": "backend",
            "volumes": [],
            "placementConstraints": [],
            "containerDefinitions": [{
                "name": "backend",
                "image": "registry.example.com/backend:1",
                "cpu": 0,
                "essential": true,
                "environment": [],
                "mountPoints": [],
                "portMappings": [{ "containerPort": 8000, "hostPort": 0, "protocol": "tcp" }],
                "systemControls": [],
                "volumesFrom": [],
                "healthCheck": {
                    "command": ["CMD-SHELL", "curl -f http://localhost:8000/randomUser || exit 1"],
                    "interval": 30, "timeout": 5, "retries": 3, "startPeriod": 60
                }
            }]
        })
    );
    let form = with(&[("c.healthCheck", json!({ "command": "CMD, true" })), ("cpu", json!("1 vCPU"))]);
    let told = Value::Object(read(&form).blueprint.told);
    let health = &told["containerDefinitions"][0]["healthCheck"];
    let expected = json!({ "command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3 });
    assert_eq!((health, &told["cpu"]), (&expected, &json!("1024")));
}

#[test]
fn what_describe_task_definition_prints_is_a_definition() {
    let plain = read(&with(&[("tags", json!([{ "key": "env", "value": "dev" }]))]));
    let mut described = plain.blueprint.told.clone();
    for (name, value) in
        [("revision", json!(3)), ("status", json!("ACTIVE")), ("registeredAt", json!("2026-01-01"))]
    {
        described.insert(name.to_owned(), value);
    }
    let described = json!({ "taskDefinition": described, "tags": [{ "key": "env", "value": "dev" }] });
    let again = read(&described);
    assert_eq!((again.blueprint, again.tags), (plain.blueprint, plain.tags));
    assert_eq!(again.warnings.len(), 3);
}

#[test]
fn what_is_ignored_is_said_once_and_kept() {
    let json = with(&[
        ("c.links", json!(["db"])),
        ("c.interactive", json!(false)),
        ("c.dnsServers", json!([])),
        ("c.logConfiguration", json!({ "logDriver": "awslogs" })),
        ("placementConstraints", json!([{ "type": "memberOf" }])),
        ("c.healthCheck.timeout", json!(30)),
        ("c.healthCheck.command", json!(["CMD-SHELL", "curl", "-f", "http://localhost/"])),
    ]);
    let read = read(&json);
    assert_eq!(read.blueprint.told["containerDefinitions"][0]["links"], json!(["db"]));
    let starts = [
        "container 'backend': links is kept and ignored: ",
        "container 'backend': logConfiguration is kept and ignored: ",
        "placementConstraints is kept and ignored: ",
        "container 'backend': healthCheck has a timeout that is not below its interval",
        "container 'backend': healthCheck.command has 3 words behind CMD-SHELL: the shell runs 'curl' alone",
    ];
    assert_eq!(read.warnings.len(), starts.len(), "{:#?}", read.warnings);
    for start in starts {
        assert!(
            read.warnings.iter().any(|warning| warning.starts_with(start)),
            "{start}: {:#?}",
            read.warnings
        );
    }
}

#[test]
fn everything_obeyed_is_read() {
    let json = with(&[
        ("networkMode", json!("awsvpc")),
        ("cpu", json!("0.25 vCPU")),
        ("memory", json!("0.5GB")),
        ("requiresCompatibilities", json!(["FARGATE"])),
        ("volumes", json!([{ "name": "data", "host": { "sourcePath": "/srv" } }, { "name": "run" }])),
        ("c.mountPoints", json!([{ "sourceVolume": "data", "containerPath": "/data", "readOnly": true }])),
        (
            "c.secrets",
            json!([{ "name": "A", "valueFrom": "env:B" }, { "name": "C", "valueFrom": "file:c.txt" }]),
        ),
        ("c.environmentFiles", json!([{ "value": "app.env", "type": "s3" }])),
        (
            "c.linuxParameters",
            json!({ "initProcessEnabled": true, "tmpfs": [{ "containerPath": "/t", "size": 8 }] }),
        ),
        ("c.ulimits", json!([{ "name": "nofile", "softLimit": 1024, "hardLimit": -1 }])),
        ("c.restartPolicy", json!({ "enabled": true, "ignoredExitCodes": [0, 3] })),
        ("c.dockerLabels", json!({ "a": "b" })),
        ("containerDefinitions.1", second("b")),
        ("containerDefinitions.1.volumesFrom", json!([{ "sourceContainer": "backend" }])),
        ("containerDefinitions.1.restartPolicy", json!({ "enabled": false })),
    ]);
    let Reading { mut blueprint, warnings, .. } = read(&json);
    assert_eq!(warnings.len(), 0, "{warnings:#?}");
    assert_eq!((blueprint.memory, blueprint.compatibilities()), (Some(512), vec!["EC2", "FARGATE"]));
    assert_eq!(blueprint.volumes.get("data").unwrap().as_deref(), Some("/srv"));
    assert_eq!(blueprint.volumes.get("run"), Some(&None));
    let [first, second] = &blueprint.containers[..] else { panic!("two containers") };
    assert_eq!(first.mounts, second.mounts);
    assert!(first.mounts[0].read_only && first.init);
    assert_eq!(first.tmpfs, [("/t".into(), 8, Vec::new())]);
    assert_eq!(first.ulimits.get("nofile"), Some(&(1024, -1)));
    let restart = first.restart.as_ref().unwrap();
    assert_eq!((restart.attempt_period, restart.ignored_exit_codes.len()), (Duration::from_secs(300), 2));
    assert_eq!(second.restart, None);
    assert_eq!(blueprint.relative_path(), Some("app.env"));
    blueprint.settle(Path::new("/etc/app"));
    assert_eq!(blueprint.relative_path(), None);
    let first = &blueprint.containers[0];
    assert_eq!(*first.environment_files[0], *"/etc/app/app.env");
    assert_eq!(first.secrets.get("C"), Some(&Secret::File("/etc/app/c.txt".into())));
    assert_eq!(read(&Value::Object(blueprint.told.clone())).blueprint, blueprint);
}
