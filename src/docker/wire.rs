//! What the engine tells, as far as we read it. Go writes `null` for what is empty, so every member may be `null`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What is there, or the default for `null`.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Made {
    pub(super) id: Box<str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Waited {
    pub(super) status_code: i64,
}

/// An image.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Image {
    /// What containers of it are made with.
    #[serde(deserialize_with = "or_default")]
    pub config: ImageConfig,
}

/// What of an image's configuration we look at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    /// What runs the command of a `CMD-SHELL`; empty for `/bin/sh -c`.
    #[serde(deserialize_with = "or_default")]
    pub shell: Vec<String>,
}

/// A container in a list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Listed {
    /// 64 digits of base 16.
    #[serde(deserialize_with = "or_default")]
    pub id: Box<str>,
    /// Its names, with a slash before them.
    #[serde(deserialize_with = "or_default")]
    pub names: Vec<Box<str>>,
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    #[serde(deserialize_with = "or_default")]
    pub state: Box<str>,
    /// Its labels.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<Box<str>, Box<str>>,
}

/// A container, looked at closely.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Inspected {
    /// 64 digits of base 16.
    #[serde(deserialize_with = "or_default")]
    pub id: Box<str>,
    /// Its name, with a slash before it.
    #[serde(deserialize_with = "or_default")]
    pub name: Box<str>,
    /// Where it is in its life.
    #[serde(deserialize_with = "or_default")]
    pub state: ContainerState,
    /// What it was made with.
    #[serde(deserialize_with = "or_default")]
    pub config: InspectedConfig,
    /// Its addresses and ports.
    #[serde(deserialize_with = "or_default")]
    pub network_settings: NetworkSettings,
    /// What is mounted in it.
    #[serde(deserialize_with = "or_default")]
    pub mounts: Vec<MountPoint>,
    /// What of it belongs to the host, as the engine tells it.
    pub host_config: Value,
}

/// Where a container is in its life.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerState {
    /// The same word as [`Listed::state`].
    #[serde(deserialize_with = "or_default")]
    pub status: Box<str>,
    /// Whether it runs; also while it is paused, or about to be started again by the engine.
    #[serde(deserialize_with = "or_default")]
    pub running: bool,
    /// Whether it is paused.
    #[serde(deserialize_with = "or_default")]
    pub paused: bool,
    /// Whether the kernel ended it because it used too much memory.
    #[serde(rename = "OOMKilled", deserialize_with = "or_default")]
    pub oom_killed: bool,
    /// The exit code, of its last run if it has ended.
    #[serde(deserialize_with = "or_default")]
    pub exit_code: i64,
    /// Why it could not be started.
    #[serde(deserialize_with = "or_default")]
    pub error: Box<str>,
    /// When it was started, as RFC 3339; in the year 1 if it never was.
    #[serde(deserialize_with = "or_default")]
    pub started_at: Box<str>,
    /// What the engine's own check says; `None` where there is none.
    #[serde(deserialize_with = "or_default")]
    pub health: Option<Health>,
}

/// What the engine's own check says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Health {
    /// `starting`, `healthy`, `unhealthy` or `none`.
    #[serde(deserialize_with = "or_default")]
    pub status: Box<str>,
    /// The latest results, the newest last.
    #[serde(deserialize_with = "or_default")]
    pub log: Vec<HealthEntry>,
}

/// One run of the engine's own check.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HealthEntry {
    /// As RFC 3339.
    #[serde(deserialize_with = "or_default")]
    pub start: Box<str>,
    /// As RFC 3339.
    #[serde(deserialize_with = "or_default")]
    pub end: Box<str>,
    /// -1 where it took too long or could not be started.
    #[serde(deserialize_with = "or_default")]
    pub exit_code: i32,
    /// What it printed.
    #[serde(deserialize_with = "or_default")]
    pub output: Box<str>,
}

/// What of a container's configuration we look at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InspectedConfig {
    /// The image as it was asked for.
    #[serde(deserialize_with = "or_default")]
    pub image: Box<str>,
    /// Its labels.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// The signal that asks it to stop; empty for SIGTERM.
    #[serde(deserialize_with = "or_default")]
    pub stop_signal: Box<str>,
    /// What runs the command of a `CMD-SHELL`; empty for `/bin/sh -c`.
    #[serde(deserialize_with = "or_default")]
    pub shell: Vec<String>,
    /// Everything else, as the engine tells it.
    #[serde(flatten)]
    pub rest: BTreeMap<Box<str>, Value>,
}

/// A container's addresses and ports.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkSettings {
    /// The host's ports by the container's, such as `80/tcp`.
    #[serde(deserialize_with = "or_default")]
    pub ports: BTreeMap<Box<str>, Option<Vec<PortBinding>>>,
    /// What it is on each network, by the network's name.
    #[serde(deserialize_with = "or_default")]
    pub networks: BTreeMap<Box<str>, Endpoint>,
}

/// A port of the host.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PortBinding {
    /// The address it is bound to; empty or unspecified for all.
    #[serde(deserialize_with = "or_default")]
    pub host_ip: Box<str>,
    /// In decimal.
    #[serde(deserialize_with = "or_default")]
    pub host_port: Box<str>,
}

/// What a container is on one network.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Endpoint {
    /// Empty where it has none, as on the host's network.
    #[serde(rename = "IPAddress", deserialize_with = "or_default")]
    pub ip_address: Box<str>,
    /// The same of IPv6.
    #[serde(rename = "GlobalIPv6Address", deserialize_with = "or_default")]
    pub ipv6_address: Box<str>,
    /// The other names it has there.
    #[serde(deserialize_with = "or_default")]
    pub aliases: Vec<Box<str>>,
}

/// What is mounted in a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MountPoint {
    /// `bind`, `volume` or another kind.
    #[serde(rename = "Type", deserialize_with = "or_default")]
    pub kind: Box<str>,
    /// The volume's name.
    #[serde(deserialize_with = "or_default")]
    pub name: Box<str>,
    /// Where it is in the container.
    #[serde(deserialize_with = "or_default")]
    pub destination: Box<str>,
}

/// A command in a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ExecState {
    /// Whether it runs, or is about to be started.
    #[serde(deserialize_with = "or_default")]
    pub running: bool,
    /// Its exit code once it has ended.
    pub exit_code: Option<i64>,
    /// The process as the host calls it; 0 before it has started, and if it never was.
    #[serde(deserialize_with = "or_default")]
    pub pid: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_null_is_empty() {
        let told = r#"{"Id":"a","Names":null,"State":"running","Labels":null,"Ports":null}"#;
        let listed: Listed = serde_json::from_str(told).unwrap();
        assert_eq!((&*listed.id, listed.names.len(), listed.labels.len()), ("a", 0, 0));
        let told = r#"{"Id":"a","State":{"Health":null,"OOMKilled":true},"Config":{"Labels":null,"Env":null},
            "NetworkSettings":{"Ports":{"80/tcp":null,"81/tcp":[{"HostIp":"","HostPort":"8"}]},"Networks":null},
            "Mounts":null,"HostConfig":{"Memory":0}}"#;
        let inspected: Inspected = serde_json::from_str(told).unwrap();
        assert!(inspected.state.health.is_none() && inspected.state.oom_killed);
        assert_eq!(inspected.network_settings.ports.len(), 2);
        assert_eq!(inspected.config.rest.keys().collect::<Vec<_>>(), [&Box::from("Env")]);
        assert_eq!(inspected.host_config["Memory"], 0);
    }
}
