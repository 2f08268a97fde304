//! `tgprobe status` of services and tasks: rows, or the server's JSON.

use crate::cli::args::{StatusArgs, TableFormat};
use crate::cli::client::Client;
use crate::cli::exit::{Exit, Trouble};
use crate::cli::status::{moment, or_dash};
use crate::cli::wire::service::{Deployment, Service, Services, Task, Tasks};
use crate::cli::{term, watch};
use crate::model::health::State;
use crate::model::percent;
use crate::runtime::clock::Clock;

/// What of services and tasks is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shown {
    Services,
    Tasks,
    One,
}

/// Shows what `args` ask for; `None` if that is no services and no tasks.
pub(crate) async fn show(client: &Client, clock: Clock, args: &StatusArgs) -> Option<Result<Exit, Trouble>> {
    let typed = |text: &str| percent::encode(text.as_bytes(), b"");
    let cluster = args.cluster.as_deref().map(|cluster| format!("?cluster={}", typed(cluster)));
    let cluster = cluster.unwrap_or_default();
    let (shown, path) = match &args.service {
        Some(name) => (Shown::One, format!("/api/v1/services/{}{cluster}", typed(name))),
        None if args.services => (Shown::Services, format!("/api/v1/services{cluster}")),
        None if args.tasks => (Shown::Tasks, format!("/api/v1/tasks{cluster}")),
        None if args.cluster.is_some() => {
            return Some(Err(Trouble::usage("--cluster goes with --services, --tasks or --service")));
        }
        None => return None,
    };
    let format = args.output;
    let render = move |text: &str| lines(shown, text, format);
    if args.watch {
        let stream = match shown {
            // Tells of all that changes, not only of what is an event.
            Shown::One if cluster.is_empty() => format!("{path}?watch=true"),
            Shown::One => format!("{path}&watch=true"),
            Shown::Services | Shown::Tasks => "/api/v1/events".to_owned(),
        };
        return Some(watch::lists(client, clock, (&path, &stream), format, render).await);
    }
    Some(once(client, &path, render).await)
}

async fn once(
    client: &Client,
    path: &str,
    render: impl Fn(&str) -> serde_json::Result<Vec<String>>,
) -> Result<Exit, Trouble> {
    let text = client.text(path).await?;
    let lines = render(&text).map_err(|error| Trouble::from(client.garbled(error)))?;
    term::out(&lines.join("\n"))?;
    Ok(Exit::Done)
}

fn lines(shown: Shown, text: &str, format: TableFormat) -> serde_json::Result<Vec<String>> {
    if format == TableFormat::Json {
        return Ok(vec![text.trim_end().to_owned()]);
    }
    Ok(match shown {
        Shown::Services => service_lines(&serde_json::from_str::<Services>(text)?.services, format),
        Shown::Tasks => task_lines(&serde_json::from_str::<Tasks>(text)?.tasks, format),
        Shown::One => in_full(&serde_json::from_str(text)?, format),
    })
}

fn service_lines(services: &[Service], format: TableFormat) -> Vec<String> {
    let narrow = [
        "SERVICE",
        "CLUSTER",
        "STATUS",
        "DEFINITION",
        "DESIRED",
        "RUNNING",
        "PENDING",
        "HEALTHY",
        "ROLLOUT",
        "STEADY",
    ];
    let all = format != TableFormat::Table;
    let header: Vec<_> =
        narrow.into_iter().chain(["DEPLOYMENT", "WAITING FOR"].into_iter().filter(|_| all)).collect();
    let row = |service: &Service| {
        let newest = service.deployments.first();
        let mut row = vec![
            service.service.clone(),
            service.cluster.clone(),
            service.status.clone(),
            service.definition.clone(),
            service.desired_count.to_string(),
            service.running_count.to_string(),
            service.pending_count.to_string(),
            service.healthy_count.to_string(),
            or_dash(newest.map(|newest| newest.rollout_state.as_str())),
            if service.steady { "yes" } else { "no" }.to_owned(),
        ];
        if all {
            row.push(or_dash(newest.map(|newest| newest.id.as_str())));
            row.push(or_dash(said(&service.waiting_for).as_deref()));
        }
        row
    };
    term::columns(&header, &services.iter().map(row).collect::<Vec<_>>())
}

fn task_lines(tasks: &[Task], format: TableFormat) -> Vec<String> {
    let narrow = ["TASK", "SERVICE", "DEFINITION", "LAST STATUS", "HEALTH", "WAITING FOR"];
    let wide = ["CLUSTER", "DEPLOYMENT", "DESIRED", "CONTAINERS", "TARGETS", "STARTED", "STOPPED"];
    let all = format != TableFormat::Table;
    let header: Vec<_> = narrow.into_iter().chain(wide.into_iter().filter(|_| all)).collect();
    let rows: Vec<_> = tasks.iter().map(|task| task_row(task, all)).collect();
    let mut lines = term::columns(&header, &rows);
    if term::colour() {
        for (line, task) in lines.iter_mut().skip(1).zip(tasks) {
            *line = term::paint(line, colour_of(task));
        }
    }
    lines
}

fn task_row(task: &Task, all: bool) -> Vec<String> {
    let waits: Vec<_> = task.waiting_for.iter().map(|obstacle| obstacle.message.clone()).collect();
    let mut row = vec![
        task.task.clone(),
        or_dash(task.service.as_deref()),
        task.definition.clone(),
        task.last_status.clone(),
        task.health.clone(),
        or_dash(said(&waits).as_deref()),
    ];
    if all {
        let containers: Vec<_> = task
            .containers
            .iter()
            .map(|one| format!("{} {} {}", one.name, one.last_status, one.health))
            .collect();
        let target = |one: &crate::cli::wire::service::Target| {
            format!("{} {} {}", one.target_group, one.target, or_dash(one.state.as_deref()))
        };
        let targets: Vec<_> = task.targets.iter().map(target).collect();
        row.extend([
            task.cluster.clone(),
            or_dash(task.deployment.as_deref()),
            task.desired_status.clone(),
            or_dash(said(&containers).as_deref()),
            or_dash(said(&targets).as_deref()),
            moment(task.started),
            moment(task.stopped),
        ]);
    }
    row
}

/// The colour of the target state that fares as a task does.
fn colour_of(task: &Task) -> State {
    match (task.last_status.as_str(), task.health.as_str()) {
        ("STOPPED", _) => State::Unused,
        ("DEACTIVATING" | "STOPPING" | "DEPROVISIONING", _) => State::Draining,
        (_, "UNHEALTHY") => State::Unhealthy,
        ("RUNNING", _) if task.waiting_for.is_empty() => State::Healthy,
        _ => State::Initial,
    }
}

fn in_full(service: &Service, format: TableFormat) -> Vec<String> {
    let mut lines = service_lines(std::slice::from_ref(service), TableFormat::Table);
    if !service.waiting_for.is_empty() {
        lines.extend([String::new(), "WAITING FOR".to_owned()]);
        lines.extend(service.waiting_for.iter().map(|text| term::plain(text)));
    }
    lines.push(String::new());
    lines.extend(deployment_lines(&service.deployments));
    if !service.tasks.is_empty() {
        lines.push(String::new());
        lines.extend(task_lines(&service.tasks, format));
    }
    lines
}

fn deployment_lines(deployments: &[Deployment]) -> Vec<String> {
    let header = [
        "DEPLOYMENT",
        "STATUS",
        "DEFINITION",
        "DESIRED",
        "RUNNING",
        "PENDING",
        "FAILED",
        "ROLLOUT",
        "REASON",
    ];
    let row = |one: &Deployment| {
        let limit = one.failure_limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
        vec![
            one.id.clone(),
            one.status.clone(),
            one.definition.clone(),
            one.desired_count.to_string(),
            one.running_count.to_string(),
            one.pending_count.to_string(),
            format!("{}{limit}", one.failed_tasks),
            one.rollout_state.clone(),
            one.rollout_state_reason.clone(),
        ]
    };
    term::columns(&header, &deployments.iter().map(row).collect::<Vec<_>>())
}

/// Several things in one cell; `None` where there is none.
fn said(all: &[String]) -> Option<String> {
    (!all.is_empty()).then(|| all.join("; "))
}
