//! Who may start a check when there is not room for all.
//!
//! A group whose targets never answer holds its places for a timeout each. So that it cannot take them all, a group
//! may hold at most `SHARES` times as many as are still free: alone it gets eight ninths, and whoever comes next
//! finds room at once (the dynamic threshold by which switches share a buffer among their ports). Within a group, who
//! has waited longest starts first, so that over time every target is checked equally often.

use std::collections::VecDeque;

use crate::engine::shard::Job;

/// How many times the free places a group may hold. More would leave too few free ones for a group that comes new,
/// fewer would leave places empty while a single group waits.
const SHARES: usize = 8;

/// The places for checks in flight on one shard, and those who wait for one.
#[derive(Debug)]
pub struct Admission {
    limit: usize,
    taken: usize,
    waiting: usize,
    groups: Vec<Group>,
    /// Where the last round among the groups ended.
    turn: usize,
}

/// One group's part.
#[derive(Debug, Default)]
struct Group {
    in_use: bool,
    taken: usize,
    /// At most one job for each target of the group.
    waiting: VecDeque<Job>,
}

impl Group {
    /// Whether its number can be given out: checks of a group that has left may still be under way.
    fn is_free(&self) -> bool {
        !self.in_use && self.taken == 0 && self.waiting.is_empty()
    }
}

impl Admission {
    /// Room for `limit` checks at once, at least one.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), taken: 0, waiting: 0, groups: Vec::new(), turn: 0 }
    }

    /// A number for a new group.
    pub fn enter(&mut self) -> usize {
        let free = self.groups.iter().position(Group::is_free);
        let number = free.unwrap_or_else(|| {
            self.groups.push(Group::default());
            self.groups.len() - 1
        });
        self.groups[number].in_use = true;
        number
    }

    /// Gives a group's number back. To be called when it has no target any more.
    pub fn leave(&mut self, number: usize) {
        self.groups[number].in_use = false;
    }

    /// Gives the job back if its group has room now; keeps it waiting otherwise.
    pub fn admit(&mut self, number: usize, job: Job) -> Option<Job> {
        if self.groups[number].waiting.is_empty() && self.has_room(number) {
            self.take(number);
            return Some(job);
        }
        self.groups[number].waiting.push_back(job);
        self.waiting += 1;
        None
    }

    /// A check of the group has ended.
    pub fn end(&mut self, number: usize) {
        self.taken -= 1;
        self.groups[number].taken -= 1;
    }

    /// The next job that has waited and has room now, with its group's number: of each group in turn, the oldest.
    pub fn poll(&mut self) -> Option<(usize, Job)> {
        if self.waiting == 0 {
            return None;
        }
        for step in 1..=self.groups.len() {
            let number = (self.turn + step) % self.groups.len();
            if !self.groups[number].waiting.is_empty() && self.has_room(number) {
                self.turn = number;
                self.waiting -= 1;
                self.take(number);
                return self.groups[number].waiting.pop_front().map(|job| (number, job));
            }
        }
        None
    }

    /// Checks in flight.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Checks that are due and wait for room.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    fn has_room(&self, number: usize) -> bool {
        let free = self.limit - self.taken;
        free > 0 && self.groups[number].taken < free.saturating_mul(SHARES)
    }

    fn take(&mut self, number: usize) {
        self.taken += 1;
        self.groups[number].taken += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::shard::Key;
    use crate::model::tick::Tick;

    fn job(index: u32) -> Job {
        Job { key: Key { index, generation: 0 }, due: Tick(0) }
    }

    fn admit(admission: &mut Admission, group: usize, count: u32) -> usize {
        (0..count).filter_map(|index| admission.admit(group, job(index))).count()
    }

    #[test]
    fn a_group_that_holds_its_places_leaves_room_for_the_next() {
        let mut admission = Admission::new(90);
        let (hog, good) = (admission.enter(), admission.enter());
        assert_eq!(admit(&mut admission, hog, 1_000), 80);
        assert_eq!(admission.waiting(), 920);
        assert_eq!(admit(&mut admission, good, 5), 5);
        assert!(admission.poll().is_none(), "the hog's share is full");
        (0..5).for_each(|_| admission.end(good));
        assert_eq!(admit(&mut admission, good, 1), 1);
    }

    #[test]
    fn who_waited_longest_starts_first_and_the_groups_take_turns() {
        let mut admission = Admission::new(2);
        let (one, two) = (admission.enter(), admission.enter());
        assert_eq!(admit(&mut admission, one, 4), 2);
        assert_eq!(admit(&mut admission, two, 2), 0);
        let mut started = Vec::new();
        for ended in [one, one, two, one] {
            admission.end(ended);
            started.push(admission.poll().unwrap().1.key.index);
        }
        assert_eq!(started, [0, 2, 1, 3]);
        assert_eq!((admission.taken(), admission.waiting()), (2, 0));
    }

    #[test]
    fn one_place_is_enough_to_check_everybody() {
        let mut admission = Admission::new(1);
        let group = admission.enter();
        assert_eq!(admit(&mut admission, group, 3), 1);
        for index in 1..3 {
            admission.end(group);
            assert_eq!(admission.poll().unwrap().1.key.index, index);
        }
    }

    #[test]
    fn the_number_of_a_group_that_left_is_given_out_again() {
        let mut admission = Admission::new(1);
        let (first, second) = (admission.enter(), admission.enter());
        admission.leave(first);
        assert_eq!(admission.enter(), first);
        assert_ne!(first, second);
    }
}
