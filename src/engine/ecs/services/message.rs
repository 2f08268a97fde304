//! What a service says of itself, in AWS's words (docs/semantics.md, "Service events"). Some end with a period and some
//! do not; that is AWS's doing.

use crate::model::ecs::task::TaskId;

/// Tasks were started, so many of them in place of unhealthy ones.
pub(super) fn started(service: &str, tasks: &[TaskId], replacing: usize) -> String {
    let mut text = format!("(service {service}) has started {} tasks: {}.", tasks.len(), list(tasks));
    if replacing > 0 {
        text += &format!(" Amazon ECS replaced {replacing} tasks due to an unhealthy status.");
    }
    text
}

/// Tasks that had run were stopped.
pub(super) fn stopped(service: &str, tasks: &[TaskId]) -> String {
    format!("(service {service}) has stopped {} running tasks: {}.", tasks.len(), list(tasks))
}

/// Tasks that had not run yet were stopped.
pub(super) fn stopped_pending(service: &str, count: usize) -> String {
    format!("(service {service}) stopped {count} pending tasks.")
}

/// Targets are registered.
pub(super) fn registered(service: &str, count: usize, arn: &str) -> String {
    format!("(service {service}) registered {count} targets in (target-group {arn})")
}

/// Targets are no longer registered.
pub(super) fn deregistered(service: &str, count: usize, arn: &str) -> String {
    format!("(service {service}) deregistered {count} targets in (target-group {arn})")
}

/// Tasks drain.
pub(super) fn draining(service: &str, deployment: &str, count: usize) -> String {
    format!("(service {service}, taskSet {deployment}) has begun draining connections on {count} tasks.")
}

/// A task is stopped for its containers.
pub(super) fn failed_checks(service: &str, task: &str) -> String {
    format!("(service {service}) (task {task}) failed container health checks.")
}

/// A task is stopped for one of its targets.
pub(super) fn unhealthy_target(service: &str, task: &str, port: u16, arn: &str, description: &str) -> String {
    let reason = if description.is_empty() { "Health checks failed" } else { description };
    format!(
        "(service {service}) (task {task}) (port {port}) is unhealthy in (target-group {arn}) \
         due to (reason {reason})."
    )
}

/// A deployment has arrived.
pub(super) fn completed(service: &str, deployment: &str) -> String {
    format!("(service {service}) (deployment {deployment}) deployment completed.")
}

/// A deployment is given up.
pub(super) fn failed(service: &str, deployment: &str) -> String {
    format!("(service {service}) (deployment {deployment}) deployment failed: tasks failed to start.")
}

/// The last deployment that had arrived is taken up again, as this one.
pub(super) fn rolling_back(service: &str, deployment: &str) -> String {
    format!("(service {service}) rolling back to deployment {deployment}.")
}

/// All is as it should be.
pub(super) fn steady(service: &str) -> String {
    format!("(service {service}) has reached a steady state.")
}

/// Nothing may be started and nothing may be stopped.
pub(super) fn stuck(service: &str) -> String {
    format!(
        "(service {service}) was unable to stop or start tasks during a deployment because of the service \
         deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again."
    )
}

/// Tasks do not start.
pub(super) fn impaired(service: &str) -> String {
    format!(
        "(service {service}) is unable to consistently start tasks successfully. For more information, see the \
         Troubleshooting section of the Amazon ECS Developer Guide."
    )
}

/// A task could not even be asked for.
pub(super) fn unplaced(service: &str, reason: &str) -> String {
    let reason = reason.trim_end_matches('.');
    format!("(service {service}) was unable to place a task. Reason: {reason}.")
}

/// Several tasks stand one behind the other, each in its own parentheses.
fn list(tasks: &[TaskId]) -> String {
    let tasks: Vec<String> = tasks.iter().map(|task| format!("(task {task})")).collect();
    tasks.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_said_word_for_word() {
        let two: [TaskId; 2] = ["0a".into(), "0b".into()];
        for (text, expected) in [
            (started("web", &two[..1], 0), "(service web) has started 1 tasks: (task 0a)."),
            (started("web", &two, 0), "(service web) has started 2 tasks: (task 0a) (task 0b)."),
            (
                started("web", &two[..1], 1),
                "(service web) has started 1 tasks: (task 0a). Amazon ECS replaced 1 tasks due to an unhealthy \
                 status.",
            ),
            (stopped("web", &two[..1]), "(service web) has stopped 1 running tasks: (task 0a)."),
            (stopped_pending("web", 2), "(service web) stopped 2 pending tasks."),
            (registered("web", 1, "arn"), "(service web) registered 1 targets in (target-group arn)"),
            (deregistered("web", 1, "arn"), "(service web) deregistered 1 targets in (target-group arn)"),
            (
                draining("web", "ecs-svc/7", 1),
                "(service web, taskSet ecs-svc/7) has begun draining connections on 1 tasks.",
            ),
            (failed_checks("web", "0a"), "(service web) (task 0a) failed container health checks."),
            (
                unhealthy_target("web", "0a", 80, "arn", "Health checks failed with these codes: [500]"),
                "(service web) (task 0a) (port 80) is unhealthy in (target-group arn) due to (reason Health checks \
                 failed with these codes: [500]).",
            ),
            (
                unhealthy_target("web", "0a", 80, "arn", ""),
                "(service web) (task 0a) (port 80) is unhealthy in (target-group arn) due to (reason Health checks \
                 failed).",
            ),
            (completed("web", "ecs-svc/7"), "(service web) (deployment ecs-svc/7) deployment completed."),
            (
                failed("web", "ecs-svc/7"),
                "(service web) (deployment ecs-svc/7) deployment failed: tasks failed to start.",
            ),
            (rolling_back("web", "ecs-svc/8"), "(service web) rolling back to deployment ecs-svc/8."),
            (steady("web"), "(service web) has reached a steady state."),
            (
                stuck("web"),
                "(service web) was unable to stop or start tasks during a deployment because of the service \
                 deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.",
            ),
            (
                impaired("web"),
                "(service web) is unable to consistently start tasks successfully. For more information, see the \
                 Troubleshooting section of the Amazon ECS Developer Guide.",
            ),
            (unplaced("web", "AGENT"), "(service web) was unable to place a task. Reason: AGENT."),
            (unplaced("web", "None left."), "(service web) was unable to place a task. Reason: None left."),
        ] {
            assert_eq!(text, expected);
        }
    }
}
