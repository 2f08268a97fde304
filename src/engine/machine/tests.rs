//! Lives of one target as rows of verdicts and states.

use super::*;
use crate::model::outcome::Cause;

fn settings(initial: u8, healthy: u8, unhealthy: u8) -> Settings {
    let count = |value| NonZeroU8::new(value).unwrap();
    Settings {
        interval: Duration::from_secs(5),
        healthy_threshold: count(healthy),
        unhealthy_threshold: count(unhealthy),
        initial_healthy_threshold: count(initial),
        stale_after: Duration::from_secs(50),
        deregistration_delay: Duration::from_secs(300),
        enabled: true,
        in_use: true,
    }
}

/// Runs one verdict per character, five seconds apart, and compares the states, one letter each.
///
/// Verdicts: `.` pass, `x` fail, `?` inconclusive, `d` deregister, `r` register again, `s` fifty seconds of
/// silence, `-` disable checks, `+` enable them, `u` group out of use, `c` a threshold changes.
/// States: `I`nitial, `H`ealthy, `U`nhealthy, `D`raining, `N`ot in use, unavailable `?`.
#[track_caller]
fn check(settings: Settings, verdicts: &str, states: &str) {
    let mut settings = settings;
    let mut machine = Machine::new(Tick(0));
    let mut seen = String::new();
    let mut now = Tick(0);
    for verdict in verdicts.chars() {
        now = now + Duration::from_secs(5);
        let old = settings;
        match verdict {
            '.' => _ = machine.on_outcome(Outcome::Pass, &settings, now),
            'x' => _ = machine.on_outcome(Outcome::Fail(Failure::ResponseTimeout), &settings, now),
            '?' => _ = machine.on_outcome(Outcome::Inconclusive(Cause::NoDescriptors), &settings, now),
            'd' => _ = machine.deregister(&settings, now),
            'r' => _ = machine.reregister(&settings, now),
            's' => {
                now = now + settings.stale_after;
                _ = machine.on_silence(&settings, now);
            }
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
            State::UnhealthyDraining => unreachable!("no rule leads here"),
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
    let mut machine = Machine::new(Tick(0));
    assert_eq!(machine.health(&settings).reason, Some(Reason::ElbRegistrationInProgress));
    machine.on_start();
    assert_eq!(machine.health(&settings).reason, Some(Reason::ElbInitialHealthChecking));
    for failure in [Failure::ConnectRefused, Failure::StatusMismatch(500)] {
        _ = machine.on_outcome(Outcome::Fail(failure), &settings, Tick(1));
    }
    let health = machine.health(&settings);
    assert_eq!(health.reason, Some(Reason::TargetResponseCodeMismatch));
    assert_eq!(health.description().as_deref(), Some("Health checks failed with these codes: [500]"));
    _ = machine.on_outcome(Outcome::Fail(Failure::ConnectTimeout), &settings, Tick(2));
    assert_eq!(machine.health(&settings).reason, Some(Reason::TargetTimeout));
}

#[test]
fn a_transition_tells_both_states_and_the_moment() {
    let settings = settings(1, 2, 2);
    let mut machine = Machine::new(Tick(0));
    let change = machine.on_outcome(Outcome::Pass, &settings, Tick(7)).unwrap();
    assert_eq!((change.from, change.to, change.at), (State::Initial, TargetHealth::HEALTHY, Tick(7)));
    assert_eq!(machine.on_outcome(Outcome::Pass, &settings, Tick(8)), None);
    assert_eq!(machine.since(), Tick(7));
}
