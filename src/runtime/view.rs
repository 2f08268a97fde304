//! What readers see: immutable snapshots, published by the threads that own the targets.
//!
//! A reader loads a few pointers and never waits; a shard that publishes never waits for a reader. Records lie in
//! chunks that are shared between snapshots, so a publish copies only chunks that changed.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwap;
use tokio::sync::watch;

pub use crate::engine::machine::Streak;
pub use crate::engine::registry::{Listed, Listing};
pub use crate::engine::rollup::{Counts, fail_open};
pub use crate::engine::shard::{Key, Status};
pub use crate::runtime::clock::{Clock, timestamp};
pub use crate::runtime::journal::{Entry, EventId, Journal, Resume};
pub use crate::runtime::telemetry::{GroupStats, Histogram, ShardStats};

use crate::model::health::{Reason, State, TargetHealth};
use crate::model::outcome::Report;
use crate::model::target::TargetDescription;
use crate::model::target_group::GroupName;
use crate::model::tick::Tick;

/// Records in a chunk: small enough to copy often, large enough that a view of 100,000 targets is a short list.
const CHUNK: usize = 64;

/// What is told of one target beside its registration.
#[derive(Clone, Debug)]
pub struct Record {
    /// Which registration it is about.
    pub key: Key,
    /// What the rules say.
    pub status: Status,
    /// The address checked; unknown while a host name is not resolved.
    pub address: Option<IpAddr>,
    /// The latest check that ended, and when it started.
    pub last_check: Option<(Tick, Report)>,
    /// When the latest check that was conclusive started.
    pub last_conclusive: Option<Tick>,
}

/// Records that are copied together.
type Chunk = [Option<Record>; CHUNK];

/// All records of one shard.
#[derive(Clone, Debug, Default)]
pub struct ShardView {
    chunks: Vec<Arc<Chunk>>,
}

impl ShardView {
    /// The record of one registration.
    #[must_use]
    pub fn record(&self, key: Key) -> Option<&Record> {
        let index = usize::try_from(key.index).ok()?;
        let record = self.chunks.get(index / CHUNK)?.get(index % CHUNK)?.as_ref()?;
        (record.key == key).then_some(record)
    }

    /// The place of a record, to be changed; snapshots already published keep their copy.
    pub fn slot(&mut self, index: u32) -> &mut Option<Record> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        while self.chunks.len() <= index / CHUNK {
            self.chunks.push(Arc::new([const { None }; CHUNK]));
        }
        &mut Arc::make_mut(&mut self.chunks[index / CHUNK])[index % CHUNK]
    }
}

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
    /// Transitions, in order.
    pub journal: Journal,
    /// The latest attempt to take a new configuration.
    pub config: ConfigStatus,
    /// What each shard has counted.
    pub shard_stats: Vec<Arc<ShardStats>>,
    listings: ArcSwap<BTreeMap<GroupName, Arc<Listing>>>,
    group_stats: ArcSwap<BTreeMap<GroupName, Arc<GroupStats>>>,
    shards: Vec<ArcSwap<ShardView>>,
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
            listings: ArcSwap::default(),
            group_stats: ArcSwap::default(),
            shards: (0..shards).map(|_| ArcSwap::default()).collect(),
            version: watch::Sender::new(0),
            ready: AtomicBool::new(false),
            stopping: watch::Sender::new(false),
        })
    }

    /// The present, frozen: later publishes do not change it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            now: self.clock.now(),
            groups: self.listings.load_full(),
            shards: self.shards.iter().map(ArcSwap::load_full).collect(),
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

    /// Whether the configuration is live and every target was checked once, or its first interval is over.
    ///
    /// Once true it stays true until the process stops: a target added later makes no server unready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        if *self.stopping.borrow() {
            return false;
        }
        if !self.ready.load(Relaxed) && self.config.success_at.load(Relaxed) > 0 {
            let snapshot = self.snapshot();
            let settled = snapshot.groups.values().all(|group| snapshot.is_settled(group));
            self.ready.store(settled, Relaxed);
        }
        self.ready.load(Relaxed)
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

    /// Makes `records` what readers see of one shard.
    pub fn publish_shard(&self, shard: u16, records: ShardView) {
        self.shards[usize::from(shard)].store(Arc::new(records));
        self.bump();
    }

    fn bump(&self) {
        self.version.send_modify(|version| *version += 1);
    }
}

/// One moment of the [`View`].
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub now: Tick,
    /// Every group by name.
    pub groups: Arc<BTreeMap<GroupName, Arc<Listing>>>,
    shards: Vec<Arc<ShardView>>,
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
    pub record: Option<&'a Record>,
}

impl Snapshot {
    /// The targets of a group, in the order of id and port; those whose drain is over are not among them.
    pub fn targets<'a>(&'a self, listing: &'a Listing) -> impl Iterator<Item = Seen<'a>> {
        listing.targets.iter().filter_map(|listed| self.target(listing, listed))
    }

    /// One target; `None` if its drain is over.
    #[must_use]
    pub fn target<'a>(&'a self, listing: &Listing, listed: &'a Listed) -> Option<Seen<'a>> {
        let record = self.shards.get(usize::from(listed.shard)).and_then(|shard| shard.record(listed.key));
        let health = match (listed.registered, record) {
            (true, Some(record)) => record.status.health,
            // Registered but not yet published: the gap that AWS calls registration in progress.
            (true, None) => unpublished(listing),
            // Deregistered, and its shard may not have heard of it yet: a write is seen by the next read.
            (false, Some(_)) => {
                TargetHealth::because(State::Draining, Reason::TargetDeregistrationInProgress)
            }
            (false, None) => return None,
        };
        Some(Seen { target: &listed.target, key: (listed.shard, listed.key), health, record })
    }

    /// How many of a group's targets are in each state.
    #[must_use]
    pub fn counts(&self, listing: &Listing) -> Counts {
        let mut counts = Counts::default();
        self.targets(listing).for_each(|seen| counts.add(seen.health.state));
        counts
    }

    fn is_settled(&self, listing: &Listing) -> bool {
        let check = &listing.group.health_check;
        let unchecked = !check.enabled || !listing.group.attributes.in_use;
        unchecked
            || self.targets(listing).all(|seen| {
                let Some(record) = seen.record else { return false };
                record.last_check.is_some()
                    || seen.health.state == State::Draining
                    || record.status.since + check.interval <= self.now
            })
    }
}

fn unpublished(listing: &Listing) -> TargetHealth {
    if !listing.group.attributes.in_use {
        return TargetHealth::because(State::Unused, Reason::TargetNotInUse);
    }
    if !listing.group.health_check.enabled {
        return TargetHealth::because(State::Unavailable, Reason::TargetHealthCheckDisabled);
    }
    TargetHealth::because(State::Initial, Reason::ElbRegistrationInProgress)
}
