//! Task definitions in JSON: what is accepted can be relied on, is told so that it reads the same, and what is refused
//! has sentences.

use std::path::Path;

use tgprobe::model::ecs::definition::{Blueprint, Condition};

/// A task definition is refused with sentences, or is one that everyone else may rely on.
pub fn check(input: &[u8]) -> bool {
    let Ok(json) = serde_json::from_slice(input) else { return false };
    let first = Blueprint::read(&json);
    assert_eq!(first, Blueprint::read(&json), "read again");
    match &first {
        Err(problems) => {
            assert!(problems.iter().len() > 0);
            for problem in problems.iter() {
                assert!(!problem.is_empty() && !problem.contains(char::is_control), "{problem:?}");
            }
        }
        Ok(reading) => {
            let mut blueprint = reading.blueprint.clone();
            sound(&blueprint);
            assert_eq!(again(&blueprint), blueprint, "what is told");
            blueprint.settle(Path::new("/srv"));
            assert_eq!(blueprint.relative_path(), None);
            assert_eq!(again(&blueprint), blueprint, "what is told of paths");
        }
    }
    first.is_ok()
}

fn again(blueprint: &Blueprint) -> Blueprint {
    let reading = Blueprint::read(&blueprint.told.clone().into());
    reading.expect("what is told is read again").blueprint
}

fn sound(blueprint: &Blueprint) {
    assert!((1..=255).contains(&blueprint.family.len()));
    assert!((1..=10).contains(&blueprint.containers.len()));
    assert!(blueprint.containers.iter().any(|container| container.essential));
    for container in &blueprint.containers {
        let same = blueprint.containers.iter().filter(|other| other.name == container.name);
        assert_eq!(same.count(), 1, "{} twice", container.name);
        if let Some(check) = &container.check {
            assert!((5..=300).contains(&check.interval.as_secs()), "{check:?}");
            assert!((2..=60).contains(&check.timeout.as_secs()), "{check:?}");
            assert!(check.retries.get() <= 10 && check.start_period.as_secs() <= 300, "{check:?}");
            assert!(check.command.argv(&[]).first().is_some_and(|word| !word.is_empty()), "{check:?}");
        }
        for dependency in &container.depends_on {
            let other = blueprint.container(&dependency.container);
            let other = other.expect("what it depends on is there");
            match dependency.condition {
                Condition::Start => {}
                Condition::Complete | Condition::Success => assert!(!other.essential),
                Condition::Healthy => assert!(other.check.is_some()),
            }
        }
    }
}
