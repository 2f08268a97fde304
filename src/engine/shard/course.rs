//! What the targets of one group have in common, kept once.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use crate::engine::machine::Settings;
use crate::engine::queue::usize_of;
use crate::engine::shard::target::Target;
use crate::model::tick::{Tick, millis};

/// The targets that were given the same settings: the very same, not equal ones, so groups stay apart.
#[derive(Debug)]
pub(super) struct Course {
    /// A copy, so that a check reads it without another step.
    pub(super) settings: Settings,
    /// The interval in milliseconds, 1 to `u32::MAX`.
    pub(super) interval: u32,
    /// When a job was last given back for want of room.
    pub(super) refused: Option<Tick>,
    /// Targets that lost their places, the one that has waited longest first. A ticket its target no longer holds is
    /// void.
    line: VecDeque<(u32, Ticket)>,
    next_ticket: Ticket,
    /// Kept so that no other settings ever lie at the same address.
    source: Arc<Settings>,
    targets: u32,
}

/// Tells one wait in the line of a course from all others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ticket(NonZeroU32);

impl Course {
    /// Puts a target in the line: at its end, or back at its front.
    pub(super) fn wait(&mut self, index: u32, front: bool) -> Ticket {
        let ticket = self.next_ticket;
        self.next_ticket = Ticket(ticket.0.checked_add(1).unwrap_or(NonZeroU32::MIN));
        if front {
            self.line.push_front((index, ticket));
        } else {
            self.line.push_back((index, ticket));
        }
        ticket
    }

    /// Takes the target that has waited longest.
    pub(super) fn senior(&mut self, targets: &[Option<Target>]) -> Option<u32> {
        let holds = |&(index, ticket): &(u32, Ticket)| {
            let target = targets.get(usize_of(index)).and_then(Option::as_ref);
            target.is_some_and(|target| target.ticket == Some(ticket))
        };
        // Void tickets are few, but where none is ever taken they must not add up.
        if self.line.len() > 2 * usize_of(self.targets) {
            self.line.retain(holds);
        }
        while let Some(first) = self.line.pop_front() {
            if holds(&first) {
                return Some(first.0);
            }
        }
        None
    }
}

/// All courses of a shard, by a number that a target can remember in four bytes.
#[derive(Debug, Default)]
pub(super) struct Courses {
    table: Vec<Course>,
    free: Vec<u32>,
    /// The number by the address of the settings; only ever looked up, so addresses decide no order.
    numbers: BTreeMap<usize, u32>,
}

impl Courses {
    /// The number of the course with these settings, for one more target.
    pub(super) fn join(&mut self, settings: Arc<Settings>) -> u32 {
        let address = Arc::as_ptr(&settings).addr();
        if let Some(&number) = self.numbers.get(&address) {
            self[number].targets += 1;
            return number;
        }
        let interval = u32::try_from(millis(settings.interval)).unwrap_or(u32::MAX).max(1);
        let course = Course {
            settings: *settings,
            interval,
            refused: None,
            line: VecDeque::new(),
            next_ticket: Ticket(NonZeroU32::MIN),
            source: settings,
            targets: 1,
        };
        let number = match self.free.pop() {
            Some(number) => {
                self[number] = course;
                number
            }
            None => {
                self.table.push(course);
                u32::try_from(self.table.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.numbers.insert(address, number);
        number
    }

    /// Takes one target off a course.
    pub(super) fn leave(&mut self, number: u32) {
        let course = &mut self[number];
        course.targets -= 1;
        if course.targets == 0 {
            let address = Arc::as_ptr(&course.source).addr();
            course.line = VecDeque::new();
            self.numbers.remove(&address);
            self.free.push(number);
        }
    }
}

impl Index<u32> for Courses {
    type Output = Course;

    fn index(&self, number: u32) -> &Course {
        &self.table[usize_of(number)]
    }
}

impl IndexMut<u32> for Courses {
    fn index_mut(&mut self, number: u32) -> &mut Course {
        &mut self.table[usize_of(number)]
    }
}
