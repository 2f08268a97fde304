//! Lives of services by chance, and what holds in every one of them. Each invariant is looked at after every report and
//! every tick, in the other tests too.

use super::*;
use crate::engine::ecs::services::capacity::Capacity;
use crate::engine::ecs::services::facts::{Facts, Standing};
use crate::model::ecs::service::{RolloutState, Threshold};
use crate::model::ecs::task::{DesiredStatus, StopCode, TaskStatus};

/// Looks at what came between two moments.
#[track_caller]
pub(super) fn check(before: &State, after: &State, now: Tick) {
    let Some(service) = after.services.get(&samples::key()) else { return };
    let capacity = Capacity::of(&service.spec);
    let good = |task: &Task| {
        let facts = Facts::of(task, true, service.spec.grace_period, false, now);
        facts.wanted && facts.standing == Standing::Good
    };
    let ours = |task: &Task| task.stop_code == Some(StopCode::ServiceSchedulerInitiated);
    let was = |task: &Task| before.tasks.get(&task.id).cloned();
    let stopped: Vec<&Task> = after
        .tasks
        .values()
        .map(|task| &**task)
        .filter(|task| ours(task) && was(task).is_none_or(|was| was.is_wanted()))
        .collect();
    // As it was when it was told to stop, which may be for what has just been reported of it.
    let running = |task: &&&Task| was(task).is_some_and(|was| was.last_status == TaskStatus::Running);
    let as_was = |task: &Task| {
        let (last_status, desired_status) = (TaskStatus::Running, DesiredStatus::Running);
        good(&Task { last_status, desired_status, ..task.clone() })
    };
    let lost = stopped.iter().filter(running).filter(|task| as_was(task)).count();
    let left = after.tasks.values().filter(|task| good(task)).count();
    assert!(lost == 0 || left >= capacity.lower, "{left} healthy tasks left, {lost} stopped: {capacity:?}");

    let made: Vec<&Task> =
        after.tasks.values().map(|task| &**task).filter(|task| was(task).is_none()).collect();
    let there = after.tasks.values().filter(|task| !task.is_stopped()).count();
    assert!(made.is_empty() || there <= capacity.upper, "{there} tasks: {capacity:?}");
    if before.connectivity == Connectivity::Disconnected && after.connectivity == before.connectivity {
        assert!(made.is_empty() && stopped.is_empty(), "nobody can be asked");
    }
    for task in made {
        let of = &task.service.as_ref().unwrap().deployment;
        let deployment = service.deployments.iter().find(|it| it.id == *of).unwrap();
        assert_eq!(task.definition, deployment.definition, "of its deployment's revision");
        assert_ne!(deployment.rollout, RolloutState::Failed, "given up");
    }
}

/// A generator with a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn one_of(&mut self, tasks: &[TaskId]) -> Option<TaskId> {
        if tasks.is_empty() { None } else { Some(tasks[self.below(tasks.len())].clone()) }
    }
}

fn any_spec(dice: &mut Dice) -> ServiceSpec {
    let mut spec = samples::spec(u32::try_from(1 + dice.below(4)).unwrap());
    let (minimum, maximum) = [(0, 100), (100, 200), (50, 200), (0, 150)][dice.below(4)];
    spec.deployment.minimum_healthy_percent = minimum;
    spec.deployment.maximum_percent = maximum;
    spec.grace_period = SECOND * [0, 15][dice.below(2)];
    let breaker = &mut spec.deployment.circuit_breaker;
    (breaker.enable, breaker.rollback) = (dice.below(2) == 0, dice.below(2) == 0);
    breaker.threshold = Threshold::Count(3);
    if dice.below(2) == 0 {
        spec.load_balancers.push(balancer());
    }
    spec
}

/// Something befalls the service.
fn befall(world: &mut World, dice: &mut Dice) {
    let victim = dice.one_of(&world.wanted());
    match (dice.below(16), victim) {
        (0 | 1, Some(id)) => world.make_sick(&id, true),
        (2, Some(id)) => world.make_sick(&id, false),
        (3, Some(id)) => world.make_unreached(&id, true),
        (4, Some(id)) => world.make_unreached(&id, false),
        (5, Some(id)) => world.exit(&id),
        (6, _) => _ = world.broken.insert(2),
        (7, _) => world.broken.clear(),
        (8, _) => world.deploy(u32::try_from(1 + dice.below(3)).unwrap()),
        (9, _) => {
            let desired_count = Some(u32::try_from(dice.below(5)).unwrap());
            world.update(ServiceUpdate { desired_count, ..ServiceUpdate::default() });
        }
        (10, _) => world.disconnect(),
        (11 | 12, _) => world.connect(),
        (13, _) if dice.below(3) == 0 => world.restart(),
        (14, Some(id)) => _ = world.ecs.stop_task(&id, None, dice.below(2) == 0, world.now),
        _ => {}
    }
}

#[test]
fn services_stay_within_their_bounds_and_come_to_rest() {
    let (mut replaced, mut failed) = (0, 0);
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let settings = Settings { longest_wait: SECOND * 20, ..Settings::default() };
        let mut world = World::run_as(State::default(), settings, seed);
        world.define();
        world.ecs.create_service(any_spec(&mut dice), world.now).unwrap();
        for _ in 0..150 {
            if dice.below(3) == 0 {
                befall(&mut world, &mut dice);
            }
            world.wait(1);
            failed += usize::from(world.service().deployments[0].rollout == RolloutState::Failed);
        }
        world.sick.clear();
        world.broken.clear();
        world.connect();
        for id in world.wanted() {
            world.make_unreached(&id, false);
        }
        world.wait(60);
        if world.service().deployments[0].rollout == RolloutState::Failed {
            world.update(ServiceUpdate { force_new_deployment: true, ..ServiceUpdate::default() });
        }
        world.wait(100);
        let service = world.service();
        let wanted = world.wanted();
        let desired = usize::try_from(service.spec.desired_count).unwrap();
        let state = || format!("seed {seed}: {:#?} {:#?}", service.deployments, world.said());
        assert!(service.steady && wanted.len() == desired && service.deployments.len() == 1, "{}", state());
        assert!(wanted.iter().all(|id| world.task(id).definition == service.spec.definition), "{}", state());
        replaced += service.replaced;
    }
    assert!(replaced > 60 && failed > 0, "{replaced} {failed}");
}
