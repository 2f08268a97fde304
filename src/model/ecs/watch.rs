//! Containers that somebody else started and that are only watched: the `[[docker]]` tables of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::ecs::check::ContainerCheck;

/// Which containers of an engine are watched, and what is done about them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DockerWatch {
    /// 1 to 255 letters, digits, hyphens and underscores; no other has it.
    pub name: Box<str>,
    /// The Unix socket of the engine.
    pub socket: PathBuf,
    /// Labels a container must have, at least one, each with a value or with any.
    pub labels: BTreeMap<Box<str>, Option<Box<str>>>,
    /// The name of the target group it is registered in.
    pub target_group: Option<Box<str>>,
    /// The port of the container that is registered; `None` is the only one it has. Only with a target group.
    pub port: Option<u16>,
    /// What is run inside it; `None` trusts the engine's own health.
    pub health_check: Option<ContainerCheck>,
    /// What is done about one that is unhealthy.
    pub on_unhealthy: OnUnhealthy,
    /// Whether its target is drained before that.
    pub drain: bool,
    /// From SIGTERM to SIGKILL: 1 s to 1 h, 30 s by default.
    pub stop_timeout: Duration,
    /// The wait after the first restart of a container; it doubles with each one after it.
    pub first_wait: Duration,
    /// The longest wait, not below the first.
    pub longest_wait: Duration,
    /// Restarts of one container within [`Self::within`], after which it is left alone until that has passed.
    pub max_restarts: u32,
    /// See [`Self::max_restarts`].
    pub within: Duration,
}

impl Default for DockerWatch {
    fn default() -> Self {
        Self {
            name: Box::default(),
            socket: PathBuf::from("/var/run/docker.sock"),
            labels: BTreeMap::new(),
            target_group: None,
            port: None,
            health_check: None,
            on_unhealthy: OnUnhealthy::None,
            drain: true,
            stop_timeout: Duration::from_secs(30),
            first_wait: Duration::from_secs(10),
            longest_wait: Duration::from_secs(5 * 60),
            max_restarts: 5,
            within: Duration::from_secs(60 * 60),
        }
    }
}

/// What is done about a watched container that is unhealthy.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnUnhealthy {
    /// Nothing but to say so.
    #[default]
    None,
    /// It is stopped and started again.
    Restart,
    /// Another one like it is made and takes its place.
    Replace,
}

impl OnUnhealthy {
    /// All three.
    pub const ALL: [Self; 3] = [Self::None, Self::Restart, Self::Replace];

    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Restart => "restart",
            Self::Replace => "replace",
        }
    }
}
