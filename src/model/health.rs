//! What the world is told about a target, in the words of the ELBv2 API.

use std::fmt;

use crate::model::failure::Failure;
use crate::model::target::TargetDescription;

/// The state of a target (`TargetHealthStateEnum`).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum State {
    /// Registered, first verdict pending.
    Initial,
    /// Passing its health checks.
    Healthy,
    /// Failing its health checks.
    Unhealthy,
    /// Failing, and keeping the connections it has for a while (NLB).
    UnhealthyDraining,
    /// Not registered, or its group is not in use.
    Unused,
    /// Deregistered, requests already sent are running out.
    Draining,
    /// Health unknown: checks are disabled, or none was conclusive for too long.
    Unavailable,
}

impl State {
    /// All seven, in the order of the API's enumeration.
    pub const ALL: [Self; 7] = [
        Self::Initial,
        Self::Healthy,
        Self::Unhealthy,
        Self::UnhealthyDraining,
        Self::Unused,
        Self::Draining,
        Self::Unavailable,
    ];

    /// Its place in [`State::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::UnhealthyDraining => "unhealthy.draining",
            Self::Unused => "unused",
            Self::Draining => "draining",
            Self::Unavailable => "unavailable",
        }
    }

    /// Reads AWS's word, to the letter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a target is in its state (`TargetHealthReasonEnum`); a healthy target has none.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Reason {
    /// Registered, no check made yet.
    ElbRegistrationInProgress,
    /// Checks are running, no verdict yet.
    ElbInitialHealthChecking,
    /// Our own trouble: no conclusive check for too long.
    ElbInternalError,
    /// The status code is not in the matcher.
    TargetResponseCodeMismatch,
    /// No answer in time.
    TargetTimeout,
    /// The connection failed or the answer was malformed.
    TargetFailedHealthChecks,
    /// Not registered, or drained.
    TargetNotRegistered,
    /// The group is not in use.
    TargetNotInUse,
    /// The drain is running.
    TargetDeregistrationInProgress,
    /// An instance that is stopped or terminated.
    TargetInvalidState,
    /// The address belongs to a load balancer.
    TargetIpUnusable,
    /// Health checks are switched off for the group.
    TargetHealthCheckDisabled,
}

impl Reason {
    /// All twelve, in the order of the API's enumeration.
    pub const ALL: [Self; 12] = [
        Self::ElbRegistrationInProgress,
        Self::ElbInitialHealthChecking,
        Self::ElbInternalError,
        Self::TargetResponseCodeMismatch,
        Self::TargetTimeout,
        Self::TargetFailedHealthChecks,
        Self::TargetNotRegistered,
        Self::TargetNotInUse,
        Self::TargetDeregistrationInProgress,
        Self::TargetInvalidState,
        Self::TargetIpUnusable,
        Self::TargetHealthCheckDisabled,
    ];

    /// Its place in [`Reason::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// AWS's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ElbRegistrationInProgress => "Elb.RegistrationInProgress",
            Self::ElbInitialHealthChecking => "Elb.InitialHealthChecking",
            Self::ElbInternalError => "Elb.InternalError",
            Self::TargetResponseCodeMismatch => "Target.ResponseCodeMismatch",
            Self::TargetTimeout => "Target.Timeout",
            Self::TargetFailedHealthChecks => "Target.FailedHealthChecks",
            Self::TargetNotRegistered => "Target.NotRegistered",
            Self::TargetNotInUse => "Target.NotInUse",
            Self::TargetDeregistrationInProgress => "Target.DeregistrationInProgress",
            Self::TargetInvalidState => "Target.InvalidState",
            Self::TargetIpUnusable => "Target.IpUnusable",
            Self::TargetHealthCheckDisabled => "Target.HealthCheckDisabled",
        }
    }

    /// Reads AWS's word, to the letter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// The description AWS gives with this reason where it does not depend on the failed check
    /// (docs/semantics.md, "Reasons").
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::ElbRegistrationInProgress => "Target registration is in progress",
            Self::ElbInitialHealthChecking => "Initial health checks in progress",
            Self::ElbInternalError => "Health checks failed due to an internal error",
            Self::TargetResponseCodeMismatch | Self::TargetFailedHealthChecks => "Health checks failed",
            Self::TargetTimeout => "Request timed out",
            Self::TargetNotRegistered => "Target is not registered to the target group",
            Self::TargetNotInUse => {
                "Target group is not configured to receive traffic from the load balancer"
            }
            Self::TargetDeregistrationInProgress => "Target deregistration is in progress",
            Self::TargetInvalidState => "Target is in an invalid state",
            Self::TargetIpUnusable => {
                "The IP address cannot be used as a target, as it is in use by a load balancer"
            }
            Self::TargetHealthCheckDisabled => "Health checks are disabled",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// State, reason and the failure behind it: everything the API's `TargetHealth` is printed from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TargetHealth {
    /// The state.
    pub state: State,
    /// Absent exactly when healthy.
    pub reason: Option<Reason>,
    /// The latest failed check, where the reason speaks of one.
    pub failure: Option<Failure>,
}

impl TargetHealth {
    /// A healthy target: no reason, no description.
    pub const HEALTHY: Self = Self { state: State::Healthy, reason: None, failure: None };

    /// What is told of a target that is not registered.
    pub const NOT_REGISTERED: Self = Self::because(State::Unused, Reason::TargetNotRegistered);

    /// A state for a reason that has nothing to do with a failed check.
    #[must_use]
    pub const fn because(state: State, reason: Reason) -> Self {
        Self { state, reason: Some(reason), failure: None }
    }

    /// A state with the reason AWS gives for `failure`.
    #[must_use]
    pub fn failing(state: State, failure: Failure) -> Self {
        Self { state, reason: Some(failure.naming().reason), failure: Some(failure) }
    }

    /// A state with the one reason that groups behind a Network Load Balancer have for every failure
    /// (docs/semantics.md, "Reasons").
    #[must_use]
    pub fn failing_plainly(state: State, failure: Failure) -> Self {
        Self { state, reason: Some(Reason::TargetFailedHealthChecks), failure: Some(failure) }
    }

    /// AWS's description, absent exactly when healthy.
    #[must_use]
    pub fn description(&self) -> Option<String> {
        let reason = self.reason?;
        // The failure may be finer than the reason that is told.
        match self.failure.filter(|failure| failure.naming().reason == reason) {
            Some(failure) => Some(failure.description()),
            None => Some(reason.description().to_owned()),
        }
    }

    /// What is told of `target`: AWS's description, or why the target is checked nowhere.
    #[must_use]
    pub fn description_of(&self, target: &TargetDescription) -> Option<String> {
        let unknown = self.state == State::Unavailable && self.reason == Some(Reason::ElbInternalError);
        unknown.then(|| target.why_unreachable()).flatten().or_else(|| self.description())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!((State::parse("Healthy"), Reason::parse("")), (None, None));
    }
}
