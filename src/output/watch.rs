//! `GET /api/v1/target-groups/{name}/targets?watch=true`: a group's targets, then each one as it changes.
//!
//! A client that follows this stream needs no polling: it hears of every check, not only of transitions, so it can
//! tell a verdict of now from one of before.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use serde::Serialize;

use crate::model::health::TargetHealth;
use crate::model::target::TargetDescription;
use crate::model::tick::Tick;
use crate::output::json::{list, target};
use crate::output::sse::{Writer, event, stream};
use crate::runtime::view::{Seen, Snapshot, Status, View};

/// Publishes that come closer together are told as one.
const AT_MOST_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug, Serialize)]
struct Gone<'a> {
    target: String,
    id: &'a str,
    port: u16,
}

#[derive(Debug, Serialize)]
struct GroupGone<'a> {
    target_group: &'a str,
}

/// What tells whether a target must be told again: what the rules say, its latest check, what is shown of it, and
/// whether its address is known.
type Mark = (Option<Status>, Option<Tick>, TargetHealth, bool);

/// What a client has been told, in the order of id and port.
type Told = Vec<(Arc<TargetDescription>, Mark)>;

/// Follows the targets of a group that exists.
pub fn follow(view: Arc<View>, group: String) -> Response {
    let (writer, response) = stream();
    tokio::spawn(async move {
        // Ends with the client, whose going away is no error.
        _ = feed(&view, &writer, &group).await;
    });
    response
}

async fn feed(view: &View, writer: &Writer, group: &str) -> Result<(), ()> {
    let mut changes = view.changes();
    let mut told: Option<Told> = None;
    let mut quiet = view.clock.now();
    loop {
        changes.borrow_and_update();
        let snapshot = view.snapshot();
        let text = match tell(&snapshot, group, &mut told) {
            Ok(text) => text,
            Err(last) => return writer.write(last).await,
        };
        if !text.is_empty() {
            quiet = snapshot.now;
            writer.write(text).await?;
        }
        view.clock.sleep(AT_MOST_EVERY).await;
        if !writer.rest(view, &mut changes, &mut quiet).await? {
            return Ok(());
        }
    }
}

/// Renders what changed since `told`, and everything the first time. `Err` is the last thing ever said.
fn tell(snapshot: &Snapshot, group: &str, told: &mut Option<Told>) -> Result<String, String> {
    let Some(listing) = snapshot.groups.get(group) else {
        return Err(event("target_group_gone", None, &GroupGone { target_group: group }));
    };
    let mut now = Told::with_capacity(listing.targets.len());
    // Each target is read once: what is written down as told is what is told.
    let seen = listing.targets.iter().filter_map(|listed| {
        let seen = snapshot.target(listing, listed)?;
        now.push((Arc::clone(&listed.target), mark(&seen)));
        Some(seen)
    });
    let Some(before) = told.take() else {
        let text = event("sync", None, &list(snapshot, listing, seen));
        *told = Some(now);
        return Ok(text);
    };
    let mut text = String::new();
    // Both lists are in the same order, so one walk finds what is gone, new or changed.
    let mut before = before.iter().peekable();
    for seen in seen {
        let name = (&seen.target.id, seen.target.port);
        while let Some((old, _)) = before.next_if(|(old, _)| (&old.id, old.port) < name) {
            text.push_str(&gone(old));
        }
        let old = before.next_if(|(old, _)| (&old.id, old.port) == name);
        if old.is_none_or(|(_, old)| *old != mark(&seen)) {
            text.push_str(&event("target", None, &target(listing, &seen)));
        }
    }
    before.for_each(|(old, _)| text.push_str(&gone(old)));
    *told = Some(now);
    Ok(text)
}

fn gone(target: &TargetDescription) -> String {
    event("gone", None, &Gone { target: target.to_string(), id: &target.id, port: target.port })
}

/// The moment of the next check is left out: a check that only starts is no news.
fn mark(seen: &Seen<'_>) -> Mark {
    let status = seen.record.map(|record| Status { next_check: None, check_after: None, ..record.status });
    let checked = seen.record.and_then(|record| record.last_check).map(|(started, _)| started);
    (status, checked, seen.health, seen.record.is_some_and(|record| record.address.is_some()))
}
