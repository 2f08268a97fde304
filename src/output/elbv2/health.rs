//! DescribeTargetHealth: how targets fare, from memory.
//!
//! The list of a large group is written while it is sent, as the JSON one is, so that a client that does not read holds
//! a piece of it and not all.

use std::sync::Arc;

use crate::model::excerpt::excerpt;
use crate::model::health::TargetHealth;
use crate::model::target::TargetDescription;
use crate::model::target_group::TargetGroup;
use crate::output::elbv2::action::Asked;
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::lookup::Named;
use crate::output::elbv2::respond::Outcome;
use crate::output::elbv2::targets;
use crate::output::elbv2::xml::Xml;
use crate::runtime::view::{Listing, Snapshot};

/// Targets in a piece, about 150 kilobytes.
const PIECE: usize = 256;

/// What a call may ask for beside health.
const INCLUDES: [&str; 2] = ["AnomalyDetection", "All"];

const LIST: &str = "TargetHealthDescriptions";

/// `DescribeTargetHealth`: every target that is registered or draining, or those asked for.
pub(super) fn describe(asked: &Asked<'_>) -> Result<Outcome, ApiError> {
    let named = Named::of(asked)?;
    let targets = targets::list(asked.params)?;
    let anomalies = includes(&asked.params.list("Include")?)?;
    let snapshot = asked.api.view.snapshot();
    let listing = Arc::clone(named.listing(&snapshot)?);
    if targets.is_empty() && listing.targets.len() > PIECE {
        return Ok(Outcome::Pieces(Box::new(Pieces { snapshot, listing, anomalies, next: Some(0) })));
    }
    let told = Told { group: &listing.group, anomalies };
    let mut xml = Xml::default();
    if targets.is_empty() {
        xml.list(LIST, snapshot.targets(&listing), |xml, seen| {
            told.member(xml, seen.target, &seen.health, true)
        });
    } else {
        let targets = targets.iter().map(|typed| typed.identify(&listing.group));
        let targets = targets.collect::<Result<Vec<_>, _>>()?;
        xml.list(LIST, targets, |xml, target| {
            let listed = listing.find(&target.id, target.port);
            match listed.and_then(|listed| snapshot.target(&listing, listed)) {
                Some(seen) => told.member(xml, seen.target, &seen.health, true),
                None => told.member(xml, &target, &TargetHealth::NOT_REGISTERED, false),
            }
        });
    }
    Ok(Outcome::Whole(xml.into_text()))
}

/// Whether `Include` asks for anomalies.
fn includes(words: &[&str]) -> Result<bool, ApiError> {
    match words.iter().find(|word| !INCLUDES.contains(word)) {
        Some(word) => Err(ApiError::validation(format!(
            "1 validation error detected: Value '{}' at 'include' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
            excerpt(word),
            INCLUDES.join(", ")
        ))),
        None => Ok(!words.is_empty()),
    }
}

struct Told<'a> {
    group: &'a TargetGroup,
    anomalies: bool,
}

impl Told<'_> {
    /// Tells one target. Clients rely on `Port` and `State` being there; a Lambda function has no port on AWS either.
    fn member(&self, xml: &mut Xml, target: &TargetDescription, health: &TargetHealth, known: bool) {
        let port = (target.port > 0).then_some(target.port);
        xml.within("Target", |xml| {
            xml.text("Id", &target.id);
            xml.maybe("Port", port);
            xml.maybe("AvailabilityZone", target.zone());
            xml.maybe("QuicServerId", target.more.as_ref().and_then(|more| more.quic_server_id.as_deref()));
        });
        xml.maybe("HealthCheckPort", port.map(|port| self.group.health_check.port.resolve(port)));
        xml.within("TargetHealth", |xml| {
            xml.text("State", health.state);
            xml.maybe("Reason", health.reason);
            xml.maybe("Description", health.description_of(target));
        });
        if self.anomalies && known {
            // Anomalies are found in traffic, and none passes through here.
            xml.within("AnomalyDetection", |xml| {
                xml.text("Result", "normal");
                xml.text("MitigationInEffect", "no");
            });
        }
        if known {
            xml.within("AdministrativeOverride", |xml| {
                xml.text("State", "no_override");
                xml.text("Reason", "AdministrativeOverride.NoOverride");
                xml.text("Description", "No override is currently active on target");
            });
        }
    }
}

/// The elements of a long list, a piece at a time.
#[derive(Debug)]
pub(super) struct Pieces {
    snapshot: Snapshot,
    listing: Arc<Listing>,
    anomalies: bool,
    /// The place in the listing where the next piece begins; `None` once all has been said.
    next: Option<usize>,
}

impl Iterator for Pieces {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let begin = self.next?;
        let end = (begin + PIECE).min(self.listing.targets.len());
        let mut xml = Xml::default();
        if begin == 0 {
            xml.open(LIST);
        }
        let told = Told { group: &self.listing.group, anomalies: self.anomalies };
        for listed in &self.listing.targets[begin..end] {
            if let Some(seen) = self.snapshot.target(&self.listing, listed) {
                xml.within("member", |xml| told.member(xml, seen.target, &seen.health, true));
            }
        }
        self.next = (end < self.listing.targets.len()).then_some(end);
        if self.next.is_none() {
            xml.close(LIST);
        }
        Some(xml.into_text())
    }
}
