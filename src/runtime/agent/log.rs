//! What became of tasks and services, in the log.

use tracing::{debug, info, warn};

use crate::model::ecs::event::{HealthChange, ServiceAction, What};
use crate::model::ecs::health::CheckResult;
use crate::model::ecs::service::RolloutState;
use crate::model::ecs::task::{Task, TaskStatus};

/// Writes one line. Of a task, those states that somebody looks for are told at `info`, the way there at `debug`.
pub(super) fn write(what: &What) {
    match what {
        What::Task(task) => of_task(task),
        What::Health(change) => of_health(change),
        What::Service { service, action, reason } => {
            let (service, cluster, reason) = (&*service.name, &*service.cluster, reason.as_deref());
            let action = action.as_str();
            if is_trouble(what) {
                warn!(service, cluster, action, reason, "Service is in trouble.");
            } else {
                info!(service, cluster, action, reason, "Service changed.");
            }
        }
        What::Deployment { service, deployment, state, reason } => {
            let (service, cluster, state) = (&*service.name, &*service.cluster, state.as_str());
            if is_trouble(what) {
                warn!(service, cluster, deployment = %deployment, state, reason = %reason, "Deployment failed.");
            } else {
                info!(service, cluster, deployment = %deployment, state, reason = %reason, "Deployment changed state.");
            }
        }
    }
}

/// Whether an operator has to look.
fn is_trouble(what: &What) -> bool {
    match what {
        What::Task(_) | What::Health(_) => false,
        What::Service { action, .. } => match action {
            ServiceAction::SteadyState | ServiceAction::DesiredCountUpdated | ServiceAction::TasksStopped => {
                false
            }
            ServiceAction::TaskStartImpaired | ServiceAction::TaskPlacementFailure => true,
        },
        What::Deployment { state, .. } => *state == RolloutState::Failed,
    }
}

fn of_task(task: &Task) {
    let service = task.service.as_ref().map(|member| &*member.service);
    let (cluster, status, reason) = (&*task.cluster, task.last_status, task.stopped_reason.as_deref());
    if is_milestone(status) {
        info!(task = %task.id, cluster, service, %status, health = %task.health, connectivity = task.connectivity.as_str(), reason, "Task changed.");
    } else {
        debug!(task = %task.id, cluster, service, %status, health = %task.health, connectivity = task.connectivity.as_str(), reason, "Task changed.");
    }
}

/// Whether somebody looks for this state: it runs, it is told to stop and why, it has stopped.
fn is_milestone(status: TaskStatus) -> bool {
    matches!(status, TaskStatus::Running | TaskStatus::Deactivating | TaskStatus::Stopped)
}

fn of_health(change: &HealthChange) {
    let output = change.result.as_ref().map(CheckResult::gist);
    let exit_code = change.result.as_ref().map(|result| result.exit_code);
    info!(task = %change.task, cluster = %change.cluster, group = %change.group, container = %change.container, from = %change.from, to = %change.to, exit_code, output, "Container changed health.");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ecs::service::ServiceKey;

    #[test]
    fn what_an_operator_has_to_look_at_is_a_warning() {
        let key = || ServiceKey { cluster: "default".into(), name: "web".into() };
        let action = |action| is_trouble(&What::Service { service: key(), action, reason: None });
        assert!(!action(ServiceAction::SteadyState) && !action(ServiceAction::TasksStopped));
        assert!(action(ServiceAction::TaskStartImpaired) && action(ServiceAction::TaskPlacementFailure));
        let deployment = |state| {
            is_trouble(&What::Deployment {
                service: key(),
                deployment: "a".into(),
                state,
                reason: "b".into(),
            })
        };
        assert!(deployment(RolloutState::Failed) && !deployment(RolloutState::Completed));
    }

    #[test]
    fn a_task_is_told_of_at_info_when_it_runs_is_to_stop_and_has_stopped() {
        let told: Vec<_> = TaskStatus::ALL.into_iter().filter(|status| is_milestone(*status)).collect();
        assert_eq!(told, [TaskStatus::Running, TaskStatus::Deactivating, TaskStatus::Stopped]);
    }
}
