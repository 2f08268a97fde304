//! RunTask, StopTask, ListTasks and DescribeTasks.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::model::ecs::definition::TaskDefinition;
use crate::model::ecs::task::{Connectivity, ContainerOverride, DesiredStatus, Task, TaskId};
use crate::model::excerpt::excerpt;
use crate::output::ecs::action::{Asked, Decision};
use crate::output::ecs::error::ApiError;
use crate::output::ecs::input::{Input, broken};
use crate::output::ecs::lookup::{self, arn_of, cluster_of, includes, missing};
use crate::output::ecs::paging::Page;
use crate::output::ecs::services::{LAUNCH_TYPES, client_token};
use crate::output::ecs::{instances, tags, told};
use crate::runtime::agent::{Ecs, TaskWish};

/// Tasks of one call that describes them, at most.
const TASKS: usize = 100;

/// Characters of all overrides of a call at most, as JSON.
const OVERRIDES: usize = 8_192;

type Overrides = BTreeMap<Box<str>, ContainerOverride>;

/// `RunTask`.
pub(super) fn run(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let input = &asked.input;
    input.without(&[
        ("capacityProviderStrategy", "there are no capacity providers; name a launchType or none"),
        ("volumeConfigurations", "there are no volumes to attach"),
    ])?;
    let cluster: Box<str> = cluster_of(asked, &asked.state())?.into();
    let text = input.required("taskDefinition", "TaskDefinition can not be blank.")?.to_owned();
    let wish = TaskWish {
        cluster,
        definition: Default::default(),
        named: text.as_str().into(),
        launch_type: input.word("launchType", LAUNCH_TYPES)?.map(Box::from),
        count: input.number("count", &(1..=10))?.unwrap_or(1),
        group: group(input)?,
        started_by: started_by(input)?,
        overrides: overrides(input)?,
        tags: tags::read(input)?,
        client_token: client_token(input, 64)?,
    };
    Ok(Box::new(move |ecs, now| {
        let (state, account) = (ecs.state(), ecs.account());
        let (count, cluster) = (wish.count, wish.cluster.clone());
        // First of all: a definition can be gone, and what runs containers out of reach, when a call is made again.
        if let Some(tasks) = ecs.made_before(&wish)? {
            return Ok(ran(ecs, &cluster, &tasks, count));
        }
        let definition = Arc::clone(lookup::runnable(state, account, &text)?);
        of_the_definition(&wish.overrides, &definition)?;
        // Before it was reached for the first time, as right after the start, tasks wait for it.
        if state.connectivity == Connectivity::Disconnected && state.connectivity_at.is_some() {
            let arn = instances::arn(account, &cluster);
            return Ok(json!({ "tasks": [], "failures": [{ "arn": arn, "reason": "AGENT" }] }));
        }
        let tasks = ecs.run_task(TaskWish { definition: definition.id.clone(), ..wish }, now)?;
        Ok(ran(ecs, &cluster, &tasks, count))
    }))
}

/// The answer of `RunTask` where `wanted` tasks were asked for. Some are not made where no address is left for them.
fn ran(ecs: &Ecs, cluster: &str, tasks: &[Arc<Task>], wanted: u32) -> Value {
    let (state, account) = (ecs.state(), ecs.account());
    let missing = usize::try_from(wanted).unwrap_or(usize::MAX).saturating_sub(tasks.len());
    let failure = (missing > 0).then(|| {
        json!({
            "arn": instances::arn(account, cluster),
            "reason": "RESOURCE:ENI",
            "detail": format!("{missing} of {wanted} tasks were not made: no address of `task_addresses` is free."),
        })
    });
    let tell = |task: &Arc<Task>| told::task(state, account, task, true);
    json!({
        "tasks": tasks.iter().map(tell).collect::<Value>(),
        "failures": failure.into_iter().collect::<Value>(),
    })
}

/// `service:` begins the groups of services, whose tasks nobody else can run.
fn group(input: &Input<'_>) -> Result<Option<Box<str>>, ApiError> {
    let group = input.short("group", 255)?.filter(|group| !group.is_empty());
    match group {
        Some(group) if group.starts_with("service:") => Err(ApiError::invalid_parameter(
            "The group of a task that is run alone must not begin with 'service:'.",
        )),
        other => Ok(other.map(Box::from)),
    }
}

fn started_by(input: &Input<'_>) -> Result<Option<Box<str>>, ApiError> {
    let Some(text) = input.short("startedBy", 128)?.filter(|text| !text.is_empty()) else { return Ok(None) };
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || "-/_".contains(c)) {
        return Err(broken("startedBy", text, "satisfy regular expression pattern: [a-zA-Z0-9/_-]*"));
    }
    Ok(Some(text.into()))
}

/// Reads `overrides`: commands and variables of containers. What else there is to be overridden is of no effect here.
fn overrides(input: &Input<'_>) -> Result<Overrides, ApiError> {
    let Some(input) = input.structure("overrides")? else { return Ok(Overrides::new()) };
    let length = Value::Object(input.fields().clone()).to_string().chars().count();
    if length > OVERRIDES {
        let message = format!("Container Overrides length must be at most {OVERRIDES}");
        return Err(ApiError::invalid_parameter(message));
    }
    let mut all = Overrides::new();
    for one in input.structures("containerOverrides")? {
        one.without(&[("environmentFiles", "name the variables themselves")])?;
        let name = one.required("name", "Container override name can not be blank.")?;
        let command = one.texts("command")?;
        let command = (!command.is_empty()).then(|| command.into_iter().map(Box::from).collect());
        let mut environment = BTreeMap::new();
        for pair in one.structures("environment")? {
            let name = pair.required("name", "The name of an environment variable can not be blank.")?;
            let value = pair.text("value")?.unwrap_or_default();
            if name.contains(['=', '\0']) || value.contains('\0') {
                let message = format!("'{}' cannot be an environment variable.", excerpt(name));
                return Err(ApiError::invalid_parameter(message));
            }
            environment.insert(name.into(), value.into());
        }
        if all.insert(name.into(), ContainerOverride { command, environment }).is_some() {
            let message = format!("Container {} is overridden twice.", excerpt(name));
            return Err(ApiError::invalid_parameter(message));
        }
    }
    Ok(all)
}

fn of_the_definition(overrides: &Overrides, definition: &TaskDefinition) -> Result<(), ApiError> {
    let stray = overrides.keys().find(|name| definition.blueprint.container(name).is_none());
    stray.map_or(Ok(()), |name| {
        Err(ApiError::invalid_parameter(format!(
            "Override for container named {} is not a container in the TaskDefinition.",
            excerpt(name)
        )))
    })
}

/// `StopTask`. Our own parameter `force` stops it without draining its targets first.
pub(super) fn stop(asked: &Asked<'_>) -> Result<Decision, ApiError> {
    let input = &asked.input;
    let cluster = cluster_of(asked, &asked.state())?.to_owned();
    let text = input.required("task", "Task can not be blank.")?.to_owned();
    let reason = input.short("reason", 1_024)?.filter(|reason| !reason.is_empty()).map(str::to_owned);
    let force = input.flag("force")?;
    Ok(Box::new(move |ecs, now| {
        let found = lookup::task(ecs.state(), ecs.account(), &cluster, &text);
        let id: Option<TaskId> = found.map(|task| task.id.clone());
        let missing = || ApiError::invalid_parameter("The referenced task was not found.");
        let id = id.ok_or_else(missing)?;
        let stopped = ecs.stop_task(&id, reason.as_deref(), force, now)?;
        Ok(json!({ "task": told::task(ecs.state(), ecs.account(), &stopped, false) }))
    }))
}

/// `DescribeTasks`, stopped ones too for as long as they are kept.
pub(super) fn describe(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let named = asked.input.texts("tasks")?;
    if named.is_empty() {
        return Err(ApiError::invalid_parameter("Tasks cannot be empty."));
    }
    if named.len() > TASKS {
        return Err(ApiError::invalid_parameter(format!("Tasks cannot be more than {TASKS}.")));
    }
    let (state, account, tags) = (asked.state(), asked.account(), includes(asked, "TAGS")?);
    let cluster = cluster_of(asked, &state)?;
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for text in named {
        match lookup::task(&state, account, cluster, text) {
            Some(found) => tasks.push(told::task(&state, account, found, tags)),
            None => {
                let nobody = |id: &str| Task { id: id.into(), cluster: cluster.into(), ..Task::default() };
                failures.push(missing(arn_of(text, || account.task_arn(&nobody(text)))));
            }
        }
    }
    Ok(json!({ "tasks": tasks, "failures": failures }))
}

/// `ListTasks`, by id. A task is listed by what is wished of it.
pub(super) fn list(asked: &Asked<'_>) -> Result<Value, ApiError> {
    let (input, account, state) = (&asked.input, asked.account(), asked.state());
    let cluster = cluster_of(asked, &state)?;
    let text = |name| Ok::<_, ApiError>(input.text(name)?.filter(|text: &&str| !text.is_empty()));
    let (family, service, started_by) = (text("family")?, text("serviceName")?, text("startedBy")?);
    let instance = text("containerInstance")?;
    if started_by.is_some() && (family.is_some() || service.is_some() || instance.is_some()) {
        return Err(ApiError::invalid_parameter("startedBy must be the only filter of tasks."));
    }
    let desired = input.word("desiredStatus", &["RUNNING", "PENDING", "STOPPED"])?.unwrap_or("RUNNING");
    let launch_type = input.word("launchType", LAUNCH_TYPES)?;
    input.without(&[("daemonName", "there are no daemons")])?;
    let question = [cluster, desired];
    let filters = [family, service, started_by, instance, launch_type].map(Option::unwrap_or_default);
    let page = Page::read(asked, 100, &[&question[..], &filters].concat())?;
    let service = match service {
        Some(text) => {
            let found = lookup::service(&state, account, cluster, text);
            Some(found.ok_or_else(ApiError::service_not_found)?)
        }
        None => None,
    };
    let here = instances::arn(account, cluster);
    let on_instance = |text: &str| here == text || here.rsplit_once('/').is_some_and(|(_, id)| id == text);
    let desired = match desired {
        "RUNNING" => Some(DesiredStatus::Running),
        "STOPPED" => Some(DesiredStatus::Stopped),
        // It is never wished of a task that it waits.
        _ => None,
    };
    let wanted = |task: &&Arc<Task>| {
        *task.cluster == *cluster
            && Some(task.desired_status) == desired
            && family.is_none_or(|family| *task.definition.family == *family)
            && started_by.is_none_or(|by| task.started_by.as_deref() == Some(by))
            && launch_type.is_none_or(|kind| told::launch_type(&state, task) == kind)
            && instance.is_none_or(on_instance)
            && service.is_none_or(|service| {
                task.service.as_ref().is_some_and(|member| member.service == service.spec.key.name)
            })
    };
    let members = state.tasks.values().filter(wanted);
    let members = members.map(|task| (String::from(&*task.id), account.task_arn(task)));
    Ok(page.of("taskArns", members.collect()))
}
