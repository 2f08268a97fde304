//! How a task fares, as it is shown: a table that is redrawn on a terminal, a line per change off it.

use crate::cli::args::TableFormat;
use crate::cli::exit::Trouble;
use crate::cli::run_task::verdict::ending;
use crate::cli::term;
use crate::model::ecs::health::{CheckResult, HealthStatus};
use crate::model::ecs::task::{Container, ContainerStatus, Task};
use crate::model::health::State;
use crate::model::tick::Tick;

/// The last line a container has printed, by its name.
type LastLine<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// What is shown of a task.
#[derive(Debug)]
pub(super) struct Screen {
    format: TableFormat,
    terminal: bool,
    shown: Option<Task>,
    /// Lines of the table on the terminal, below the cursor.
    height: usize,
}

impl Screen {
    /// Nothing yet.
    pub(super) fn new(format: TableFormat) -> Self {
        let terminal =
            format != TableFormat::Json && term::stdout_is_terminal() && term::stderr_is_terminal();
        Self { format, terminal, shown: None, height: 0 }
    }

    /// Shows a task as it is `now`, or was when something changed.
    ///
    /// # Errors
    /// As [`term::out`].
    pub(super) fn show(&mut self, task: &Task, now: Tick, last_line: LastLine<'_>) -> Result<(), Trouble> {
        if self.terminal {
            return self.draw(task, now, last_line);
        }
        for line in changes(self.shown.as_ref(), task) {
            let line = term::plain(&line);
            // Beside JSON they are messages.
            if self.format == TableFormat::Json { term::message(&line) } else { term::out(&line)? }
        }
        self.shown = Some(task.clone());
        Ok(())
    }

    /// Leaves what is on the terminal there for whoever writes next.
    ///
    /// # Errors
    /// As [`term::out`].
    pub(super) fn finish(&mut self) -> Result<(), Trouble> {
        match std::mem::take(&mut self.height) {
            0 => Ok(()),
            height => term::out(&"\n".repeat(height - 1)),
        }
    }

    fn draw(&mut self, task: &Task, now: Tick, last_line: LastLine<'_>) -> Result<(), Trouble> {
        let wide = self.format == TableFormat::Wide;
        let mut header = vec!["CONTAINER", "STATUS", "HEALTH", "EXIT CODE", "LAST OUTPUT"];
        if wide {
            header.insert(4, "RUNTIME ID");
        }
        let rows: Vec<_> = task.containers.iter().map(|container| row(container, wide, last_line)).collect();
        let age = term::span(std::time::Duration::from_secs(now.since(task.created_at).as_secs()));
        let mut lines = vec![format!("TASK {} {} after {age}", task.last_status, task.health)];
        lines.extend(term::columns(&header, &rows));
        // A line that wraps would move all that follow.
        let (width, _) = term::size();
        let colours = [Some(task.health), None];
        let colours =
            colours.into_iter().chain(task.containers.iter().map(|container| Some(container.health)));
        let lines: Vec<_> = lines
            .iter()
            .zip(colours)
            .map(|(line, health)| {
                let cut: String = line.chars().take(width.saturating_sub(1)).collect();
                match health {
                    Some(health) if term::colour() => term::paint(&cut, colour(health)),
                    _ => cut,
                }
            })
            .collect();
        self.height = lines.len();
        term::redraw_table(&lines)
    }
}

fn colour(health: HealthStatus) -> State {
    match health {
        HealthStatus::Healthy => State::Healthy,
        HealthStatus::Unhealthy => State::Unhealthy,
        HealthStatus::Unknown => State::Initial,
    }
}

fn row(container: &Container, wide: bool, last_line: LastLine<'_>) -> Vec<String> {
    let output = match container.last_result() {
        Some(result) => last_words(result).unwrap_or_default(),
        None => last_line(&container.name).unwrap_or_default(),
    };
    let mut row = vec![
        container.name.to_string(),
        container.last_status.as_str().to_owned(),
        container.health.to_string(),
        container.exit_code.map(|code| code.to_string()).unwrap_or_default(),
    ];
    if wide {
        row.push(container.runtime_id.as_deref().unwrap_or_default().to_owned());
    }
    row.push(output);
    row
}

/// The last line of a check's output that says something.
fn last_words(result: &CheckResult) -> Option<String> {
    Some(result.last_words()).filter(|words| !words.is_empty()).map(str::to_owned)
}

/// A line for each thing that has changed, in AWS's words.
fn changes(before: Option<&Task>, after: &Task) -> Vec<String> {
    let mut lines = Vec::new();
    let fresh = Container::default();
    for (index, container) in after.containers.iter().enumerate() {
        let before = before.and_then(|before| before.containers.get(index)).unwrap_or(&fresh);
        lines.extend(container_changes(before, container));
    }
    if before.is_none_or(|before| before.last_status != after.last_status) {
        let reason = after.stopped_reason.as_deref().filter(|_| after.is_stopped());
        lines.push(format!("TASK {}{}", after.last_status, tail(reason)));
    }
    let was = before.map_or(HealthStatus::Unknown, |before| before.health);
    if was != after.health {
        lines.push(format!("TASK {was} -> {}", after.health));
    }
    lines
}

fn container_changes(before: &Container, after: &Container) -> Vec<String> {
    let mut lines = Vec::new();
    let name = &after.name;
    if before.last_status != after.last_status || before.restarts != after.restarts {
        let ended = (after.last_status == ContainerStatus::Stopped).then(|| ending(after));
        lines.push(format!("{name} {}{}", after.last_status.as_str(), tail(ended.as_deref())));
    }
    let result = after.last_result();
    let said = result.and_then(last_words);
    if before.health != after.health {
        lines.push(format!("{name} {} -> {}{}", before.health, after.health, tail(said.as_deref())));
    } else if let Some(result) = result.filter(|result| Some(*result) != before.last_result())
        && result.exit_code != 0
    {
        let counted =
            if after.failures > 0 { format!(", {} in a row", after.failures) } else { String::new() };
        let line = format!(
            "{name} check failed with exit code {}{counted}{}",
            result.exit_code,
            tail(said.as_deref())
        );
        lines.push(line);
    }
    lines
}

fn tail(text: Option<&str>) -> String {
    text.map(|text| format!(": {text}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ecs::task::TaskStatus;

    fn result(exit_code: i32, output: &str) -> CheckResult {
        CheckResult { started: Tick(1), ended: Tick(2), exit_code, output: output.into() }
    }

    #[test]
    fn each_change_is_a_line_in_the_words_of_aws() {
        let mut task = Task {
            containers: vec![Container { name: "app".into(), ..Container::default() }],
            ..Task::default()
        };
        assert_eq!(changes(None, &task), ["TASK PROVISIONING"]);
        assert_eq!(changes(Some(&task), &task), Vec::<String>::new());
        let mut step = |change: fn(&mut Task), expected: &[&str]| {
            let before = task.clone();
            change(&mut task);
            assert_eq!(changes(Some(&before), &task), expected);
        };
        step(
            |task| {
                task.last_status = TaskStatus::Running;
                task.containers[0].last_status = ContainerStatus::Running;
            },
            &["app RUNNING", "TASK RUNNING"],
        );
        step(
            |task| {
                task.containers[0].failures = 1;
                task.containers[0].results.push_back(result(7, "no\nroute\n\n"));
            },
            &["app check failed with exit code 7, 1 in a row: route"],
        );
        step(
            |task| {
                task.health = HealthStatus::Healthy;
                task.containers[0].health = HealthStatus::Healthy;
                task.containers[0].results.push_back(result(0, "ok\n"));
            },
            &["app UNKNOWN -> HEALTHY: ok", "TASK UNKNOWN -> HEALTHY"],
        );
        step(
            |task| {
                task.last_status = TaskStatus::Stopped;
                task.stopped_reason = Some("why".into());
                task.containers[0].last_status = ContainerStatus::Stopped;
                task.containers[0].exit_code = Some(137);
            },
            &["app STOPPED: exit code 137", "TASK STOPPED: why"],
        );
    }
}
