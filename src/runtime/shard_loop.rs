//! The one loop of a shard's thread: commands and answers in, checks and publishes out.
//!
//! Everything that can happen to a shard arrives in [`drive`], so it is the place to start reading. The shard's
//! thread runs nothing else: no request, scrape, log writer or name lookup ever delays a check.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::engine::machine::Transition;
use crate::engine::place;
use crate::engine::registry::{Command, Restored};
use crate::engine::shard::{Access, Job, Key, Shard};
use crate::engine::table::usize_of;
use crate::model::failure::Failure;
use crate::model::life::Life;
use crate::model::outcome::{Cause, Outcome, Report, Timings};
use crate::model::target::TargetDescription;
use crate::model::target_group::{GroupName, TargetGroup};
use crate::model::tick::Tick;
use crate::runtime::admission::Admission;
use crate::runtime::backlog::{Backlog, Task};
use crate::runtime::clock::Clock;
use crate::runtime::episode::{Episode, Turn};
use crate::runtime::flights::{Done, Flights};
use crate::runtime::group::excuse;
use crate::runtime::pace;
use crate::runtime::poller::{Events, Poller};
use crate::runtime::resolver::Resolution;
use crate::runtime::roster::Roster;
use crate::runtime::shard_loop::told::PUBLISH_EVERY;
use crate::runtime::telemetry::ShardStats;
use crate::runtime::view::{Slots, View};

mod told;

/// Checks started in one turn. More wait for the next turn, so that answers are read in between.
const STARTS_PER_TURN: usize = 64;

/// Tasks done in one turn: some hundred microseconds, so that a large reload makes no check late.
const TASKS_PER_TURN: usize = 256;

/// A turn that begins this much after it was due is a stall of ours; less is the coarseness of timers.
const STALL: Duration = Duration::from_millis(10);

/// While a check is under way the loop looks around this often, whatever it waits for. So if all of this process was
/// stopped for a while in the middle of a check, that is noticed as a stall even where nothing else was due.
const LOOK_AROUND: Duration = Duration::from_millis(50);

/// What a shard is told.
#[derive(Debug)]
pub enum Message {
    /// Do these, in order.
    Commands(Vec<Command>),
    /// A target's name now resolves to this.
    Resolved(Key, Resolution),
}

/// What a shard tells.
#[derive(Debug)]
pub enum Happening {
    /// A target entered another state.
    Changed(GroupName, Arc<TargetDescription>, Transition),
    /// A target's drain is over and it has been forgotten.
    Removed(GroupName, Arc<TargetDescription>, Key, Tick),
    /// Targets of this shard entered other states, and there was no room to tell it.
    Lost,
    /// Checks begin or cease to be skipped. With the rate of checks asked for, per second.
    Skipping(Turn, f64),
    /// A check ended; told only where single checks are logged.
    Checked(GroupName, Arc<TargetDescription>, Report),
}

/// Everything a shard's thread is given.
#[derive(Debug)]
pub struct Shell {
    /// Which shard this is.
    pub number: u16,
    /// The clock.
    pub clock: Clock,
    /// Where to publish.
    pub view: Arc<View>,
    /// Where to tell what happened.
    pub happenings: mpsc::Sender<(u16, Happening)>,
    /// Checks that may be in flight at once.
    pub in_flight_limit: usize,
    /// Whether to tell of every check that ended.
    pub tell_checks: bool,
}

/// The loop's state.
struct Loop {
    shell: Shell,
    stats: Arc<ShardStats>,
    shard: Shard,
    /// The mailbox may hold something that was not taken yet.
    rang: bool,
    /// What was received and is not yet done.
    backlog: Backlog,
    roster: Roster,
    records: Slots,
    admission: Admission,
    flights: Flights,
    /// How far the starts of two groups of checks lie apart.
    step: Duration,
    /// What happened in this turn, to be told at its end, after the records that show it: whoever hears of a
    /// transition and looks sees it. At most a few per target.
    unsaid: Vec<Happening>,
    dirty: bool,
    published: Tick,
    episode: Episode,
    /// How long this thread has been late altogether.
    stalled: Duration,
}

/// Runs one shard until its mailbox closes.
pub fn drive(shell: Shell, poller: &Poller, mut inbox: mpsc::Receiver<Message>) {
    let mut state = Loop::new(shell);
    let clock = state.shell.clock;
    let (mut events, mut ready) = (Events::default(), Vec::new());
    let mut wake = None;
    loop {
        let timeout = wake.map(|at| clock.until(at));
        state.rang |= poller.wait(timeout, &mut events, |name| ready.push(name));
        if state.rang && !state.hear(&mut inbox) {
            return;
        }
        // One reading per turn: all decisions of a turn agree on what time it is.
        let now = clock.now();
        let late = wake.map_or(Duration::ZERO, |wake| now.since(wake));
        if late >= STALL {
            state.stalled += late;
        }
        for name in ready.drain(..) {
            state.flights.on_ready(name, poller, &clock);
        }
        state.flights.look(now, poller, &clock);
        state.flights.expire(now, &clock);
        state.carry_out(now);
        state.settle(now);
        state.shard.on_tick(now);
        let more = state.start_due(now);
        state.settle(now);
        state.take_events();
        state.publish(now);
        wake = if more { Some(now) } else { state.next_wake(now) };
    }
}

impl Loop {
    fn new(shell: Shell) -> Self {
        let stats = Arc::clone(&shell.view.shard_stats[usize::from(shell.number)]);
        stats.in_flight_limit.set(u64::try_from(shell.in_flight_limit).unwrap_or(u64::MAX));
        let records = shell.view.slots(shell.number);
        Self {
            admission: Admission::new(shell.in_flight_limit),
            shell,
            stats,
            shard: Shard::default(),
            rang: false,
            backlog: Backlog::default(),
            roster: Roster::default(),
            records,
            flights: Flights::default(),
            step: pace::step(0.0, None),
            unsaid: Vec::new(),
            dirty: false,
            published: Tick(0),
            episode: Episode::default(),
            stalled: Duration::ZERO,
        }
    }

    /// Takes what is in the mailbox and fits the backlog. False once the mailbox is closed.
    fn hear(&mut self, inbox: &mut mpsc::Receiver<Message>) -> bool {
        while self.backlog.has_room() {
            match inbox.try_recv() {
                Ok(Message::Commands(commands)) => {
                    self.make_room(&commands);
                    self.backlog.push_commands(commands);
                }
                Ok(Message::Resolved(key, resolution)) => self.backlog.push_resolved(key, resolution),
                Err(mpsc::error::TryRecvError::Empty) => {
                    self.rang = false;
                    return true;
                }
                Err(mpsc::error::TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    /// Lets the tables grow once for all targets that are to come.
    fn make_room(&mut self, commands: &[Command]) {
        let place = |command: &Command| match command {
            Command::Register(key, ..) => key.index.saturating_add(1),
            Command::Restore(restored) => restored.key.index.saturating_add(1),
            Command::Update(..) | Command::Deregister(..) | Command::End(_) => 0,
        };
        let places = usize_of(commands.iter().map(place).max().unwrap_or(0));
        self.shard.make_room(places);
        self.roster.make_room(places);
    }

    fn carry_out(&mut self, now: Tick) {
        if self.backlog.is_empty() {
            return;
        }
        for _ in 0..TASKS_PER_TURN {
            let Some(task) = self.backlog.pop() else { break };
            match task {
                Task::Command(command) => self.on_command(command, now),
                Task::Resolved(key, resolution) => self.on_resolved(key, resolution, now),
            }
        }
        self.step = pace::step(self.shard.offered_rate(), self.shard.shortest_interval());
    }

    fn on_resolved(&mut self, key: Key, resolution: Resolution, now: Tick) {
        let Some(local) = self.roster.get_mut(key) else { return };
        local.resolution = resolution;
        self.shard.release(key, now);
        self.refresh(key, None);
    }

    fn on_command(&mut self, command: Command, now: Tick) {
        // The fleet publishes a group before it sends a command about it.
        match command {
            Command::Register(key, group, target) => self.take_in(key, &group, target, None, now),
            Command::Restore(restored) => {
                let Restored { key, group, target, life } = *restored;
                self.take_in(key, &group, target, Some(&life), now);
            }
            Command::Update(key, group) => {
                // A target that has just been forgotten takes no group with it.
                if self.roster.get(key).is_none() {
                    return;
                }
                let new = self.roster.group(&group, &self.shell.view, &mut self.admission);
                let Some(local) = self.roster.get_mut(key) else { return };
                let asks_anew = new.asks_anew(&local.group);
                local.group = Arc::clone(&new);
                self.shard.update(key, Arc::clone(&new.settings), asks_anew, now);
                self.refresh(key, None);
            }
            Command::Deregister(key, end) => {
                match end {
                    Some(end) => self.shard.deregister_until(key, end, now),
                    None => self.shard.deregister(key, now),
                }
                self.refresh(key, None);
                // What has ended leaves before the next command may put its successor in the same place.
                self.take_events();
            }
            Command::End(key) => {
                self.shard.end(key, now);
                self.take_events();
            }
        }
    }

    /// Takes a target in, with the life it had before a restart if that goes on.
    fn take_in(
        &mut self,
        key: Key,
        group: &Arc<TargetGroup>,
        target: Arc<TargetDescription>,
        life: Option<&Life>,
        now: Tick,
    ) {
        let group = self.roster.group(group, &self.shell.view, &mut self.admission);
        let (access, resolution) = match target.ip() {
            Some(address) => (Access::Known, Resolution::Address(address)),
            None if target.host().is_some() => (Access::Awaited, Resolution::Pending),
            None => (Access::Nowhere, Resolution::Pending),
        };
        let hash = place::hash(group.group.name.as_str(), &target.to_string());
        let settings = Arc::clone(&group.settings);
        if let Some(life) = life {
            self.shard.restore(key, settings, hash, access, life, now);
        } else {
            self.shard.expect(self.backlog.registrations());
            self.shard.register(key, settings, hash, access, now);
        }
        self.roster.put(key, group, target, resolution);
        self.refresh(key, None);
    }

    /// Starts checks that are due, as many as there is room for. True if more are due than one turn may start.
    fn start_due(&mut self, now: Tick) -> bool {
        let mut starts = STARTS_PER_TURN;
        while starts > 0
            && let Some((share, job)) = self.admission.poll()
        {
            starts -= 1;
            if self.shard.is_checked(job.key) {
                self.shard.on_start(&job, now);
                self.start(share, job, now);
            } else {
                // Deregistered or switched off while the job waited for room; nothing is known of the target by it.
                self.admission.end(share);
                self.shard.on_outcome(job, Outcome::Inconclusive(Cause::Overload), now);
            }
        }
        let group = pace::latest(now, self.step);
        for _ in 0..starts {
            let Some(job) = self.shard.poll_job(group) else { return false };
            let Some(share) = self.roster.get(job.key).map(|local| local.group.share) else {
                // The rules and the loop forget a target in the same turn.
                debug_assert!(false, "{job:?} has no target");
                self.shard.on_outcome(job, Outcome::Inconclusive(Cause::Internal), now);
                continue;
            };
            if let Some(job) = self.admission.admit(share, job) {
                self.start(share, job, now);
            }
        }
        starts == 0 || self.shard.next_check().is_some_and(|at| at <= group)
    }

    /// Starts a check that has been admitted.
    fn start(&mut self, share: usize, job: Job, now: Tick) {
        let (key, clock, stalled) = (job.key, self.shell.clock, self.stalled);
        let Some(local) = self.roster.get(key) else {
            self.admission.end(share);
            return self.shard.on_outcome(job, Outcome::Inconclusive(Cause::Internal), now);
        };
        self.stats.lateness.observe(now.since(pace::start(job.due, self.step)));
        let group = Arc::clone(&local.group);
        let outcome = match local.resolution {
            Resolution::Address(address) => {
                let port = group.group.health_check.port.resolve(local.target.port);
                let (address, target) = (SocketAddr::new(address, port), Arc::clone(&local.target));
                self.flights.start(job, group, target, address, (now, stalled), &clock);
                return self.refresh(key, None);
            }
            Resolution::NotFound => Outcome::Fail(Failure::NameNotFound),
            Resolution::NoAddress => Outcome::Fail(Failure::NoAddress),
            Resolution::Pending | Resolution::Trouble => Outcome::Inconclusive(Cause::Resolver),
        };
        let report = Report { outcome, status: None, timings: Timings::default() };
        self.conclude(Done { job, group, started: now, stalled, report }, now);
    }

    /// Takes in the checks that ended.
    fn settle(&mut self, now: Tick) {
        while let Some(mut done) = self.flights.poll_done() {
            let ours = self.stalled.saturating_sub(done.stalled);
            let timeout = done.group.group.health_check.timeout;
            done.report.outcome = excuse(done.report.outcome, timeout, ours);
            self.conclude(done, now);
        }
    }

    fn conclude(&mut self, done: Done, now: Tick) {
        let key = done.job.key;
        self.admission.end(done.group.share);
        done.group.stats.observe(&done.report);
        if self.shell.tell_checks
            && let Some(local) = self.roster.get(key)
        {
            let (name, target) = (local.group.group.name.clone(), Arc::clone(&local.target));
            self.tell(Happening::Checked(name, target, done.report));
        }
        self.shard.on_outcome(done.job, done.report.outcome, now);
        self.refresh(key, Some((done.started, done.report)));
    }

    fn next_wake(&self, now: Tick) -> Option<Tick> {
        let publish = (self.dirty || !self.unsaid.is_empty()).then(|| self.published + PUBLISH_EVERY);
        let at_once = (!self.backlog.is_empty()).then_some(now);
        let check = self.shard.next_check().map(|due| pace::start(due, self.step));
        let look_around = (!self.flights.is_empty()).then(|| now + LOOK_AROUND);
        let told = [self.episode.ends(), publish, look_around];
        [at_once, check, self.shard.next_deadline(), self.flights.next()]
            .into_iter()
            .chain(told)
            .flatten()
            .min()
    }
}

#[cfg(test)]
mod tests;
