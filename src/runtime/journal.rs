//! The latest transitions, in order, for event streams that follow or resume.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::model::health::{State, TargetHealth};
use crate::model::target::TargetDescription;
use crate::model::target_group::GroupName;
use crate::model::tick::Tick;

/// Transitions kept for streams that resume: about two megabytes, and some minutes of a very bad day.
const CAPACITY: usize = 10_000;

/// Names one event: the process that wrote it, by its start, and a number that grows by one.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct EventId {
    boot: u64,
    number: u64,
}

impl EventId {
    /// An id of no process, for what cannot be read.
    pub const UNKNOWN: Self = Self { boot: 0, number: 0 };
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.boot, self.number)
    }
}

impl FromStr for EventId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = |text: &str| text.parse().map_err(|_| "an event id is two numbers with a hyphen between");
        let (boot, number) =
            text.split_once('-').ok_or("an event id is two numbers with a hyphen between")?;
        Ok(Self { boot: parse(boot)?, number: parse(number)? })
    }
}

/// One transition of one target.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub id: EventId,
    /// When it happened.
    pub at: Tick,
    /// The group.
    pub group: GroupName,
    /// The target.
    pub target: Arc<TargetDescription>,
    /// The state left.
    pub from: State,
    /// The state entered, with its reason.
    pub to: TargetHealth,
}

/// Where a stream goes on.
#[derive(Debug)]
pub struct Resume {
    /// Events after the one asked for, oldest first.
    pub entries: Vec<Arc<Entry>>,
    /// The newest event there is; ask for what follows it next time.
    pub last: EventId,
    /// Events were lost between the one asked for and the first one here.
    pub gap: bool,
}

/// The latest transitions.
#[derive(Debug)]
pub struct Journal {
    boot: u64,
    entries: Mutex<VecDeque<Arc<Entry>>>,
    newest: watch::Sender<u64>,
}

impl Journal {
    /// An empty journal of a process started at `boot`.
    #[must_use]
    pub fn new(boot: Tick) -> Self {
        Self { boot: boot.0, entries: Mutex::default(), newest: watch::Sender::new(0) }
    }

    /// Writes one transition down.
    pub fn record(
        &self,
        at: Tick,
        group: GroupName,
        target: Arc<TargetDescription>,
        from: State,
        to: TargetHealth,
    ) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *self.newest.borrow() + 1;
        let id = EventId { boot: self.boot, number };
        if entries.len() == CAPACITY {
            entries.pop_front();
        }
        entries.push_back(Arc::new(Entry { id, at, group, target, from, to }));
        self.newest.send_replace(number);
    }

    /// The newest event's id; number 0 while there is none.
    #[must_use]
    pub fn newest(&self) -> EventId {
        EventId { boot: self.boot, number: *self.newest.borrow() }
    }

    /// Tells when something has been written since it was last looked at.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// What has been written after `last`.
    #[must_use]
    pub fn after(&self, last: EventId) -> Resume {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = *self.newest.borrow();
        let known = last.boot == self.boot && last.number <= newest;
        let after = if known { last.number } else { 0 };
        let oldest = entries.front().map_or(newest + 1, |entry| entry.id.number);
        let found = entries.iter().filter(|entry| entry.id.number > after).cloned().collect();
        Resume {
            entries: found,
            last: EventId { boot: self.boot, number: newest },
            gap: !known || after + 1 < oldest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(journal: &Journal, times: u64) {
        for number in 0..times {
            let target = TargetDescription { id: "10.0.0.1".into(), port: 80, zone: None };
            let group = GroupName::parse("web").unwrap();
            journal.record(Tick(number), group, Arc::new(target), State::Initial, TargetHealth::HEALTHY);
        }
    }

    fn numbers(resume: &Resume) -> Vec<u64> {
        resume.entries.iter().map(|entry| entry.id.number).collect()
    }

    #[test]
    fn a_stream_resumes_after_the_event_it_saw_last() {
        let journal = Journal::new(Tick(7));
        write(&journal, 5);
        let resume = journal.after("7-3".parse().unwrap());
        assert_eq!((numbers(&resume), resume.gap), (vec![4, 5], false));
        assert_eq!(resume.last.to_string(), "7-5");
        assert!(journal.after(resume.last).entries.is_empty());
    }

    #[test]
    fn an_id_of_another_process_or_of_the_future_is_a_gap() {
        let journal = Journal::new(Tick(7));
        write(&journal, 2);
        for id in ["6-1", "7-99"] {
            let resume = journal.after(id.parse().unwrap());
            assert_eq!((numbers(&resume), resume.gap), (vec![1, 2], true), "{id}");
        }
    }

    #[test]
    fn what_was_forgotten_is_a_gap() {
        let journal = Journal::new(Tick(7));
        write(&journal, u64::try_from(CAPACITY).unwrap() + 10);
        assert!(journal.after("7-9".parse().unwrap()).gap);
        let resume = journal.after("7-10".parse().unwrap());
        assert!(!resume.gap);
        assert_eq!(resume.entries.len(), CAPACITY);
    }

    #[test]
    fn what_is_no_event_id_is_refused() {
        for text in ["", "7", "7-", "-7", "a-b", "7-3-1", "99999999999999999999999-1"] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }
}
