//! The JSON API: snake_case, RFC 3339 times, durations in seconds (docs/api.md).

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::model::health::{State, TargetHealth};
use crate::model::outcome::{Outcome, Report};
use crate::model::target::TargetDescription;
use crate::model::tick::Tick;
use crate::output::guard::Refusal;
use crate::runtime::view::{Listing, Record, Seen, Snapshot, Streak, timestamp};

mod group;

pub use crate::output::json::group::{Group, Groups, group, groups};

/// A list of targets.
#[derive(Debug, Serialize)]
pub struct Targets {
    /// When the list was begun: no target is told older than that.
    pub time: String,
    /// The targets, by id and port.
    pub targets: Vec<Target>,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    target_group: String,
    target: String,
    id: String,
    port: u16,
    zone: Option<String>,
    health_check_port: u16,
    address: Option<String>,
    state: &'static str,
    reason: Option<&'static str>,
    description: Option<String>,
    since: Option<String>,
    last_check: Option<LastCheck>,
    last_conclusive_check: Option<String>,
    last_conclusive_state: &'static str,
    passes_in_a_row: u32,
    failures_in_a_row: u32,
    next_check: Option<String>,
    drain_ends: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct LastCheck {
    time: String,
    duration: f64,
    phases: Phases,
    result: &'static str,
    status: Option<u16>,
    failure: Option<&'static str>,
    hint: Option<&'static str>,
    cause: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Phases {
    connect: Option<f64>,
    tls: Option<f64>,
    response: Option<f64>,
}

/// Every target of a group that is registered or draining.
#[must_use]
pub fn targets(snapshot: &Snapshot, listing: &Listing) -> Targets {
    list(snapshot, listing, snapshot.targets(listing))
}

/// These targets of a group.
#[must_use]
pub fn list<'a>(snapshot: &Snapshot, listing: &Listing, seen: impl Iterator<Item = Seen<'a>>) -> Targets {
    Targets { time: time(snapshot.now), targets: seen.map(|seen| target(listing, &seen)).collect() }
}

/// The targets asked for by name; one that is not registered is `unused` / `Target.NotRegistered`.
#[must_use]
pub fn named(snapshot: &Snapshot, listing: &Listing, names: &[TargetDescription]) -> Targets {
    let named = |target| one(snapshot, listing, target);
    Targets { time: time(snapshot.now), targets: names.iter().map(named).collect() }
}

/// One target asked for by name; `unused` / `Target.NotRegistered` if it is not registered.
#[must_use]
pub fn one(snapshot: &Snapshot, listing: &Listing, description: &TargetDescription) -> Target {
    let listed = listing.find(&description.id, description.port);
    match listed.and_then(|listed| snapshot.target(listing, listed)) {
        Some(seen) => target(listing, &seen),
        None => unregistered(listing, description),
    }
}

/// A target as it is shown.
#[must_use]
pub fn target(listing: &Listing, seen: &Seen<'_>) -> Target {
    let plain = told(listing, seen.target, seen.health);
    let Some(record) = &seen.record else { return plain };
    let status = &record.status;
    // A deregistration is seen before its shard has heard of it; until then these speak of the state before.
    let heard = status.health == seen.health;
    let (passes, failures) = match status.streak {
        Streak::Passes(count) => (count, 0),
        Streak::Fails(count) => (0, count),
    };
    Target {
        address: record.address.map(|ip| std::net::SocketAddr::new(ip, plain.health_check_port).to_string()),
        since: heard.then(|| time(status.since)),
        last_check: last_check(record),
        last_conclusive_check: record.last_conclusive.map(time),
        last_conclusive_state: status.conclusive_state.as_str(),
        passes_in_a_row: passes,
        failures_in_a_row: failures,
        next_check: status.next_check.or(status.check_after).filter(|_| heard).map(time),
        drain_ends: status.drain_ends.map(time),
        ..plain
    }
}

/// A moment as it is shown: always with three decimals, so that texts sort as the moments do.
#[must_use]
pub fn time(tick: Tick) -> String {
    format!("{:.3}", timestamp(tick))
}

fn unregistered(listing: &Listing, description: &TargetDescription) -> Target {
    told(listing, description, TargetHealth::NOT_REGISTERED)
}

fn told(listing: &Listing, description: &TargetDescription, health: TargetHealth) -> Target {
    Target {
        target_group: listing.group.name.to_string(),
        target: description.to_string(),
        id: description.id.to_string(),
        port: description.port,
        zone: description.zone().map(str::to_owned),
        health_check_port: listing.group.health_check.port.resolve(description.port),
        address: None,
        state: health.state.as_str(),
        reason: health.reason.map(|reason| reason.as_str()),
        description: health.description_of(description),
        since: None,
        last_check: None,
        last_conclusive_check: None,
        last_conclusive_state: State::Initial.as_str(),
        passes_in_a_row: 0,
        failures_in_a_row: 0,
        next_check: None,
        drain_ends: None,
    }
}

fn last_check(record: &Record) -> Option<LastCheck> {
    let (started, Report { outcome, status, timings }) = record.last_check?;
    let seconds = |duration: Option<Duration>| duration.map(|duration| duration.as_secs_f64());
    let (result, failure, cause) = match outcome {
        Outcome::Pass => ("pass", None, None),
        Outcome::Fail(failure) => ("fail", Some(failure.naming()), None),
        Outcome::Inconclusive(cause) => ("inconclusive", None, Some(cause.label())),
    };
    Some(LastCheck {
        time: time(started),
        duration: timings.total.as_secs_f64(),
        phases: Phases {
            connect: seconds(timings.connect),
            tls: seconds(timings.tls),
            response: seconds(timings.response),
        },
        result,
        status,
        failure: failure.map(|naming| naming.label),
        hint: failure.map(|naming| naming.hint),
        cause,
    })
}

/// An error as the JSON API tells it.
#[derive(Debug, Serialize)]
pub struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Debug, Serialize)]
struct ErrorDetail {
    code: &'static str,
    message: String,
}

impl ErrorBody {
    /// An error with a code for programs and a message for people.
    #[must_use]
    pub fn new(code: &'static str, message: String) -> Self {
        Self { error: ErrorDetail { code, message } }
    }

    /// What is said of a group that does not exist; names those that do.
    #[must_use]
    pub fn no_group(snapshot: &Snapshot, name: &str) -> Self {
        const SHOWN: usize = 20;
        let known: Vec<&str> = snapshot.groups.keys().take(SHOWN).map(|name| name.as_str()).collect();
        let more = if snapshot.groups.len() > SHOWN { ", …" } else { "" };
        let message = match known.is_empty() {
            true => format!("There is no target group `{name}`; there are none at all."),
            false => format!("There is no target group `{name}`; there are: {}{more}.", known.join(", ")),
        };
        Self::new("target_group_not_found", message)
    }
}

/// An answer that says why a request is refused.
#[must_use]
pub fn refused((status, code, message): Refusal) -> Response {
    let mut response = (status, Json(ErrorBody::new(code, message))).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// The listing of a group, or what to say if there is none.
pub fn find<'a>(snapshot: &'a Snapshot, name: &str) -> Result<&'a Arc<Listing>, ErrorBody> {
    snapshot.groups.get(name).ok_or_else(|| ErrorBody::no_group(snapshot, name))
}
