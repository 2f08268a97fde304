//! Containers for which this host has no room, which is nobody's fault but our own: they are tried again, ever more seldom.

use std::time::Duration;

use tracing::warn;

use crate::engine::ecs::action::{Report, StartContainer, StartError};
use crate::model::ecs::state::State;
use crate::model::tick::Tick;

/// The first wait before all of them are tried again; it doubles up to [`LONGEST_WAIT`] until one finds room.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Want of room concerns whatever starts, and is said once in this time.
const SAID_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Those that wait for room.
#[derive(Debug)]
pub(super) struct Crowd {
    waiting: Vec<(StartContainer, StartError)>,
    wait: Duration,
    due: Option<Tick>,
    said: Option<Tick>,
}

impl Crowd {
    pub(super) fn new() -> Self {
        Self { waiting: Vec::new(), wait: FIRST_WAIT, due: None, said: None }
    }

    /// One more has found no room.
    pub(super) fn join(&mut self, start: StartContainer, error: StartError, now: Tick) {
        if self.said.is_none_or(|at| at + SAID_AGAIN_AFTER <= now) {
            self.said = Some(now);
            let (reason, task) = (&*error.message, &*start.key.task);
            warn!(reason, task, "This host has no room for a container; trying again.");
        }
        if self.due.is_none() {
            self.due = Some(now + self.wait);
            self.wait = (self.wait * 2).min(LONGEST_WAIT);
        }
        self.waiting.push((start, error));
    }

    /// One has found room.
    pub(super) fn has_room(&mut self) {
        self.wait = FIRST_WAIT;
    }

    /// When those that wait are tried again.
    pub(super) fn due(&self) -> Option<Tick> {
        self.due
    }

    /// Those that are to be tried now.
    pub(super) fn leave(&mut self, now: Tick) -> Vec<StartContainer> {
        if self.due.is_none_or(|at| now < at) {
            return Vec::new();
        }
        self.due = None;
        self.waiting.drain(..).map(|(start, _)| start).collect()
    }

    /// What the rules are to hear of those that nobody wants any more.
    pub(super) fn give_up(&mut self, state: &State) -> Vec<Report> {
        let wanted = |task: &str| state.tasks.get(task).is_some_and(|task| task.is_wanted());
        let over = self.waiting.extract_if(.., |(start, _)| !wanted(&start.key.task));
        over.map(|(start, error)| Report::NotStarted(start.key, error)).collect()
    }

    /// What runs containers was lost: the rules will ask again themselves.
    pub(super) fn scatter(&mut self) {
        self.waiting.clear();
        self.due = None;
    }
}
