//! How tasks are run, whatever they are: the `[ecs]` table of the configuration.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

/// How tasks are run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// What runs containers.
    pub runtime: RuntimeKind,
    /// The Unix socket of the engine, for [`RuntimeKind::Docker`].
    pub docker_socket: PathBuf,
    /// Whether the engine's own health checks are trusted instead of ours run inside the container.
    pub native_checks: bool,
    /// What of a task's containers its health is made of.
    pub rollup: Rollup,
    /// The network whose addresses tasks of network mode `awsvpc` get: within 127.0.0.0/8, and its prefix length. Of it
    /// the addresses from `.1.1` on are used, or from the first one where it has fewer.
    pub task_addresses: (Ipv4Addr, u8),
    /// From one check to the next while a container is in its start period; `None` is the interval.
    pub start_interval: Option<Duration>,
    /// The first wait after a task that failed to start; it doubles with each one after it.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// How long stopped tasks and deleted services can be asked for: at least an hour in what users configure.
    pub keep_stopped: Duration,
}

/// What runs containers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RuntimeKind {
    /// Process groups on the host.
    #[default]
    Process,
    /// A Docker engine, or what speaks its API.
    Docker,
}

impl RuntimeKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Process, Self::Docker];

    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Docker => "docker",
        }
    }
}

/// What of a task's containers its health is made of (docs/semantics.md, "Task health").
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Rollup {
    /// Essential containers that have a check.
    #[default]
    Checked,
    /// All essential containers.
    Strict,
}

impl Rollup {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Checked, Self::Strict];

    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checked => "default",
            Self::Strict => "strict",
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            runtime: RuntimeKind::Process,
            docker_socket: PathBuf::from("/var/run/docker.sock"),
            native_checks: false,
            rollup: Rollup::Checked,
            task_addresses: (Ipv4Addr::new(127, 0, 0, 0), 16),
            start_interval: None,
            first_wait: Duration::from_secs(5),
            longest_wait: Duration::from_secs(27 * 60),
            keep_stopped: Duration::from_secs(60 * 60),
        }
    }
}
