//! What an engine tells of a container, as the rules are told of it.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::docker::{Engine, EngineError, Health, Inspected};
use crate::engine::watch::Sighting;
use crate::model::ecs::health::{CheckResult, HealthStatus};
use crate::model::ecs::watch::DockerWatch;
use crate::model::tick::Tick;
use crate::runtime::clock::Clock;
use crate::runtime::watching::act::former_name;

/// How much later than it should an engine may tell of its own check before it is taken not to run it any more. One that
/// was started again over containers that lived on does not run it until they are started again, and goes on to tell of the
/// last result (seen with 20.10).
const LATE: Duration = Duration::from_secs(30);

/// What an engine takes for a time that it was not told.
const ENGINES_OWN: Duration = Duration::from_secs(30);

/// Every container with these labels, and the ids and former names of those that were moved aside.
pub(super) async fn all(
    engine: &Engine<Clock>,
    labels: &[String],
    rules: &DockerWatch,
    now: Tick,
) -> Result<(Vec<Sighting>, Vec<(Box<str>, Box<str>)>), EngineError> {
    let (mut sightings, mut asides) = (Vec::new(), Vec::new());
    for listed in engine.list(labels).await? {
        // One that has gone since is not there.
        let Some(inspected) = engine.inspect(&listed.id).await? else { continue };
        match former_name(&inspected.name) {
            Some(name) => asides.push((inspected.id.clone(), name.into())),
            None => sightings.push(sighting(&inspected, rules.port, now)),
        }
    }
    Ok((sightings, asides))
}

fn sighting(inspected: &Inspected, port: Option<u16>, now: Tick) -> Sighting {
    let state = &inspected.state;
    let result = state.health.as_ref().and_then(result);
    let current = !result.as_ref().is_some_and(|result| is_stale(inspected, result, now));
    let health = state.health.as_ref().filter(|_| current).map_or(HealthStatus::Unknown, health);
    Sighting {
        name: inspected.name.trim_start_matches('/').into(),
        id: inspected.id.clone(),
        status: state.status.clone(),
        // One that the engine is about to start again does not run now.
        running: state.running && &*state.status != "restarting",
        started_at: tick(&state.started_at),
        health,
        result,
        target: target(inspected, port),
    }
}

fn tick(text: &str) -> Option<Tick> {
    let at = text.parse::<Timestamp>().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(Tick)
}

fn health(health: &Health) -> HealthStatus {
    match &*health.status {
        "healthy" => HealthStatus::Healthy,
        "unhealthy" => HealthStatus::Unhealthy,
        _ => HealthStatus::Unknown,
    }
}

fn result(health: &Health) -> Option<CheckResult> {
    let entry = health.log.last()?;
    Some(CheckResult {
        started: tick(&entry.start)?,
        ended: tick(&entry.end)?,
        exit_code: entry.exit_code,
        output: entry.output.clone(),
    })
}

/// Whether the engine should have told of a later result by now.
fn is_stale(inspected: &Inspected, result: &CheckResult, now: Tick) -> bool {
    let configured = |name: &str| {
        let nanos = inspected.config.rest.get("Healthcheck").and_then(|check| check.get(name)?.as_u64());
        nanos.filter(|nanos| *nanos > 0).map_or(ENGINES_OWN, Duration::from_nanos)
    };
    result.ended + configured("Interval") + configured("Timeout") + LATE < now
}

/// Where a container is reached: at its own address, on the host's network at that of the host, and where the engine
/// tells of neither at the port of the host that is published.
fn target(inspected: &Inspected, port: Option<u16>) -> Option<(Box<str>, u16)> {
    let settings = &inspected.network_settings;
    let exposed = inspected.config.rest.get("ExposedPorts").and_then(|ports| ports.as_object());
    let names = settings.ports.keys().map(|name| &**name);
    let names = names.chain(exposed.into_iter().flatten().map(|(name, _)| name.as_str()));
    let mut ports: Vec<u16> = names.filter_map(|name| name.strip_suffix("/tcp")?.parse().ok()).collect();
    ports.sort_unstable();
    ports.dedup();
    let port = match (port, &ports[..]) {
        (Some(port), _) => port,
        (None, [only]) => *only,
        (None, _) => return None,
    };
    if settings.networks.contains_key("host") {
        return Some(("127.0.0.1".into(), port));
    }
    let own = settings.networks.values().flat_map(|endpoint| [&endpoint.ip_address, &endpoint.ipv6_address]);
    if let Some(own) = own.filter_map(|address| address.parse::<IpAddr>().ok()).next() {
        return Some((own.to_string().into(), port));
    }
    let published = settings.ports.get(&*format!("{port}/tcp"))?.iter().flatten();
    published
        .filter_map(|binding| {
            let host = binding.host_ip.parse::<IpAddr>().ok().filter(|address| !address.is_unspecified());
            let host = host.map_or_else(|| "127.0.0.1".to_owned(), |address| address.to_string());
            Some((host.into(), binding.host_port.parse().ok()?))
        })
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn at(told: Value, port: Option<u16>) -> Option<String> {
        let inspected: Inspected = serde_json::from_value(told).unwrap();
        target(&inspected, port).map(|(id, port)| format!("{id}:{port}"))
    }

    #[test]
    fn a_container_is_reached_at_its_own_address_the_hosts_or_the_port_that_is_published() {
        let bridge = json!({ "NetworkSettings": {
            "Networks": { "b": { "IPAddress": "172.17.0.2" } }, "Ports": { "80/tcp": null, "53/udp": null } } });
        assert_eq!(at(bridge.clone(), None).as_deref(), Some("172.17.0.2:80"));
        assert_eq!(at(bridge, Some(81)).as_deref(), Some("172.17.0.2:81"));
        let host = json!({ "NetworkSettings": { "Networks": { "host": { "IPAddress": "" } }, "Ports": {} },
            "Config": { "ExposedPorts": { "8080/tcp": {} } } });
        assert_eq!(at(host, None).as_deref(), Some("127.0.0.1:8080"));
        let published = json!({ "NetworkSettings": { "Networks": {}, "Ports": {
            "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8080" }] } } });
        assert_eq!(at(published, None).as_deref(), Some("127.0.0.1:8080"));
        // Which of two, only the configuration can say.
        let two = json!({ "NetworkSettings": { "Networks": { "host": {} }, "Ports": { "1/tcp": null, "2/tcp": null } } });
        assert_eq!((at(two.clone(), None), at(two, Some(2)).as_deref()), (None, Some("127.0.0.1:2")));
        assert_eq!(at(json!({ "NetworkSettings": { "Networks": { "none": {} } } }), Some(1)), None);
    }

    #[test]
    fn the_engines_words_are_read() {
        let told = json!({ "Id": "1", "Name": "/a", "Config": { "Healthcheck": { "Interval": 1_000_000_000 } }, "State": {
            "Status": "running", "Running": true, "StartedAt": "2026-11-21T22:56:58.468936148Z",
            "Health": { "Status": "unhealthy", "Log": [{ "Start": "2026-11-21T22:57:00Z",
                "End": "2026-11-21T22:57:01Z", "ExitCode": 1, "Output": "no" }] } } });
        let told: Inspected = serde_json::from_value(told).unwrap();
        let ended = Tick(1_795_301_821_000);
        let seen = sighting(&told, None, ended);
        assert_eq!((&*seen.name, seen.running, seen.health), ("a", true, HealthStatus::Unhealthy));
        assert_eq!(seen.started_at, Some(Tick(1_795_301_818_468)));
        assert_eq!(seen.result.map(|result| (result.exit_code, result.output)), Some((1, "no".into())));
        // The interval, the engine's own timeout, and what it may be late.
        for (seconds, expected) in [(61, HealthStatus::Unhealthy), (62, HealthStatus::Unknown)] {
            let now = ended + Duration::from_secs(seconds);
            assert_eq!(sighting(&told, None, now).health, expected, "{seconds}");
        }
    }
}
