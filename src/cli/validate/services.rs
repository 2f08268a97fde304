//! What the services and watches of a configuration mean, and what may surprise their operator.

use std::fmt::Write as _;

use crate::cli::validate::{count, definition};
use crate::config::Config;
use crate::model::duration::print;
use crate::model::ecs::check::CheckCommand;
use crate::model::ecs::definition::NetworkMode;
use crate::model::ecs::service::{FileService, ServiceSpec};
use crate::model::ecs::settings::{RuntimeKind, Settings};
use crate::model::ecs::watch::{DockerWatch, OnUnhealthy};

/// Writes a paragraph for each service and each watch.
pub(super) fn describe(text: &mut String, config: &Config) -> std::fmt::Result {
    let settings = config.ecs.clone().unwrap_or_default();
    for service in &config.services {
        one(text, service, &settings)?;
    }
    for watch in &config.watches {
        watched(text, watch)?;
    }
    Ok(())
}

/// Whether a service or a watch registers targets in the group.
pub(super) fn registers_in(config: &Config, group: &str) -> bool {
    let balancers = config.services.iter().flat_map(|service| &service.spec.load_balancers);
    let mut names = balancers
        .map(|balancer| &balancer.target_group_arn)
        .chain(config.watches.iter().filter_map(|watch| watch.target_group.as_ref()));
    names.any(|name| **name == *group)
}

fn one(text: &mut String, service: &FileService, settings: &Settings) -> std::fmt::Result {
    let FileService { spec, blueprint } = service;
    let tasks = count(spec.desired_count as usize, "task");
    writeln!(
        text,
        "service {}: {tasks} of {}, runtime {}",
        spec.key.name,
        blueprint.family,
        settings.runtime.as_str()
    )?;
    let (lower, upper) = bounds(spec);
    writeln!(text, "  tasks         at least {lower} healthy, at most {upper} at once")?;
    for balancer in &spec.load_balancers {
        let (container, port) = (&balancer.container_name, balancer.container_port);
        writeln!(text, "  registers     {container}:{port} in {}", balancer.target_group_arn)?;
    }
    definition::containers(text, blueprint)?;
    for warning in warnings(service, settings) {
        writeln!(text, "  warning       {warning}")?;
    }
    writeln!(text)
}

/// How many tasks have to be healthy, and how many there may be (docs/semantics.md, "Services").
fn bounds(spec: &ServiceSpec) -> (u64, u64) {
    let desired = u64::from(spec.desired_count);
    let of = |percent: u32| desired * u64::from(percent);
    (of(spec.deployment.minimum_healthy_percent).div_ceil(100), of(spec.deployment.maximum_percent) / 100)
}

/// What of a service and its task definition is ignored, or may surprise: a sentence each, without a period.
pub(in crate::cli) fn warnings(service: &FileService, settings: &Settings) -> Vec<String> {
    let blueprint = &service.blueprint;
    let mut warnings = definition::warnings(&blueprint.warnings(), blueprint);
    warnings.extend(definition::at_runtime(blueprint, settings.runtime));
    warnings.extend(surprises(service, settings));
    warnings
}

fn surprises(service: &FileService, settings: &Settings) -> Vec<String> {
    let FileService { spec, blueprint } = service;
    let (lower, upper) = bounds(spec);
    let desired = u64::from(spec.desired_count);
    let mut warnings = Vec::new();
    if desired == 0 {
        warnings.push("`desired_count = 0`: no tasks".to_owned());
    }
    if desired > 0 && lower == desired && upper == desired {
        warnings.push(format!(
            "a deployment can replace no task: none of {desired} may stop before another has started, and no more may \
             start; raise `maximum_percent` or lower `minimum_healthy_percent`"
        ));
    }
    if upper > 1
        && let Some(what) = shared_ports(service, settings.runtime)
    {
        warnings.push(format!(
            "up to {upper} tasks at once {what}: only one of them can listen, and `localhost` in a check is whichever \
             does; set `networkMode` to awsvpc, or `desired_count = 1`, `maximum_percent = 100` and \
             `minimum_healthy_percent = 0`"
        ));
    }
    if settings.runtime == RuntimeKind::Process
        && blueprint.network_mode == NetworkMode::Awsvpc
        && asks_localhost(service)
    {
        warnings.push(
            "a check asks `localhost`: tasks of network mode awsvpc listen on $TGPROBE_TASK_ADDRESS, an address of their own"
                .to_owned(),
        );
    }
    let breaker = &spec.deployment.circuit_breaker;
    if breaker.rollback && !breaker.enable {
        warnings.push("`rollback` without `enable` in `circuit_breaker`: nothing is rolled back".to_owned());
    }
    if settings.native_checks && settings.runtime == RuntimeKind::Process {
        warnings.push("`native_checks` is for the runtime \"docker\": ignored".to_owned());
    }
    warnings
}

/// Why two tasks of the service cannot run side by side on this host, as the middle of a sentence.
fn shared_ports(service: &FileService, runtime: RuntimeKind) -> Option<&'static str> {
    let mode = service.blueprint.network_mode;
    let mut ports = service.blueprint.containers.iter().flat_map(|container| &container.ports).peekable();
    ports.peek()?;
    match (runtime, mode) {
        (_, NetworkMode::Awsvpc) | (RuntimeKind::Docker, NetworkMode::None) => None,
        (RuntimeKind::Process, _) => Some("share the ports of this host"),
        (RuntimeKind::Docker, NetworkMode::Host) => Some("share the ports of this host"),
        (RuntimeKind::Docker, NetworkMode::Bridge) => {
            ports.any(|port| port.host_port != 0).then_some("want the same `hostPort`")
        }
    }
}

/// Whether a check's command names this host's loopback.
fn asks_localhost(service: &FileService) -> bool {
    let checks = service.blueprint.containers.iter().filter_map(|container| container.check.as_ref());
    let mut words = checks.flat_map(|check| match &check.command {
        CheckCommand::Exec(words) | CheckCommand::Shell(words) => words,
    });
    words.any(|word| word.contains("localhost") || word.contains("127.0.0.1"))
}

fn watched(text: &mut String, watch: &DockerWatch) -> std::fmt::Result {
    let labels: Vec<String> = watch
        .labels
        .iter()
        .map(|(key, value)| value.as_ref().map_or_else(|| key.to_string(), |value| format!("{key}={value}")))
        .collect();
    writeln!(text, "docker {}: containers with {}", watch.name, labels.join(", ").escape_debug())?;
    if let Some(group) = &watch.target_group {
        let port = watch.port.map_or_else(|| "their port".to_owned(), |port| format!("port {port}"));
        writeln!(text, "  registers     {port} in {group}")?;
    }
    let check = if watch.health_check.is_some() { "run inside them" } else { "the engine's own" };
    writeln!(text, "  check         {check}")?;
    if watch.on_unhealthy != OnUnhealthy::None {
        writeln!(
            text,
            "  if unhealthy  {}, at most {} in {}, waiting {} to {}",
            watch.on_unhealthy.as_str(),
            watch.max_restarts,
            print(watch.within),
            print(watch.first_wait),
            print(watch.longest_wait)
        )?;
    }
    writeln!(text)
}
