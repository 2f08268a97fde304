//! Whether a service has arrived at a deployment: a fold of what the server tells and the time into a verdict. Pure.
//!
//! The deployment waited for is the one named, or else the newest when the wait began. It has arrived when it is complete
//! and every one of its tasks counts as healthy. It never will once it has failed, or another one has taken its place: a
//! rollback ends in a service that is steady and not what was deployed.
//!
//! What is not known does not hold: while the connection is lost, or the server cannot reach what runs the containers, the
//! service has not arrived, and `stable_for` starts again.

use std::time::Duration;

use crate::cli::gate::{Progress, Verdict};
use crate::cli::wire::service::{Deployment, Service, Task};

pub mod blocker;
#[cfg(test)]
mod tests;

pub use crate::cli::rollout::blocker::Blocker;

/// Everything a wait for a service demands.
#[derive(Clone, Debug, Default)]
pub struct Aim {
    /// The deployment; the newest when the wait begins where absent.
    pub deployment: Option<String>,
    /// Whether every task of earlier deployments must be `STOPPED`.
    pub old_tasks_stopped: bool,
    /// How long all must hold without interruption.
    pub stable_for: Duration,
}

/// What the server told, or that it cannot be heard.
#[derive(Clone, Debug)]
pub enum Event {
    /// The service with its tasks, as it is.
    Service(Box<Service>),
    /// The service does not exist any more.
    Gone,
    /// The connection was lost.
    Lost,
}

/// The gate.
#[derive(Debug)]
pub struct Rollout {
    aim: Aim,
    service: Option<Service>,
    connected: bool,
    hopeless: Option<String>,
    held_since: Option<Duration>,
}

impl Rollout {
    /// A gate that has been told nothing yet.
    #[must_use]
    pub fn new(aim: Aim) -> Self {
        Self { aim, service: None, connected: false, hopeless: None, held_since: None }
    }

    /// Takes what was told at `now`, a moment on the caller's steady clock.
    pub fn on(&mut self, event: Event, now: Duration) {
        match event {
            Event::Service(service) => self.on_service(*service),
            Event::Gone => self.give_up("the service is gone".to_owned()),
            Event::Lost => self.connected = false,
        }
        if self.holds() {
            self.held_since.get_or_insert(now);
        } else {
            self.held_since = None;
        }
    }

    /// What follows at `now`.
    #[must_use]
    pub fn verdict(&self, now: Duration) -> Verdict {
        if let Some(reason) = &self.hopeless {
            return Verdict::Hopeless(reason.clone());
        }
        let holds_until = self.held_since.map(|since| since.saturating_add(self.aim.stable_for));
        if holds_until.is_some_and(|until| until <= now) {
            return Verdict::Reached;
        }
        Verdict::Waiting(Progress { holds_until, ..self.progress() })
    }

    /// How many tasks of the deployment count as healthy, of how many there should be.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let counting = self.tasks().filter(|task| task.waiting_for.is_empty()).count();
        let needed = self.service.as_ref().map_or(0, |service| service.desired_count);
        Progress { counting, needed, holds_until: None }
    }

    /// Whether the service has been told, since the start or since the connection was lost.
    #[must_use]
    pub fn connected(&self) -> bool {
        self.connected
    }

    /// Whether the service has ever been told.
    #[must_use]
    pub fn started(&self) -> bool {
        self.service.is_some()
    }

    /// The deployment waited for, once it is known.
    #[must_use]
    pub fn deployment(&self) -> Option<&str> {
        self.aim.deployment.as_deref()
    }

    fn on_service(&mut self, service: Service) {
        let begins = self.service.is_none();
        self.connected = true;
        if let Some(newest) = service.deployments.first() {
            let wanted = self.aim.deployment.get_or_insert_with(|| newest.id.clone());
            if let Some(reason) = hopeless(&service, newest, wanted, begins) {
                self.give_up(reason);
            }
        }
        if service.status != "ACTIVE" {
            self.give_up(format!("the service is {}", service.status));
        }
        self.service = Some(service);
    }

    fn give_up(&mut self, reason: String) {
        self.hopeless.get_or_insert(reason);
    }

    /// The tasks of the deployment that are to run.
    fn tasks(&self) -> impl Iterator<Item = &Task> {
        let all = self.service.iter().flat_map(|service| &service.tasks);
        all.filter(|task| task.deployment == self.aim.deployment && task.desired_status == "RUNNING")
    }

    /// The tasks of other deployments that have not stopped.
    fn old_tasks(&self) -> impl Iterator<Item = &Task> {
        let all = self.service.iter().flat_map(|service| &service.tasks);
        all.filter(|task| task.deployment != self.aim.deployment && !task.is_stopped())
    }

    fn holds(&self) -> bool {
        let Some(service) = &self.service else { return false };
        let complete = service.deployments.first().is_some_and(|newest| newest.rollout_state == "COMPLETED");
        let Progress { counting, needed, .. } = self.progress();
        self.connected
            && self.hopeless.is_none()
            && service.connectivity != "DISCONNECTED"
            && complete
            && counting >= needed
            && counting == self.tasks().count()
            && (!self.aim.old_tasks_stopped || self.old_tasks().next().is_none())
    }
}

/// Why a service whose newest deployment is `newest` will never arrive at `wanted`, if so.
fn hopeless(service: &Service, newest: &Deployment, wanted: &str, begins: bool) -> Option<String> {
    let found = service.deployments.iter().find(|deployment| deployment.id == wanted);
    let failed = found.filter(|deployment| deployment.rollout_state == "FAILED");
    let because = |deployment: &Deployment| match deployment.rollout_state_reason.as_str() {
        "" => String::new(),
        reason => format!(": {}", reason.trim_end_matches('.')),
    };
    if newest.rolls_back.as_deref() == Some(wanted) {
        let reason = failed.map_or_else(|| because(newest), because);
        return Some(format!("the deployment {wanted} failed and {} takes its place{reason}", newest.id));
    }
    if let Some(failed) = failed {
        return Some(format!("the deployment {wanted} failed{}", because(failed)));
    }
    if newest.id == wanted {
        return None;
    }
    Some(if begins && found.is_none() {
        format!("{wanted} is no deployment of the service, the newest one is {}", newest.id)
    } else {
        format!("another deployment, {}, has taken the place of {wanted}", newest.id)
    })
}
