//! Follows what is seen of targets and has it written down: transitions at once, the rest every few seconds.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use crate::cli::keep::life::{Look, look};
use crate::cli::keep::thread::{Ask, CLOSED};
use crate::model::past::Past;
use crate::model::target::TargetDescription;
use crate::model::target_group::GroupName;
use crate::model::tick::Tick;
use crate::runtime::view::{Entry, EventId, Snapshot, View};
use crate::store::{Happened, Seen};

/// Transitions are gathered for this long after a write, so that a storm is a few large writes. A transition is promised
/// to be written 200 ms after it was published.
const REST: Duration = Duration::from_millis(50);

/// Every target is looked at this often, for what changes without a transition.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// A store that cannot be written is tried again this often.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Targets looked at, and transitions written, at once: some ten milliseconds, for which a call of an API, or another
/// task of the thread, may have to wait.
const AT_ONCE: usize = 1_000;

/// Transitions that wait for a store that cannot be written, as many as the journal in memory holds. Beyond it the oldest
/// are lost to the store's journal; no state is.
const BACKLOG: usize = 10_000;

/// A target by what identifies it in its group.
#[derive(Clone, Debug)]
struct Who(Arc<TargetDescription>);

impl Who {
    fn identity(&self) -> (&str, u16) {
        (&self.0.id, self.0.port)
    }
}

impl PartialEq for Who {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Who {}

impl PartialOrd for Who {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Who {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

/// What is to be told of a target.
type Told = (GroupName, Arc<TargetDescription>, Look);

/// The task's state.
#[derive(Debug)]
pub(super) struct Recorder {
    view: Arc<View>,
    asks: mpsc::Sender<Ask>,
    /// How far the journal has been read.
    last: EventId,
    backlog: VecDeque<Arc<Entry>>,
    /// Whether something may have been missed, so that every target has to be looked at.
    missed: bool,
    /// What has been written of each target, as a mark that says whether there is something new.
    written: BTreeMap<GroupName, BTreeMap<Who, u64>>,
}

impl Recorder {
    /// A recorder over a store that holds something of the targets `known`.
    pub(super) fn new(
        view: Arc<View>,
        asks: mpsc::Sender<Ask>,
        known: impl Iterator<Item = (GroupName, Arc<TargetDescription>)>,
    ) -> Self {
        let mut written = BTreeMap::<_, BTreeMap<_, _>>::new();
        // Each will be written anew, or forgotten if it is no more.
        known.for_each(|(group, target)| _ = written.entry(group).or_default().insert(Who(target), 0));
        Self { view, asks, last: EventId::UNKNOWN, backlog: VecDeque::new(), missed: true, written }
    }

    /// Writes down what is seen until it is told to end, and then once more.
    pub(super) async fn run(mut self, mut end: oneshot::Receiver<()>) {
        let clock = self.view.clock;
        let mut journal = self.view.journal.changes();
        let mut sweep_at = clock.now();
        loop {
            journal.mark_unchanged();
            let outcome = self.write(&mut sweep_at).await;
            let pause = if outcome.is_ok() { REST } else { RETRY_EVERY };
            tokio::select! {
                _ = &mut end => break,
                () = clock.sleep(pause) => {}
            }
            self.missed |= outcome.is_err();
            if self.missed {
                continue;
            }
            tokio::select! {
                _ = &mut end => break,
                // The journal lives as long as the view.
                _ = journal.changed() => {}
                () = clock.sleep_until(sweep_at) => {}
            }
        }
        // Said in the log already, should it fail.
        _ = self.sweep().await;
    }

    async fn write(&mut self, sweep_at: &mut Tick) -> Result<(), String> {
        if !self.view.store.healthy.load(Relaxed) {
            self.try_out().await?;
        }
        self.take_in();
        let now = self.view.clock.now();
        if !self.missed && now < *sweep_at {
            return self.flush(Vec::new()).await;
        }
        *sweep_at = now + SWEEP_EVERY;
        self.sweep().await
    }

    /// Reads the journal to its end.
    fn take_in(&mut self) {
        let mut more = true;
        while more {
            let resume = self.view.journal.after(self.last);
            // Tasks and services are kept by whoever owns them.
            self.backlog.extend(resume.entries.into_iter().filter(|entry| entry.transition().is_some()));
            self.last = resume.last;
            self.missed |= resume.gap;
            more = resume.more;
        }
        let lost = self.backlog.len().saturating_sub(BACKLOG);
        if lost > 0 {
            self.backlog.drain(..lost);
            self.missed = true;
            let before = self.view.store.transitions_lost.value();
            self.view.store.transitions_lost.add(u64::try_from(lost).unwrap_or(u64::MAX));
            if before == 0 {
                warn!(
                    "Transitions are missing from the store's history: it cannot be written for long. No state is lost."
                );
            }
        }
    }

    /// Writes the transitions that wait, what became of their targets, and before that what is told of others.
    async fn flush(&mut self, mut told: Vec<Told>) -> Result<(), String> {
        loop {
            self.take_in();
            let count = self.backlog.len().min(AT_ONCE);
            let entries: Vec<_> = self.backlog.range(..count).cloned().collect();
            // Looked at after they happened. What was told before is older, so this comes behind it.
            let snapshot = self.view.snapshot();
            told.extend(entries.iter().filter_map(|entry| entry.transition()).map(|transition| {
                let look = find(&snapshot, &transition.group, &transition.target);
                (transition.group.clone(), Arc::clone(&transition.target), look)
            }));
            told.retain(|(_, _, look)| *look != Look::Unknown);
            if entries.is_empty() && told.is_empty() {
                return Ok(());
            }
            self.send(entries.iter().filter_map(|entry| happened(entry)).collect(), told).await?;
            self.backlog.drain(..count);
            told = Vec::new();
        }
    }

    /// Looks at every target and writes what is new.
    async fn sweep(&mut self) -> Result<(), String> {
        self.missed = false;
        let snapshot = self.view.snapshot();
        let (mut told, mut glances) = (Vec::new(), 0_usize);
        for (name, listing) in snapshot.groups.iter() {
            for listed in &listing.targets {
                let mut look = look(&snapshot, listing, listed);
                if look == Look::Gone {
                    // It may have been registered again since the list was made.
                    look = find(&self.view.snapshot(), name, &listed.target);
                }
                if self.is_news(name, &listed.target, look) {
                    told.push((name.clone(), Arc::clone(&listed.target), look));
                }
                glances += 1;
                if glances.is_multiple_of(AT_ONCE) {
                    // What was looked at must not become older than a transition that is written meanwhile.
                    self.flush(std::mem::take(&mut told)).await?;
                    tokio::task::yield_now().await;
                }
            }
        }
        self.flush(told).await?;
        self.forget_others(&snapshot).await
    }

    /// Has the targets forgotten that are in no list.
    async fn forget_others(&mut self, snapshot: &Snapshot) -> Result<(), String> {
        let others = self.written.iter().flat_map(|(name, known)| {
            let listing = snapshot.groups.get(name);
            let unlisted =
                move |who: &&Who| listing.is_none_or(|list| list.find(&who.0.id, who.0.port).is_none());
            known.keys().filter(unlisted).map(|who| (name.clone(), Arc::clone(&who.0)))
        });
        let others: Vec<_> = others.collect();
        for some in others.chunks(AT_ONCE) {
            // They may have been registered since.
            let snapshot = self.view.snapshot();
            let told = some
                .iter()
                .map(|(name, target)| (name.clone(), Arc::clone(target), find(&snapshot, name, target)));
            self.flush(told.collect()).await?;
        }
        Ok(())
    }

    fn is_news(&self, name: &GroupName, target: &Arc<TargetDescription>, look: Look) -> bool {
        let known = self.written.get(name).and_then(|known| known.get(&Who(Arc::clone(target))));
        match look {
            Look::Unknown => false,
            Look::Gone => known.is_some(),
            Look::Lives(_, mark) => known != Some(&mark),
        }
    }

    async fn send(&mut self, happened: Vec<Happened>, told: Vec<Told>) -> Result<(), String> {
        let seen = told.iter().map(|(name, target, look)| -> Seen {
            let life = match look {
                Look::Lives(life, _) => Some(*life),
                Look::Gone | Look::Unknown => None,
            };
            (name.clone(), Arc::clone(target), life)
        });
        let (done, answer) = oneshot::channel();
        _ = self.asks.send(Ask::Record(happened, seen.collect(), done)).await;
        let again = answer.await.unwrap_or_else(|_| Err(CLOSED.to_owned()))?;
        for (place, (name, target, look)) in told.into_iter().enumerate() {
            let mark = match look {
                Look::Lives(_, mark) => Some(mark),
                Look::Gone | Look::Unknown => None,
            };
            self.note(name, target, if again.binary_search(&place).is_ok() { Some(0) } else { mark });
        }
        Ok(())
    }

    /// Remembers what has been written of a target; `None` if it has been forgotten.
    fn note(&mut self, name: GroupName, target: Arc<TargetDescription>, mark: Option<u64>) {
        match mark {
            Some(mark) => _ = self.written.entry(name).or_default().insert(Who(target), mark),
            None => {
                if let Some(known) = self.written.get_mut(&name) {
                    known.remove(&Who(target));
                    if known.is_empty() {
                        self.written.remove(&name);
                    }
                }
            }
        }
    }

    async fn try_out(&self) -> Result<(), String> {
        let (done, answer) = oneshot::channel();
        _ = self.asks.send(Ask::TryOut(done)).await;
        answer.await.unwrap_or_else(|_| Err(CLOSED.to_owned()))
    }
}

fn find(snapshot: &Snapshot, name: &GroupName, target: &TargetDescription) -> Look {
    let Some(listing) = snapshot.groups.get(name) else { return Look::Gone };
    listing.find(&target.id, target.port).map_or(Look::Gone, |listed| look(snapshot, listing, listed))
}

fn happened(entry: &Entry) -> Option<Happened> {
    let transition = entry.transition()?;
    let past = Past {
        number: 0,
        at: entry.at,
        id: transition.target.id.clone(),
        port: transition.target.port,
        from: transition.from,
        to: transition.to,
    };
    Some((transition.group.clone(), past))
}
