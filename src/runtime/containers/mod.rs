//! What runs containers: processes of this host, or a Docker engine.

pub mod docker;
pub mod process;
mod variables;

use std::fmt;

use crate::engine::ecs::action::{Found, Probe, Report, StartContainer, StartError};
use crate::model::ecs::health::CheckResult;
use crate::model::ecs::task::Binding;
use crate::model::outcome::Outcome;

/// The runtime cannot be reached; nothing is known of its containers for now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreachable(pub String);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreachable {}

/// A container that runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Started {
    /// What the runtime calls it.
    pub runtime_id: Box<str>,
    /// The address it is reached at from this host.
    pub address: std::net::IpAddr,
    /// Its ports.
    pub bindings: Vec<Binding>,
}

/// How a container has ended: exit code and reason as in [`Report::Ended`].
pub type End = (Option<i32>, Option<Box<str>>);

/// Runs containers. A failure of a container is an answer; only a runtime that cannot be reached is an error.
pub trait Runtime: Send + Sync + 'static {
    /// Starts a container. `told` hears of its image being pulled.
    fn start(
        &self,
        container: &StartContainer,
        told: impl Fn(Report) + Send + Sync,
    ) -> impl Future<Output = Result<Result<Started, StartError>, Unreachable>> + Send;

    /// Sends a container SIGTERM, or the signal its image asks for. One that has ended, or is not there, is no error.
    fn terminate(&self, runtime_id: &str) -> impl Future<Output = Result<(), Unreachable>> + Send;

    /// Sends a container SIGKILL, and all it has started. One that has ended, or is not there, is no error.
    fn kill(&self, runtime_id: &str) -> impl Future<Output = Result<(), Unreachable>> + Send;

    /// Runs a container's check once. When the future is dropped, the command is killed.
    fn probe(
        &self,
        probe: &Probe,
    ) -> impl Future<Output = Result<(Outcome, CheckResult), Unreachable>> + Send;

    /// Waits until a container has ended, or is found not to be there.
    fn ended(&self, runtime_id: &str) -> impl Future<Output = Result<End, Unreachable>> + Send;

    /// Removes what a container that has ended has left behind. One that is not there is no error.
    fn remove(&self, runtime_id: &str) -> impl Future<Output = Result<(), Unreachable>> + Send;

    /// Every container that is ours, ended ones too.
    fn inventory(&self) -> impl Future<Output = Result<Vec<Found>, Unreachable>> + Send;
}
