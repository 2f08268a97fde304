//! What tasks are run.

use std::num::NonZeroU8;
use std::time::Duration;

use super::super::{after, check, checked, container, helper};
use crate::model::ecs::check::ContainerCheck;
use crate::model::ecs::definition::{Condition, ContainerDefinition, RestartPolicy};

/// One definition of a kind each. What is called `web` serves; what is called `init` ends by itself.
pub(super) fn all() -> Vec<Vec<ContainerDefinition>> {
    let patient = ContainerCheck { start_period: Duration::from_secs(25), ..check() };
    let hasty = ContainerCheck { interval: Duration::from_secs(5), retries: NonZeroU8::MIN, ..check() };
    let lasting = RestartPolicy { ignored_exit_codes: [3].into(), attempt_period: Duration::from_secs(60) };
    let quick = |definition| ContainerDefinition { stop_timeout: Some(Duration::from_secs(2)), ..definition };
    let soon =
        |definition| ContainerDefinition { start_timeout: Some(Duration::from_secs(40)), ..definition };
    vec![
        vec![container("web")],
        vec![ContainerDefinition { check: Some(patient.clone()), ..container("web") }, helper("side")],
        vec![after(checked("web"), "init", Condition::Success), soon(helper("init"))],
        vec![after(checked("web"), "init", Condition::Complete), helper("init"), quick(helper("side"))],
        vec![
            after(after(container("web"), "cache", Condition::Healthy), "base", Condition::Start),
            soon(ContainerDefinition { check: Some(hasty), ..helper("cache") }),
            after(quick(container("base")), "cache", Condition::Start),
        ],
        vec![
            ContainerDefinition { restart: Some(lasting.clone()), check: Some(patient), ..container("web") },
            after(
                ContainerDefinition { restart: Some(lasting), ..helper("side") },
                "web",
                Condition::Healthy,
            ),
        ],
    ]
}
