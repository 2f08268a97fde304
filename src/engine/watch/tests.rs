//! What is done about unhealthy containers, when, and when no more.

use super::*;

use std::num::NonZeroU8;

use crate::model::failure::Failure;

const START: Tick = Tick(1_000_000);

fn rules() -> DockerWatch {
    DockerWatch {
        name: "w".into(),
        target_group: Some("web".into()),
        on_unhealthy: OnUnhealthy::Restart,
        first_wait: Duration::from_secs(10),
        longest_wait: Duration::from_secs(30),
        max_restarts: 3,
        within: Duration::from_secs(3_600),
        ..DockerWatch::default()
    }
}

fn sighting(health: HealthStatus) -> Sighting {
    Sighting {
        name: "a".into(),
        id: "1".into(),
        status: "running".into(),
        running: true,
        started_at: Some(START),
        health,
        result: None,
        target: Some(("127.0.0.1".into(), 80)),
    }
}

fn at_once() -> DockerWatch {
    DockerWatch { drain: false, ..rules() }
}

fn watch(rules: DockerWatch, health: HealthStatus) -> Watch {
    let mut watch = Watch::new(rules);
    watch.found(vec![sighting(health)], START);
    watch
}

fn after(seconds: u64) -> Tick {
    START + Duration::from_secs(seconds)
}

fn restart() -> Vec<Act> {
    vec![Act::Restart { name: "a".into(), id: "1".into() }]
}

fn container(watch: &Watch) -> &WatchedContainer {
    &watch.told().containers["a"]
}

#[test]
fn an_unhealthy_container_is_drained_restarted_and_registered_again() {
    let mut watch = watch(rules(), HealthStatus::Healthy);
    let target: (Box<str>, u16) = ("127.0.0.1".into(), 80);
    assert_eq!((watch.wished(), watch.take(START, |_| false)), (vec![target.clone()], vec![]));
    watch.found(vec![sighting(HealthStatus::Unhealthy)], after(1));
    // It is registered until it is its turn, and not restarted before it has drained.
    assert_eq!(watch.wished(), vec![target.clone()]);
    assert_eq!((watch.take(after(1), |_| false), watch.wished()), (vec![], vec![]));
    assert_eq!(container(&watch).step, WatchStep::Draining);
    assert_eq!(watch.draining().collect::<Vec<_>>(), [("a", &target)]);
    assert_eq!(watch.take(after(2), |_| true), restart());
    assert_eq!(watch.take(after(3), |_| true), vec![]);
    // The engine tells of it as it was while it is at it.
    watch.found(vec![sighting(HealthStatus::Unhealthy)], after(3));
    assert_eq!((watch.take(after(3), |_| true), watch.wished()), (vec![], vec![]));
    watch.acted("a", Ok(()), after(4));
    let again = Sighting { started_at: Some(after(4)), ..sighting(HealthStatus::Unknown) };
    watch.found(vec![again], after(5));
    assert_eq!(watch.wished(), vec![target]);
    assert_eq!((container(&watch).restarts, watch.told().restarts), (1, 1));
}

#[test]
fn what_recovers_while_it_drains_is_left_as_it_is() {
    let mut watch = watch(rules(), HealthStatus::Unhealthy);
    watch.take(START, |_| false);
    watch.found(vec![sighting(HealthStatus::Healthy)], after(1));
    assert_eq!(watch.take(after(1), |_| true), vec![]);
    assert_eq!((container(&watch).step, watch.wished().len()), (WatchStep::Watched, 1));
}

#[test]
fn nothing_is_waited_for_where_nothing_drains() {
    for rules in [at_once(), DockerWatch { target_group: None, ..rules() }] {
        assert_eq!(watch(rules, HealthStatus::Unhealthy).take(START, |_| false), restart());
    }
    let rules = DockerWatch { on_unhealthy: OnUnhealthy::Replace, ..at_once() };
    let acts = watch(rules, HealthStatus::Unhealthy).take(START, |_| true);
    assert_eq!(acts, vec![Act::Replace { name: "a".into(), id: "1".into() }]);
    let rules = DockerWatch { on_unhealthy: OnUnhealthy::None, ..self::rules() };
    let mut watch = watch(rules, HealthStatus::Unhealthy);
    assert_eq!((watch.take(START, |_| true), watch.wished().len()), (vec![], 1));
}

#[test]
fn each_wait_is_twice_the_one_before_and_after_too_many_it_is_left_alone() {
    let mut watch = watch(at_once(), HealthStatus::Unhealthy);
    let mut at = 0;
    for wait in [10, 20, 30] {
        assert_eq!(watch.take(after(at), |_| true), restart());
        let failed = if wait == 20 { Err("no".to_owned()) } else { Ok(()) };
        watch.acted("a", failed, after(at));
        watch.found(vec![sighting(HealthStatus::Unhealthy)], after(at));
        if wait < 30 {
            assert_eq!(watch.take(after(at + wait - 1), |_| true), vec![], "{wait}");
            assert_eq!(watch.next(), Some(after(at + wait)));
        }
        at += wait;
    }
    assert_eq!(watch.take(after(at), |_| true), vec![]);
    let told = container(&watch);
    assert!(told.gave_up && told.registered && told.health == HealthStatus::Unhealthy);
    assert_eq!((told.restarts, watch.told().restarts), (3, 2));
    // Until the first of them is long enough ago.
    assert_eq!(watch.next(), Some(after(3_600)));
    assert_eq!(watch.take(after(3_599), |_| true), vec![]);
    assert_eq!(watch.take(after(3_600), |_| true), restart());
    assert!(!container(&watch).gave_up);
}

#[test]
fn while_the_engine_cannot_be_reached_nothing_is_done_and_nothing_changes() {
    let mut watch = watch(at_once(), HealthStatus::Unhealthy);
    watch.lost("gone");
    let before = watch.told().clone();
    assert_eq!(watch.take(after(100), |_| true), vec![]);
    assert_eq!((watch.told(), watch.wished().len()), (&before, 1));
    assert_eq!((before.connectivity, &*before.trouble), (Connectivity::Disconnected, "gone"));
    watch.found(vec![sighting(HealthStatus::Unhealthy)], after(101));
    assert_eq!(watch.take(after(101), |_| true), restart());
}

#[test]
fn what_does_not_run_is_not_registered_and_its_health_is_unknown() {
    let mut watch = watch(rules(), HealthStatus::Healthy);
    let stopped = Sighting { running: false, status: "exited".into(), ..sighting(HealthStatus::Unhealthy) };
    watch.found(vec![stopped], after(1));
    assert_eq!((watch.take(after(1), |_| true), watch.wished()), (vec![], vec![]));
    assert_eq!(container(&watch).health, HealthStatus::Unknown);
    watch.found(vec![], after(2));
    assert!(watch.told().containers.is_empty());
}

#[test]
fn a_container_that_is_being_replaced_may_be_gone_for_a_moment() {
    let mut watch =
        watch(DockerWatch { on_unhealthy: OnUnhealthy::Replace, ..at_once() }, HealthStatus::Unhealthy);
    assert_eq!(watch.take(START, |_| true).len(), 1);
    watch.found(vec![], after(1));
    assert_eq!(container(&watch).step, WatchStep::Restarting);
    watch.acted("a", Ok(()), after(2));
    watch.found(vec![Sighting { id: "2".into(), ..sighting(HealthStatus::Healthy) }], after(3));
    assert_eq!((&*container(&watch).id, container(&watch).restarts), ("2", 1));
}

#[test]
fn a_check_of_our_own_decides_where_there_is_one() {
    let check = ContainerCheck {
        command: crate::model::ecs::check::CheckCommand::Exec(["true".into()].into()),
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        retries: NonZeroU8::new(2).unwrap(),
        start_period: Duration::ZERO,
    };
    let rules = DockerWatch { health_check: Some(check), ..at_once() };
    let mut watch = watch(rules, HealthStatus::Unhealthy);
    assert_eq!(container(&watch).health, HealthStatus::Unknown);
    assert_eq!((watch.next(), watch.take(after(4), |_| true)), (Some(after(5)), vec![]));
    let result = |seconds| CheckResult {
        started: after(seconds),
        ended: after(seconds),
        exit_code: 1,
        output: "no".into(),
    };
    let failed = Outcome::Fail(Failure::CommandExit(1));
    for (round, seconds) in [5, 10].into_iter().enumerate() {
        let acts = watch.take(after(seconds), |_| false);
        assert_eq!(acts, vec![Act::Check { name: "a".into(), id: "1".into() }], "{round}");
        // One at a time.
        assert_eq!(watch.take(after(seconds), |_| false), vec![]);
        watch.checked("a", "2", failed, result(seconds), after(seconds));
        assert_eq!(watch.next(), None);
        watch.checked("a", "1", failed, result(seconds), after(seconds));
    }
    assert_eq!(container(&watch).health, HealthStatus::Unhealthy);
    assert_eq!(container(&watch).result, Some(result(10)));
    assert_eq!(watch.take(after(10), |_| true), restart());
}
