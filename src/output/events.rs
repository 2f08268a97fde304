//! `GET /api/v1/events`: every transition as a server-sent event, resumable by `Last-Event-ID` (docs/api.md).

use std::sync::Arc;

use axum::response::Response;
use serde::Serialize;

use crate::output::json::time;
use crate::output::sse::{KEEP_ALIVE, KEEP_ALIVE_COMMENT, Writer, event, stream};
use crate::runtime::view::{Entry, EventId, Resume, Transition, View};

#[derive(Debug, Serialize)]
struct Told<'a> {
    id: String,
    time: String,
    target_group: &'a str,
    target: String,
    from: &'static str,
    to: &'static str,
    reason: Option<&'static str>,
    description: Option<String>,
}

/// Sent where events were lost between the one a client saw last and the next one it gets.
#[derive(Debug, Serialize)]
struct Reset {
    message: &'static str,
}

const LOST: Reset = Reset {
    message: "Events were lost between the last one seen and the next; read the target groups anew.",
};

/// Follows transitions, from after `last` if named, of one group or of all.
pub fn follow(view: Arc<View>, last: Option<EventId>, group: Option<String>) -> Response {
    let (writer, response) = stream();
    tokio::spawn(async move {
        // Ends with the client, whose going away is no error.
        _ = feed(&view, &writer, last, group.as_deref()).await;
    });
    response
}

async fn feed(view: &View, writer: &Writer, last: Option<EventId>, group: Option<&str>) -> Result<(), ()> {
    let mut changes = view.journal.changes();
    let mut last = last.unwrap_or_else(|| view.journal.newest());
    let mut quiet = view.clock.now();
    // Answers at once, so that a client knows that it is connected.
    writer.write(KEEP_ALIVE_COMMENT).await?;
    loop {
        changes.borrow_and_update();
        let Resume { entries, last: reached, gap, more } = view.journal.after(last);
        if gap {
            quiet = view.clock.now();
            writer.write(event("reset", None, &LOST)).await?;
        }
        for entry in &entries {
            let Some(transition) = entry.transition() else { continue };
            if group.is_none_or(|name| name == transition.group.as_str()) {
                quiet = view.clock.now();
                writer.write(told(entry, transition)).await?;
            }
        }
        last = reached;
        if more {
            // Behind what was lost, so that `reset` comes before it.
            continue;
        }
        tokio::select! {
            changed = changes.changed() => changed.map_err(|_| ())?,
            () = view.stopped() => return Ok(()),
            () = writer.closed() => return Ok(()),
            // Counted from what this stream was told last: transitions of other groups keep no client from a timeout.
            () = view.clock.sleep_until(quiet + KEEP_ALIVE) => {
                quiet = view.clock.now();
                writer.write(KEEP_ALIVE_COMMENT).await?;
            }
        }
    }
}

fn told(entry: &Entry, transition: &Transition) -> String {
    let data = Told {
        id: entry.id.to_string(),
        time: time(entry.at),
        target_group: transition.group.as_str(),
        target: transition.target.to_string(),
        from: transition.from.as_str(),
        to: transition.to.state.as_str(),
        reason: transition.to.reason.map(|reason| reason.as_str()),
        description: transition.to.description_of(&transition.target),
    };
    event("transition", Some(entry.id.to_string()), &data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::health::{State, TargetHealth};
    use crate::model::target::TargetDescription;
    use crate::model::target_group::GroupName;
    use crate::model::tick::Tick;
    use crate::runtime::view::Clock;

    #[tokio::test]
    async fn a_reset_stands_where_events_were_lost() {
        let view = View::new(Clock::start(), 1);
        let begin = view.journal.newest();
        let write = || {
            let target = TargetDescription::new("10.0.0.1", 80);
            let group = GroupName::parse("web").unwrap();
            view.journal.record(Tick(1), group, Arc::new(target), State::Initial, TargetHealth::HEALTHY);
        };
        write();
        write();
        view.journal.record_loss();
        write();
        view.journal.record_loss();
        // A stream tells what there is before it looks whether it is to end.
        view.stop();
        let body = follow(Arc::clone(&view), Some(begin), None).into_body();
        let text = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        let kinds: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
        assert_eq!(kinds, ["transition", "transition", "reset", "transition", "reset"], "{text}");
    }
}
