//! `tgprobe run-task`: one task of a task definition in the foreground, until it is `HEALTHY` or will not be.

use std::time::Duration;

use serde_json::json;

use crate::cli::args::{LogFormat, RunTaskArgs, RunTaskRuntime, TableFormat};
use crate::cli::exit::{Exit, Trouble};
use crate::cli::run_task::following::{Following, current};
use crate::cli::run_task::setup::Asked;
use crate::cli::run_task::signals::Signals;
use crate::cli::run_task::verdict::{Verdict, hopeless, why};
use crate::cli::{logging, serve, term};
use crate::model::ecs::definition::Reading;
use crate::model::ecs::health::HealthStatus;
use crate::model::ecs::task::{ContainerStatus, Task};
use crate::model::tick::Tick;
use crate::output::services;
use crate::runtime::agent::Unwritten;
use crate::runtime::clock::Clock;
use crate::runtime::containers::Runtime;
use crate::runtime::containers::docker::Docker;
use crate::runtime::containers::process::Processes;
use crate::runtime::view::View;

mod following;
mod screen;
mod setup;
mod signals;
mod verdict;

/// The time shown is that of the last second.
const FRAME: Duration = Duration::from_secs(1);

/// Lines of what a container has printed that are told where it is to blame.
const LINES: usize = 20;

/// Runs the command.
#[must_use]
pub fn run(args: &RunTaskArgs) -> Exit {
    let _log = logging::start(LogFormat::Text, args.log_level);
    term::end(serve::block_on(start(args)))
}

async fn start(args: &RunTaskArgs) -> Result<Exit, Trouble> {
    // Before anything is started: a signal nobody listens for would leave it behind.
    let signals = Signals::listen()?;
    let reading = setup::read(&args.file)?;
    if let Some(why) = hopeless(&reading.blueprint) {
        return Err(Trouble::usage(format!("{}: {why}", args.file.display())));
    }
    for note in reading.warnings.iter().map(ToString::to_string).chain(late_checks(&reading, args)) {
        term::message(&format!("note: {}", term::plain(&note)));
    }
    let (clock, seed) = (Clock::start(), setup::seed()?);
    let owner = format!("{seed:016x}");
    let mut run = Run { args, clock, signals, processes: None };
    match args.runtime {
        RunTaskRuntime::Process => {
            for note in Processes::ignored(&reading.blueprint) {
                term::message(&format!("note: {}", term::plain(&note)));
            }
            let folder = Processes::temporary_folder(&owner);
            let processes = Processes::new(&owner, folder.clone(), clock);
            run.processes = Some(processes.clone());
            let ended = run.of(reading, processes, seed).await;
            if !matches!(ended, Ok((_, true))) {
                // What was printed has been told where somebody might want to know it.
                _ = std::fs::remove_dir_all(folder);
            }
            ended.map(|(exit, _)| exit)
        }
        RunTaskRuntime::Docker => {
            let docker = Docker::new(setup::docker_socket()?, &owner, false, clock);
            let ended = run.of(reading, docker.clone(), seed).await;
            if matches!(ended, Ok((_, true))) {
                // A container that runs on is not to run on with a check in it; without an engine nobody can tell.
                _ = docker.settle().await;
            }
            ended.map(|(exit, _)| exit)
        }
    }
}

/// Who has no time for the first check is told so before it waits in vain.
fn late_checks(reading: &Reading, args: &RunTaskArgs) -> Vec<String> {
    let late = reading.blueprint.containers.iter().filter_map(|container| {
        let interval = container.check.as_ref()?.interval;
        (container.essential && interval >= args.timeout).then(|| {
            let name = &container.name;
            let (interval, timeout) = (term::span(interval), term::span(args.timeout));
            format!("the first check of {name} runs {interval} after its start, and --timeout is {timeout}")
        })
    });
    late.collect()
}

/// One run of the command.
struct Run<'a> {
    args: &'a RunTaskArgs,
    clock: Clock,
    signals: Signals,
    /// Where what containers print can be read.
    processes: Option<Processes>,
}

impl Run<'_> {
    /// Runs the task; says how that ended, and whether it runs on.
    async fn of(
        mut self,
        reading: Reading,
        runtime: impl Runtime + Clone,
        seed: u64,
    ) -> Result<(Exit, bool), Trouble> {
        let began = self.clock.now();
        let view = View::new(self.clock, 1);
        let asked = setup::ask(reading, runtime.clone(), seed, view).await?;
        let mut following = Following::new(self.args.output, self.processes.clone());
        let deadline = began + self.args.timeout;
        // Whatever cannot be shown, as to a reader that has hung up, leaves nothing running.
        let judged = self.judge(&asked, &mut following, deadline).await;
        let keep = self.args.keep && matches!(judged, Ok(Verdict::Healthy));
        let task = current(&asked);
        // Before it stops, and is no longer what it was.
        let state = asked.agent.state();
        let reason = why(&state, &task);
        let mut shown = judged.as_ref().map(|_| ()).map_err(Clone::clone);
        if !keep {
            shown = shown.and(self.stop(&asked, &mut following, &runtime).await);
        }
        _ = following.screen.finish();
        let told = self.tell(&asked, judged.clone(), &reason, began);
        asked.agent.end().await;
        let exit = if matches!(judged?, Verdict::Healthy) { Exit::Done } else { Exit::Unhealthy };
        shown.and(told).map(|()| (exit, keep))
    }

    /// Follows the task until it is known what it has come to.
    async fn judge(
        &mut self,
        asked: &Asked,
        following: &mut Following,
        deadline: Tick,
    ) -> Result<Verdict, Trouble> {
        let (mut changes, mut events) = (asked.view.changes(), asked.view.journal.changes());
        loop {
            let task = current(asked);
            let told = following.catch_up(asked, &task)?;
            if let Some(verdict) = Verdict::of(&task).filter(|_| told) {
                return Ok(verdict);
            }
            if self.clock.now() >= deadline {
                return Ok(Verdict::Late);
            }
            tokio::select! {
                () = self.signals.next() => return Ok(Verdict::Interrupted),
                _ = changes.changed() => {}
                _ = events.changed() => {}
                () = self.clock.sleep_until(deadline) => {}
                () = self.clock.sleep(FRAME) => {}
            }
        }
    }

    /// Stops the task and waits until it has. Who asks for the end once more has it killed.
    async fn stop(
        &mut self,
        asked: &Asked,
        following: &mut Following,
        runtime: &impl Runtime,
    ) -> Result<(), Trouble> {
        let id = asked.task.clone();
        let stopped =
            asked.agent.call(move |ecs, now| ecs.stop_task(&id, Some("run-task is done"), true, now)).await;
        // Refused where it has been forgotten already.
        if let Err(Unwritten::NotDurable(why) | Unwritten::Unknown(why)) = stopped {
            return Err(Trouble::usage(format!("cannot stop the task: {why}")));
        }
        let (mut changes, mut events) = (asked.view.changes(), asked.view.journal.changes());
        let (mut shown, mut late) = (Ok(()), false);
        loop {
            let task = current(asked);
            let told = match &shown {
                Ok(()) => following.catch_up(asked, &task),
                Err(_) => Ok(true),
            };
            let told = told.unwrap_or_else(|trouble| {
                shown = Err(trouble);
                true
            });
            if task.is_stopped() && (told || late) {
                // The agent has that done in its own time, and ends now.
                for id in task.containers.iter().filter_map(|container| container.runtime_id.as_deref()) {
                    _ = runtime.remove(id).await;
                }
                return shown;
            }
            tokio::select! {
                () = self.signals.next() => {
                    for id in task.containers.iter().filter_map(|container| container.runtime_id.as_deref()) {
                        // Where it cannot be reached there is nobody to kill it.
                        _ = runtime.kill(id).await;
                    }
                }
                _ = changes.changed() => {}
                _ = events.changed() => {}
                () = self.clock.sleep(FRAME) => late = task.is_stopped(),
            }
        }
    }

    /// Tells how it ended.
    fn tell(
        &self,
        asked: &Asked,
        judged: Result<Verdict, Trouble>,
        reason: &str,
        began: Tick,
    ) -> Result<(), Trouble> {
        let verdict = judged?;
        let family = &asked.definition.id.family;
        let elapsed = self.clock.now().since(began);
        let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        let message = match verdict {
            Verdict::Healthy => format!("{family}: HEALTHY"),
            Verdict::Unhealthy => format!("{family} is UNHEALTHY{because}"),
            Verdict::Stopped => format!("{family} has stopped{because}"),
            Verdict::Late => {
                format!("{family} is not HEALTHY after {}{because}", term::span(self.args.timeout))
            }
            Verdict::Interrupted => format!("interrupted before {family} was HEALTHY{because}"),
        };
        let (state, task) = (asked.agent.state(), current(asked));
        if verdict != Verdict::Healthy {
            term::error(&term::plain(&message));
            self.tell_logs(&task);
        }
        let exit = if verdict == Verdict::Healthy { Exit::Done } else { Exit::Unhealthy };
        if self.args.output == TableFormat::Json {
            let task = services::task(&state, asked.agent.account(), &task);
            let result = json!({
                "result": verdict.word(),
                "exit": exit.code(),
                "message": message,
                "elapsed": elapsed.as_secs_f64(),
                "task": task,
            });
            return term::out(&result.to_string());
        }
        if verdict == Verdict::Healthy {
            term::out(&message)?;
            if self.args.keep {
                self.tell_kept(&task)?;
            }
        }
        Ok(())
    }

    /// What the containers that may be to blame have printed last.
    fn tell_logs(&self, task: &Task) {
        let Some(processes) = &self.processes else { return };
        for container in &task.containers {
            let failed = container.last_status == ContainerStatus::Stopped && container.exit_code != Some(0);
            if !failed && container.health == HealthStatus::Healthy {
                continue;
            }
            let lines = processes.last_lines(&task.id, &container.name, LINES);
            if !lines.is_empty() {
                term::message(&format!("{} printed last:", container.name));
            }
            for line in lines {
                term::message(&format!("  {}", term::plain(&line)));
            }
        }
    }

    /// What runs on, and how it can be ended.
    fn tell_kept(&self, task: &Task) -> Result<(), Trouble> {
        for container in &task.containers {
            let (Some(id), ContainerStatus::Running) = (&container.runtime_id, container.last_status) else {
                continue;
            };
            let line = match &self.processes {
                Some(processes) => {
                    let group = id.split('-').next().unwrap_or_default();
                    let log = processes.log_path(&task.id, &container.name);
                    format!(
                        "{} runs on: stop it with `kill -- -{group}`, it prints to {}",
                        container.name,
                        log.display()
                    )
                }
                None => format!("{} runs on: stop it with `docker stop {id}`", container.name),
            };
            term::out(&line)?;
        }
        Ok(())
    }
}
