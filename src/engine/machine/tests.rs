//! Lives of one target as rows of verdicts and states.

use super::*;
use std::num::NonZeroU8;
use std::time::Duration;

use crate::model::outcome::Cause;

fn settings(initial: u8, healthy: u8, unhealthy: u8) -> Settings {
    let count = |value| NonZeroU8::new(value).unwrap();
    Settings {
        interval: Duration::from_secs(5),
        healthy_threshold: count(healthy),
        unhealthy_threshold: count(unhealthy),
        initial_healthy_threshold: count(initial),
        stale_after: Duration::from_secs(50),
        start_period: Duration::ZERO,
        deregistration_delay: Duration::from_secs(300),
        unhealthy_draining: Duration::ZERO,
        end_drain_when_refused: false,
        one_reason: false,
        enabled: true,
        in_use: true,
    }
}

/// Runs one verdict per character, five seconds apart, and compares the states, one letter each.
///
/// Verdicts: `.` pass, `x` fail, `?` inconclusive, `d` deregister, `r` register again, `s` fifty seconds of
/// silence, `n` register again with no address, `-` disable checks, `+` enable them, `u` group out of use, `c` a threshold changes.
/// States: `I`nitial, `H`ealthy, `U`nhealthy, `u`nhealthy and draining, `D`raining, `N`ot in use, unavailable `?`. What
/// is due with time is done before each verdict but silence.
#[track_caller]
fn check(settings: Settings, verdicts: &str, states: &str) {
    let mut settings = settings;
    let mut machine = Machine::new(false, Tick(0));
    let mut seen = String::new();
    let mut now = Tick(0);
    for verdict in verdicts.chars() {
        now = now + Duration::from_secs(5);
        let old = settings;
        if verdict != 's' {
            _ = machine.on_deadline(&settings, now);
        }
        match verdict {
            '.' => _ = machine.on_outcome(Outcome::Pass, &settings, now, now),
            'x' => _ = machine.on_outcome(Outcome::Fail(Failure::ResponseTimeout), &settings, now, now),
            '?' => _ = machine.on_outcome(Outcome::Inconclusive(Cause::NoDescriptors), &settings, now, now),
            'd' => _ = machine.deregister(&settings, now),
            'r' => _ = machine.reregister(false, &settings, now),
            's' => {
                now = now + settings.stale_after;
                _ = machine.on_deadline(&settings, now);
            }
            'n' => _ = machine.reregister(true, &settings, now),
            '-' => settings.enabled = false,
            '+' => settings.enabled = true,
            'u' => settings.in_use = false,
            'c' => settings.healthy_threshold = settings.healthy_threshold.saturating_add(1),
            _ => unreachable!("no such verdict: {verdict}"),
        }
        _ = machine.on_settings(&old, &settings, now);
        seen.push(match machine.health(&settings).state {
            State::Initial => 'I',
            State::Healthy => 'H',
            State::Unhealthy => 'U',
            State::Draining => 'D',
            State::Unused => 'N',
            State::Unavailable => '?',
            State::UnhealthyDraining => 'u',
        });
    }
    assert_eq!(seen, states, "verdicts: {verdicts}");
}

#[test]
fn one_pass_admits_a_new_target() {
    check(settings(1, 5, 2), ".", "H");
    check(settings(1, 5, 2), "x.", "IH");
}

#[test]
fn the_initial_threshold_is_counted_in_a_row() {
    check(settings(3, 5, 3), "..x...", "IIIIIH");
}

#[test]
fn a_new_target_fails_at_the_unhealthy_threshold() {
    check(settings(1, 5, 2), "xx", "IU");
    check(settings(1, 5, 1), "x", "U");
}

#[test]
fn failures_must_be_in_a_row() {
    check(settings(1, 5, 2), "...x.x.xx", "HHHHHHHHU");
}

#[test]
fn the_way_back_takes_the_full_threshold_in_a_row() {
    check(settings(1, 3, 2), ".xx..x...", "HHUUUUUUH");
}

#[test]
fn our_own_trouble_counts_for_nothing() {
    check(settings(1, 2, 2), ".x?x", "HHHU");
    check(settings(1, 2, 2), "xx.?.", "IUUUH");
}

#[test]
fn a_drain_is_final_for_every_verdict() {
    check(settings(1, 2, 2), ".d..xxs", "HDDDDDD");
}

#[test]
fn a_target_that_comes_back_starts_anew() {
    check(settings(1, 3, 2), "xxdr.", "IUDIH");
    check(settings(1, 3, 2), ".xdrx", "HHDII");
}

#[test]
fn silence_makes_any_target_unavailable() {
    check(settings(1, 3, 2), "s", "?");
    check(settings(1, 3, 2), ".s", "H?");
    check(settings(1, 3, 2), "xxs", "IU?");
    check(settings(1, 3, 2), ".s?", "H??");
}

#[test]
fn a_pass_ends_the_silence_with_the_verdict_it_leads_to() {
    check(settings(1, 3, 2), ".s.", "H?H");
    check(settings(1, 3, 2), "xxs...", "IU?UUH");
    check(settings(1, 3, 2), "s.", "?H");
}

#[test]
fn one_failure_after_a_silence_brings_no_healthy_back() {
    check(settings(1, 3, 2), ".sxx", "H??U");
    check(settings(1, 3, 2), ".sx.", "H??H");
    check(settings(1, 3, 2), "sx", "?I");
    check(settings(1, 3, 2), "xxsx", "IU?U");
}

#[test]
fn disabled_checks_are_unavailable_and_enabling_starts_anew() {
    check(settings(1, 3, 2), ".-x+xx", "H??IIU");
}

#[test]
fn a_group_out_of_use_hides_everything_but_a_drain() {
    check(settings(1, 3, 2), ".u.-d", "HNNND");
}

#[test]
fn changed_thresholds_keep_the_state_and_reset_the_count() {
    check(settings(1, 3, 2), "xx..c....", "IUUUUUUUH");
    check(settings(1, 3, 2), ".xcx", "HHHH");
}

#[test]
fn reasons_follow_the_latest_failure() {
    let settings = settings(1, 2, 2);
    let mut machine = Machine::new(false, Tick(0));
    assert_eq!(machine.health(&settings).reason, Some(Reason::ElbRegistrationInProgress));
    machine.on_start();
    assert_eq!(machine.health(&settings).reason, Some(Reason::ElbInitialHealthChecking));
    for failure in [Failure::ConnectRefused, Failure::StatusMismatch(500)] {
        _ = machine.on_outcome(Outcome::Fail(failure), &settings, Tick(1), Tick(1));
    }
    let health = machine.health(&settings);
    assert_eq!(health.reason, Some(Reason::TargetResponseCodeMismatch));
    assert_eq!(health.description().as_deref(), Some("Health checks failed with these codes: [500]"));
    _ = machine.on_outcome(Outcome::Fail(Failure::ConnectTimeout), &settings, Tick(2), Tick(2));
    assert_eq!(machine.health(&settings).reason, Some(Reason::TargetTimeout));
}

#[test]
fn a_transition_tells_both_states_and_the_moment() {
    let settings = settings(1, 2, 2);
    let mut machine = Machine::new(false, Tick(0));
    let change = machine.on_outcome(Outcome::Pass, &settings, Tick(7), Tick(7)).unwrap();
    assert_eq!((change.from, change.to, change.at), (State::Initial, TargetHealth::HEALTHY, Tick(7)));
    assert_eq!(machine.on_outcome(Outcome::Pass, &settings, Tick(8), Tick(8)), None);
    assert_eq!(machine.since(), Tick(7));
}

#[test]
fn a_healthy_target_drains_before_it_is_unhealthy_where_its_group_says_so() {
    let slow = Settings { unhealthy_draining: Duration::from_secs(20), ..settings(1, 2, 2) };
    // From the second failure on for twenty seconds, whatever fails in that time.
    check(slow, ".xxxxxxx.", "HHuuuuUUU");
    // The way back, and the next time all of it again.
    check(slow, ".xx..xx", "HHuuHHu");
    // A pass alone keeps nobody.
    check(slow, ".xx.x.x.", "HHuuuuUU");
    // A new target goes straight to unhealthy, and so does one that was unhealthy before.
    check(slow, "xxx", "IUU");
    check(slow, ".xxd", "HHuD");
    check(slow, ".xx-+", "HHu?I");
    check(slow, ".xxs", "HHu?");
}

#[test]
fn failures_of_a_target_that_is_still_starting_do_not_count() {
    let patient = Settings { start_period: Duration::from_secs(20), ..settings(2, 2, 2) };
    // Twenty seconds after registration they do.
    check(patient, "xxxxx", "IIIIU");
    // The first pass ends it, whether or not it is enough.
    check(patient, ".xx", "IIU");
    check(patient, "x.xx", "IIIU");
    check(patient, "xx..xx", "IIIHHU");
    // It begins anew with the target, and with checks that are switched on.
    check(patient, "xxxxxdrxxxxx", "IIIIUDIIIIIU");
    check(patient, "xxxxx-+xxxxx", "IIIIU?IIIIIU");
    // They are verdicts all the same: silence is broken by them.
    check(patient, "s", "?");
    let long = Settings { start_period: Duration::from_secs(500), ..patient };
    check(long, "sx", "?I");
}

#[test]
fn a_target_without_address_is_unavailable_whatever_happens() {
    check(settings(1, 1, 1), "n.xs", "????");
    check(settings(1, 1, 1), ".n.r.", "H??IH");
    check(settings(1, 1, 1), "nuu", "?NN");
    check(settings(1, 1, 1), "n-+d", "???D");
}

#[test]
fn behind_a_network_load_balancer_every_failure_has_one_reason() {
    let told = |protocol, failure| {
        let name = crate::model::target_group::GroupName::parse("web").unwrap();
        let group = crate::model::target_group::TargetGroup::new(name, protocol, 80);
        let settings = Settings { unhealthy_threshold: NonZeroU8::MIN, ..Settings::from(&group) };
        let mut machine = Machine::new(false, Tick(0));
        machine.on_outcome(Outcome::Fail(failure), &settings, Tick(1), Tick(1)).unwrap().to
    };
    use crate::model::protocol::Protocol;
    for protocol in Protocol::ALL {
        let finer = matches!(protocol, Protocol::Http | Protocol::Https | Protocol::Geneve);
        for (failure, reason, description) in [
            (Failure::ResponseTimeout, Reason::TargetTimeout, "Request timed out"),
            (
                Failure::StatusMismatch(503),
                Reason::TargetResponseCodeMismatch,
                "Health checks failed with these codes: [503]",
            ),
        ] {
            let plain = (Reason::TargetFailedHealthChecks, "Health checks failed");
            let (reason, description) = if finer { (reason, description) } else { plain };
            let health = told(*protocol, failure);
            assert_eq!((health.reason, health.failure), (Some(reason), Some(failure)), "{protocol}");
            assert_eq!(health.description().as_deref(), Some(description), "{protocol}");
        }
    }
}

fn life(state: State, conclusive_state: State) -> Life {
    let (failing, run) = (conclusive_state == State::Unhealthy, 7);
    let failure = failing.then_some(Failure::ConnectRefused);
    let since = Tick(1_000);
    Life { state, since, conclusive_state, failing, run, failure, drain_ends: None, grid: None }
}

#[test]
fn a_life_goes_on_after_a_restart_as_if_there_had_been_none() {
    let now = Tick(100_000);
    let settings = Settings { unhealthy_draining: Duration::from_secs(200), ..settings(1, 5, 2) };
    for life in [
        life(State::Healthy, State::Healthy),
        life(State::Unhealthy, State::Unhealthy),
        life(State::UnhealthyDraining, State::Unhealthy),
        life(State::Unavailable, State::Healthy),
        Life { drain_ends: Some(Tick(200_000)), ..life(State::Draining, State::Unhealthy) },
    ] {
        let (machine, change) = Machine::restore(&life, false, &settings, now);
        let health = machine.health(&settings);
        assert_eq!((health.state, change, machine.since()), (life.state, None, life.since), "{life:?}");
        let streak = if life.failing { Streak::Fails(7) } else { Streak::Passes(7) };
        let known = (machine.conclusive_state(), machine.streak());
        assert_eq!(known, (life.conclusive_state, streak), "{life:?}");
        assert!(machine.has_started() && machine.has_concluded());
    }
    // It is unhealthy when it would have been, and stale no sooner than if it had been checked at the restart.
    let draining = life(State::UnhealthyDraining, State::Unhealthy);
    let (mut machine, _) = Machine::restore(&draining, false, &settings, now);
    assert_eq!(machine.deadline(&settings), Some(now + settings.stale_after));
    assert_eq!(machine.on_deadline(&settings, now), None);
    let (quick, later) = (Settings { stale_after: Duration::MAX, ..settings }, Tick(201_000));
    let change = machine.on_deadline(&quick, later).unwrap();
    assert_eq!((change.to.state, change.at), (State::Unhealthy, later));
}

#[test]
fn settings_that_changed_over_a_restart_are_told_at_once() {
    let now = Tick(100_000);
    let settings = Settings { enabled: false, ..settings(1, 5, 2) };
    let (machine, change) = Machine::restore(&life(State::Healthy, State::Healthy), false, &settings, now);
    let to = TargetHealth::because(State::Unavailable, Reason::TargetHealthCheckDisabled);
    assert_eq!(change, Some(Transition { from: State::Healthy, to, at: now }));
    assert_eq!(machine.since(), now);
}

#[test]
fn what_counts_in_the_start_period_is_when_a_check_began() {
    let patient = Settings { start_period: Duration::from_secs(20), ..settings(1, 1, 1) };
    let mut machine = Machine::new(false, Tick(0));
    let mut fail = |started, ended| {
        machine.on_outcome(Outcome::Fail(Failure::ResponseTimeout), &patient, Tick(started), Tick(ended))
    };
    assert_eq!(fail(19_999, 24_999), None);
    assert_eq!(fail(20_000, 25_000).map(|change| change.at), Some(Tick(25_000)));
}
