//! When a deployment is given up (docs/semantics.md, "Circuit breaker").

use crate::model::ecs::service::{CircuitBreaker, Threshold};

/// Failures in a row that give up a deployment of so many tasks; `None` where nothing does.
pub(super) fn threshold(breaker: &CircuitBreaker, desired: u32) -> Option<u32> {
    let share = |percent| {
        let exact = (u64::from(desired) * u64::from(percent)).div_ceil(100);
        u32::try_from(exact).unwrap_or(u32::MAX)
    };
    breaker.enable.then(|| match breaker.threshold {
        Threshold::BoundedPercent(percent) => share(percent).clamp(3, 200),
        // Nothing has failed before the first task has.
        Threshold::UnboundedPercent(percent) => share(percent).max(1),
        Threshold::Count(count) => count.max(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_of_the_desired_count_or_a_count() {
        for (kind, desired, expected) in [
            (Threshold::BoundedPercent(50), 1, 3),
            (Threshold::BoundedPercent(50), 6, 3),
            (Threshold::BoundedPercent(50), 25, 13),
            (Threshold::BoundedPercent(50), 400, 200),
            (Threshold::BoundedPercent(50), 5_000, 200),
            (Threshold::UnboundedPercent(50), 1, 1),
            (Threshold::UnboundedPercent(50), 25, 13),
            (Threshold::UnboundedPercent(50), 5_000, 2_500),
            (Threshold::UnboundedPercent(50), 0, 1),
            (Threshold::Count(7), 1_000, 7),
            (Threshold::Count(0), 4, 1),
        ] {
            let mut breaker = CircuitBreaker { enable: true, threshold: kind, ..CircuitBreaker::default() };
            assert_eq!(threshold(&breaker, desired), Some(expected), "{kind:?} of {desired}");
            breaker.enable = false;
            assert_eq!(threshold(&breaker, desired), None);
        }
    }
}
