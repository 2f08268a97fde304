//! Looks how the targets of tasks fare, and tells the rules when that has changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::engine::ecs::action::{Report, TargetSeen};
use crate::engine::registry::Listing;
use crate::model::ecs::task::{Registration, Task, TaskId, TaskTarget};
use crate::model::target_group::GroupName;
use crate::runtime::agent::hands::Told;
use crate::runtime::view::{Snapshot, View};

/// From one look to the next, at least. The shards publish every 50 ms, and nothing that is decided by it is that urgent.
const PACE: Duration = Duration::from_millis(100);

/// Looks until nobody listens.
pub(super) async fn run(view: Arc<View>, told: mpsc::Sender<Told>) {
    let mut changes = view.changes();
    let mut known = BTreeMap::new();
    loop {
        for (task, seen) in news(&view, &mut known) {
            if told.send(Told::Report(Report::Targets(task, seen))).await.is_err() {
                return;
            }
        }
        view.clock.sleep(PACE).await;
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// The tasks whose targets fare otherwise than was last told.
pub(super) fn news(
    view: &View,
    known: &mut BTreeMap<TaskId, Vec<TargetSeen>>,
) -> Vec<(TaskId, Vec<TargetSeen>)> {
    let state = view.ecs();
    let watched: Vec<&Arc<Task>> = state.tasks.values().filter(|task| watches(task)).collect();
    known.retain(|id, _| state.tasks.get(id).is_some_and(|task| watches(task)));
    if watched.is_empty() {
        return Vec::new();
    }
    let snapshot = view.snapshot();
    let by_arn: BTreeMap<&str, &Arc<Listing>> =
        snapshot.groups.values().map(|listing| (&*listing.group.description.arn, listing)).collect();
    let mut news = Vec::new();
    for task in watched {
        let standing: Vec<&TaskTarget> = task.targets.iter().filter(|target| stands(target)).collect();
        let seen: Vec<TargetSeen> = standing.iter().map(|target| look(&snapshot, &by_arn, target)).collect();
        // One that somebody else took out of its group before it was to drain is waited for until this is told.
        let mut pairs = standing.iter().zip(&seen);
        let awaited = pairs
            .any(|(target, seen)| target.registration == Registration::Draining && seen.health.is_none());
        if awaited || known.get(&task.id) != Some(&seen) {
            known.insert(task.id.clone(), seen.clone());
            news.push((task.id.clone(), seen));
        }
    }
    news
}

fn watches(task: &Task) -> bool {
    task.targets.iter().any(stands)
}

/// Whether a target's group knows it, or has not been seen to have forgotten it.
fn stands(target: &TaskTarget) -> bool {
    matches!(target.registration, Registration::Registered | Registration::Draining)
}

fn look(snapshot: &Snapshot, by_arn: &BTreeMap<&str, &Arc<Listing>>, target: &TaskTarget) -> TargetSeen {
    let named = || GroupName::parse(&target.arn).ok().and_then(|name| snapshot.groups.get(&name));
    let listing = by_arn.get(&*target.arn).copied().or_else(named);
    let health = listing.and_then(|listing| {
        let listed = listing.find(&target.id, target.port)?;
        snapshot.health(listing, listed)
    });
    TargetSeen { arn: target.arn.clone(), id: target.id.clone(), port: target.port, health }
}
