//! A container of a task definition in the words of the Engine API, and back.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::as_is;
use crate::docker::Inspected;
use crate::engine::ecs::action::{ContainerKey, StartContainer};
use crate::model::ecs::check::{CheckCommand, ContainerCheck};
use crate::model::ecs::definition::{Blueprint, ContainerDefinition, NetworkMode, STOP_TIMEOUT};
use crate::model::ecs::task::Binding;

const OWNER: &str = "com.tgprobe.owner";
const TASK: &str = "com.tgprobe.task";
const CONTAINER: &str = "com.tgprobe.container";
const RUN: &str = "com.tgprobe.run";
/// The address and the ports it is reached at where the engine cannot know: on the host's network.
const ADDRESS: &str = "com.tgprobe.address";
const PORTS: &str = "com.tgprobe.ports";

/// Where a container on the engine's network is to listen.
const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Characters of a family, or of a container's name, in what the engine calls a container.
const NAME_PART: usize = 64;

/// Bytes of a mebibyte.
const MEBIBYTE: u64 = 1_024 * 1_024;

/// The label, with its value, of all that is ours.
pub(super) fn label_of(owner: &str) -> String {
    format!("{OWNER}={owner}")
}

/// The labels of every run of one container.
pub(super) fn labels_of(owner: &str, task: &str, index: usize) -> Vec<String> {
    vec![label_of(owner), format!("{TASK}={task}"), format!("{CONTAINER}={index}")]
}

/// What these labels say a container is, if it is ours.
pub(super) fn key(labels: &BTreeMap<Box<str>, Box<str>>, owner: &str) -> Option<ContainerKey> {
    labels.get(OWNER).filter(|value| &***value == owner)?;
    let task = labels.get(TASK)?.clone();
    let (index, run) = (labels.get(CONTAINER)?.parse().ok()?, labels.get(RUN)?.parse().ok()?);
    Some(ContainerKey { task, index, run })
}

/// What the engine is to call it: what it is, for whoever lists containers.
pub(super) fn name(container: &StartContainer) -> String {
    let short = |text: &str| text.chars().take(NAME_PART).collect::<String>();
    let (key, id) = (&container.key, &container.definition.id);
    let named = container.definition.blueprint.containers.get(key.index);
    let named = named.map_or("", |definition| &*definition.name);
    let (family, named) = (short(&id.family), short(named));
    format!("tgprobe-{family}-{}-{named}-{}-{}.{}", id.revision, key.task, key.index, key.run)
}

/// The body that makes the container; `None` where its definition has no such container.
pub(super) fn configuration(
    container: &StartContainer,
    owner: &str,
    environment: &BTreeMap<Box<str>, Box<str>>,
    native: bool,
) -> Option<Value> {
    let (key, task) = (&container.key, &container.task);
    let blueprint = &container.definition.blueprint;
    let definition = blueprint.containers.get(key.index)?;
    let address = task.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let command = task.overrides.get(&definition.name).and_then(|other| other.command.as_ref());
    let command = command.unwrap_or(&definition.command);

    let mut labels: BTreeMap<&str, String> = BTreeMap::new();
    labels.extend(definition.labels.iter().map(|(name, value)| (&**name, value.to_string())));
    labels.extend([
        (OWNER, owner.to_owned()),
        (TASK, key.task.to_string()),
        (CONTAINER, key.index.to_string()),
        (RUN, key.run.to_string()),
    ]);
    if blueprint.network_mode != NetworkMode::Bridge {
        labels.extend([(ADDRESS, address.to_string()), (PORTS, ports_label(definition))]);
    }

    let mut variables = environment.clone();
    // On a network of its own it has an address that nobody knows yet, and whoever listens on its loopback is not reached.
    let listen = if blueprint.network_mode == NetworkMode::Bridge { ANYWHERE } else { address };
    variables.insert("TGPROBE_TASK_ADDRESS".into(), listen.to_string().into());
    let variables: Vec<_> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();

    let mut body = json!({
        "Image": definition.image,
        "Env": variables,
        "Labels": labels,
        "Healthcheck": health_check(definition.check.as_ref().filter(|_| native)),
        "StopTimeout": definition.stop_timeout.unwrap_or(STOP_TIMEOUT).as_secs(),
        "HostConfig": host_config(blueprint, definition, &key.task),
    });
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body[name] = value;
        }
    };
    // What is left out is the image's.
    set("Cmd", (!command.is_empty()).then(|| json!(command)));
    set("Entrypoint", (!definition.entry_point.is_empty()).then(|| json!(definition.entry_point)));
    set("User", definition.user.as_ref().map(|user| json!(user)));
    set("WorkingDir", definition.working_directory.as_ref().map(|folder| json!(folder)));
    set("Hostname", definition.hostname.as_ref().map(|name| json!(name)));
    if blueprint.network_mode == NetworkMode::Bridge {
        let exposed =
            definition.ports.iter().map(|port| (port_name(port.container_port, port.udp), json!({})));
        set("ExposedPorts", Some(Value::Object(exposed.collect())));
    }
    Some(body)
}

/// All five fields, since the engine takes each that is missing or zero from the image. `NONE` hides the image's check:
/// only those of a task definition count (docs/semantics.md, "Container checks").
fn health_check(check: Option<&ContainerCheck>) -> Value {
    let Some(check) = check else { return json!({ "Test": ["NONE"] }) };
    let (word, words) = match &check.command {
        CheckCommand::Exec(words) => ("CMD", words),
        CheckCommand::Shell(words) => ("CMD-SHELL", words),
    };
    let test: Vec<&str> = std::iter::once(word).chain(words.iter().map(|word| &**word)).collect();
    // An engine takes zero for its own default, and refuses less than a millisecond.
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    json!({
        "Test": test,
        "Interval": nanos(check.interval),
        "Timeout": nanos(check.timeout),
        "StartPeriod": nanos(check.start_period.max(Duration::from_millis(1))),
        "Retries": check.retries,
    })
}

fn host_config(blueprint: &Blueprint, definition: &ContainerDefinition, task: &str) -> Value {
    let network = match blueprint.network_mode {
        NetworkMode::Bridge => "bridge",
        NetworkMode::Host | NetworkMode::Awsvpc => "host",
        NetworkMode::None => "none",
    };
    let bytes = |mebibytes: Option<u32>| mebibytes.map_or(0, |count| u64::from(count) * MEBIBYTE);
    // What all containers of a task may use together is more than any of them may use alone.
    let memory = definition.memory.or(blueprint.memory);
    let limits = definition.ulimits.iter();
    let limits: Vec<_> =
        limits.map(|(name, (soft, hard))| json!({ "Name": name, "Soft": soft, "Hard": hard })).collect();
    let tmpfs: Map<String, Value> = definition
        .tmpfs
        .iter()
        .map(|(path, size, options)| {
            let options: String = options.iter().map(|option| format!(",{option}")).collect();
            (path.to_string(), json!(format!("size={size}m{options}")))
        })
        .collect();
    let mut config = json!({
        "NetworkMode": network,
        "Memory": bytes(memory),
        "MemoryReservation": bytes(definition.memory_reservation),
        "CpuShares": definition.cpu,
        "Ulimits": limits,
        "ReadonlyRootfs": definition.read_only,
        "Init": definition.init,
        "Binds": binds(blueprint, definition, task),
        "Tmpfs": tmpfs,
    });
    if blueprint.network_mode == NetworkMode::Bridge {
        let ports: Map<String, Value> = definition
            .ports
            .iter()
            .map(|port| {
                let host = if port.host_port == 0 { String::new() } else { port.host_port.to_string() };
                (port_name(port.container_port, port.udp), json!([{ "HostPort": host }]))
            })
            .collect();
        config["PortBindings"] = Value::Object(ports);
    }
    config
}

/// Folders of the host, and volumes that go with the task.
fn binds(blueprint: &Blueprint, definition: &ContainerDefinition, task: &str) -> Vec<String> {
    let mounts = definition.mounts.iter();
    let mounts = mounts.filter_map(|mount| {
        let source = match blueprint.volumes.get(&mount.volume)? {
            Some(folder) => folder.to_string(),
            None => format!("{}{}", volume_prefix(task), mount.volume),
        };
        Some(format!("{source}:{}{}", mount.path, if mount.read_only { ":ro" } else { "" }))
    });
    mounts.collect()
}

fn volume_prefix(task: &str) -> String {
    format!("tgprobe-{task}-")
}

/// The volumes in a container that were made for its task.
pub(super) fn volumes_of_task(inspected: &Inspected) -> Vec<Box<str>> {
    let Some(task) = inspected.config.labels.get(TASK) else { return Vec::new() };
    let prefix = volume_prefix(task);
    let mounts = inspected.mounts.iter().filter(|mount| &*mount.kind == "volume");
    mounts.filter(|mount| mount.name.starts_with(&prefix)).map(|mount| mount.name.clone()).collect()
}

fn port_name(port: u16, udp: bool) -> String {
    format!("{port}/{}", if udp { "udp" } else { "tcp" })
}

fn parse_port(name: &str) -> Option<(u16, bool)> {
    let (port, protocol) = name.split_once('/')?;
    Some((port.parse().ok()?, protocol == "udp"))
}

fn ports_label(definition: &ContainerDefinition) -> String {
    let ports: Vec<_> =
        definition.ports.iter().map(|port| port_name(port.container_port, port.udp)).collect();
    ports.join(",")
}

/// The address a container is reached at from this host, and its ports.
pub(super) fn reached(inspected: &Inspected) -> (IpAddr, Vec<Binding>) {
    let labels = &inspected.config.labels;
    if let Some(address) = labels.get(ADDRESS).and_then(|address| address.parse().ok()) {
        let ports = labels.get(PORTS).map_or("", |ports| &**ports).split(',').filter_map(parse_port);
        return (address, ports.map(|(port, udp)| as_is(address, port, udp)).collect());
    }
    let networks = &inspected.network_settings.networks;
    let own = networks.values().find_map(|endpoint| endpoint.ip_address.parse().ok());
    let own = own.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mut bindings = Vec::new();
    for (name, published) in &inspected.network_settings.ports {
        let Some((container_port, udp)) = parse_port(name) else { continue };
        // One that is published for IPv4 and IPv6 is told twice.
        let published = published.iter().flatten().find_map(|binding| {
            let host_port: u16 = binding.host_port.parse().ok()?;
            let address = match binding.host_ip.parse::<IpAddr>() {
                Ok(address) if !address.is_unspecified() => address,
                _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
            };
            Some(Binding { address, container_port, host_port, udp })
        });
        bindings.push(published.unwrap_or_else(|| as_is(own, container_port, udp)));
    }
    (own, bindings)
}
