//! How a service's tasks are replaced and where they are registered: `deploymentConfiguration` and `loadBalancers`.

use std::sync::Arc;

use crate::model::ecs::definition::TaskDefinition;
use crate::model::ecs::service::{CircuitBreaker, DeploymentConfiguration, LoadBalancer, Threshold};
use crate::model::excerpt::excerpt;
use crate::model::protocol::TargetType;
use crate::output::ecs::action::Asked;
use crate::output::ecs::error::ApiError;
use crate::output::ecs::input::Input;
use crate::runtime::view::View;

/// The greatest number of the API's integers.
pub(super) const GREATEST: u32 = 2_147_483_647;

/// Target groups of a service at most; AWS's quota.
const LOAD_BALANCERS: usize = 5;

/// What a call says of `deploymentConfiguration`; `None` where it says nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Wanted {
    maximum_percent: Option<u32>,
    minimum_healthy_percent: Option<u32>,
    circuit_breaker: Option<Breaker>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Breaker {
    enable: bool,
    rollback: bool,
    reset_on_healthy_task: Option<bool>,
    threshold: Option<Threshold>,
}

const NO_SHIFTS: &str = "deployments are rolling updates";

/// Reads `deploymentConfiguration`.
pub(super) fn configuration(input: &Input<'_>) -> Result<Option<Wanted>, ApiError> {
    let Some(input) = input.structure("deploymentConfiguration")? else { return Ok(None) };
    if let Some(strategy @ ("BLUE_GREEN" | "LINEAR" | "CANARY")) =
        input.word("strategy", &["ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"])?
    {
        let message = format!("The strategy {strategy} is not supported here: {NO_SHIFTS}.");
        return Err(ApiError::unsupported(message));
    }
    input.without(&[
        ("lifecycleHooks", NO_SHIFTS),
        ("linearConfiguration", NO_SHIFTS),
        ("canaryConfiguration", NO_SHIFTS),
    ])?;
    if input.number("bakeTimeInMinutes", &(0..=GREATEST))?.is_some_and(|minutes| minutes > 0) {
        return Err(ApiError::unsupported(format!(
            "'bakeTimeInMinutes' is not supported here: {NO_SHIFTS}."
        )));
    }
    if let Some(alarms) = input.structure("alarms")? {
        alarms.without(&[("enable", "there are no alarms")])?;
    }
    if let Some(criteria) = input.structure("earlySuccessCriteria")? {
        criteria.without(&[("enable", "a deployment is complete when all its tasks are healthy")])?;
    }
    let circuit_breaker = input.structure("deploymentCircuitBreaker")?.map(|input| breaker(&input));
    Ok(Some(Wanted {
        maximum_percent: input.number("maximumPercent", &(1..=GREATEST))?,
        minimum_healthy_percent: input.number("minimumHealthyPercent", &(0..=GREATEST))?,
        circuit_breaker: circuit_breaker.transpose()?,
    }))
}

fn breaker(input: &Input<'_>) -> Result<Breaker, ApiError> {
    let required = |name: &str| {
        let place = input.place(name);
        let missing = || ApiError::invalid_parameter(format!("'{place}' must be specified."));
        input.maybe_flag(name)?.ok_or_else(missing)
    };
    Ok(Breaker {
        enable: required("enable")?,
        rollback: required("rollback")?,
        reset_on_healthy_task: input.maybe_flag("resetOnHealthyTask")?,
        threshold: input.structure("thresholdConfiguration")?.map(|input| threshold(&input)).transpose()?,
    })
}

fn threshold(input: &Input<'_>) -> Result<Threshold, ApiError> {
    const KINDS: &[&str] = &["COUNT", "BOUNDED_PERCENT", "UNBOUNDED_PERCENT"];
    let kind = input.word("type", KINDS)?;
    let missing =
        |name: &str| ApiError::invalid_parameter(format!("'{}' must be specified.", input.place(name)));
    let kind = kind.ok_or_else(|| missing("type"))?;
    let value = input.number("value", &(1..=GREATEST))?.ok_or_else(|| missing("value"))?;
    Ok(match kind {
        "COUNT" => Threshold::Count(value),
        "UNBOUNDED_PERCENT" => Threshold::UnboundedPercent(value),
        _ => Threshold::BoundedPercent(value),
    })
}

impl Wanted {
    /// What holds once what is not wanted otherwise stays as it was.
    pub(super) fn over(self, before: &DeploymentConfiguration) -> DeploymentConfiguration {
        let breaker = |wanted: Breaker| CircuitBreaker {
            enable: wanted.enable,
            rollback: wanted.rollback,
            reset_on_healthy_task: wanted
                .reset_on_healthy_task
                .unwrap_or(before.circuit_breaker.reset_on_healthy_task),
            threshold: wanted.threshold.unwrap_or(before.circuit_breaker.threshold),
        };
        DeploymentConfiguration {
            maximum_percent: self.maximum_percent.unwrap_or(before.maximum_percent),
            minimum_healthy_percent: self.minimum_healthy_percent.unwrap_or(before.minimum_healthy_percent),
            circuit_breaker: self.circuit_breaker.map_or_else(|| before.circuit_breaker.clone(), breaker),
        }
    }
}

/// What holds of a service that says nothing.
pub(super) fn defaults(daemon: bool) -> DeploymentConfiguration {
    let (maximum_percent, minimum_healthy_percent) = if daemon { (100, 0) } else { (200, 100) };
    let circuit_breaker = CircuitBreaker::default();
    DeploymentConfiguration { maximum_percent, minimum_healthy_percent, circuit_breaker }
}

/// Refuses percentages with which no task could ever be replaced, or that a `DAEMON` cannot have.
pub(super) fn check(configuration: &DeploymentConfiguration, daemon: bool) -> Result<(), ApiError> {
    let (most, least) = (configuration.maximum_percent, configuration.minimum_healthy_percent);
    if daemon && (most != 100 || least >= 100) {
        return Err(ApiError::invalid_parameter(
            "The daemon scheduling strategy needs a maximumPercent of 100 and a minimumHealthyPercent below 100.",
        ));
    }
    if most < least {
        let message =
            format!("maximumPercent is {most} and must not be less than minimumHealthyPercent, {least}.");
        return Err(ApiError::invalid_parameter(message));
    }
    Ok(())
}

/// Reads `loadBalancers`. Their target groups are there at this moment.
pub(super) fn load_balancers(asked: &Asked<'_>) -> Result<Vec<LoadBalancer>, ApiError> {
    let all = asked.input.structures("loadBalancers")?;
    if all.len() > LOAD_BALANCERS {
        let message = format!("A service has at most {LOAD_BALANCERS} load balancers.");
        return Err(ApiError::invalid_parameter(message));
    }
    let mut found: Vec<LoadBalancer> = Vec::new();
    for input in all {
        input.without(&[
            ("loadBalancerName", "there are no Classic Load Balancers; name a targetGroupArn"),
            ("advancedConfiguration", NO_SHIFTS),
        ])?;
        let arn = input.required("targetGroupArn", "Target group ARN can not be blank.")?;
        group_for_addresses(&asked.api.view, arn)?;
        let name = input.required("containerName", "Container name can not be blank.")?;
        let port = input.number("containerPort", &(1..=65_535))?;
        let port = port.and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or_else(|| ApiError::invalid_parameter("Container port can not be null."))?;
        let one =
            LoadBalancer { target_group_arn: arn.into(), container_name: name.into(), container_port: port };
        if found.contains(&one) {
            let message =
                format!("The target group {arn} is named twice for port {port} of {}.", excerpt(name));
            return Err(ApiError::invalid_parameter(message));
        }
        found.push(one);
    }
    Ok(found)
}

/// Refuses a target group that is not there, or whose targets are no addresses, which is what tasks have.
fn group_for_addresses(view: &View, arn: &str) -> Result<(), ApiError> {
    let snapshot = view.snapshot();
    let mut there = snapshot.groups.values().filter(|listing| listing.desired);
    let Some(listing) = there.find(|listing| *listing.group.description.arn == *arn) else {
        return Err(ApiError::invalid_parameter(format!(
            "The specified target group does not exist: {}",
            excerpt(arn)
        )));
    };
    match listing.group.target_type {
        TargetType::Ip => Ok(()),
        kind @ (TargetType::Instance | TargetType::Lambda | TargetType::Alb) => {
            Err(ApiError::invalid_parameter(format!(
                "The provided target group {arn} has target type {}, which tasks cannot be registered with: they are \
                 registered by their addresses, so make one with target type ip.",
                kind.as_str()
            )))
        }
    }
}

/// Refuses load balancers that lead to no port of a task.
pub(super) fn lead_somewhere(all: &[LoadBalancer], definition: &Arc<TaskDefinition>) -> Result<(), ApiError> {
    for one in all {
        let Some(container) = definition.blueprint.container(&one.container_name) else {
            return Err(ApiError::invalid_parameter(format!(
                "The container {} does not exist in the task definition.",
                excerpt(&one.container_name)
            )));
        };
        let leads =
            |port: &crate::model::ecs::definition::PortMapping| port.container_port == one.container_port;
        if !container.ports.iter().any(leads) {
            return Err(ApiError::invalid_parameter(format!(
                "The container {} did not have a container port {} defined.",
                excerpt(&one.container_name),
                one.container_port
            )));
        }
    }
    Ok(())
}
