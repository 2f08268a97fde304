//! When containers are checked, and what that makes of them and their tasks.

use super::*;
use crate::model::ecs::health::{HealthStatus, RESULTS_KEPT};
use crate::model::outcome::Cause;

fn running(definition: ContainerDefinition) -> (World, Box<str>) {
    let mut world = World::new();
    let id = world.run(vec![definition]);
    world.start(&id, "web");
    world.actions();
    world.states();
    (world, id)
}

fn health(world: &World, id: &str) -> (HealthStatus, HealthStatus) {
    (world.task(id).containers[0].health, world.task(id).health)
}

/// The seconds until the next check.
fn until_probe(world: &mut World) -> Option<u64> {
    let start = world.now;
    let at = world.ecs.next_deadline()?;
    world.now = at;
    world.ecs.tick(at);
    assert_eq!(world.actions(), ["probe web"]);
    Some(at.since(start).as_secs())
}

#[test]
fn the_first_check_comes_an_interval_after_the_start_and_the_next_an_interval_after_the_end() {
    let (mut world, id) = running(checked("web"));
    assert_eq!(until_probe(&mut world), Some(10));
    world.wait(4);
    assert_eq!(world.actions(), [""; 0], "only one at a time");
    world.probe(&id, "web", Outcome::Pass);
    assert_eq!(until_probe(&mut world), Some(10));
    // Our own trouble: nothing is known of the container, and it is checked again an interval later.
    world.probe(&id, "web", Outcome::Inconclusive(Cause::NoDescriptors));
    assert_eq!(health(&world, &id), (HealthStatus::Healthy, HealthStatus::Healthy));
    assert_eq!(world.task(&id).containers[0].results.len(), 1);
    assert_eq!(until_probe(&mut world), Some(10));
}

#[test]
fn failures_in_a_row_make_a_container_unhealthy_and_one_pass_makes_it_healthy() {
    let (mut world, id) = running(checked("web"));
    let (healthy, unhealthy, unknown) =
        (HealthStatus::Healthy, HealthStatus::Unhealthy, HealthStatus::Unknown);
    for (outcome, failures, status) in [
        (FAIL, 1, unknown),
        (Outcome::Pass, 0, healthy),
        (FAIL, 1, healthy),
        (Outcome::Pass, 0, healthy),
        (FAIL, 1, healthy),
        (FAIL, 2, unhealthy),
        (FAIL, 3, unhealthy),
        (Outcome::Pass, 0, healthy),
    ] {
        until_probe(&mut world);
        world.probe(&id, "web", outcome);
        assert_eq!(health(&world, &id), (status, status));
        assert_eq!(world.task(&id).containers[0].failures, failures);
    }
    assert_eq!(world.task(&id).containers[0].results.len(), RESULTS_KEPT);
    assert_eq!(world.task(&id).containers[0].health_since, world.now);
    assert_eq!(world.status(&id), TaskStatus::Running, "a task of no service runs on, whatever its health");
}

#[test]
fn a_change_of_health_is_told_with_the_check_that_decided_it() {
    let (mut world, id) = running(checked("web"));
    for outcome in [FAIL, FAIL, FAIL, Outcome::Pass] {
        until_probe(&mut world);
        world.probe(&id, "web", outcome);
    }
    let mut told = Vec::new();
    for happened in world.ecs.take_happened() {
        if let What::Health(change) = happened.what {
            let result = change.result.unwrap();
            told.push((
                change.from.as_str(),
                change.to.as_str(),
                change.task_health.as_str(),
                result.exit_code,
            ));
        }
    }
    assert_eq!(told, [("UNKNOWN", "UNHEALTHY", "UNHEALTHY", 1), ("UNHEALTHY", "HEALTHY", "HEALTHY", 0)]);
    assert_eq!(world.task(&id).version, 4, "no state of the task has changed");
}

#[test]
fn failures_of_checks_that_begin_in_the_start_period_do_not_count() {
    let patient = ContainerCheck { start_period: Duration::from_secs(30), ..check() };
    let (mut world, id) = running(ContainerDefinition { check: Some(patient), ..container("web") });
    let started = world.now;
    for (failures, ends) in [(0, 11), (0, 22), (1, 33), (2, 44)] {
        until_probe(&mut world);
        world.wait(1);
        assert_eq!(world.now.since(started).as_secs(), ends);
        world.probe(&id, "web", FAIL);
        assert_eq!(world.task(&id).containers[0].failures, failures, "after {ends}");
    }
}

#[test]
fn a_check_that_begins_in_the_start_period_and_ends_after_it_does_not_count() {
    let patient =
        ContainerCheck { start_period: Duration::from_secs(15), retries: NonZeroU8::MIN, ..check() };
    let (mut world, id) = running(ContainerDefinition { check: Some(patient), ..container("web") });
    let started = world.now;
    let mut fail = |begins: u64, ends: u64| {
        let at = |seconds| started + Duration::from_secs(seconds);
        until_probe(&mut world);
        world.now = at(ends);
        let result = CheckResult { started: at(begins), ended: at(ends), exit_code: 1, output: "".into() };
        let key = world.key(&id, "web");
        world.report(Report::Probed(key, FAIL, result));
        health(&world, &id).0
    };
    assert_eq!(fail(14, 19), HealthStatus::Unknown);
    assert_eq!(fail(29, 29), HealthStatus::Unhealthy);
}

#[test]
fn a_pass_ends_the_start_period() {
    let patient = ContainerCheck { start_period: Duration::from_secs(300), ..check() };
    let (mut world, id) = running(ContainerDefinition { check: Some(patient), ..container("web") });
    for outcome in [FAIL, Outcome::Pass, FAIL, FAIL] {
        until_probe(&mut world);
        world.probe(&id, "web", outcome);
    }
    assert_eq!(health(&world, &id).0, HealthStatus::Unhealthy);
}

#[test]
fn checks_come_faster_in_the_start_period_where_that_is_set() {
    let settings = Settings { start_interval: Some(Duration::from_secs(2)), ..Settings::default() };
    let mut world = World::of(State::default(), settings);
    world.report(Report::Inventory(Vec::new()));
    let patient = ContainerCheck { start_period: Duration::from_secs(7), ..check() };
    let id = world.run(vec![ContainerDefinition { check: Some(patient), ..container("web") }]);
    world.start(&id, "web");
    world.actions();
    for gap in [2, 2, 2, 2, 10] {
        assert_eq!(until_probe(&mut world), Some(gap));
        world.probe(&id, "web", FAIL);
    }
}

#[test]
fn nothing_is_checked_once_the_containers_are_being_stopped() {
    let (mut world, id) = running(checked("web"));
    until_probe(&mut world);
    world.ecs.stop_task(&id, None, false, world.now).unwrap();
    assert_eq!(world.actions(), ["cancel web", "terminate web"]);
    world.probe(&id, "web", Outcome::Pass);
    assert_eq!(health(&world, &id).0, HealthStatus::Unknown, "frozen");
    world.wait(25);
    assert_eq!(world.actions(), [""; 0]);
}

#[test]
fn before_it_runs_nothing_is_known_of_a_task() {
    let mut world = World::new();
    let id = world.run(vec![checked("web"), container("slow")]);
    world.start(&id, "web");
    world.wait(10);
    world.probe(&id, "web", Outcome::Pass);
    assert_eq!(health(&world, &id), (HealthStatus::Healthy, HealthStatus::Unknown));
    world.start(&id, "slow");
    assert_eq!(health(&world, &id), (HealthStatus::Healthy, HealthStatus::Healthy));
}
