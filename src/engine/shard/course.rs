//! What the targets of one group have in common, kept once.

use std::collections::BTreeMap;
use std::ops::Index;
use std::sync::Arc;

use crate::engine::machine::Settings;
use crate::engine::table::usize_of;
use crate::model::tick::millis;

/// The targets that were given the same settings: the very same, not equal ones, so groups stay apart.
#[derive(Debug)]
pub(super) struct Course {
    /// A copy, so that a check reads it without another step.
    pub(super) settings: Settings,
    /// The interval in milliseconds, 1 to `u32::MAX`.
    pub(super) interval: u32,
    /// Kept so that no other settings ever lie at the same address.
    source: Arc<Settings>,
    targets: u32,
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
            self.table[usize_of(number)].targets += 1;
            return number;
        }
        let interval = u32::try_from(millis(settings.interval)).unwrap_or(u32::MAX).max(1);
        let course = Course { settings: *settings, interval, source: settings, targets: 1 };
        let number = match self.free.pop() {
            Some(number) => {
                self.table[usize_of(number)] = course;
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
        let course = &mut self.table[usize_of(number)];
        course.targets -= 1;
        if course.targets == 0 {
            let address = Arc::as_ptr(&course.source).addr();
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
