//! `GET /api/v1/events`: every transition, and all that becomes of tasks and services, as server-sent events, resumable
//! by `Last-Event-ID` (docs/api.md).

use std::sync::Arc;

use axum::response::Response;
use serde::Serialize;

use crate::model::arn::Account;
use crate::output::ecs_events::{KINDS, envelope, kind, owner};
use crate::output::json::time;
use crate::output::sse::{KEEP_ALIVE_COMMENT, Writer, event, stream};
use crate::runtime::view::{Entry, EventId, Resume, Told, Transition, View};

#[derive(Debug, Serialize)]
struct Changed<'a> {
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
    message: "Events were lost between the last one seen and the next; read the target groups and services anew.",
};

/// The kind of a transition, as the `event:` line says.
const TRANSITION: &str = "transition";

/// Which events a client wants: those of which everything asked for is true.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    /// Transitions of this group.
    pub target_group: Option<String>,
    /// What becomes of tasks and services of this cluster.
    pub cluster: Option<String>,
    /// What becomes of this service, of any cluster, and of its tasks.
    pub service: Option<String>,
    /// One of these kinds; all where there is none.
    pub kinds: Vec<String>,
}

impl Filter {
    /// Takes one parameter; tells what is allowed where it is not known.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn set(&mut self, key: &str, value: String) -> Result<(), String> {
        match key {
            "target_group" => self.target_group = Some(value),
            "cluster" => self.cluster = Some(value),
            "service" => self.service = Some(value),
            "kind" if value == TRANSITION || KINDS.contains(&value.as_str()) => self.kinds.push(value),
            "kind" => {
                let known = KINDS.map(|kind| format!("`{kind}`")).join(", ");
                return Err(format!("Parameter `kind` is `{value}`; allowed: `{TRANSITION}`, {known}."));
            }
            _ => {
                return Err(format!(
                    "Parameter `{key}` is unknown; allowed are `target_group`, `cluster`, `service`, `kind` and \
                     `last_event_id`."
                ));
            }
        }
        Ok(())
    }

    fn wants(&self, entry: &Entry) -> bool {
        let (kind, group, (cluster, service)) = match &entry.told {
            Told::Transition(transition) => (TRANSITION, Some(transition.group.as_str()), (None, None)),
            Told::Ecs(happened) => {
                let (cluster, service) = owner(&happened.what);
                (kind(&happened.what), None, (Some(cluster), service))
            }
        };
        let is = |asked: &Option<String>, found: Option<&str>| asked.is_none() || asked.as_deref() == found;
        is(&self.target_group, group)
            && is(&self.cluster, cluster)
            && is(&self.service, service)
            && (self.kinds.is_empty() || self.kinds.iter().any(|asked| asked == kind))
    }
}

/// Follows what happens, from after `last` if named, as far as `filter` wants it.
pub fn follow(view: Arc<View>, account: Account, last: Option<EventId>, filter: Filter) -> Response {
    let (writer, response) = stream();
    tokio::spawn(async move {
        // Ends with the client, whose going away is no error.
        _ = feed(&view, &writer, &account, last, &filter).await;
    });
    response
}

async fn feed(
    view: &View,
    writer: &Writer,
    account: &Account,
    last: Option<EventId>,
    filter: &Filter,
) -> Result<(), ()> {
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
        for entry in entries.iter().filter(|entry| filter.wants(entry)) {
            quiet = view.clock.now();
            writer.write(told(view, account, entry)).await?;
        }
        last = reached;
        if more {
            // Behind what was lost, so that `reset` comes before it.
            continue;
        }
        // `quiet` is of this stream alone: events it does not want keep no client from a timeout.
        if !writer.rest(view, &mut changes, &mut quiet).await? {
            return Ok(());
        }
    }
}

fn told(view: &View, account: &Account, entry: &Entry) -> String {
    match &entry.told {
        Told::Transition(transition) => changed(entry, transition),
        Told::Ecs(happened) => {
            let state = view.ecs();
            let id = Some(entry.id.to_string());
            event(kind(&happened.what), id, &envelope(happened, account, &state))
        }
    }
}

fn changed(entry: &Entry, transition: &Transition) -> String {
    let data = Changed {
        id: entry.id.to_string(),
        time: time(entry.at),
        target_group: transition.group.as_str(),
        target: transition.target.to_string(),
        from: transition.from.as_str(),
        to: transition.to.state.as_str(),
        reason: transition.to.reason.map(|reason| reason.as_str()),
        description: transition.to.description_of(&transition.target),
    };
    event(TRANSITION, Some(entry.id.to_string()), &data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ecs::event::{Happened, ServiceAction, What};
    use crate::model::ecs::service::ServiceKey;
    use crate::model::health::{State, TargetHealth};
    use crate::model::target::TargetDescription;
    use crate::model::target_group::GroupName;
    use crate::model::tick::Tick;
    use crate::runtime::view::Clock;

    fn change(view: &View) {
        let target = TargetDescription::new("10.0.0.1", 80);
        let group = GroupName::parse("web").unwrap();
        view.journal.record(Tick(1), group, Arc::new(target), State::Initial, TargetHealth::HEALTHY);
    }

    fn act(view: &View, cluster: &str, name: &str) {
        let service = ServiceKey { cluster: cluster.into(), name: name.into() };
        let what = What::Service { service, action: ServiceAction::SteadyState, reason: None };
        view.journal.record_ecs(Happened { id: "a".into(), at: Tick(1), what });
    }

    /// What a client is told from `begin` on of a server that stops.
    async fn text(view: &Arc<View>, begin: EventId, filter: Filter) -> String {
        let body = follow(Arc::clone(view), Account::default(), Some(begin), filter).into_body();
        let text = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    fn lines<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
        text.lines().filter_map(|line| line.strip_prefix(prefix)).collect()
    }

    #[tokio::test]
    async fn a_reset_stands_where_events_were_lost() {
        let view = View::new(Clock::start(), 1);
        let begin = view.journal.newest();
        change(&view);
        change(&view);
        view.journal.record_loss();
        change(&view);
        view.journal.record_loss();
        // A stream tells what there is before it looks whether it is to end.
        view.stop();
        let text = text(&view, begin, Filter::default()).await;
        let kinds = lines(&text, "event: ");
        assert_eq!(kinds, ["transition", "transition", "reset", "transition", "reset"], "{text}");
    }

    #[tokio::test]
    async fn a_stream_tells_of_targets_and_services_in_one_order_and_only_what_is_asked_for() {
        let view = View::new(Clock::start(), 1);
        let begin = view.journal.newest();
        change(&view);
        act(&view, "default", "web");
        act(&view, "default", "api");
        act(&view, "other", "web");
        view.stop();
        for (asked, numbers) in [
            (&[][..], &[1, 2, 3, 4][..]),
            (&[("target_group", "web")], &[1]),
            (&[("service", "web")], &[2, 4]),
            (&[("service", "web"), ("cluster", "default")], &[2]),
            (&[("cluster", "default")], &[2, 3]),
            (&[("kind", "transition")], &[1]),
            (&[("kind", "ecs_service_action"), ("kind", "transition")], &[1, 2, 3, 4]),
            (&[("kind", "ecs_task_state_change")], &[]),
            (&[("target_group", "web"), ("service", "web")], &[]),
        ] {
            let mut filter = Filter::default();
            for (key, value) in asked {
                filter.set(key, (*value).to_owned()).unwrap();
            }
            let text = text(&view, begin, filter).await;
            let ids = lines(&text, "id: ");
            let found: Vec<u64> =
                ids.iter().map(|id| id.rsplit('-').next().unwrap().parse().unwrap()).collect();
            assert_eq!(found, numbers, "{asked:?}: {text}");
        }
        let text = text(&view, begin, Filter::default()).await;
        let data: serde_json::Value = serde_json::from_str(lines(&text, "data: ")[1]).unwrap();
        assert_eq!(data["detail"]["eventName"], "SERVICE_STEADY_STATE");
    }

    #[test]
    fn a_parameter_that_is_not_known_is_refused_with_what_is() {
        let refused = |key: &str, value: &str| Filter::default().set(key, value.to_owned()).unwrap_err();
        assert!(refused("kind", "x").contains("`ecs_deployment_state_change`"));
        assert!(refused("group", "x").contains("`target_group`"));
    }
}
