//! How long a group's settings take to notice that a target fails, and that it works again.
//!
//! A check starts every interval and a failure is known at once (refused, wrong status) or after the timeout.
//! The change itself may fall anywhere between two checks (docs/semantics.md, "Time to detect").

use std::num::NonZeroU8;
use std::time::Duration;

use crate::model::health_check::HealthCheck;

/// The spread of a delay.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Delay {
    /// The change falls right before a check and the verdict comes at once.
    pub best: Duration,
    /// The change falls half-way between two checks and the verdict comes at once.
    pub typical: Duration,
    /// The change falls right after a check and the deciding check takes its whole timeout.
    pub worst: Duration,
}

/// From a target's first bad moment to `unhealthy`.
#[must_use]
pub fn to_unhealthy(check: &HealthCheck) -> Delay {
    delay(check, check.unhealthy_threshold)
}

/// From an unhealthy target's recovery to `healthy`.
#[must_use]
pub fn to_healthy(check: &HealthCheck) -> Delay {
    delay(check, check.healthy_threshold)
}

fn delay(check: &HealthCheck, threshold: NonZeroU8) -> Delay {
    let steps = check.interval * (u32::from(threshold.get()) - 1);
    Delay { best: steps, typical: steps + check.interval / 2, worst: steps + check.interval + check.timeout }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn albs_defaults_take_up_to_65_seconds_to_detect() {
        let seconds = |best, typical, worst| Delay {
            best: Duration::from_secs(best),
            typical: Duration::from_secs(typical),
            worst: Duration::from_secs(worst),
        };
        assert_eq!(to_unhealthy(&HealthCheck::default()), seconds(30, 45, 65));
        assert_eq!(to_healthy(&HealthCheck::default()), seconds(120, 135, 155));
    }
}
