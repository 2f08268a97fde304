//! What readers see: the lists of targets as they were at one moment, and each target's record as it is.
//!
//! A reader loads a few pointers and never waits; the shard that writes a record never waits for a reader. A
//! [`Snapshot`] is frozen in what is registered, not in how it fares: records are live, so that a check costs a few
//! stores and a reader of a million targets holds no copy. What that means for whoever reads a list:
//!
//! - Each target is consistent in itself: state, reason, times and latest check are of one moment.
//! - Targets are read one after another, so two of them may be told as they were milliseconds apart. No target is
//!   told older than it was when the snapshot was taken.
//! - A transition is told to journal, log and streams after its record is written, so whoever hears of one and looks
//!   sees it, or something later. Who reads a list and wants to follow what comes after takes the journal's newest
//!   event first and the records then: an event that the list shows already may come again, and none is missed unless
//!   the stream says so in its place.
//! - Whoever waits for [`View::changes`] and reads again misses no last state: the version is raised, at most every
//!   50 ms for each shard, after the records it speaks of were written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::watch;

pub use crate::engine::machine::Streak;
pub use crate::engine::registry::{Listed, Listing};
pub use crate::engine::rollup::{Counts, fail_open};
pub use crate::engine::shard::{Key, Status};
pub use crate::runtime::clock::{Clock, timestamp};
pub use crate::runtime::journal::{Entry, EventId, Journal, Resume, Told, Transition};
pub use crate::runtime::record::{Lookup, Record};
pub use crate::runtime::slots::{Records, Slots};
pub use crate::runtime::telemetry::ecs::{CheckStats, EcsStats};
pub use crate::runtime::telemetry::{GroupStats, Histogram, ShardStats, StoreStats};

use crate::model::ecs;
use crate::model::health::{Reason, State, TargetHealth};
use crate::model::target::TargetDescription;
use crate::model::target_group::GroupName;
use crate::model::tick::Tick;
use crate::runtime::slots::Published;

/// What became of the latest attempt to take a new configuration.
#[derive(Debug, Default)]
pub struct ConfigStatus {
    /// Whether the latest attempt succeeded.
    pub successful: AtomicBool,
    /// When one last succeeded, as a [`Tick`].
    pub success_at: AtomicU64,
}

/// Everything any reader may know.
#[derive(Debug)]
pub struct View {
    /// The clock all moments in here were read from.
    pub clock: Clock,
    /// What happened, in order.
    pub journal: Journal,
    /// The latest attempt to take a new configuration.
    pub config: ConfigStatus,
    /// What each shard has counted.
    pub shard_stats: Vec<Arc<ShardStats>>,
    /// What has been counted of the store.
    pub store: StoreStats,
    /// What has been counted of checks of containers.
    pub ecs_stats: EcsStats,
    listings: ArcSwap<BTreeMap<GroupName, Arc<Listing>>>,
    group_stats: ArcSwap<BTreeMap<GroupName, Arc<GroupStats>>>,
    ecs: ArcSwapOption<ecs::state::State>,
    shards: Vec<Arc<Published>>,
    version: watch::Sender<u64>,
    ready: AtomicBool,
    stopping: watch::Sender<bool>,
}

impl View {
    /// An empty view over this many shards.
    #[must_use]
    pub fn new(clock: Clock, shards: u16) -> Arc<Self> {
        let shards = usize::from(shards.max(1));
        Arc::new(Self {
            clock,
            journal: Journal::new(clock.now()),
            config: ConfigStatus::default(),
            shard_stats: (0..shards).map(|_| Arc::default()).collect(),
            store: StoreStats::default(),
            ecs_stats: EcsStats::default(),
            listings: ArcSwap::default(),
            group_stats: ArcSwap::default(),
            ecs: ArcSwapOption::empty(),
            shards: (0..shards).map(|_| Arc::default()).collect(),
            version: watch::Sender::new(0),
            ready: AtomicBool::new(false),
            stopping: watch::Sender::new(false),
        })
    }

    /// What is registered now, and the way to the records.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        // In this order: no record is older than `now`, and every place a listed target's record may be in is there.
        Snapshot {
            now: self.clock.now(),
            groups: self.listings.load_full(),
            shards: self.shards.iter().map(|shard| shard.records()).collect(),
        }
    }

    /// Clusters, services and tasks as they were at one moment; none where no tasks are run here.
    #[must_use]
    pub fn ecs(&self) -> Arc<ecs::state::State> {
        self.ecs.load_full().unwrap_or_default()
    }

    /// Whether tasks are run here: whether there is an agent.
    #[must_use]
    pub fn ecs_on(&self) -> bool {
        self.ecs.load().is_some()
    }

    /// Makes `state` what readers see of clusters, services and tasks. For the agent alone.
    pub fn publish_ecs(&self, state: Arc<ecs::state::State>) {
        self.ecs_stats.retain(&state);
        self.ecs.store(Some(state));
        self.bump();
    }

    /// Waits until the shards have published these registrations, or have ended them.
    pub async fn published(&self, keys: &[(u16, Key)]) {
        let mut changes = self.changes();
        let unpublished = |(shard, key): &(u16, Key)| {
            let records = self.shards.get(usize::from(*shard)).map(|shard| shard.records());
            records.is_some_and(|records| records.health(*key) == Lookup::Unpublished)
        };
        while keys.iter().any(unpublished) {
            // The sender lives as long as this view.
            _ = changes.changed().await;
        }
    }

    /// Tells when anything has been published since it was last looked at.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Waits until the process is about to stop.
    pub async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // The sender lives as long as this view.
        _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// Says that the process is about to stop: streams end, `/-/ready` says no.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// What has been counted for a group that exists.
    #[must_use]
    pub fn stats(&self, group: &GroupName) -> Option<Arc<GroupStats>> {
        self.group_stats.load().get(group).map(Arc::clone)
    }

    /// Whether the configuration is live and every target that is checked anywhere was checked once, has a verdict from
    /// before a restart, or its first interval is over.
    ///
    /// Once true it stays true until the process stops: a target added later makes no server unready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        if *self.stopping.borrow() {
            return false;
        }
        if !self.ready.load(Relaxed) && self.config.success_at.load(Relaxed) > 0 {
            self.look_at(&self.snapshot());
        }
        self.ready.load(Relaxed)
    }

    /// Becomes ready if every target was settled when `snapshot` was taken. That of another thread may be later and
    /// have said so already, so nothing is taken back.
    fn look_at(&self, snapshot: &Snapshot) {
        if snapshot.groups.values().all(|group| snapshot.is_settled(group)) {
            self.ready.store(true, Relaxed);
        }
    }

    /// Makes `listings` what readers see, and keeps counters for exactly these groups.
    pub fn publish_listings(&self, listings: BTreeMap<GroupName, Arc<Listing>>) {
        let old = self.group_stats.load();
        let stats =
            listings.keys().map(|name| (name.clone(), old.get(name).cloned().unwrap_or_default())).collect();
        self.group_stats.store(Arc::new(stats));
        self.listings.store(Arc::new(listings));
        self.bump();
    }

    /// The records of one shard, to be written. For the shard's own thread: a record has one writer.
    #[must_use]
    pub fn slots(&self, shard: u16) -> Slots {
        Slots::new(Arc::clone(&self.shards[usize::from(shard)]))
    }

    /// Tells everyone who waits for [`View::changes`] that something was written.
    pub fn bump(&self) {
        self.version.send_modify(|version| *version += 1);
    }
}

/// What was registered at one moment; how it fares is read as it is.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub now: Tick,
    /// Every group by name.
    pub groups: Arc<BTreeMap<GroupName, Arc<Listing>>>,
    shards: Vec<Records>,
}

/// One target as a reader sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// As registered.
    pub target: &'a TargetDescription,
    /// Which registration it is.
    pub key: (u16, Key),
    /// State, reason and failure.
    pub health: TargetHealth,
    /// More, once its shard has published it.
    pub record: Option<Record>,
}

impl Seen<'_> {
    /// What is told with state and reason: AWS's description, or why the target is checked nowhere; absent exactly when
    /// healthy.
    #[must_use]
    pub fn description(&self) -> Option<String> {
        self.health.description_of(self.target)
    }
}

impl Snapshot {
    /// The targets of a group, in the order of id and port; those whose drain is over are not among them.
    pub fn targets<'a>(&'a self, listing: &'a Listing) -> impl Iterator<Item = Seen<'a>> {
        listing.targets.iter().filter_map(|listed| self.target(listing, listed))
    }

    /// One target as it is now; `None` if its drain is over.
    #[must_use]
    pub fn target<'a>(&self, listing: &Listing, listed: &'a Listed) -> Option<Seen<'a>> {
        let record = self.records(listed).map_or(Lookup::Unpublished, |shard| shard.record(listed.key));
        let health = told(listing, listed, record.map(|record| record.status.health))?;
        Some(Seen { target: &listed.target, key: (listed.shard, listed.key), health, record: record.found() })
    }

    /// How many of a group's targets are in each state.
    #[must_use]
    pub fn counts(&self, listing: &Listing) -> Counts {
        let mut counts = Counts::default();
        for listed in &listing.targets {
            let Some(health) = self.health(listing, listed) else { continue };
            counts.add(health.state);
            // The target itself is looked at only where it must be: each is somewhere else in memory.
            if health.state == State::Unavailable && listed.target.host().is_none() {
                counts.add_unreachable();
            }
        }
        counts
    }

    /// State, reason and failure of one target, cheaper than all of it; `None` if its drain is over.
    #[must_use]
    pub fn health(&self, listing: &Listing, listed: &Listed) -> Option<TargetHealth> {
        let status = self.records(listed).map_or(Lookup::Unpublished, |shard| shard.health(listed.key));
        told(listing, listed, status)
    }

    fn records(&self, listed: &Listed) -> Option<&Records> {
        self.shards.get(usize::from(listed.shard))
    }

    fn is_settled(&self, listing: &Listing) -> bool {
        let check = &listing.group.health_check;
        let unchecked = !check.enabled || !listing.group.attributes.in_use;
        unchecked
            || self.targets(listing).all(|seen| {
                let checked = |record: &Record| {
                    // A verdict without a check is from before a restart.
                    record.last_check.is_some()
                        || record.status.conclusive_state != State::Initial
                        || record.status.since + check.interval <= self.now
                };
                let never = seen.health.state == State::Draining || seen.target.host().is_none();
                never || seen.record.as_ref().is_some_and(checked)
            })
    }
}

/// What is told of a target whose shard says `status`.
///
/// The list may be newer than what the shard says, and what the list says holds: a write is seen by the next read.
fn told(listing: &Listing, listed: &Listed, status: Lookup<TargetHealth>) -> Option<TargetHealth> {
    match (listed.registered, status) {
        // Its drain is over, perhaps since the list was made.
        (_, Lookup::Forgotten) => None,
        // Deregistered, and its shard may not have heard of that yet, or not even of its registration.
        (false, Lookup::Found(_) | Lookup::Unpublished) => {
            Some(TargetHealth::because(State::Draining, Reason::TargetDeregistrationInProgress))
        }
        (true, Lookup::Found(health)) if !is_unchecked(&health) => Some(unchecked(listing).unwrap_or(health)),
        // Not yet published, or its shard has not heard that its group is checked again.
        (true, Lookup::Found(_) | Lookup::Unpublished) => Some(unpublished(listing, listed)),
    }
}

/// What is told of a registered target of which nothing is known: the gap that AWS calls registration in progress.
fn unpublished(listing: &Listing, listed: &Listed) -> TargetHealth {
    unchecked(listing).unwrap_or_else(|| {
        if listed.target.host().is_none() {
            TargetHealth::because(State::Unavailable, Reason::ElbInternalError)
        } else {
            TargetHealth::because(State::Initial, Reason::ElbRegistrationInProgress)
        }
    })
}

/// What is told of every registered target of a group that is not checked.
fn unchecked(listing: &Listing) -> Option<TargetHealth> {
    if !listing.group.attributes.in_use {
        return Some(TargetHealth::because(State::Unused, Reason::TargetNotInUse));
    }
    let off = TargetHealth::because(State::Unavailable, Reason::TargetHealthCheckDisabled);
    (!listing.group.health_check.enabled).then_some(off)
}

/// Whether this is told of a target because its group is not checked.
fn is_unchecked(health: &TargetHealth) -> bool {
    matches!(health.reason, Some(Reason::TargetNotInUse | Reason::TargetHealthCheckDisabled))
}

#[cfg(test)]
mod tests;
