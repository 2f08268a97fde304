//! The end of a run: calm, a failure of everything, a recovery, and the removal of all. What only a steady time shows
//! is checked here: nobody is forgotten, the beat is exact, and detection takes as long as promised.

use std::collections::BTreeMap;
use std::time::Duration;

use tgprobe::model::failure::Failure;
use tgprobe::model::health::State;
use tgprobe::model::outcome::Outcome;
use tgprobe::model::tick::Tick;

use super::world::World;

/// The longest interval in calm times.
const LONGEST: Duration = Duration::from_secs(5);

/// The moments at which each target was checked, by shard and place in its table.
type Starts = BTreeMap<(usize, u32), Vec<Tick>>;

impl World {
    /// Ends the run.
    pub(crate) fn end(&mut self) {
        self.wish.calm();
        self.apply();
        self.settle();
        self.every_target_keeps_its_beat();
        self.detection_takes_exactly_the_threshold(Outcome::Fail(Failure::ConnectRefused), State::Unhealthy);
        self.detection_takes_exactly_the_threshold(Outcome::Pass, State::Healthy);
        self.every_life_ends();
    }

    /// Obeys every command, answers every job and finds every address.
    fn settle(&mut self) {
        for lane in &mut self.lanes {
            while let Some(command) = lane.inbox.pop_front() {
                lane.obey(command, false, self.now);
            }
            while !lane.jobs.is_empty() {
                lane.answer(0, Outcome::Pass, self.now);
            }
            for index in lane.shadows.keys().copied().collect::<Vec<_>>() {
                lane.release(index, self.now);
            }
            lane.compare_all();
        }
    }

    /// Runs this long from one due moment to the next and answers every check at once.
    fn run_for(&mut self, length: Duration, outcome: Outcome) -> Starts {
        let (end, mut starts) = (self.now + length, Starts::new());
        while self.now < end {
            for (number, lane) in self.lanes.iter_mut().enumerate() {
                let taken = lane.turn(usize::MAX, self.now);
                assert_eq!(taken, lane.jobs.len());
                while let Some(job) = lane.jobs.last() {
                    starts.entry((number, job.key.index)).or_default().push(self.now);
                    lane.answer(lane.jobs.len() - 1, outcome, self.now);
                }
                // An answer may have ended a drain.
                lane.turn(0, self.now);
            }
            let lanes = self.lanes.iter();
            let wakes = lanes.flat_map(|lane| [lane.shard.next_check(), lane.shard.next_deadline()]);
            let wake = wakes.flatten().min().unwrap_or(end).min(end);
            assert!(self.now < wake, "the same moment comes twice");
            self.now = wake;
        }
        self.lanes.iter_mut().for_each(|lane| {
            lane.turn(0, self.now);
            lane.compare_all();
        });
        starts
    }

    fn every_target_keeps_its_beat(&mut self) {
        let begin = self.now;
        let starts = self.run_for(LONGEST * 8, Outcome::Pass);
        for (number, lane) in self.lanes.iter().enumerate() {
            for (&index, shadow) in lane.shadows.iter().filter(|(_, shadow)| shadow.drain_ends.is_none()) {
                let (key, interval) = (shadow.key, shadow.interval());
                let moments = starts.get(&(number, index)).map_or(&[][..], Vec::as_slice);
                let Some((&first, later)) = moments.split_first() else {
                    unreachable!("{key:?} is never checked again");
                };
                assert!(first.since(begin) <= interval * 3 / 2, "{key:?} was forgotten for long");
                // The very first check may be a quick one, between two places.
                let second = later[0].since(first);
                assert!(interval / 2 <= second && second <= interval * 3 / 2, "{key:?}: {second:?}");
                for pair in later.windows(2) {
                    assert_eq!(pair[1].since(pair[0]), interval, "{key:?} lost its beat");
                }
                assert!(self.now.since(later[later.len() - 1]) <= interval, "{key:?} fell silent");
                assert_eq!(shadow.state(), State::Healthy, "{key:?} passes every check");
            }
        }
    }

    fn detection_takes_exactly_the_threshold(&mut self, outcome: Outcome, to: State) {
        let begin = self.now;
        let starts = self.run_for(LONGEST * 6, outcome);
        for (number, lane) in self.lanes.iter().enumerate() {
            for (index, shadow) in lane.shadows.iter().filter(|(_, shadow)| shadow.drain_ends.is_none()) {
                let check = &shadow.group.health_check;
                let threshold = match outcome {
                    Outcome::Pass => check.healthy_threshold,
                    Outcome::Fail(_) | Outcome::Inconclusive(_) => check.unhealthy_threshold,
                };
                let status = lane.shard.status(shadow.key).unwrap();
                let deciding = starts[&(number, *index)][usize::from(threshold.get()) - 1];
                assert_eq!((status.health.state, status.since), (to, deciding), "{:?}", shadow.key);
                let promised = check.interval * u32::from(threshold.get());
                assert!(deciding.since(begin) <= promised, "{:?} was noticed late", shadow.key);
            }
        }
    }

    fn every_life_ends(&mut self) {
        self.wish.clear();
        self.apply();
        self.settle();
        self.run_for(Duration::from_secs(301), Outcome::Pass);
        for shard in 0..self.lanes.len() {
            let lane = &self.lanes[shard];
            assert!(lane.shard.is_empty(), "{} targets never leave", lane.shard.len());
            assert_eq!((lane.shard.next_check(), lane.shard.next_deadline()), (None, None));
            while !self.lanes[shard].removed.is_empty() {
                self.tell_removed(shard, 0);
            }
        }
        assert!(self.registry.listings().is_empty(), "a group is left over");
    }
}
