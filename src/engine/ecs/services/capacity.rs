//! How few and how many tasks a service may have (docs/semantics.md, "Services").

use crate::model::ecs::service::{DeploymentConfiguration, ServiceSpec};

/// The bounds of a service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Capacity {
    /// Tasks there should be.
    pub(super) desired: usize,
    /// Healthy tasks that we leave alone.
    pub(super) lower: usize,
    /// Tasks there may be, with those that are stopping.
    pub(super) upper: usize,
}

impl Capacity {
    /// The bounds that `spec` sets.
    pub(super) fn of(spec: &ServiceSpec) -> Self {
        let desired = desired(spec);
        let DeploymentConfiguration { maximum_percent, minimum_healthy_percent, .. } = spec.deployment;
        let lower = (desired * u64::from(minimum_healthy_percent)).div_ceil(100);
        let upper = desired * u64::from(maximum_percent) / 100;
        Self { desired: whole(desired), lower: whole(lower), upper: whole(upper) }
    }
}

/// How many tasks a service should have: with `DAEMON` one for each instance, and there is one instance.
fn desired(spec: &ServiceSpec) -> u64 {
    let one = u32::from(spec.desired_count > 0);
    u64::from(if spec.daemon { one } else { spec.desired_count })
}

fn whole(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn the_minimum_is_rounded_up_and_the_maximum_down() {
        for (count, minimum, maximum, lower, upper) in [
            (4, 50, 200, 2, 8),
            (2, 75, 200, 2, 4),
            (3, 100, 125, 3, 3),
            (1, 100, 200, 1, 2),
            (1, 0, 100, 0, 1),
            (3, 34, 150, 2, 4),
            (0, 100, 200, 0, 0),
            (u32::MAX, 100, 200, 4_294_967_295, 8_589_934_590),
        ] {
            let mut spec = samples::spec(count);
            spec.deployment.minimum_healthy_percent = minimum;
            spec.deployment.maximum_percent = maximum;
            let bounds = Capacity::of(&spec);
            assert_eq!((bounds.lower, bounds.upper), (lower, upper), "{count} {minimum} {maximum}");
        }
    }

    #[test]
    fn a_daemon_has_one_task() {
        let mut spec = samples::spec(5);
        spec.daemon = true;
        spec.deployment.minimum_healthy_percent = 0;
        spec.deployment.maximum_percent = 100;
        assert_eq!(Capacity::of(&spec), Capacity { desired: 1, lower: 0, upper: 1 });
    }
}
