//! What becomes of the task, in order, as it is shown.

use std::sync::Arc;

use crate::cli::args::TableFormat;
use crate::cli::exit::Trouble;
use crate::cli::run_task::screen::Screen;
use crate::cli::run_task::setup::Asked;
use crate::model::ecs::event::What;
use crate::model::ecs::task::Task;
use crate::runtime::containers::process::Processes;
use crate::runtime::view::{EventId, Told};

/// The task as every reader sees it.
pub(super) fn current(asked: &Asked) -> Arc<Task> {
    asked.agent.state().tasks.get(&asked.task).map(Arc::clone).unwrap_or_default()
}

/// How far what has happened is shown.
pub(super) struct Following {
    pub(super) screen: Screen,
    last: EventId,
    /// The task's, as shown last.
    version: u64,
    processes: Option<Processes>,
}

impl Following {
    /// Nothing is shown yet. `processes` is where what containers print can be read.
    pub(super) fn new(format: TableFormat, processes: Option<Processes>) -> Self {
        Self { screen: Screen::new(format), last: EventId::UNKNOWN, version: 0, processes }
    }

    /// Shows every state the task has been in since, and then `task`, which is how it is now. False where the journal
    /// lags behind, for a moment.
    pub(super) fn catch_up(&mut self, asked: &Asked, task: &Task) -> Result<bool, Trouble> {
        let now = asked.view.clock.now();
        let processes = self.processes.clone();
        let last_line = |name: &str| {
            processes.as_ref().and_then(|processes| processes.last_lines(&asked.task, name, 1).pop())
        };
        let events = asked.view.journal.after(self.last);
        self.last = events.last;
        for event in &events.entries {
            if let Told::Ecs(happened) = &event.told
                && let What::Task(task) = &happened.what
                && task.id == asked.task
                && task.version > self.version
            {
                self.version = task.version;
                self.screen.show(task, now, &last_line)?;
            }
        }
        // What is not in the journal yet is told in its order when it is.
        if task.version > self.version {
            return Ok(false);
        }
        if task.version == self.version {
            self.screen.show(task, now, &last_line)?;
        }
        Ok(true)
    }
}
