//! What a task's health is made of (docs/semantics.md, "Task health").

use crate::model::ecs::definition::ContainerDefinition;
use crate::model::ecs::health::HealthStatus;
use crate::model::ecs::settings::Rollup;
use crate::model::ecs::task::Container;

/// What of a container counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Part {
    pub(super) essential: bool,
    pub(super) checked: bool,
    pub(super) health: HealthStatus,
}

impl Part {
    pub(super) fn of(container: &Container, definition: &ContainerDefinition) -> Self {
        let (essential, checked) = (definition.essential, definition.check.is_some());
        Self { essential, checked, health: container.health }
    }
}

/// The health of a task that runs: of the containers that are considered `UNHEALTHY` wins over `UNKNOWN`, and that over
/// `HEALTHY`. Where none is considered, nothing is known.
pub(super) fn roll_up(parts: impl Iterator<Item = Part>, rule: Rollup) -> HealthStatus {
    let counts = |part: &Part| match rule {
        Rollup::Checked => part.essential && part.checked,
        Rollup::Strict => part.essential,
    };
    let weight = |health: &HealthStatus| match health {
        HealthStatus::Healthy => 0,
        HealthStatus::Unknown => 1,
        HealthStatus::Unhealthy => 2,
    };
    parts.filter(counts).map(|part| part.health).max_by_key(weight).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(letter: char) -> HealthStatus {
        match letter {
            'H' => HealthStatus::Healthy,
            'U' => HealthStatus::Unhealthy,
            'K' => HealthStatus::Unknown,
            other => panic!("{other}"),
        }
    }

    /// `E` is essential and `n` is not; `H`, `U` and `K` are its health, `x` is one without a check.
    fn parts(text: &str) -> Vec<Part> {
        let part = |word: &str| {
            let (kind, health) = word.split_once(':').unwrap();
            let letter = health.chars().next().unwrap();
            let checked = letter != 'x';
            let health = if checked { status(letter) } else { HealthStatus::Unknown };
            Part { essential: kind == "E", checked, health }
        };
        text.split(' ').map(part).collect()
    }

    #[test]
    fn a_task_is_as_healthy_as_its_essential_containers() {
        for (containers, checked, strict) in [
            // The ten examples of the API reference.
            ("E:U E:K", 'U', 'U'),
            ("E:U E:H", 'U', 'U'),
            ("E:H E:K", 'K', 'K'),
            ("E:H E:H", 'H', 'H'),
            ("E:U E:K E:K", 'U', 'U'),
            ("E:U E:K E:H", 'U', 'U'),
            ("E:U E:H E:H", 'U', 'U'),
            ("E:H E:K E:H", 'K', 'K'),
            ("E:H E:K E:K", 'K', 'K'),
            ("E:H E:H E:H", 'H', 'H'),
            // One without a check, where the rules differ.
            ("E:H E:x", 'H', 'K'),
            ("E:U E:x", 'U', 'U'),
            ("E:K E:x", 'K', 'K'),
            ("E:x", 'K', 'K'),
            // Those that are not essential.
            ("E:H n:U", 'H', 'H'),
            ("E:H n:K", 'H', 'H'),
            ("E:x n:H", 'K', 'K'),
            ("E:x n:U", 'K', 'K'),
            ("n:H", 'K', 'K'),
        ] {
            for (rule, want) in [(Rollup::Checked, checked), (Rollup::Strict, strict)] {
                let mut all = parts(containers);
                assert_eq!(roll_up(all.iter().copied(), rule), status(want), "{containers} {rule:?}");
                all.reverse();
                assert_eq!(roll_up(all.into_iter(), rule), status(want), "{containers} reversed {rule:?}");
            }
        }
        assert_eq!(roll_up(std::iter::empty(), Rollup::Checked), HealthStatus::Unknown);
    }
}
