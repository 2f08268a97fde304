//! What a task definition becomes in the Engine API, and what is read back.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{end, spec};
use crate::docker::Inspected;
use crate::engine::ecs::action::{ContainerKey, StartContainer};
use crate::model::ecs::check::{CheckCommand, ContainerCheck};
use crate::model::ecs::definition::{
    Blueprint, ContainerDefinition, DefinitionId, Mount, NetworkMode, PortMapping, TaskDefinition,
};
use crate::model::ecs::task::{ContainerOverride, Task};
use crate::model::tick::Tick;

const TASK: &str = "0123456789abcdef0123456789abcdef";

fn start(mode: NetworkMode, definition: ContainerDefinition, task: Task) -> StartContainer {
    let volumes = BTreeMap::from([("data".into(), Some("/srv/data".into())), ("scratch".into(), None)]);
    let containers = vec![ContainerDefinition { name: "app".into(), image: "tiny:1".into(), ..definition }];
    let blueprint =
        Blueprint { containers, network_mode: mode, volumes, memory: Some(64), ..Blueprint::default() };
    let id = DefinitionId { family: "web".into(), revision: 3 };
    let definition =
        TaskDefinition { id, registered: Tick(0), deregistered: None, blueprint, tags: BTreeMap::new() };
    StartContainer {
        key: ContainerKey { task: TASK.into(), index: 0, run: 2 },
        task: Arc::new(task),
        definition: Arc::new(definition),
    }
}

fn body(container: &StartContainer, native: bool) -> Value {
    let variables = BTreeMap::from([("A".into(), "1".into())]);
    spec::configuration(container, "owner", &variables, native).unwrap()
}

fn inspected(told: Value) -> Inspected {
    serde_json::from_value(told).unwrap()
}

#[test]
fn what_the_definition_leaves_out_is_the_images() {
    let body = body(&start(NetworkMode::Host, ContainerDefinition::default(), Task::default()), false);
    for absent in ["Cmd", "Entrypoint", "User", "WorkingDir", "Hostname", "ExposedPorts"] {
        assert!(body.get(absent).is_none(), "{absent}");
    }
    assert_eq!((&body["Image"], &body["StopTimeout"]), (&json!("tiny:1"), &json!(30)));
    assert_eq!(body["Healthcheck"], json!({ "Test": ["NONE"] }));
    assert_eq!(body["HostConfig"]["NetworkMode"], "host");
    assert_eq!(body["HostConfig"]["Memory"], 64 * 1_024 * 1_024);
}

#[test]
fn what_the_definition_says_is_passed_on() {
    let definition = ContainerDefinition {
        command: vec!["a".into()],
        entry_point: vec!["/b".into()],
        user: Some("1234".into()),
        working_directory: Some("/tmp".into()),
        hostname: Some("h".into()),
        read_only: true,
        init: true,
        cpu: 256,
        memory: Some(16),
        memory_reservation: Some(8),
        ulimits: BTreeMap::from([("nofile".into(), (10, 20))]),
        mounts: vec![
            Mount { volume: "data".into(), path: "/data".into(), read_only: true },
            Mount { volume: "scratch".into(), path: "/s".into(), read_only: false },
        ],
        tmpfs: vec![("/t".into(), 4, vec!["noexec".into()])],
        stop_timeout: Some(Duration::from_secs(7)),
        labels: BTreeMap::from([("team".into(), "a".into()), ("com.tgprobe.owner".into(), "no".into())]),
        ..ContainerDefinition::default()
    };
    let overrides = BTreeMap::from([(
        "app".into(),
        ContainerOverride { command: Some(vec!["c".into()]), ..ContainerOverride::default() },
    )]);
    let container = start(NetworkMode::None, definition, Task { overrides, ..Task::default() });
    let body = body(&container, false);
    assert_eq!((&body["Cmd"], &body["Entrypoint"]), (&json!(["c"]), &json!(["/b"])));
    assert_eq!(
        (&body["User"], &body["WorkingDir"], &body["Hostname"], &body["StopTimeout"]),
        (&json!("1234"), &json!("/tmp"), &json!("h"), &json!(7))
    );
    let mebibyte = 1_024 * 1_024;
    assert_eq!(
        body["HostConfig"],
        json!({
            "NetworkMode": "none", "Memory": 16 * mebibyte, "MemoryReservation": 8 * mebibyte, "CpuShares": 256,
            "Ulimits": [{ "Name": "nofile", "Soft": 10, "Hard": 20 }], "ReadonlyRootfs": true, "Init": true,
            "Binds": ["/srv/data:/data:ro", format!("tgprobe-{TASK}-scratch:/s")],
            "Tmpfs": { "/t": "size=4m,noexec" },
        })
    );
    assert_eq!(
        (&body["Labels"]["team"], &body["Labels"]["com.tgprobe.owner"]),
        (&json!("a"), &json!("owner"))
    );
    assert_eq!(spec::name(&container), format!("tgprobe-web-3-app-{TASK}-0.2"));
}

#[test]
fn a_check_is_the_engines_only_where_it_is_trusted_and_with_all_its_fields() {
    let check = ContainerCheck {
        command: CheckCommand::Shell(["true".into()].into()),
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        retries: NonZeroU8::MIN,
        start_period: Duration::ZERO,
    };
    let definition = ContainerDefinition { check: Some(check), ..ContainerDefinition::default() };
    let container = start(NetworkMode::Host, definition, Task::default());
    assert_eq!(body(&container, false)["Healthcheck"], json!({ "Test": ["NONE"] }));
    assert_eq!(
        body(&container, true)["Healthcheck"],
        json!({
            "Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000_u64, "Timeout": 2_000_000_000_u64,
            "StartPeriod": 1_000_000, "Retries": 1,
        })
    );
}

#[test]
fn on_the_engines_network_a_container_listens_everywhere() {
    let container = start(NetworkMode::Bridge, ContainerDefinition::default(), Task::default());
    let body = body(&container, false);
    assert_eq!(body["Env"], json!(["A=1", "TGPROBE_TASK_ADDRESS=0.0.0.0"]), "its loopback is its own");
}

#[test]
fn a_container_is_known_again_by_its_labels_and_only_by_its_owner() {
    let container = start(NetworkMode::Bridge, ContainerDefinition::default(), Task::default());
    let labels: BTreeMap<Box<str>, Box<str>> =
        serde_json::from_value(body(&container, false)["Labels"].clone()).unwrap();
    assert_eq!(spec::key(&labels, "owner"), Some(container.key));
    assert_eq!(spec::key(&labels, "other"), None);
    for (label, value) in [("com.tgprobe.container", "x"), ("com.tgprobe.run", "-1")] {
        let mut labels = labels.clone();
        labels.insert(label.into(), value.into());
        assert_eq!(spec::key(&labels, "owner"), None, "{label}");
    }
}

#[test]
fn on_the_hosts_network_a_container_is_reached_where_its_task_is() {
    let port = |container_port, udp| PortMapping { container_port, host_port: 0, udp };
    let definition = ContainerDefinition {
        ports: vec![port(80, false), port(53, true)],
        ..ContainerDefinition::default()
    };
    let address = Some("127.0.1.7".parse().unwrap());
    let container = start(NetworkMode::Awsvpc, definition, Task { address, ..Task::default() });
    let body = body(&container, false);
    assert_eq!(body["Env"], json!(["A=1", "TGPROBE_TASK_ADDRESS=127.0.1.7"]));
    assert!(body["HostConfig"].get("PortBindings").is_none());
    let (reached, bindings) = spec::reached(&inspected(json!({ "Config": { "Labels": body["Labels"] } })));
    assert_eq!(Some(reached), address);
    let bindings: Vec<_> = bindings.iter().map(|one| (one.address, one.host_port, one.udp)).collect();
    assert_eq!(bindings, [(reached, 80, false), (reached, 53, true)]);
}

#[test]
fn on_a_network_of_the_engine_it_is_reached_at_the_hosts_port() {
    let port = |container_port, host_port| PortMapping { container_port, host_port, udp: false };
    let definition =
        ContainerDefinition { ports: vec![port(80, 0), port(81, 8081)], ..ContainerDefinition::default() };
    let body = body(&start(NetworkMode::Bridge, definition, Task::default()), false);
    assert_eq!(body["ExposedPorts"], json!({ "80/tcp": {}, "81/tcp": {} }));
    assert_eq!(
        body["HostConfig"]["PortBindings"],
        json!({ "80/tcp": [{ "HostPort": "" }], "81/tcp": [{ "HostPort": "8081" }] })
    );
    let (own, bindings) = spec::reached(&inspected(json!({ "NetworkSettings": {
        "Networks": { "bridge": { "IPAddress": "172.17.0.2" } },
        "Ports": {
            "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "32768" }, { "HostIp": "::", "HostPort": "32768" }],
            "81/tcp": [{ "HostIp": "127.0.0.9", "HostPort": "8081" }],
            "82/tcp": null,
        },
    } })));
    assert_eq!(own, IpAddr::V4(Ipv4Addr::new(172, 17, 0, 2)));
    let told: Vec<_> =
        bindings.iter().map(|one| (one.address.to_string(), one.container_port, one.host_port)).collect();
    let expected = [("127.0.0.1", 80, 32_768), ("127.0.0.9", 81, 8_081), ("172.17.0.2", 82, 82)];
    assert_eq!(told, expected.map(|(address, port, host)| (address.to_owned(), port, host)));
}

#[test]
fn an_end_tells_its_exit_code_and_what_else_there_is_to_say() {
    for (state, expected) in [
        (json!({ "Status": "exited", "ExitCode": 143 }), (Some(143), None)),
        (
            json!({ "Status": "exited", "ExitCode": 137, "OOMKilled": true }),
            (Some(137), Some("OutOfMemoryError: Container killed due to memory usage")),
        ),
        (json!({ "Status": "created", "Error": "no such file" }), (None, Some("no such file"))),
    ] {
        let (code, reason) = end(&inspected(json!({ "State": state })));
        assert_eq!((code, reason.as_deref()), expected);
    }
}
