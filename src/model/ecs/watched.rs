//! How containers fare that are only watched.

use std::collections::BTreeMap;

use crate::model::ecs::health::{CheckResult, HealthStatus};
use crate::model::ecs::task::Connectivity;
use crate::model::tick::Tick;

/// What one watch knows at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watched {
    /// The watch's name.
    pub name: Box<str>,
    /// The target group its containers are registered in, if there is one.
    pub target_group: Option<Box<str>>,
    /// Whether its engine can be reached. What is told of containers is what was last heard.
    pub connectivity: Connectivity,
    /// Why it cannot be reached; empty while it can.
    pub trouble: Box<str>,
    /// Containers restarted or replaced since the start of this program.
    pub restarts: u64,
    /// Its containers by name.
    pub containers: BTreeMap<Box<str>, WatchedContainer>,
}

/// One container.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WatchedContainer {
    /// What the engine calls it.
    pub id: Box<str>,
    /// The engine's word for where it is in its life, such as `running`.
    pub status: Box<str>,
    /// What its check says; unknown while it does not run, whatever the engine says.
    pub health: HealthStatus,
    /// When that last changed.
    pub health_since: Tick,
    /// The latest result of its check.
    pub result: Option<CheckResult>,
    /// Where it is reached: an address and a port. `None` where that is not known.
    pub target: Option<(Box<str>, u16)>,
    /// Whether that is registered.
    pub registered: bool,
    /// What is being done about it.
    pub step: WatchStep,
    /// How often it was restarted or replaced within the time that is looked back on.
    pub restarts: u32,
    /// Before then nothing is done about it again.
    pub not_before: Option<Tick>,
    /// Whether it is left alone, because it was restarted too often.
    pub gave_up: bool,
    /// What went wrong with it last; empty once something went right.
    pub trouble: Box<str>,
}

/// What is being done about a container.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WatchStep {
    /// Nothing.
    #[default]
    Watched,
    /// It was unhealthy, so its target drains.
    Draining,
    /// The engine stops it and starts it again, or another one in its place.
    Restarting,
}

impl WatchStep {
    /// Our word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Watched => "watched",
            Self::Draining => "draining",
            Self::Restarting => "restarting",
        }
    }
}
