//! Many targets of one group on one shard: how evenly they are checked from the start, and how evenly they lose when
//! the shell cannot start all it is offered.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tgprobe::engine::machine::Settings;
use tgprobe::engine::place;
use tgprobe::engine::shard::{Access, Event, Job, Key, Shard};
use tgprobe::model::health::State;
use tgprobe::model::health_check::HealthCheck;
use tgprobe::model::life::Life;
use tgprobe::model::outcome::Outcome;
use tgprobe::model::protocol::Protocol;
use tgprobe::model::target_group::{GroupName, TargetGroup};
use tgprobe::model::tick::Tick;

const START: Tick = Tick(1_790_000_000_123);
const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A shell that can do so much. What it cannot start when it is due it leaves in the engine's queue and starts later.
#[derive(Clone, Copy, Debug)]
struct Shell {
    /// Checks it can start in a second.
    starts: u64,
    /// Checks that may run at once.
    room: usize,
    /// How long each check takes.
    takes: Duration,
}

/// A shard whose targets all pass, under a shell of limited means.
struct Rig {
    shard: Shard,
    shell: Shell,
    now: Tick,
    /// Thousandths of a start saved up.
    saved: u64,
    running: VecDeque<(Tick, Job)>,
    /// The moments each target was checked at.
    starts: Vec<Vec<Tick>>,
    latest: Duration,
}

fn settings(interval: Duration) -> Arc<Settings> {
    let group = TargetGroup {
        health_check: HealthCheck { interval, stale_after: interval * 10, ..HealthCheck::default() },
        ..TargetGroup::new(GroupName::parse("web").unwrap(), Protocol::Http, 80)
    };
    Arc::new(Settings::from(&group))
}

impl Rig {
    fn new(targets: u32, interval: Duration, shell: Shell) -> Self {
        let mut shard = Shard::default();
        let settings = settings(interval);
        for index in 0..targets {
            let hash = place::hash("web", &index.to_string());
            shard.register(Key { index, generation: 1 }, Arc::clone(&settings), hash, Access::Known, START);
        }
        let starts = (0..targets).map(|_| Vec::new()).collect();
        Self { shard, shell, now: START, saved: 0, running: VecDeque::new(), starts, latest: Duration::ZERO }
    }

    /// Passes a millisecond.
    fn step(&mut self) {
        let Self { shard, shell, now, running, .. } = self;
        while running.front().is_some_and(|&(end, _)| end <= *now) {
            let Some((_, job)) = running.pop_front() else { break };
            shard.on_outcome(job, Outcome::Pass, *now);
        }
        shard.on_tick(*now);
        self.saved = (self.saved + shell.starts).min(1_000 + shell.starts);
        while self.saved >= 1_000 && running.len() < shell.room {
            let Some(job) = shard.poll_job(*now) else { break };
            self.saved -= 1_000;
            self.latest = self.latest.max(now.since(job.due));
            self.starts[usize::try_from(job.key.index).unwrap()].push(*now);
            running.push_back((*now + shell.takes, job));
        }
        self.now = self.now + MILLISECOND;
    }

    fn run(&mut self, length: Duration) {
        let end = self.now + length;
        while self.now < end {
            self.step();
        }
    }

    /// The fewest and the most checks any target has had.
    fn checks(&self) -> (usize, usize) {
        let counts = self.starts.iter().map(Vec::len);
        (counts.clone().min().unwrap(), counts.max().unwrap())
    }

    /// The most checks any target has had between two of another.
    fn overtaken(&self) -> usize {
        let mut most = 0;
        for starts in &self.starts {
            for pair in starts.windows(2) {
                let between = |other: &Vec<Tick>| {
                    other.partition_point(|&at| at < pair[1]) - other.partition_point(|&at| at <= pair[0])
                };
                most = most.max(self.starts.iter().map(between).max().unwrap());
            }
        }
        most
    }

    /// Nobody is worse off than new or healthy, and nothing is queued twice or forgotten.
    fn assert_calm(&mut self, context: &str) {
        while let Some(event) = self.shard.poll_event() {
            let Event::Changed(_, change) = event else { unreachable!("{context}: {event:?}") };
            assert_eq!((change.from, change.to.state), (State::Initial, State::Healthy), "{context}");
        }
        let mut waits = 0;
        for index in 0..u32::try_from(self.starts.len()).unwrap() {
            let status = self.shard.status(Key { index, generation: 1 }).unwrap();
            waits += usize::from(status.next_check.is_some());
            assert_ne!(status.next_check.is_some(), status.check_after.is_some(), "{context}: {status:?}");
        }
        assert_eq!(waits + self.running.len(), self.starts.len(), "{context}");
    }
}

/// A shell that can start this share of what `targets` ask for in a second each, limited by its room if `takes` is
/// long.
fn shell(targets: u32, percent: u64, takes: u64) -> Shell {
    let offered = u64::from(targets) * percent;
    let room = usize::try_from((offered * takes / 100_000).max(1)).unwrap();
    let takes_long = takes > 100;
    Shell {
        starts: if takes_long { u64::from(u32::MAX) } else { offered / 100 },
        room: if takes_long { room } else { usize::MAX },
        takes: Duration::from_millis(takes),
    }
}

#[test]
fn under_overload_all_targets_lose_alike_and_none_changes_state() {
    // Of a hundred checks offered, those the shell can start; how many milliseconds each takes; and how many checks
    // of at most forty the luckiest target may have had more than the unluckiest. Where room falls free on the beat of
    // the interval, places on the grid leave some a little better off, but none is ever overtaken more than twice.
    let rows = [
        (33, 5, 2),
        (33, 300, 3),
        (33, 700, 2),
        (33, 999, 4),
        (33, 1_300, 4),
        (66, 5, 2),
        (66, 300, 3),
        (90, 5, 2),
        (90, 300, 7),
    ];
    for (percent, takes, bound) in rows {
        let targets = 120;
        let context = format!("{percent} %, {takes} ms");
        let mut rig = Rig::new(targets, SECOND, shell(targets, percent, takes));
        rig.run(SECOND * 40);
        let (least, most) = rig.checks();
        assert!(most - least <= bound, "{context}: between {least} and {most} checks");
        assert!(rig.overtaken() <= 2, "{context}: overtaken more than twice");
        rig.assert_calm(&context);
        let started: usize = rig.starts.iter().map(Vec::len).sum();
        let places = u64::try_from(started).unwrap() + rig.shard.skipped();
        let offered = u64::from(targets) * 40;
        assert!(places.abs_diff(offered) <= offered / 14, "{context}: {places} places of {offered}");
    }
}

/// The 99th percentile of the checks in any ten milliseconds from `from` on, against the mean.
fn burst(rig: &Rig, from: Tick, length: Duration) -> f64 {
    let mut millisecond = vec![0_u32; usize::try_from(length.as_millis()).unwrap()];
    let moments = rig.starts.iter().flatten();
    for start in moments.filter(|&&start| from <= start && start < from + length) {
        millisecond[usize::try_from(start.0 - from.0).unwrap()] += 1;
    }
    let mut windows: Vec<u32> = millisecond.windows(10).map(|window| window.iter().sum()).collect();
    windows.sort_unstable();
    let mean = f64::from(millisecond.iter().sum::<u32>()) * 10.0
        / f64::from(u32::try_from(millisecond.len()).unwrap());
    f64::from(windows[windows.len() * 99 / 100]) / mean
}

#[test]
fn ten_thousand_new_targets_are_all_checked_within_one_interval_and_evenly_ever_after() {
    let free = Shell { starts: u64::from(u32::MAX), room: usize::MAX, takes: MILLISECOND };
    let mut rig = Rig::new(10_000, SECOND, free);
    let rate = rig.shard.offered_rate();
    assert!((rate - 10_000.0).abs() < 1e-6, "{rate} checks a second are asked for");
    rig.run(SECOND * 3);
    assert!(
        rig.starts.iter().all(|starts| starts[0] < START + SECOND),
        "each is checked within one interval"
    );
    for interval in 0..3 {
        let burst = burst(&rig, START + SECOND * interval, SECOND);
        assert!(burst <= 1.2, "interval {interval}: {burst} of the mean in some ten milliseconds");
    }
    assert_eq!((rig.latest, rig.shard.skipped()), (Duration::ZERO, 0));
}

#[test]
fn after_a_restart_ten_thousand_targets_change_no_state_and_are_checked_on_their_places() {
    let free = Shell { starts: u64::from(u32::MAX), room: usize::MAX, takes: MILLISECOND };
    let mut before = Rig::new(10_000, SECOND, free);
    before.run(SECOND * 2);
    let keys = (0..10_000).map(|index| Key { index, generation: 1 });
    let lives: Vec<Life> = keys
        .map(|key| {
            let status = before.shard.status(key).unwrap();
            let moment = status.next_check.or(status.check_after).unwrap();
            Life {
                state: status.health.state,
                since: status.since,
                conclusive_state: status.conclusive_state,
                failing: false,
                run: 2,
                failure: None,
                drain_ends: None,
                grid: Some((moment, SECOND)),
            }
        })
        .collect();
    assert!(lives.iter().all(|life| life.state == State::Healthy));
    let mut rig = Rig::new(0, SECOND, free);
    let (begin, settings) = (before.now + Duration::from_millis(7_777), settings(SECOND));
    (rig.now, rig.starts) = (begin, (0..10_000).map(|_| Vec::new()).collect());
    for (index, life) in (0..).zip(&lives) {
        let (key, hash) = (Key { index, generation: 1 }, place::hash("web", &index.to_string()));
        rig.shard.restore(key, Arc::clone(&settings), hash, Access::Known, life, begin);
    }
    rig.run(SECOND * 3);
    assert_eq!(rig.shard.poll_event(), None, "no state changes");
    for (index, (life, starts)) in (0..).zip(lives.iter().zip(&rig.starts)) {
        let phase = life.grid.unwrap().0.0 % 1_000;
        assert!(starts.iter().all(|start| start.0 % 1_000 == phase), "target {index} left its place");
        assert!(begin < starts[0] && starts[0] <= begin + SECOND, "target {index} waits for its place");
        assert!(starts.windows(2).all(|pair| pair[1].since(pair[0]) == SECOND), "target {index}");
        let since = rig.shard.status(Key { index, generation: 1 }).unwrap().since;
        assert_eq!(since, life.since, "target {index}");
    }
    for interval in 0..3 {
        let burst = burst(&rig, begin + SECOND * interval, SECOND);
        assert!(burst <= 1.2, "interval {interval}: {burst} of the mean in some ten milliseconds");
    }
}
