//! Starts the shards, hands each its commands, hears what happened, and stops them in order.

use std::collections::BTreeMap;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, info, warn};

use crate::engine::registry::{Changes, Command, Drains, Registry};
use crate::engine::shard::Key;
use crate::model::desired::DesiredGroup;
use crate::model::health::{Reason, State, TargetHealth};
use crate::model::life::Life;
use crate::model::outcome::{Outcome, Report};
use crate::model::target::TargetDescription;
use crate::model::target_group::GroupName;
use crate::model::tick::Tick;
use crate::runtime::episode::Turn;
use crate::runtime::mailbox::{self, Mailbox};
use crate::runtime::poller::Poller;
use crate::runtime::resolver::{self, Ask};
use crate::runtime::shard_loop::{Happening, Message, Shell, drive};
use crate::runtime::view::{View, fail_open};

/// Happenings under way to the journal. At 100 bytes each a full queue is 6 MiB; beyond it transitions are dropped from
/// logs and streams, which say so, never from the view and the counters.
const HAPPENINGS: usize = 65_536;

/// Happenings taken at a time, so that a new set need not wait for all of a storm.
const BATCH: usize = 1_024;

/// Changes of a group's fail-open state are looked for this often: often enough for a log line, rare enough to count
/// all targets each time.
const FAIL_OPEN_EVERY: Duration = Duration::from_millis(500);

/// After happenings, the next ones are waited for this long. What comes alone is passed on at once; in a storm, being
/// woken for every few of them took more time than all else that is done with them.
const REST: Duration = Duration::from_millis(5);

/// How the fleet is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Shards, one thread each; at least one.
    pub shards: u16,
    /// Checks in flight at once on each shard.
    pub in_flight_limit: u64,
    /// How often host names are looked up again.
    pub resolve_interval: Duration,
}

/// Groups that have changed, each complete, and where to say what that changed once readers can see it.
#[derive(Debug)]
pub struct Apply {
    /// Groups that should exist as they are here.
    pub groups: Vec<DesiredGroup>,
    /// Groups that should not exist any more; their targets drain.
    pub gone: Vec<GroupName>,
    /// Groups that were deleted, and perhaps made anew since; what was in them leaves at once.
    pub deleted: Vec<GroupName>,
    /// When drains end that begin with this, as far as that was promised.
    pub drains: Drains,
    /// Whether this is a new configuration file taken in.
    pub whole_file: bool,
    /// Answered when the set is live.
    pub done: oneshot::Sender<Changes>,
}

/// What is known of one target from before a restart.
pub type Former = (GroupName, Arc<TargetDescription>, Life);

/// The running shards.
#[derive(Debug)]
pub struct Fleet {
    applies: mpsc::Sender<Apply>,
    threads: Vec<JoinHandle<()>>,
    control: tokio::task::JoinHandle<()>,
}

impl Fleet {
    /// Starts the shards' threads and, on the calling runtime, the task that commands them.
    ///
    /// `lives` are what is known of targets from before a restart. A life is taken up when its group is first applied,
    /// and dropped if that is not so by the end of the first whole file: groups that the file does not name are applied
    /// before it. An apply that takes lives up is answered once readers see them.
    ///
    /// # Errors
    /// If a thread or its event loop cannot be made.
    pub fn start(view: &Arc<View>, layout: Layout, lives: Vec<Former>) -> io::Result<Self> {
        let (happenings, heard) = mpsc::channel(HAPPENINGS);
        let (mut shards, mut threads) = (Vec::new(), Vec::new());
        for number in 0..layout.shards.max(1) {
            let shell = Shell {
                number,
                clock: view.clock,
                view: Arc::clone(view),
                happenings: happenings.clone(),
                in_flight_limit: usize::try_from(layout.in_flight_limit).unwrap_or(usize::MAX),
                tell_checks: tracing::enabled!(tracing::Level::DEBUG),
            };
            let (poller, bell) = Poller::new()?;
            let (mailbox, inbox) = Mailbox::new(bell);
            shards.push(mailbox);
            threads.push(start_thread(shell, poller, inbox)?);
        }
        let (asks, asked) = mpsc::channel(mailbox::LENGTH);
        let told = shards.iter().map(Mailbox::try_clone).collect::<io::Result<_>>()?;
        tokio::spawn(or_abort(resolver::run(asked, told, view.clock, layout.resolve_interval)));
        let (applies, wanted) = mpsc::channel(1);
        let mut registry = Registry::new(layout.shards.max(1));
        registry.remember(lives, view.clock.now());
        let control =
            Control { registry, view: Arc::clone(view), shards, asks, failing_open: BTreeMap::new() };
        let control = tokio::spawn(or_abort(control.run(wanted, heard)));
        Ok(Self { applies, threads, control })
    }

    /// Where new complete sets go.
    #[must_use]
    pub fn applies(&self) -> mpsc::Sender<Apply> {
        self.applies.clone()
    }

    /// Stops every shard and waits for its thread. Checks in flight are dropped.
    pub async fn stop(self) {
        drop(self.applies);
        // The shards' inboxes close with the control task and the resolver it owns.
        self.control.abort();
        _ = self.control.await;
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().all(|one| one.join().is_ok()));
        if !joined.await.unwrap_or(false) {
            error!("A shard did not end well.");
        }
    }
}

fn start_thread(shell: Shell, poller: Poller, inbox: mpsc::Receiver<Message>) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("shard-{}", shell.number)).spawn(move || {
        let driven = std::panic::catch_unwind(AssertUnwindSafe(|| drive(shell, &poller, inbox)));
        if driven.is_err() {
            // A shard that is silently gone is the worst state of all: its targets would look healthy for ever.
            error!("A shard panicked; stopping, so that a supervisor can start anew.");
            std::process::abort();
        }
    })
}

/// Runs a task without which the fleet is only a picture of itself. Should it panic, a supervisor starts anew.
pub(super) async fn or_abort(task: impl Future<Output = ()>) {
    if AssertUnwindSafe(task).catch_unwind().await.is_err() {
        error!("A task of the fleet panicked; stopping, so that a supervisor can start anew.");
        std::process::abort();
    }
}

/// The task that owns the registry.
struct Control {
    registry: Registry,
    view: Arc<View>,
    shards: Vec<Mailbox>,
    asks: mpsc::Sender<Vec<Ask>>,
    failing_open: BTreeMap<GroupName, bool>,
}

impl Control {
    async fn run(mut self, mut wanted: mpsc::Receiver<Apply>, mut heard: mpsc::Receiver<(u16, Happening)>) {
        let clock = self.view.clock;
        let mut batch = Vec::new();
        let (mut look, mut rest) = (None, None);
        loop {
            tokio::select! {
                apply = wanted.recv() => {
                    let Some(apply) = apply else { return };
                    self.apply(apply).await;
                    look = Some(clock.now() + FAIL_OPEN_EVERY);
                }
                count = heard.recv_many(&mut batch, BATCH), if rest.is_none() => {
                    if count == 0 {
                        return;
                    }
                    self.on_happenings(batch.drain(..)).await;
                    look = look.or_else(|| Some(clock.now() + FAIL_OPEN_EVERY));
                    // A full batch says that more are there.
                    rest = (count < BATCH).then(|| clock.now() + REST);
                }
                () = clock.sleep_until(rest.unwrap_or_default()), if rest.is_some() => rest = None,
                () = clock.sleep_until(look.unwrap_or_default()), if look.is_some() => {
                    look = None;
                    self.look_for_fail_open();
                }
            }
        }
    }

    async fn apply(&mut self, apply: Apply) {
        for name in &apply.deleted {
            self.registry.delete(name);
        }
        self.registry.promise(apply.drains);
        let changes = self.registry.apply_some(apply.groups, &apply.gone);
        // Readers first: a target that is listed and not yet published is in registration.
        self.view.publish_listings(self.registry.listings());
        let moved = self.registry.take_moved();
        let forgotten = moved
            .iter()
            .filter_map(|moved| forget(moved.shard, moved.key, &moved.target))
            .collect::<Vec<_>>();
        if !forgotten.is_empty() {
            _ = self.asks.send(forgotten).await;
        }
        let mut restored = Vec::new();
        for (shard, commands) in (0..).zip(self.registry.take_commands()) {
            restored.extend(commands.iter().rev().find_map(restored_key).map(|key| (shard, key)));
            if commands.is_empty() {
                continue;
            }
            let asks = commands.iter().filter_map(|command| ask(shard, command)).collect::<Vec<_>>();
            if let Some(inbox) = self.shards.get(usize::from(shard)) {
                // The shard first, so that it knows the target when its address arrives.
                inbox.send(Message::Commands(commands)).await;
            }
            if !asks.is_empty() {
                _ = self.asks.send(asks).await;
            }
        }
        self.view.published(&restored).await;
        if apply.whole_file {
            self.registry.forget_remembered();
            self.view.config.success_at.store(self.view.clock.now().0, Relaxed);
            self.view.config.successful.store(true, Relaxed);
        }
        // Whoever asked may have gone away; the set is live all the same.
        _ = apply.done.send(changes);
    }

    async fn on_happenings(&mut self, happenings: impl Iterator<Item = (u16, Happening)>) {
        let (mut removed, mut asks) = (false, Vec::new());
        for (shard, happening) in happenings {
            match happening {
                Happening::Changed(group, target, change) => {
                    self.tell(group, target, change.from, change.to, change.at);
                }
                Happening::Lost => self.tell_lost(shard),
                Happening::Skipping(turn, rate) => self.tell_skipping(shard, turn, rate),
                Happening::Checked(group, target, report) => log_check(&group, &target, &report),
                Happening::Removed(group, target, key, at) => {
                    asks.extend(forget(shard, key, &target));
                    self.registry.on_removed(shard, &group, &target, key);
                    removed = true;
                    let to = TargetHealth::because(State::Unused, Reason::TargetNotRegistered);
                    self.tell(group, target, State::Draining, to, at);
                }
            }
        }
        if removed {
            self.view.publish_listings(self.registry.listings());
        }
        if !asks.is_empty() {
            _ = self.asks.send(asks).await;
        }
    }

    fn tell(
        &self,
        group: GroupName,
        target: Arc<TargetDescription>,
        from: State,
        to: TargetHealth,
        at: Tick,
    ) {
        let reason = to.reason.map(Reason::as_str);
        let failure = to.failure.map(|failure| failure.naming().label);
        let description = to.description_of(&target);
        info!(target_group = %group, target = %target, from = %from, to = %to.state, reason, failure, description, "Target changed state.");
        self.view.journal.record(at, group, target, from, to);
    }

    fn tell_lost(&self, shard: u16) {
        let dropped = self.view.shard_stats[usize::from(shard)].events_dropped.value();
        warn!(
            shard,
            dropped,
            "Transitions are missing from log and event streams: more came at once than their queue holds. No check and no state is lost."
        );
        self.view.journal.record_loss();
    }

    fn tell_skipping(&self, shard: u16, turn: Turn, rate: f64) {
        let stats = &self.view.shard_stats[usize::from(shard)];
        let (in_flight, in_flight_limit) = (stats.in_flight.value(), stats.in_flight_limit.value());
        let waiting = stats.waiting.value();
        match turn {
            Turn::Began => {
                warn!(
                    shard,
                    checks_per_second = rate,
                    in_flight,
                    in_flight_limit,
                    waiting,
                    "Checks are skipped: more are due than this machine, or the limit of checks in flight, allows. No target is blamed for it."
                );
            }
            Turn::Ended { skipped, lasted } => {
                info!(shard, skipped, seconds = lasted.as_secs_f64(), "No check is skipped any more.");
            }
        }
    }

    fn look_for_fail_open(&mut self) {
        let snapshot = self.view.snapshot();
        self.failing_open.retain(|name, _| snapshot.groups.contains_key(name));
        for (name, listing) in snapshot.groups.iter() {
            let counts = snapshot.counts(listing);
            let open = fail_open(&listing.group, &counts);
            let before = self.failing_open.insert(name.clone(), open).unwrap_or(false);
            let (healthy, registered) = (counts.of(State::Healthy), counts.registered());
            if open && !before {
                warn!(target_group = %name, healthy, registered, "Target group fails open: too few targets are healthy.");
            }
            if before && !open {
                info!(target_group = %name, healthy, registered, "Target group no longer fails open.");
            }
        }
    }
}

fn log_check(group: &GroupName, target: &TargetDescription, report: &Report) {
    let (result, failure, cause) = match report.outcome {
        Outcome::Pass => ("pass", None, None),
        Outcome::Fail(failure) => ("fail", Some(failure.naming().label), None),
        Outcome::Inconclusive(cause) => ("inconclusive", None, Some(cause.label())),
    };
    let (status, seconds) = (report.status, report.timings.total.as_secs_f64());
    debug!(target_group = %group, target = %target, result, status, failure, cause, duration_seconds = seconds, "Check ended.");
}

/// What the resolver must know of a command.
fn ask(shard: u16, command: &Command) -> Option<Ask> {
    let (key, target) = match command {
        Command::Register(key, _, target) => (*key, target),
        Command::Restore(restored) => (restored.key, &restored.target),
        Command::Update(..) | Command::Deregister(..) | Command::End(_) => return None,
    };
    target.name().map(|name| Ask::Follow(name.into(), (shard, key)))
}

/// What the resolver must know of a registration that is over.
fn forget(shard: u16, key: Key, target: &TargetDescription) -> Option<Ask> {
    target.name().map(|name| Ask::Forget(name.into(), (shard, key)))
}

/// The target whose life a command takes up.
fn restored_key(command: &Command) -> Option<Key> {
    match command {
        Command::Restore(restored) => Some(restored.key),
        Command::Register(..) | Command::Update(..) | Command::Deregister(..) | Command::End(_) => None,
    }
}

#[cfg(test)]
mod tests;
