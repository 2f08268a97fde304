//! What a task definition means: its containers, their checks, and what may surprise its writer.

use std::fmt::Write as _;

use crate::cli::validate::count;
use crate::model::duration::print;
use crate::model::ecs::check::{CheckCommand, ContainerCheck};
use crate::model::ecs::definition::{Blueprint, ContainerDefinition};
use crate::model::ecs::settings::RuntimeKind;
use crate::model::excerpt::excerpt;

/// Writes the containers of a definition, a line or more each.
pub(super) fn containers(text: &mut String, blueprint: &Blueprint) -> std::fmt::Result {
    for container in &blueprint.containers {
        let essential = if container.essential { "essential" } else { "not essential" };
        let ports: Vec<String> = container.ports.iter().map(|port| port.container_port.to_string()).collect();
        let ports = if ports.is_empty() { String::new() } else { format!(", port {}", ports.join(", ")) };
        writeln!(text, "  container     {}: {essential}{ports}", container.name)?;
        for dependency in &container.depends_on {
            writeln!(text, "    after       {} of {}", dependency.condition.as_str(), dependency.container)?;
        }
        if let Some(check) = &container.check {
            describe(text, check)?;
        }
    }
    Ok(())
}

fn describe(text: &mut String, check: &ContainerCheck) -> std::fmt::Result {
    let (word, words) = match &check.command {
        CheckCommand::Exec(words) => ("CMD", words),
        CheckCommand::Shell(words) => ("CMD-SHELL", words),
    };
    let words: Vec<String> = words.iter().map(|word| excerpt(word).escape_debug().to_string()).collect();
    let [interval, timeout] = [check.interval, check.timeout].map(print);
    let start = if check.start_period.is_zero() {
        String::new()
    } else {
        format!(", start period {}", print(check.start_period))
    };
    writeln!(text, "    check       {word} {}", words.join(" "))?;
    writeln!(text, "    every       {interval}, timeout {timeout}, retries {}{start}", check.retries)?;
    // A check that fails at once begins an interval after the last one ended; one that hangs takes its timeout, too.
    let retries = u32::from(check.retries.get());
    let [quick, slow] = [check.interval, check.interval + check.timeout].map(|each| print(each * retries));
    writeln!(text, "    to unhealthy  at most {quick} where the command fails, {slow} where it hangs")
}

/// What is ignored, and what may surprise.
///
/// `said` is what reading it said.
pub(super) fn warnings(said: &[Box<str>], blueprint: &Blueprint) -> Vec<String> {
    let mut warnings: Vec<String> = said.iter().map(ToString::to_string).collect();
    let checked = |container: &&ContainerDefinition| container.essential && container.check.is_some();
    let without =
        blueprint.containers.iter().filter(|container| container.essential && container.check.is_none());
    match (blueprint.containers.iter().filter(checked).count(), without.count()) {
        (0, _) => warnings.push("no essential container has a health check: tasks stay UNKNOWN".to_owned()),
        (_, 0) => {}
        (_, without) => warnings.push(format!(
            "{} without a health check: ignored in the health of the task, unless `rollup = \"strict\"`",
            count(without, "essential container")
        )),
    }
    warnings
}

/// What a runtime makes of it that may surprise.
pub(super) fn at_runtime(blueprint: &Blueprint, runtime: RuntimeKind) -> Vec<String> {
    let mut warnings = Vec::new();
    let containers = || blueprint.containers.iter();
    match runtime {
        RuntimeKind::Process => {
            let images = containers().filter(|container| !container.image.is_empty()).count();
            if images > 0 {
                let images = count(images, "image");
                warnings
                    .push(format!("{images} ignored: the runtime \"process\" runs commands of this host"));
            }
            let idle = containers().filter(|one| one.command.is_empty() && one.entry_point.is_empty());
            for container in idle {
                warnings.push(format!(
                    "container {} has neither `entryPoint` nor `command`: the runtime \"process\" cannot start it",
                    container.name
                ));
            }
        }
        RuntimeKind::Docker => {
            for container in containers().filter(|container| container.image.is_empty()) {
                warnings.push(format!(
                    "container {} has no `image`: the runtime \"docker\" cannot start it",
                    container.name
                ));
            }
        }
    }
    warnings
}
