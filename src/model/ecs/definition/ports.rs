//! `portMappings` of a container definition, which mean something else in each network mode.

use crate::model::ecs::definition::notes::{Notes, Scope};
use crate::model::ecs::definition::values::Object;
use crate::model::ecs::definition::{NetworkMode, PortMapping};

/// Every port.
const PORTS: std::ops::RangeInclusive<i64> = 1..=65_535;

/// The host's port where none is given: any in a network of the engine's, elsewhere the container's own.
pub(super) fn host_port(mode: NetworkMode, container_port: u16) -> u16 {
    match mode {
        NetworkMode::Bridge => 0,
        NetworkMode::Host | NetworkMode::Awsvpc | NetworkMode::None => container_port,
    }
}

/// Reads the ports of a container.
pub(super) fn read(container: &Object<'_>, mode: NetworkMode, notes: &mut Notes) -> Vec<PortMapping> {
    let scope = container.scope.field("portMappings");
    let mut ports: Vec<PortMapping> = Vec::new();
    for (index, map) in container.things("portMappings") {
        let thing = Object { map, scope: scope.item(index) };
        if mode == NetworkMode::None {
            notes.problem(&scope, "must be empty where networkMode is none");
            return ports;
        }
        let udp = thing.word("protocol", &[false, true], protocol, notes);
        _ = thing.word("appProtocol", &["http", "http2", "grpc"], |word| word, notes);
        if !map.contains_key("containerPort") && !map.contains_key("containerPortRange") {
            notes.problem(&thing.scope.field("containerPort"), "is missing");
        }
        let given = thing.number("hostPort", &(0..=65_535), notes);
        let Some(container_port) = thing.number("containerPort", &PORTS, notes) else { continue };
        let host_port = given.unwrap_or_else(|| host_port(mode, container_port));
        if mode != NetworkMode::Bridge && host_port != container_port {
            // These are AWS's own words.
            let mode = mode.as_str();
            notes.sentence(format!(
                "When networkMode={mode}, the host ports and container ports in port mappings must match."
            ));
        }
        let port = PortMapping { container_port, host_port, udp: udp.unwrap_or(false) };
        ports.push(port);
    }
    ports
}

/// AWS's word.
pub(super) fn protocol(udp: bool) -> &'static str {
    if udp { "udp" } else { "tcp" }
}

/// Records each port of the host that two mappings of a task want.
pub(super) fn clashes<'a>(containers: impl Iterator<Item = (&'a str, &'a [PortMapping])>, notes: &mut Notes) {
    let mut taken = std::collections::BTreeMap::new();
    for (index, (name, ports)) in containers.enumerate() {
        let scope = Scope::in_container(Some(name), index);
        for port in ports.iter().filter(|port| port.host_port != 0) {
            if let Some(other) = taken.insert((port.host_port, port.udp), name) {
                notes.problem(
                    &scope.field("portMappings"),
                    format_args!(
                        "must have ports of the host of its own, and {}/{} is taken by container '{other}'",
                        port.host_port,
                        protocol(port.udp)
                    ),
                );
            }
        }
    }
}
