//! What of a target's record survives, and when it is worth writing again.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use crate::engine::registry::{Listed, Listing};
use crate::model::health::State;
use crate::model::life::Life;
use crate::model::outcome::Outcome;
use crate::model::target_group::TargetGroup;
use crate::model::tick::{Tick, millis};
use crate::runtime::view::{Record, Snapshot, Streak};

/// What is seen of a target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Look {
    /// Its shard has yet to tell what has become of it.
    Unknown,
    /// It is no more.
    Gone,
    /// How it fares, and what changes whenever that is worth writing.
    Lives(Life, u64),
}

/// Looks at a target of a list.
pub(super) fn look(snapshot: &Snapshot, listing: &Listing, listed: &Listed) -> Look {
    let Some(seen) = snapshot.target(listing, listed) else { return Look::Gone };
    let Some(record) = seen.record else { return Look::Unknown };
    // Deregistered, and the shard has not heard of it.
    if seen.health.state == State::Draining && record.status.drain_ends.is_none() {
        return Look::Unknown;
    }
    let life = life(&listing.group, &record);
    Look::Lives(life, mark(&listing.group, &life))
}

fn life(group: &TargetGroup, record: &Record) -> Life {
    let status = &record.status;
    let (failing, run) = match status.streak {
        Streak::Passes(run) => (false, run),
        Streak::Fails(run) => (true, run),
    };
    let checked = match record.last_check.as_ref().map(|(_, report)| report.outcome) {
        Some(Outcome::Fail(failure)) => Some(failure),
        Some(Outcome::Pass | Outcome::Inconclusive(_)) | None => None,
    };
    // The first check of all is made at once, wherever the grid lies; those after it are on the grid.
    let next = status.next_check.or(status.check_after).filter(|_| record.last_conclusive.is_some());
    let interval = group.health_check.interval.max(Duration::from_millis(1));
    Life {
        state: status.health.state,
        since: status.since,
        conclusive_state: status.conclusive_state,
        failing,
        run,
        failure: status.health.failure.or(checked),
        drain_ends: status.drain_ends,
        // Of all moments on the grid the first one there ever was, so that it stays the same from check to check.
        grid: next.map(|at| (Tick(at.0 % millis(interval)), interval)),
    }
}

/// Differs whenever something differs that matters after a restart: verdicts beyond any threshold do not.
fn mark(group: &TargetGroup, life: &Life) -> u64 {
    let check = &group.health_check;
    let most = check.healthy_threshold.max(check.unhealthy_threshold).max(check.initial_healthy_threshold);
    let Life { state, since, conclusive_state, failing, run, failure, drain_ends, grid } = *life;
    let mut hasher = DefaultHasher::new();
    (state, since, conclusive_state, failing, run.min(u32::from(most.get()))).hash(&mut hasher);
    (failure, drain_ends, grid).hash(&mut hasher);
    hasher.finish()
}
