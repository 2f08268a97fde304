//! Restarts a container, or puts another one like it in its place.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::docker::{Engine, EngineError, Inspected};
use crate::runtime::clock::Clock;

/// What is behind the name of a container while another one takes its place.
const ASIDE: &str = "-before-tgprobe";

/// What a container was called before it was moved aside for another one; `None` of one that was not.
pub(super) fn former_name(name: &str) -> Option<&str> {
    name.trim_start_matches('/').strip_suffix(ASIDE)
}

/// Puts a container back that was moved aside for one that never came about, because this program ended meanwhile.
pub(super) async fn put_back(engine: &Engine<Clock>, id: &str, name: &str) -> Result<(), EngineError> {
    engine.rename(id, name).await?;
    engine.start(id).await
}

/// Stops a container and starts it again.
pub(super) async fn restart(engine: &Engine<Clock>, id: &str, patience: Duration) -> Result<(), String> {
    let old = look(engine, id).await?;
    // The engine would remove it on its own, and there would be nothing to be started.
    if old.host_config["AutoRemove"] == true {
        return Err("it was started to be removed when it stops, so it can only be replaced".to_owned());
    }
    engine.stop(id, patience).await.map_err(told)?;
    engine.start(id).await.map_err(told)
}

/// Makes another container of what the engine tells of this one, in its place and with its name. Where that fails the old
/// one is started again, if it is still there.
pub(super) async fn replace(
    engine: &Engine<Clock>,
    (name, id): (&str, &str),
    patience: Duration,
) -> Result<(), String> {
    let old = look(engine, id).await?;
    let aside = format!("{name}{ASIDE}");
    // What an attempt that was cut short has left.
    engine.remove(&aside).await.map_err(told)?;
    engine.stop(id, patience).await.map_err(told)?;
    match engine.rename(id, &aside).await {
        Ok(()) => {}
        // It was started to be removed when it stops.
        Err(error) if error.is_not_found() || error.is_conflict() => {}
        Err(error) => return Err(told(error)),
    }
    let made = async {
        let new = engine.create(Some(name), &like(&old)).await?;
        engine.start(&new).await
    };
    match made.await {
        Ok(()) => {
            engine.remove(id).await.map_err(told)?;
            Ok(())
        }
        Err(error) => {
            let back = async {
                engine.remove(name).await?;
                engine.rename(id, name).await?;
                engine.start(id).await
            };
            Err(match back.await {
                Ok(()) => format!("{error}; the old container runs again"),
                Err(other) => format!("{error}; and the old container does not run: {other}"),
            })
        }
    }
}

async fn look(engine: &Engine<Clock>, id: &str) -> Result<Inspected, String> {
    engine.inspect(id).await.map_err(told)?.ok_or_else(|| "it is no longer there".to_owned())
}

fn told(error: EngineError) -> String {
    error.to_string()
}

/// The body that makes a container like this one. It is made of the image that its name stands for by now.
fn like(old: &Inspected) -> Value {
    let config = &old.config;
    let mut body: Map<String, Value> =
        config.rest.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    body.insert("Image".to_owned(), json!(config.image));
    body.insert("Labels".to_owned(), json!(config.labels));
    if !config.stop_signal.is_empty() {
        body.insert("StopSignal".to_owned(), json!(config.stop_signal));
    }
    if !config.shell.is_empty() {
        body.insert("Shell".to_owned(), json!(config.shell));
    }
    // A name that the engine gave it is that of its id.
    if body.get("Hostname").and_then(Value::as_str).is_some_and(|host| old.id.starts_with(host)) {
        body.remove("Hostname");
    }
    body.remove("MacAddress");
    body.insert("HostConfig".to_owned(), old.host_config.clone());
    let networks = old.network_settings.networks.iter();
    let networks: Map<String, Value> = networks
        .filter(|(name, _)| !matches!(&***name, "host" | "none" | "bridge"))
        .map(|(name, endpoint)| {
            let aliases = endpoint.aliases.iter().filter(|alias| !old.id.starts_with(&***alias));
            (name.to_string(), json!({ "Aliases": aliases.collect::<Vec<_>>() }))
        })
        .collect();
    body.insert("NetworkingConfig".to_owned(), json!({ "EndpointsConfig": networks }));
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_made_of_what_the_engine_tells_of_another() {
        let old: Inspected = serde_json::from_value(json!({
            "Id": "0123456789abcdef", "Name": "/a",
            "Config": { "Image": "tiny:1", "Labels": { "app": "web" }, "Env": ["A=1"], "Hostname": "0123456789ab",
                "Cmd": ["sleep"], "StopSignal": "SIGQUIT", "Healthcheck": { "Test": ["CMD", "true"] } },
            "HostConfig": { "NetworkMode": "n", "Memory": 7 },
            "NetworkSettings": { "Networks": { "n": { "Aliases": ["web", "0123456789ab"] } } },
        }))
        .unwrap();
        assert_eq!(
            like(&old),
            json!({
                "Image": "tiny:1", "Labels": { "app": "web" }, "Env": ["A=1"], "Cmd": ["sleep"],
                "StopSignal": "SIGQUIT", "Healthcheck": { "Test": ["CMD", "true"] },
                "HostConfig": { "NetworkMode": "n", "Memory": 7 },
                "NetworkingConfig": { "EndpointsConfig": { "n": { "Aliases": ["web"] } } },
            })
        );
    }
}
