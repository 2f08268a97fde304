//! The one loop of a shard's thread: commands and answers in, checks and publishes out.
//!
//! Everything that can happen to a shard arrives in [`drive`], so it is the place to start reading. The shard's
//! thread runs nothing else: no request, scrape, log writer or name lookup ever delays a check.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::engine::machine::{Settings, Transition};
use crate::engine::place;
use crate::engine::registry::Command;
use crate::engine::shard::{Event, Job, Key, Shard};
use crate::model::failure::Failure;
use crate::model::outcome::{Cause, Outcome, Report, Timings};
use crate::model::target::TargetDescription;
use crate::model::target_group::{GroupName, TargetGroup};
use crate::model::tick::Tick;
use crate::probe::Prober;
use crate::runtime::attempt::{Attempted, Done, Group, attempt, excuse};
use crate::runtime::clock::Clock;
use crate::runtime::resolver::Resolution;
use crate::runtime::telemetry::ShardStats;
use crate::runtime::view::{Slots, View};

/// Who waits for changes hears of one at most this much later.
const PUBLISH_EVERY: Duration = Duration::from_millis(50);

/// Checks started in one turn. More wait for the next turn, so that answers are read in between.
const STARTS_PER_TURN: usize = 64;

/// A turn that begins this much after it was due is a stall of ours; less is the coarseness of timers.
const STALL: Duration = Duration::from_millis(10);

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

/// What the loop keeps of a target beside the rules' part.
#[derive(Debug)]
struct Local {
    key: Key,
    target: Arc<TargetDescription>,
    group: Arc<Group>,
    resolution: Resolution,
}

/// Everything that can happen to a shard.
enum Input {
    Message(Option<Message>),
    Done(Result<Attempted, tokio::task::JoinError>),
    Woken,
}

/// The loop's state.
struct Loop {
    shell: Shell,
    stats: Arc<ShardStats>,
    shard: Shard,
    locals: Vec<Option<Local>>,
    groups: BTreeMap<GroupName, Arc<Group>>,
    records: Slots,
    running: JoinSet<Attempted>,
    /// What happened in this turn, to be told at its end, after the records that show it: whoever hears of a
    /// transition and looks sees it. At most a few per target.
    unsaid: Vec<Happening>,
    dirty: bool,
    published: Tick,
    /// How long this thread has been late altogether.
    stalled: Duration,
}

/// Runs one shard until its command channel closes.
pub async fn drive(shell: Shell, mut inbox: mpsc::Receiver<Message>) {
    let mut state = Loop::new(shell);
    let clock = state.shell.clock;
    let mut wake = None;
    loop {
        let input = tokio::select! {
            // Messages first: they are rare, and a busy shard must still hear them.
            biased;
            message = inbox.recv() => Input::Message(message),
            Some(done) = state.running.join_next() => Input::Done(done),
            () = clock.sleep_until(wake.unwrap_or_default()), if wake.is_some() => Input::Woken,
        };
        // One reading per turn: all decisions of a turn agree on what time it is.
        let now = clock.now();
        let late = wake.map_or(Duration::ZERO, |wake| now.since(wake));
        if late >= STALL {
            state.stalled += late;
        }
        match input {
            Input::Message(Some(message)) => state.on_message(message, now),
            Input::Message(None) => return,
            Input::Done(done) => state.settle(done, now),
            Input::Woken => (),
        }
        // Take what else is ready: a burst of answers costs one turn, not hundreds.
        while let Some(done) = state.running.try_join_next() {
            state.settle(done, now);
        }
        state.shard.on_tick(now);
        let more = state.start_due(now);
        state.take_events();
        state.publish(now);
        wake = if more { Some(now) } else { state.next_wake() };
        if more {
            tokio::task::yield_now().await;
        }
    }
}

impl Loop {
    fn new(shell: Shell) -> Self {
        let stats = Arc::clone(&shell.view.shard_stats[usize::from(shell.number)]);
        stats.in_flight_limit.set(u64::try_from(shell.in_flight_limit).unwrap_or(u64::MAX));
        let records = shell.view.slots(shell.number);
        Self {
            shell,
            stats,
            shard: Shard::default(),
            locals: Vec::new(),
            groups: BTreeMap::new(),
            records,
            running: JoinSet::new(),
            unsaid: Vec::new(),
            dirty: false,
            published: Tick(0),
            stalled: Duration::ZERO,
        }
    }

    fn on_message(&mut self, message: Message, now: Tick) {
        match message {
            Message::Commands(commands) => commands.into_iter().for_each(|one| self.on_command(one, now)),
            Message::Resolved(key, resolution) => {
                let Some(local) = self.local_mut(key) else { return };
                local.resolution = resolution;
                self.shard.release(key, now);
                self.refresh(key, None);
            }
        }
    }

    fn on_command(&mut self, command: Command, now: Tick) {
        match command {
            Command::Register(key, group, target) => self.register(key, &group, target, now),
            Command::Update(key, group) => {
                let Some(new) = self.group(&group) else { return };
                let Some(local) = self.local_mut(key) else { return };
                let asks_anew = new.asks_anew(&local.group);
                local.group = Arc::clone(&new);
                self.shard.update(key, Arc::clone(&new.settings), asks_anew, now);
                self.refresh(key, None);
            }
            Command::Deregister(key) => {
                self.shard.deregister(key, now);
                self.refresh(key, None);
            }
        }
    }

    fn register(&mut self, key: Key, group: &Arc<TargetGroup>, target: Arc<TargetDescription>, now: Tick) {
        let Some(group) = self.group(group) else { return };
        let resolution = target.ip().map_or(Resolution::Pending, Resolution::Address);
        let hash = place::hash(group.group.name.as_str(), &target.to_string());
        self.shard.register(key, Arc::clone(&group.settings), hash, resolution == Resolution::Pending, now);
        let slot = index_of(key);
        if self.locals.len() <= slot {
            self.locals.resize_with(slot + 1, || None);
        }
        self.locals[slot] = Some(Local { key, target, group, resolution });
        self.refresh(key, None);
    }

    /// The shared part of a group, made anew when its settings are new.
    fn group(&mut self, group: &Arc<TargetGroup>) -> Option<Arc<Group>> {
        if let Some(known) = self.groups.get(&group.name)
            && Arc::ptr_eq(&known.group, group)
        {
            return Some(Arc::clone(known));
        }
        // The fleet publishes a group before it sends a command about it.
        let stats = self.shell.view.stats(&group.name)?;
        let made = Arc::new(Group {
            settings: Arc::new(Settings::from(&**group)),
            prober: Prober::new(&group.health_check),
            stats,
            group: Arc::clone(group),
        });
        self.groups.insert(group.name.clone(), Arc::clone(&made));
        Some(made)
    }

    /// Starts checks that are due, as many as there is room for. True if more are due than one turn may start.
    fn start_due(&mut self, now: Tick) -> bool {
        for _ in 0..STARTS_PER_TURN {
            if self.running.len() >= self.shell.in_flight_limit {
                return false;
            }
            let Some(job) = self.shard.poll_job(now) else { return false };
            self.start(job, now);
        }
        self.shard.next_check().is_some_and(|at| at <= now)
    }

    fn start(&mut self, job: Job, now: Tick) {
        self.stats.lateness.observe(now.since(job.due));
        let Some(local) = self.local_mut(job.key) else {
            // The rules and the loop forget a target in the same turn.
            debug_assert!(false, "{job:?} has no target");
            return;
        };
        let outcome = match local.resolution {
            Resolution::Address(address) => {
                let (key, group, target) = (job.key, Arc::clone(&local.group), Arc::clone(&local.target));
                let (clock, stalled) = (self.shell.clock, self.stalled);
                self.running.spawn(attempt(job, group, target, address, clock, now, stalled));
                return self.refresh(key, None);
            }
            Resolution::NotFound => Outcome::Fail(Failure::NameNotFound),
            Resolution::NoAddress => Outcome::Fail(Failure::NoAddress),
            Resolution::Pending | Resolution::Trouble => Outcome::Inconclusive(Cause::Resolver),
        };
        let report = Report { outcome, status: None, timings: Timings::default() };
        self.conclude(Done { job, started: now, report }, now);
    }

    /// Takes in a check that ended on its own task.
    fn settle(&mut self, done: Result<Attempted, tokio::task::JoinError>, now: Tick) {
        // An attempt that panics is caught inside its task, so only a runtime that stops ends up here.
        let Ok((mut done, stalled_before)) = done else { return };
        let ours = self.stalled.saturating_sub(stalled_before);
        done.report.outcome = excuse(&done.report, self.timeout_of(done.job.key), ours);
        self.conclude(done, now);
    }

    fn conclude(&mut self, done: Done, now: Tick) {
        let key = done.job.key;
        let mut checked = None;
        if let Some(local) = self.local_mut(key) {
            local.group.stats.observe(&done.report);
            checked = Some((local.group.group.name.clone(), Arc::clone(&local.target)));
        }
        if let Some((name, target)) = checked.filter(|_| self.shell.tell_checks) {
            self.tell(Happening::Checked(name, target, done.report));
        }
        self.shard.on_outcome(done.job, done.report.outcome, now);
        self.refresh(key, Some((done.started, done.report)));
    }

    fn timeout_of(&mut self, key: Key) -> Duration {
        self.local_mut(key).map_or(Duration::MAX, |local| local.group.group.health_check.timeout)
    }

    /// Takes in what the rules have decided this turn.
    fn take_events(&mut self) {
        while let Some(event) = self.shard.poll_event() {
            match event {
                Event::Changed(key, transition) => {
                    let Some(local) = self.local_mut(key) else { continue };
                    let (name, target) = (local.group.group.name.clone(), Arc::clone(&local.target));
                    self.refresh(key, None);
                    self.unsaid.push(Happening::Changed(name, target, transition));
                }
                Event::Removed(key) => {
                    let Some(local) = self.locals.get_mut(index_of(key)).and_then(Option::take) else {
                        continue;
                    };
                    self.records.forget(key);
                    self.dirty = true;
                    let name = local.group.group.name.clone();
                    let now = self.shell.clock.now();
                    self.unsaid.push(Happening::Removed(name.clone(), local.target, key, now));
                    drop(local.group);
                    // The group's shared part goes with its last target.
                    if self.groups.get(&name).is_some_and(|group| Arc::strong_count(group) == 1) {
                        self.groups.remove(&name);
                    }
                }
            }
        }
    }

    fn tell(&mut self, happening: Happening) {
        use mpsc::error::TrySendError::{Closed, Full};
        match self.shell.happenings.try_send((self.shell.number, happening)) {
            Ok(()) => (),
            // The registry must hear of it, so it waits for the next turn.
            Err(Full((_, happening @ Happening::Removed(..)))) => self.unsaid.push(happening),
            Err(Full((_, Happening::Checked(..)))) => (),
            Err(Full((_, Happening::Changed(..))) | Closed(_)) => self.stats.events_dropped.add(1),
        }
    }

    fn publish(&mut self, now: Tick) {
        self.stats.in_flight.set(u64::try_from(self.running.len()).unwrap_or(u64::MAX));
        self.stats.skipped.set(self.shard.skipped());
        // At once: the records that show it are written. Otherwise whoever sees a state and then asks for what follows
        // would be told of that state again.
        std::mem::take(&mut self.unsaid).into_iter().for_each(|happening| self.tell(happening));
        let something_new = self.dirty || !self.unsaid.is_empty();
        if something_new && self.published + PUBLISH_EVERY <= now {
            self.published = now;
            self.dirty = false;
            self.shell.view.bump();
        }
    }

    fn next_wake(&self) -> Option<Tick> {
        // At the limit, due targets wait for an answer, not for the clock; sleeping until a moment already past
        // would spin.
        let room = self.running.len() < self.shell.in_flight_limit;
        let publish = (self.dirty || !self.unsaid.is_empty()).then(|| self.published + PUBLISH_EVERY);
        [self.shard.next_check().filter(|_| room), self.shard.next_deadline(), publish]
            .into_iter()
            .flatten()
            .min()
    }

    /// Brings a target's record up to date.
    fn refresh(&mut self, key: Key, check: Option<(Tick, Report)>) {
        let Some(status) = self.shard.status(key) else { return };
        let Some(local) = self.locals.get(index_of(key)).and_then(Option::as_ref) else { return };
        let address = match local.resolution {
            Resolution::Address(address) => Some(address),
            Resolution::Pending | Resolution::NotFound | Resolution::NoAddress | Resolution::Trouble => None,
        };
        let check = check.as_ref().map(|(started, report)| (*started, report));
        self.records.tell(key, &status, address, check);
        self.dirty = true;
    }

    fn local_mut(&mut self, key: Key) -> Option<&mut Local> {
        self.locals.get_mut(index_of(key))?.as_mut().filter(|local| local.key == key)
    }
}

fn index_of(key: Key) -> usize {
    usize::try_from(key.index).unwrap_or(usize::MAX)
}
