//! What happened lately, in order, for event streams that follow or resume: transitions of targets, and what became of
//! tasks and services.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::model::ecs::event::Happened;
use crate::model::health::{State, TargetHealth};
use crate::model::past::{Ask, Past};
use crate::model::target::TargetDescription;
use crate::model::target_group::GroupName;
use crate::model::tick::Tick;

/// Events kept for streams that resume, about two megabytes: days of a small fleet, and less than a second where
/// 100,000 targets change at once. Who was cut off for longer is told to read anew.
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

/// One event.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub id: EventId,
    /// When it happened.
    pub at: Tick,
    /// What happened.
    pub told: Told,
}

/// What an event tells of.
#[derive(Clone, Debug)]
pub enum Told {
    /// A target changed state.
    Transition(Transition),
    /// Something became of a task or a service.
    Ecs(Arc<Happened>),
}

/// One transition of one target.
#[derive(Clone, Debug)]
pub struct Transition {
    /// The group.
    pub group: GroupName,
    /// The target.
    pub target: Arc<TargetDescription>,
    /// The state left.
    pub from: State,
    /// The state entered, with its reason.
    pub to: TargetHealth,
}

impl Entry {
    /// The transition it tells of; `None` if it tells of something else.
    #[must_use]
    pub fn transition(&self) -> Option<&Transition> {
        match &self.told {
            Told::Transition(transition) => Some(transition),
            Told::Ecs(_) => None,
        }
    }
}

/// Where a stream goes on.
#[derive(Debug)]
pub struct Resume {
    /// Events after the one asked for, oldest first, up to the next that were lost.
    pub entries: Vec<Arc<Entry>>,
    /// How far this goes; ask for what follows it next time.
    pub last: EventId,
    /// Events were lost between the one asked for and the first one here.
    pub gap: bool,
    /// Events were lost after the last one here, so that this is not all there is.
    pub more: bool,
}

/// One place in the journal: an event, or `None` where some were lost.
type Line = Option<Arc<Entry>>;

/// The latest events.
#[derive(Debug)]
pub struct Journal {
    boot: u64,
    /// Without holes: the place of a line tells its number.
    lines: Mutex<VecDeque<Line>>,
    newest: watch::Sender<u64>,
}

impl Journal {
    /// An empty journal of a process started at `boot`.
    #[must_use]
    pub fn new(boot: Tick) -> Self {
        Self { boot: boot.0, lines: Mutex::default(), newest: watch::Sender::new(0) }
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
        self.keep(at, Told::Transition(Transition { group, target, from, to }));
    }

    /// Writes down what became of a task or a service.
    pub fn record_ecs(&self, happened: Happened) {
        self.keep(happened.at, Told::Ecs(Arc::new(happened)));
    }

    /// Writes down that transitions happened here of which nothing is known, for everyone who follows across it.
    pub fn record_loss(&self) {
        self.write(|_| None);
    }

    fn keep(&self, at: Tick, told: Told) {
        self.write(|id| Some(Arc::new(Entry { id, at, told })));
    }

    fn write(&self, line: impl FnOnce(EventId) -> Line) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *self.newest.borrow() + 1;
        if lines.len() == CAPACITY {
            lines.pop_front();
        }
        lines.push_back(line(EventId { boot: self.boot, number }));
        self.newest.send_replace(number);
    }

    /// The newest event's id; number 0 while there is none.
    #[must_use]
    pub fn newest(&self) -> EventId {
        EventId { boot: self.boot, number: *self.newest.borrow() }
    }

    /// The transitions asked for, the latest first, as far as they are kept here.
    #[must_use]
    pub fn history(&self, ask: &Ask) -> Vec<Past> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = |entry: &Entry, transition: &Transition| {
            let target = (&transition.target.id, transition.target.port);
            transition.group.as_str() == &*ask.group
                && ask.before.is_none_or(|before| entry.id.number < before)
                && ask.target.as_ref().is_none_or(|(id, port)| (id, *port) == target)
        };
        let past = |entry: &Arc<Entry>| {
            let transition = entry.transition().filter(|transition| asked(entry, transition))?;
            Some(Past {
                number: entry.id.number,
                at: entry.at,
                id: transition.target.id.clone(),
                port: transition.target.port,
                from: transition.from,
                to: transition.to,
            })
        };
        lines.iter().rev().flatten().filter_map(past).take(ask.limit).collect()
    }

    /// Tells when something has been written since it was last looked at.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// What has been written after `last`. Takes as long as it finds events: whoever writes waits meanwhile.
    #[must_use]
    pub fn after(&self, last: EventId) -> Resume {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = *self.newest.borrow();
        let known = last.boot == self.boot && last.number <= newest;
        let after = if known { last.number } else { 0 };
        let forgotten = newest.saturating_sub(u64::try_from(lines.len()).unwrap_or(u64::MAX));
        let start = usize::try_from(after.saturating_sub(forgotten)).unwrap_or(usize::MAX).min(lines.len());
        let lost = lines.range(start..).take_while(|line| line.is_none()).count();
        let entries: Vec<Arc<Entry>> = lines.range(start + lost..).map_while(Line::clone).collect();
        let rest = lines.len() - (start + lost + entries.len());
        let number = newest.saturating_sub(u64::try_from(rest).unwrap_or(u64::MAX));
        Resume {
            entries,
            last: EventId { boot: self.boot, number },
            gap: !known || after < forgotten || lost > 0,
            more: rest > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ecs::event::{ServiceAction, What};
    use crate::model::ecs::service::ServiceKey;

    fn write(journal: &Journal, times: u64) {
        for number in 0..times {
            let target = TargetDescription::new("10.0.0.1", 80);
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
    fn what_became_of_a_service_stands_among_transitions_and_in_no_history_of_a_group() {
        let journal = Journal::new(Tick(7));
        write(&journal, 1);
        let service = ServiceKey { cluster: "default".into(), name: "web".into() };
        let what = What::Service { service, action: ServiceAction::SteadyState, reason: None };
        journal.record_ecs(Happened { id: "a".into(), at: Tick(3), what });
        write(&journal, 1);
        let resume = journal.after("7-1".parse().unwrap());
        let kinds: Vec<_> =
            resume.entries.iter().map(|entry| (entry.at, entry.transition().is_some())).collect();
        assert_eq!(kinds, [(Tick(3), false), (Tick(0), true)]);
        let ask = Ask { group: "web".into(), target: None, before: None, limit: 10 };
        let numbers: Vec<_> = journal.history(&ask).iter().map(|past| past.number).collect();
        assert_eq!(numbers, [3, 1]);
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
    fn what_was_lost_on_the_way_is_a_gap_where_it_was_lost() {
        let journal = Journal::new(Tick(7));
        write(&journal, 2);
        journal.record_loss();
        journal.record_loss();
        write(&journal, 1);
        journal.record_loss();
        let mut last = "7-1".parse().unwrap();
        let mut told = Vec::new();
        loop {
            let resume = journal.after(last);
            told.push((numbers(&resume), resume.gap, resume.more));
            last = resume.last;
            if !resume.more {
                break;
            }
        }
        assert_eq!(told, [(vec![2], false, true), (vec![5], true, true), (vec![], true, false)]);
        assert_eq!(last, journal.newest());
        assert!(!journal.after(last).gap, "a gap is told once");
        write(&journal, 1);
        let resume = journal.after(last);
        assert_eq!((numbers(&resume), resume.gap, resume.more), (vec![7], false, false));
    }

    #[test]
    fn a_loss_is_a_gap_even_once_it_is_forgotten_itself() {
        let journal = Journal::new(Tick(7));
        write(&journal, 1);
        journal.record_loss();
        write(&journal, u64::try_from(CAPACITY).unwrap());
        let resume = journal.after("7-1".parse().unwrap());
        assert_eq!((resume.entries.len(), resume.gap, resume.more), (CAPACITY, true, false));
        assert!(!journal.after("7-2".parse().unwrap()).gap);
    }

    #[test]
    fn what_is_no_event_id_is_refused() {
        for text in ["", "7", "7-", "-7", "a-b", "7-3-1", "99999999999999999999999-1"] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }
}
