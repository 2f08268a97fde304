//! Times in which what runs containers is unreachable, and restarts of this program.

use super::*;
use crate::engine::ecs::action::Found;
use crate::model::ecs::health::HealthStatus;
use crate::model::ecs::task::StopCode;

fn found(key: ContainerKey, runtime_id: &str, ended: Option<i32>) -> Found {
    let ended = ended.map(|code| (Some(code), None));
    let (runtime_id, bindings) = (runtime_id.into(), Vec::new());
    Found { key, runtime_id, started_at: None, ended, address: LOOPBACK, bindings }
}

/// A task that runs and has passed its check.
fn healthy() -> (World, Box<str>) {
    let mut world = World::new();
    let id = world.run(vec![checked("web"), helper("side")]);
    for name in ["web", "side"] {
        world.start(&id, name);
    }
    world.wait(10);
    world.probe(&id, "web", Outcome::Pass);
    world.actions();
    world.states();
    (world, id)
}

/// Another process that takes up what the first one has kept.
fn again(world: &World) -> World {
    let state = world.ecs.state().clone();
    let ecs = Ecs::new(Settings::default(), Account::default(), state, 8, world.now);
    World { ecs, now: world.now }
}

fn everything(world: &World, id: &str) -> Vec<Found> {
    let names = ["web", "side"];
    names.map(|name| found(world.key(id, name), &format!("{name}-0"), None)).into()
}

#[test]
fn nothing_happens_to_a_task_that_is_out_of_reach() {
    let (mut world, id) = healthy();
    world.report(Report::Connectivity(Connectivity::Disconnected));
    world.wait(600);
    world.probe(&id, "web", FAIL);
    world.ecs.stop_task(&id, None, false, world.now).unwrap();
    assert_eq!((world.actions(), world.ecs.next_deadline()), (vec![], None));
    let task = world.task(&id);
    assert_eq!((task.last_status, task.health), (TaskStatus::Running, HealthStatus::Healthy));
    assert_eq!((task.connectivity.as_str(), task.desired_status.as_str()), ("DISCONNECTED", "STOPPED"));
    assert_eq!(world.states(), ["RUNNING", "RUNNING"], "its connectivity and what is wished of it");
    let other = world.run_again();
    assert_eq!(world.status(&other), TaskStatus::Pending);

    let back = world.now;
    world.report(Report::Connectivity(Connectivity::Connected));
    assert_eq!(world.actions(), [""; 0], "not before it is known what runs");
    world.wait(5);
    let all = everything(&world, &id);
    world.report(Report::Inventory(all));
    let mut asked = world.actions();
    asked.sort();
    assert_eq!(asked, ["start side", "start web", "terminate side", "terminate web"]);
    assert_eq!(world.task(&id).connectivity_at, Some(back));
}

#[test]
fn after_a_restart_a_container_goes_on_as_it_was() {
    let (world, id) = healthy();
    let mut world = again(&world);
    assert_eq!((world.actions(), world.ecs.next_deadline()), (vec![], None));
    world.wait(4);
    let all = everything(&world, &id);
    world.report(Report::Inventory(all));
    assert_eq!(world.actions(), [""; 0]);
    assert_eq!(world.task(&id).health, HealthStatus::Healthy);
    world.wait(5);
    assert_eq!(world.actions(), [""; 0]);
    world.wait(1);
    assert_eq!(world.actions(), ["probe web"], "an interval after the one before the restart");
    world.probe(&id, "web", FAIL);
    assert_eq!(world.task(&id).health, HealthStatus::Healthy);
    world.wait(10);
    world.probe(&id, "web", FAIL);
    assert_eq!(world.task(&id).health, HealthStatus::Unhealthy);
}

#[test]
fn failures_in_a_row_and_the_start_period_go_on_after_a_restart() {
    let mut world = World::new();
    let patient = ContainerCheck { start_period: Duration::from_secs(15), ..check() };
    let id = world.run(vec![ContainerDefinition { check: Some(patient), ..container("web") }]);
    world.start(&id, "web");
    let mut failures = Vec::new();
    for _ in 0..3 {
        world = again(&world);
        let one = found(world.key(&id, "web"), "web-0", None);
        world.report(Report::Inventory(vec![one]));
        world.wait(11);
        world.actions();
        world.probe(&id, "web", FAIL);
        failures.push(world.task(&id).containers[0].failures);
    }
    assert_eq!(failures, [0, 1, 2]);
    assert_eq!(world.task(&id).health, HealthStatus::Unhealthy);
}

#[test]
fn what_ended_or_vanished_meanwhile_has_ended() {
    for (exit_code, inventory) in [(Some(3), true), (None, false)] {
        let (world, id) = healthy();
        let mut world = again(&world);
        let mut all = everything(&world, &id);
        all[0].ended = exit_code.map(|code| (Some(code), None));
        all.retain(|found| inventory || found.key.index != 0);
        world.report(Report::Inventory(all));
        let task = world.task(&id);
        assert_eq!(task.stop_code, Some(StopCode::EssentialContainerExited));
        assert_eq!(
            (task.containers[0].exit_code, task.containers[0].reason.is_some()),
            (exit_code, !inventory)
        );
        assert_eq!(world.actions(), ["terminate side"]);
    }
}

#[test]
fn containers_that_nobody_wants_are_put_away() {
    let (mut world, id) = healthy();
    world.ecs.stop_task(&id, None, false, world.now).unwrap();
    for name in ["web", "side"] {
        world.end(&id, name, 0);
    }
    let mut world = again(&world);
    let strange = ContainerKey { task: "0f".into(), index: 5, run: 0 };
    let mut all = everything(&world, &id);
    all[1].ended = Some((Some(0), None));
    all.push(found(strange, "strange", None));
    world.report(Report::Inventory(all));
    assert_eq!(world.actions(), ["kill web", "remove web-0", "remove side-0", "kill ?", "remove strange"]);
}

#[test]
fn a_start_whose_answer_was_lost_is_found_or_asked_for_again() {
    for there in [true, false] {
        let mut world = World::new();
        let id = world.run(vec![container("web")]);
        assert_eq!(world.actions(), ["start web"]);
        world.report(Report::Connectivity(Connectivity::Disconnected));
        let key = world.key(&id, "web");
        let all = if there { vec![found(key.clone(), "web-0", None)] } else { Vec::new() };
        world.report(Report::Inventory(all));
        if there {
            assert_eq!((world.actions(), world.status(&id)), (vec![], TaskStatus::Running));
            continue;
        }
        assert_eq!(world.actions(), ["start web"]);
        let late = Report::Started { key, runtime_id: "late".into(), address: LOOPBACK, bindings: vec![] };
        world.report(late);
        assert_eq!(world.actions(), ["kill web", "remove late"]);
        assert_eq!(world.status(&id), TaskStatus::Activating);

        // The one that was asked for instead is known as such after a restart, too.
        let key = ContainerKey { run: 1, ..world.key(&id, "web") };
        let (runtime_id, bindings): (Box<str>, _) = ("web-1".into(), vec![]);
        world.report(Report::Started { key: key.clone(), runtime_id, address: LOOPBACK, bindings });
        let mut world = again(&world);
        world.report(Report::Inventory(vec![found(key.clone(), "web-1", None)]));
        assert_eq!((world.actions(), world.status(&id)), (vec![], TaskStatus::Running));
        world.report(Report::Ended { key, exit_code: Some(0), reason: None });
        assert_eq!(world.status(&id), TaskStatus::Stopped);
    }
}

#[test]
fn what_starts_or_ends_while_the_inventory_is_on_its_way_is_not_undone_by_it() {
    let mut world = World::new();
    let id = world.run(vec![container("web"), helper("side")]);
    world.start(&id, "side");
    world.report(Report::Connectivity(Connectivity::Disconnected));
    world.report(Report::Connectivity(Connectivity::Connected));
    let before = vec![found(world.key(&id, "side"), "side-0", None)];
    world.start(&id, "web");
    world.end(&id, "side", 0);
    world.report(Report::Inventory(before));
    assert_eq!(world.status(&id), TaskStatus::Running);
    assert_eq!(world.task(&id).containers[1].last_status.as_str(), "STOPPED");
}
