//! What the scheduler sees of a task (docs/semantics.md, "Services").

use std::time::Duration;

use crate::model::ecs::health::HealthStatus;
use crate::model::ecs::task::{Registration, Task, TaskId, TaskStatus, TaskTarget};
use crate::model::health::{Reason, State};
use crate::model::tick::Tick;

/// A task with nothing to tell its health by is healthy once it has run for this long.
pub(super) const SETTLED_AFTER: Duration = Duration::from_secs(40);

/// What the scheduler sees of a task.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Facts {
    /// Its name.
    pub(super) id: TaskId,
    /// Its deployment.
    pub(super) deployment: Box<str>,
    /// Whether it should run on.
    pub(super) wanted: bool,
    /// Where it is in its life.
    pub(super) status: TaskStatus,
    /// What is thought of it.
    pub(super) standing: Standing,
    /// When that changes, if nothing happens before.
    pub(super) changes_at: Option<Tick>,
    /// Whether it was started in place of an unhealthy one that is still there.
    pub(super) replacement: bool,
}

/// What is thought of a task.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// It counts as healthy.
    Good,
    /// Neither.
    Undecided,
    /// It is to be replaced.
    Bad(Fault),
}

/// Why a task is to be replaced.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// Its containers fail their checks.
    Containers,
    /// A target group fails its target.
    Target {
        /// The group's ARN.
        arn: Box<str>,
        /// The target's port.
        port: u16,
        /// What the group says.
        description: Box<str>,
    },
}

impl Facts {
    /// What is seen of `task` at `now`. `checked` says whether one of its essential containers has a check.
    pub(super) fn of(task: &Task, checked: bool, grace: Duration, replacement: bool, now: Tick) -> Self {
        let (standing, changes_at) = standing(task, checked, grace, now);
        let deployment = task.service.as_ref().map(|member| member.deployment.clone()).unwrap_or_default();
        let (wanted, status) = (task.is_wanted(), task.last_status);
        Self { id: task.id.clone(), deployment, wanted, status, standing, changes_at, replacement }
    }
}

/// What is thought of a task, and when that changes by itself.
fn standing(task: &Task, checked: bool, grace: Duration, now: Tick) -> (Standing, Option<Tick>) {
    let Some(started) = task.started_at.filter(|_| task.last_status == TaskStatus::Running) else {
        return (Standing::Undecided, None);
    };
    if let Some(fault) = fault(task, checked) {
        let minded_from = started + grace;
        return if now < minded_from {
            (Standing::Undecided, Some(minded_from))
        } else {
            (Standing::Bad(fault), None)
        };
    }
    let settled = started + SETTLED_AFTER;
    let (good, changes_at) = if checked || !task.targets.is_empty() {
        let fine = !checked || task.health == HealthStatus::Healthy;
        (fine && task.targets.iter().all(serves), None)
    } else {
        (now >= settled, Some(settled).filter(|settled| now < *settled))
    };
    (if good { Standing::Good } else { Standing::Undecided }, changes_at)
}

fn fault(task: &Task, checked: bool) -> Option<Fault> {
    if checked && task.health == HealthStatus::Unhealthy {
        return Some(Fault::Containers);
    }
    let fails = |target: &&TaskTarget| {
        matches!(State::parse(&target.state), Some(State::Unhealthy | State::UnhealthyDraining))
    };
    task.targets.iter().find(fails).map(|target| Fault::Target {
        arn: target.arn.clone(),
        port: target.port,
        description: target.description.clone(),
    })
}

/// Whether a target counts as healthy. One that its group does not check at all, because it is not in use or its checks
/// are switched off, has nothing against it: a service behind such a group would never be ready otherwise.
fn serves(target: &TaskTarget) -> bool {
    match State::parse(&target.state) {
        Some(State::Healthy) => true,
        Some(State::Unused) => target.registration == Registration::Registered,
        Some(State::Unavailable) => *target.description == *Reason::TargetHealthCheckDisabled.description(),
        Some(State::Initial | State::Unhealthy | State::UnhealthyDraining | State::Draining) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use HealthStatus::{Healthy, Unhealthy, Unknown};

    const SECOND: Duration = Duration::from_secs(1);

    fn seen(task: &Task, checked: bool, grace: u32, after: u32) -> (&'static str, Option<u64>) {
        let started = Tick(1_000_000);
        let facts = Facts::of(task, checked, SECOND * grace, false, started + SECOND * after);
        let word = match facts.standing {
            Standing::Good => "good",
            Standing::Undecided => "undecided",
            Standing::Bad(Fault::Containers) => "containers",
            Standing::Bad(Fault::Target { .. }) => "target",
        };
        (word, facts.changes_at.map(|at| at.since(started).as_secs()))
    }

    /// A task that has run since 1,000 s.
    fn running(health: HealthStatus, states: &[&str]) -> Task {
        let mut task = samples::task("t", "d");
        task.last_status = TaskStatus::Running;
        task.started_at = Some(Tick(1_000_000));
        task.health = health;
        task.targets = states.iter().map(|state| samples::target(state)).collect();
        task
    }

    #[test]
    fn what_counts_as_healthy_is_said_by_checks_and_target_groups_or_by_40_seconds() {
        for (checked, health, states, after, expected) in [
            (false, Unknown, &[][..], 0, ("undecided", Some(40))),
            (false, Unknown, &[], 39, ("undecided", Some(40))),
            (false, Unknown, &[], 40, ("good", None)),
            (true, Unknown, &[], 100, ("undecided", None)),
            (true, Healthy, &[], 0, ("good", None)),
            (true, Unhealthy, &[], 0, ("containers", None)),
            (false, Unhealthy, &[], 40, ("good", None)),
            (false, Unknown, &["initial"], 100, ("undecided", None)),
            (false, Unknown, &["healthy"], 0, ("good", None)),
            (false, Unknown, &["healthy", "initial"], 0, ("undecided", None)),
            (false, Unknown, &["healthy", "unhealthy"], 0, ("target", None)),
            (false, Unknown, &["unhealthy.draining"], 0, ("target", None)),
            (false, Unknown, &["unused"], 0, ("good", None)),
            (false, Unknown, &["unavailable"], 0, ("undecided", None)),
            (false, Unknown, &["draining"], 0, ("undecided", None)),
            (false, Unknown, &[""], 0, ("undecided", None)),
            (true, Unknown, &["healthy"], 100, ("undecided", None)),
            (true, Healthy, &["initial"], 100, ("undecided", None)),
            (true, Healthy, &["healthy"], 0, ("good", None)),
            (true, Unhealthy, &["unhealthy"], 0, ("containers", None)),
        ] {
            let task = running(health, states);
            assert_eq!(seen(&task, checked, 0, after), expected, "{checked} {health} {states:?} {after}");
        }
        let mut task = running(Unknown, &["unavailable"]);
        task.targets[0].description = Reason::TargetHealthCheckDisabled.description().into();
        assert_eq!(seen(&task, false, 0, 0).0, "good", "checks are switched off");
        let mut task = running(Unknown, &["unused"]);
        task.targets[0].registration = Registration::Asked;
        assert_eq!(seen(&task, false, 0, 0).0, "undecided", "not registered yet");
    }

    #[test]
    fn nobody_minds_before_the_grace_period_is_over_counted_from_the_start() {
        let task = running(Unhealthy, &["unhealthy"]);
        assert_eq!(seen(&task, true, 30, 29), ("undecided", Some(30)));
        assert_eq!(seen(&task, true, 30, 30), ("containers", None));
        assert_eq!(seen(&running(Unknown, &["unhealthy"]), false, 30, 30), ("target", None));
    }

    #[test]
    fn only_a_running_task_is_judged() {
        for status in TaskStatus::ALL {
            let mut task = running(Unhealthy, &["unhealthy"]);
            task.last_status = status;
            let expected = if status == TaskStatus::Running { "containers" } else { "undecided" };
            assert_eq!(seen(&task, true, 0, 100).0, expected, "{status}");
        }
    }
}
