//! `PUT` and `DELETE /api/v1/target-groups/{name}/targets/{target}`: registering and deregistering one target.
//!
//! The same rules as the ELBv2 API's RegisterTargets and DeregisterTargets, with two differences that suit a caller who
//! names one target: what cannot be is an error here, and the answer is the target as it is now.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use crate::model::change::Change;
use crate::model::target::{self, TargetDescription};
use crate::model::target_group::{GroupName, TargetGroup};
use crate::output::guard::Refusal;
use crate::output::json;
use crate::output::register_targets::{self, Typed};
use crate::runtime::view::View;
use crate::runtime::writer::{Catalog, Unwritten, Wish, Writer};

/// What may stand in the body of a registration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// The availability zone, 1 to 64 characters.
    zone: Option<String>,
    /// `QuicServerId`, which targets of QUIC groups must have and others may not.
    quic_server_id: Option<String>,
}

impl Body {
    /// Reads the body of a request; an empty one says nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let body: Self = serde_json::from_slice(bytes).map_err(|error| {
            let message =
                format!("The body is no registration: {error}; allowed: nothing, or {{\"zone\": \"…\"}}.");
            (StatusCode::BAD_REQUEST, "bad_request", message)
        })?;
        match &body.zone {
            Some(zone) if !target::is_zone(zone) => Err((
                StatusCode::BAD_REQUEST,
                "bad_request",
                format!("`zone` is {zone:?}; allowed: {}.", target::ZONE),
            )),
            _ => Ok(body),
        }
    }
}

/// Registers a target, or gives a registered one another zone.
pub async fn put(view: &View, writer: &Writer, limit: u32, group: &str, text: &str, body: Body) -> Response {
    let text = text.to_owned();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let decided = call(writer, group, move |catalog, name, wish, group| {
        let target = read(group, &text)?;
        let typed = Typed {
            id: target.id.clone(),
            port: Some(target.port),
            zone: body.zone.map(Into::into),
            quic_server_id: body.quic_server_id.map(Into::into),
        };
        let changes = register_targets::register(catalog, name, (wish, group), &[typed], limit);
        Ok((changes.map_err(refused)?, target))
    });
    told(view, group, decided.await)
}

fn refused(refusal: register_targets::Refusal) -> Refusal {
    use register_targets::Refusal::{Invalid, Target, TooMany};
    match refusal {
        Target(message) | Invalid(message) => (StatusCode::BAD_REQUEST, "bad_request", message + "."),
        TooMany(message) => (StatusCode::CONFLICT, "too_many_targets", message + "."),
    }
}

/// Deregisters a target that was registered through an API.
pub async fn delete(view: &View, writer: &Writer, group: &str, text: &str) -> Response {
    let clock = view.clock;
    let text = text.to_owned();
    let decided = call(writer, group, move |_, name, wish, group| {
        let target = read(group, &text)?;
        let (id, port) = (&*target.id, target.port);
        if let Some(change) = wish.deregister(id, port, clock.now()) {
            return Ok((vec![change], target));
        }
        if wish.in_file(id, port) {
            let message =
                format!("`{target}` comes from the configuration file and can only be removed there.");
            return Err((StatusCode::CONFLICT, "target_from_file", message));
        }
        let message = format!("`{target}` is not registered in `{name}`.");
        Err((StatusCode::NOT_FOUND, "target_not_registered", message))
    });
    told(view, group, decided.await)
}

/// A decision about one target of a group that exists.
async fn call(
    writer: &Writer,
    group: &str,
    decide: impl FnOnce(
        &Catalog,
        &GroupName,
        &Wish,
        &TargetGroup,
    ) -> Result<(Vec<Change>, TargetDescription), Refusal>
    + Send
    + 'static,
) -> Result<TargetDescription, Unwritten<Refusal>> {
    let shown = group.to_owned();
    writer
        .call(move |catalog, _| {
            let name = GroupName::parse_shown(&shown).ok();
            let found = name.as_ref().and_then(|name| Some((name, catalog.get(name)?)));
            let Some((name, wish)) = found else {
                let message = format!("There is no target group `{shown}`.");
                return Err((StatusCode::NOT_FOUND, "target_group_not_found", message));
            };
            let Some(group) = wish.group() else { return Err(gone(name)) };
            decide(catalog, name, wish, group)
        })
        .await
}

fn gone(name: &GroupName) -> Refusal {
    (StatusCode::NOT_FOUND, "target_group_not_found", format!("There is no target group `{name}`."))
}

/// Reads a target as it is named in a path, by the kind of ids its group has.
fn read(group: &TargetGroup, text: &str) -> Result<TargetDescription, Refusal> {
    let wrong =
        |reason: &str| (StatusCode::BAD_REQUEST, "bad_request", format!("The target is `{text}`: {reason}."));
    target::parse_for(group, text).map_err(wrong)
}

/// The answer: the target as every reader sees it now.
fn told(view: &View, group: &str, decided: Result<TargetDescription, Unwritten<Refusal>>) -> Response {
    let target = match decided {
        Ok(target) => target,
        Err(unwritten) => return json::refused(refusal(unwritten)),
    };
    let snapshot = view.snapshot();
    match json::find(&snapshot, group) {
        Ok(listing) => Json(json::one(&snapshot, listing, &target)).into_response(),
        // Deleted in the meantime by somebody else.
        Err(error) => (StatusCode::NOT_FOUND, Json(error)).into_response(),
    }
}

fn refusal(unwritten: Unwritten<Refusal>) -> Refusal {
    match unwritten {
        Unwritten::Refused(refusal) => refusal,
        Unwritten::NotDurable(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "not_durable",
            format!("Nothing has changed, because it could not be stored: {why}."),
        ),
        Unwritten::Unknown(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "unknown",
            format!("Whether this takes effect is not known yet, because {why}; reading will show it."),
        ),
        Unwritten::Stopping => {
            (StatusCode::SERVICE_UNAVAILABLE, "stopping", "The server is stopping.".to_owned())
        }
    }
}
