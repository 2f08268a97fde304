//! CreateService, UpdateService, DeleteService, DescribeServices and ListServices.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::model::arn::Account;
use crate::model::ecs::service::{Service, ServiceKey, ServiceSpec, ServiceStatus};
use crate::model::ecs::state::State;
use crate::output::ecs::action::{Asked, Decision};
use crate::output::ecs::clusters::is_name;
use crate::output::ecs::deployment::{self, GREATEST};
use crate::output::ecs::error::ApiError;
use crate::output::ecs::input::{Input, broken};
use crate::output::ecs::lookup::{self, arn_of, cluster_of, includes, missing};
use crate::output::ecs::paging::Page;
use crate::output::ecs::{echo, tags, told};
use crate::runtime::agent::ServiceUpdate;

/// Services of one call at most.
const SERVICES: usize = 10;

/// Tasks of a service at most; AWS's quota.
const TASKS: u32 = 5_000;

/// `launchType`.
pub(super) const LAUNCH_TYPES: &[&str] = &["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"];

const DAEMON_COUNT: &str = "The daemon scheduling strategy does not support a desired count for services. Remove the \
                            desired count value and try again.";

/// Refuses what cannot be done here and changes what a service does.
fn only_what_is_there(input: &Input<'_>) -> Result<(), ApiError> {
    if let Some(controller) = input.structure("deploymentController")?
        && let Some(kind @ ("CODE_DEPLOY" | "EXTERNAL")) =
            controller.word("type", &["ECS", "CODE_DEPLOY", "EXTERNAL"])?
    {
        let message =
            format!("The deployment controller {kind} is not supported here: deployments are of type ECS.");
        return Err(ApiError::unsupported(message));
    }
    if let Some(connect) = input.structure("serviceConnectConfiguration")? {
        connect.without(&[("enabled", "there is no Service Connect")])?;
    }
    input.without(&[
        ("capacityProviderStrategy", "there are no capacity providers; name a launchType or none"),
        ("serviceRegistries", "there is no service discovery"),
        ("volumeConfigurations", "there are no volumes to attach"),
        ("vpcLatticeConfigurations", "there is no VPC Lattice"),
    ])
}

/// 33 to 126 are the codes of the characters that AWS takes.
pub(super) fn client_token(input: &Input<'_>, most: usize) -> Result<Option<Box<str>>, ApiError> {
    let Some(token) = input.short("clientToken", most)?.filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    if !token.bytes().all(|byte| (33..=126).contains(&byte)) {
        return Err(broken(&input.place("clientToken"), token, "be of visible ASCII characters"));
    }
    Ok(Some(token.into()))
}

fn grace_period(input: &Input<'_>) -> Result<Option<Duration>, ApiError> {
    let seconds = input.number("healthCheckGracePeriodSeconds", &(0..=GREATEST))?;
    Ok(seconds.map(|seconds| Duration::from_secs(seconds.into())))
}

/// `CreateService`.
pub(super) fn create(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let input = &asked.input;
    only_what_is_there(input)?;
    let name = input.required("serviceName", "ServiceName cannot be empty.")?;
    if !is_name(name) {
        let message = "Service name must be 1 to 255 letters, numbers, hyphens and underscores.";
        return Err(ApiError::invalid_parameter(message));
    }
    let key = ServiceKey { cluster: cluster_of(asked, &asked.state())?.into(), name: name.into() };
    let text = input.required("taskDefinition", "TaskDefinition can not be blank.")?.to_owned();
    let daemon = input.word("schedulingStrategy", &["REPLICA", "DAEMON"])? == Some("DAEMON");
    let desired_count = match (daemon, input.number("desiredCount", &(0..=TASKS))?) {
        (false, Some(count)) => count,
        (false, None) => {
            let message = "The replica scheduling strategy needs a desired count (desiredCount).";
            return Err(ApiError::invalid_parameter(message));
        }
        (true, None) => 1,
        (true, Some(_)) => return Err(ApiError::invalid_parameter(DAEMON_COUNT)),
    };
    let defaults = deployment::defaults(daemon);
    let wanted = deployment::configuration(input)?.unwrap_or_default().over(&defaults);
    deployment::check(&wanted, daemon)?;
    let spec = ServiceSpec {
        key,
        definition: Default::default(),
        desired_count,
        daemon,
        load_balancers: deployment::load_balancers(asked)?,
        deployment: wanted,
        grace_period: grace_period(input)?.unwrap_or_default(),
        launch_type: input.word("launchType", LAUNCH_TYPES)?.unwrap_or("EC2").into(),
        told: echo::read(input)?,
        tags: tags::read(input)?,
        client_token: client_token(input, 36)?,
        in_file: false,
    };
    Ok(Box::new(move |ecs, now| {
        let definition = Arc::clone(lookup::runnable(ecs.state(), ecs.account(), &text)?);
        deployment::lead_somewhere(&spec.load_balancers, &definition)?;
        let made = ecs.create_service(ServiceSpec { definition: definition.id.clone(), ..spec }, now)?;
        Ok(answer(ecs.state(), ecs.account(), &made))
    }))
}

/// Services are told with their tags where they have just been changed.
fn answer(state: &State, account: &Account, service: &Service) -> Value {
    json!({ "service": told::service(state, account, service, true) })
}

/// The service that a call is about, as it is, to be changed.
fn named(asked: &Asked<'_>) -> Result<ServiceKey, ApiError> {
    let text = asked.input.required("service", "Service can not be blank.")?;
    let cluster = cluster_of(asked, &asked.state())?;
    lookup::service_key(asked.account(), cluster, text).ok_or_else(ApiError::service_not_found)
}

fn changeable<'s>(state: &'s State, key: &ServiceKey) -> Result<&'s Arc<Service>, ApiError> {
    match state.services.get(key) {
        Some(service) if service.spec.in_file => Err(ApiError::service_of_file(&key.name)),
        Some(service) => Ok(service),
        None => Err(ApiError::service_not_found()),
    }
}

/// `UpdateService`: what the call leaves out stays as it was.
pub(super) fn update(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let input = &asked.input;
    only_what_is_there(input)?;
    let key = named(asked)?;
    let text = input.text("taskDefinition")?.filter(|text| !text.is_empty()).map(str::to_owned);
    let configuration = deployment::configuration(input)?;
    let load_balancers = match input.fields().get("loadBalancers").filter(|all| !all.is_null()) {
        Some(_) => Some(deployment::load_balancers(asked)?),
        None => None,
    };
    let update = ServiceUpdate {
        definition: None,
        desired_count: input.number("desiredCount", &(0..=TASKS))?,
        deployment: None,
        grace_period: grace_period(input)?,
        load_balancers,
        told: echo::read(input)?,
        force_new_deployment: input.flag("forceNewDeployment")?,
    };
    Ok(Box::new(move |ecs, now| {
        let (state, account) = (ecs.state(), ecs.account());
        let before = changeable(state, &key)?;
        if before.spec.daemon && update.desired_count.is_some() {
            return Err(ApiError::invalid_parameter(DAEMON_COUNT));
        }
        let definition = match &text {
            Some(text) => Some(Arc::clone(lookup::runnable(state, account, text)?)),
            None => None,
        };
        let deployment = configuration.map(|wanted| wanted.over(&before.spec.deployment));
        if let Some(deployment) = &deployment {
            deployment::check(deployment, before.spec.daemon)?;
        }
        let load_balancers = update.load_balancers.as_ref().unwrap_or(&before.spec.load_balancers);
        let running = definition.as_ref().or_else(|| state.definitions.get(&before.spec.definition));
        if let Some(running) = running {
            deployment::lead_somewhere(load_balancers, running)?;
        }
        let definition = definition.map(|definition| definition.id.clone());
        let updated = ecs.update_service(&key, ServiceUpdate { definition, deployment, ..update }, now)?;
        Ok(answer(ecs.state(), ecs.account(), &updated))
    }))
}

/// `DeleteService`.
pub(super) fn delete(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let (key, force) = (named(asked)?, asked.input.flag("force")?);
    Ok(Box::new(move |ecs, now| {
        changeable(ecs.state(), &key)?;
        let deleted = ecs.delete_service(&key, force, now)?;
        Ok(answer(ecs.state(), ecs.account(), &deleted))
    }))
}

/// `DescribeServices`, deleted ones too for as long as they are kept.
pub(super) fn describe(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let named = asked.input.texts("services")?;
    if named.is_empty() {
        return Err(ApiError::invalid_parameter("Services cannot be empty."));
    }
    if named.len() > SERVICES {
        let message = format!("Services cannot be more than {SERVICES}.");
        return Err(ApiError::invalid_parameter(message));
    }
    let (state, account, tags) = (asked.state(), asked.account(), includes(asked, "TAGS")?);
    let cluster = cluster_of(asked, &state)?;
    let (mut services, mut failures) = (Vec::new(), Vec::new());
    for text in named {
        match lookup::service(&state, account, cluster, text) {
            Some(found) => services.push(told::service(&state, account, found, tags)),
            None => {
                let would_be =
                    || account.service_arn(&ServiceKey { cluster: cluster.into(), name: text.into() });
                failures.push(missing(arn_of(text, would_be)));
            }
        }
    }
    Ok(json!({ "services": services, "failures": failures }))
}

/// `ListServices`, by name.
pub(super) fn list(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let state = asked.state();
    let cluster = cluster_of(asked, &state)?;
    let launch_type = asked.input.word("launchType", LAUNCH_TYPES)?;
    let strategy = asked.input.word("schedulingStrategy", &["REPLICA", "DAEMON"])?;
    let question = [cluster, launch_type.unwrap_or_default(), strategy.unwrap_or_default()];
    let page = Page::read(asked, 10, &question)?;
    let wanted = |(key, service): &(&ServiceKey, &Arc<Service>)| {
        let spec = &service.spec;
        *key.cluster == *cluster
            && service.status != ServiceStatus::Inactive
            && launch_type.is_none_or(|kind| *spec.launch_type == *kind)
            && strategy.is_none_or(|strategy| spec.daemon == (strategy == "DAEMON"))
    };
    let members = state.services.iter().filter(wanted);
    let members = members.map(|(key, _)| (String::from(&*key.name), asked.account().service_arn(key)));
    Ok(page.of("serviceArns", members.collect()))
}
