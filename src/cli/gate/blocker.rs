//! Who keeps a gate shut, and why.

use std::fmt;

use serde::Serialize;

use crate::cli::gate::goal::Aim;
use crate::cli::gate::{Gate, Named};
use crate::cli::wire::Target;
use crate::model::health::{Reason, State};

/// A target that keeps the gate shut.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Blocker {
    /// `id:port`, or the name it was asked for by.
    pub target: String,
    /// AWS's word for its state.
    pub state: &'static str,
    /// AWS's reason.
    pub reason: Option<String>,
    /// AWS's description.
    pub description: Option<String>,
    /// Why a target in the wanted state does not count.
    pub note: Option<&'static str>,
    /// Our word for the latest check's failure or trouble.
    pub failure: Option<String>,
    /// What happened in the latest check and where to look.
    pub hint: Option<String>,
}

impl fmt::Display for Blocker {
    /// Short, for a progress line: `10.0.0.5:80 unhealthy Target.Timeout`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.target, self.state)?;
        for word in [self.reason.as_deref(), self.note].into_iter().flatten() {
            write!(f, " {word}")?;
        }
        Ok(())
    }
}

impl Blocker {
    /// In full, for the last word: description, failure and hint included.
    #[must_use]
    pub fn in_full(&self) -> String {
        let details: Vec<_> =
            [&self.description, &self.failure, &self.hint].into_iter().flatten().cloned().collect();
        if details.is_empty() { self.to_string() } else { format!("{self}: {}", details.join("; ")) }
    }

    fn not_registered(named: &Named) -> Self {
        Self {
            target: named.name.to_string(),
            state: State::Unused.as_str(),
            reason: Some(Reason::TargetNotRegistered.as_str().to_owned()),
            description: Some(Reason::TargetNotRegistered.description().to_owned()),
            note: None,
            failure: None,
            hint: None,
        }
    }

    fn of(target: &Target, note: Option<&'static str>) -> Self {
        // A draining target is not checked: what its last check said is not what it waits for.
        let check = target.last_check.as_ref().filter(|_| target.state != State::Draining);
        Self {
            target: target.key().to_string(),
            state: target.state.as_str(),
            reason: target.reason.clone(),
            description: target.description.clone(),
            note,
            failure: check.and_then(|check| check.failure.clone().or_else(|| check.cause.clone())),
            hint: check.and_then(|check| check.hint.clone()),
        }
    }
}

impl Gate {
    /// The first `limit` targets that keep the gate shut: names without a target first, then by address.
    #[must_use]
    pub fn blockers(&self, limit: usize) -> Vec<Blocker> {
        if self.group_gone {
            return Vec::new();
        }
        let absent = self.named.iter().filter(|named| named.live == 0 && self.goal.aim != Aim::Gone);
        let absent = absent.flat_map(|named| {
            let drains = self.listed.iter().filter(|(key, _)| named.name.matches(key));
            let mut blockers: Vec<_> = drains.map(|(_, target)| Blocker::of(target, None)).collect();
            if blockers.is_empty() {
                blockers.push(Blocker::not_registered(named));
            }
            blockers
        });
        let blocking = self.blocking.iter().filter_map(|key| self.listed.get(key));
        absent.chain(blocking.map(|target| Blocker::of(target, self.note(target)))).take(limit).collect()
    }

    /// How many targets keep the gate shut.
    #[must_use]
    pub fn blocker_count(&self) -> usize {
        if self.group_gone {
            return 0;
        }
        let absent = self.named.iter().filter(|named| named.live == 0 && self.goal.aim != Aim::Gone);
        absent.map(|named| named.listed.max(1)).sum::<usize>() + self.blocking.len()
    }

    /// Why nothing can be waited for, where no single target is to blame.
    #[must_use]
    pub fn obstacle(&self) -> Option<&'static str> {
        let shut = self.goal.aim != Aim::Gone && self.named.is_empty() && self.blocking.is_empty();
        if !self.connected || !shut || self.counting.len() >= self.progress().needed {
            return None;
        }
        Some(match (self.listed.is_empty(), self.counting.is_empty()) {
            (true, _) => "no target is registered",
            (false, true) => "every target is draining",
            (false, false) => "too few targets are registered",
        })
    }

    fn note(&self, target: &Target) -> Option<&'static str> {
        let stale = Some("(not checked since this command began)");
        match (self.goal.aim, target.state) {
            (Aim::Healthy, State::Healthy) if self.fresh(target) => Some("(the latest check failed)"),
            (Aim::Unhealthy, State::Unhealthy | State::UnhealthyDraining) if self.fresh(target) => {
                Some("(the latest check passed)")
            }
            (Aim::Healthy, State::Healthy)
            | (Aim::Unhealthy, State::Unhealthy | State::UnhealthyDraining) => stale,
            _ => None,
        }
    }
}
