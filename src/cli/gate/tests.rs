//! The gate's rules, a row per promise.

use std::time::Duration;

use super::goal::{Aim, Goal, Minimum, Name};
use super::{Event, Gate, Verdict};
use crate::cli::wire::{Key, Target, Targets};

/// The goal of `words`: options as on the command line, without their dashes.
fn goal(words: &str) -> Goal {
    let mut goal = Goal {
        aim: Aim::Healthy,
        minimum: None,
        targets: Vec::new(),
        stable_for: Duration::ZERO,
        accept_current: false,
    };
    for word in words.split_whitespace() {
        let (option, value) = word.split_once('=').unwrap_or((word, ""));
        match option {
            "unhealthy" => goal.aim = Aim::Unhealthy,
            "gone" => goal.aim = Aim::Gone,
            "min" => goal.minimum = Some(Minimum::parse(value).unwrap()),
            "targets" => goal.targets = value.split(',').map(|name| Name::parse(name).unwrap()).collect(),
            "stable" => goal.stable_for = Duration::from_secs(value.parse().unwrap()),
            "current" => goal.accept_current = true,
            _ => panic!("no such option: {word}"),
        }
    }
    goal
}

fn key(text: &str) -> Key {
    let (id, port) = text.split_once(':').unwrap_or((text, "80"));
    Key::new(id, port.parse().unwrap())
}

/// `a=H+`: target `a`, port 80, state `H`, then its latest conclusive check if there was one.
///
/// States: `I`nitial, `H`ealthy, `U`nhealthy, `u`nhealthy.draining, `D`raining, `X` unavailable, `N`ot in use,
/// `0` not registered. Checks: `+` passed and `-` failed since the first list, `p` passed and `f` failed before it,
/// `=` passed, having started in the very moment of the first list.
fn target(text: &str) -> Target {
    let (name, rest) = text.split_once('=').unwrap();
    let key = key(name);
    let (state, reason) = match &rest[..1] {
        "I" => ("initial", "Elb.InitialHealthChecking"),
        "H" => ("healthy", ""),
        "U" => ("unhealthy", "Target.Timeout"),
        "u" => ("unhealthy.draining", "Target.Timeout"),
        "D" => ("draining", "Target.DeregistrationInProgress"),
        "X" => ("unavailable", "Elb.InternalError"),
        "N" => ("unused", "Target.NotInUse"),
        "0" => ("unused", "Target.NotRegistered"),
        other => panic!("no such state: {other}"),
    };
    let (passes, failures, at) = match &rest[1..] {
        "+" => (1, 0, Some("2030-01-01T00:00:00.001Z")),
        "-" => (0, 1, Some("2030-01-01T00:00:00.001Z")),
        "p" => (1, 0, Some("2029-12-31T23:59:59.999Z")),
        "f" => (0, 1, Some("2029-12-31T23:59:59.999Z")),
        "=" => (1, 0, Some("2030-01-01T00:00:00Z")),
        "" => (0, 0, None),
        other => panic!("no such check: {other}"),
    };
    serde_json::from_value(serde_json::json!({
        "target": key.to_string(), "id": key.id(), "port": key.port(), "zone": null,
        "state": state, "reason": (!reason.is_empty()).then_some(reason), "description": null,
        "since": "2029-01-01T00:00:00Z", "last_check": null, "last_conclusive_check": at,
        "passes_in_a_row": passes, "failures_in_a_row": failures,
    }))
    .unwrap()
}

/// Plays `story` to a gate and returns it with the moment of the end.
///
/// Events, separated by `;`: `sync TARGET...`, `TARGET`, `gone NAME`, `group gone`, `lost`, `@SECONDS` sets the clock.
/// The second and later lists are told by a server whose clock is a minute later.
fn play(options: &str, story: &str) -> (Gate, Duration) {
    let mut gate = Gate::new(goal(options));
    let mut now = Duration::ZERO;
    for event in story.split(';').map(str::trim).filter(|event| !event.is_empty()) {
        let event = match event.split_once(' ').unwrap_or((event, "")) {
            ("sync", list) => {
                let time = if gate.started() { "2030-01-01T00:01:00Z" } else { "2030-01-01T00:00:00Z" };
                let targets = list.split_whitespace().map(target).collect();
                Event::Sync(Targets { time: time.parse().unwrap(), targets })
            }
            ("gone", name) => Event::Gone(key(name)),
            ("group", _) => Event::GroupGone,
            ("lost", _) => Event::Lost,
            (text, _) => match text.strip_prefix('@') {
                Some(seconds) => {
                    now = Duration::from_secs(seconds.parse().unwrap());
                    continue;
                }
                None => Event::Target(Box::new(target(text))),
            },
        };
        gate.on(event, now);
    }
    (gate, now)
}

/// Plays `story` and compares the verdict: `reached`, `2/3` (counting and needed), `2/3 holds`, or `hopeless: why`.
#[track_caller]
fn check(options: &str, story: &str, expected: &str) {
    let (gate, now) = play(options, story);
    let verdict = match gate.verdict(now) {
        Verdict::Reached => "reached".to_owned(),
        Verdict::Hopeless(reason) => format!("hopeless: {reason}"),
        Verdict::Waiting(progress) => {
            let holds = if progress.holds_until.is_some() { " holds" } else { "" };
            format!("{}/{}{holds}", progress.counting, progress.needed)
        }
    };
    assert_eq!(verdict, expected, "wait {options}: {story}");
}

/// Plays `story` and compares who blocks, and the obstacle after a `|` where there is one.
#[track_caller]
fn blockers(options: &str, story: &str, expected: &str) {
    let (gate, _) = play(options, story);
    let all: Vec<_> = gate.blockers(usize::MAX).iter().map(ToString::to_string).collect();
    assert_eq!(gate.blocker_count(), all.len(), "the count is the number of blockers: {story}");
    let obstacle = gate.obstacle().map(|obstacle| format!("| {obstacle}")).unwrap_or_default();
    assert_eq!(format!("{}{obstacle}", all.join(", ")), expected, "wait {options}: {story}");
}

#[test]
fn nothing_is_decided_before_the_first_list() {
    check("", "", "0/1");
    check("", "a=H+", "0/1");
    check("gone", "gone a", "0/0");
}

#[test]
fn every_registered_target_must_be_healthy() {
    check("", "sync a=H+", "reached");
    check("", "sync a=H+ b=U-", "1/2");
    check("", "sync a=H+ b=U-; b=H+", "reached");
    check("", "sync a=H+ b=H+; b=U-", "1/2");
    check("", "sync a=H+; b=I", "1/2");
    check("", "sync a=H+ b=U-; gone b", "reached");
}

#[test]
fn an_empty_group_never_passes() {
    for options in ["", "current", "min=1", "min=1%", "min=100%", "unhealthy", "min=50% current"] {
        check(options, "sync", "0/1");
        check(options, "sync; @9999", "0/1");
    }
    blockers("", "sync", "| no target is registered");
    check("", "sync a=U-; gone a", "0/1");
}

#[test]
fn a_group_that_only_drains_never_passes() {
    for options in ["", "current", "min=1", "min=1%", "unhealthy"] {
        check(options, "sync a=D+ b=D", "0/1");
    }
    blockers("", "sync a=D+ b=D", "| every target is draining");
}

#[test]
fn a_draining_target_is_ignored() {
    check("", "sync a=H+ b=D", "reached");
    check("", "sync a=H+ b=U-; b=D", "reached");
    check("min=50%", "sync a=H+ b=U- c=D d=D", "reached");
    check("", "sync a=H+ b=D; b=I", "1/2");
}

#[test]
fn initial_unavailable_and_unused_are_not_healthy() {
    for state in ["I", "I+", "X", "X+", "N", "N+", "U+", "u+"] {
        check("", &format!("sync a=H+ b={state}"), "1/2");
        check("current", &format!("sync a=H+ b={state}"), "1/2");
    }
}

#[test]
fn only_checks_that_started_after_the_gate_count() {
    check("", "sync a=Hp", "0/1");
    check("", "sync a=H=", "0/1");
    check("", "sync a=H", "0/1");
    check("", "sync a=Hp; a=H+", "reached");
    check("", "sync a=H-", "0/1");
    check("unhealthy", "sync a=Uf", "0/1");
    check("unhealthy", "sync a=Uf; a=U-", "reached");
    check("unhealthy", "sync a=U+", "0/1");
    blockers("", "sync a=Hp", "a:80 healthy (not checked since this command began)");
    blockers("", "sync a=H-", "a:80 healthy (the latest check failed)");
    blockers("unhealthy", "sync a=U+", "a:80 unhealthy Target.Timeout (the latest check passed)");
}

#[test]
fn accept_current_takes_verdicts_from_before() {
    for state in ["Hp", "H=", "H", "H+", "H-"] {
        check("current", &format!("sync a={state}"), "reached");
    }
    check("current unhealthy", "sync a=Uf", "reached");
}

#[test]
fn a_new_connection_does_not_move_the_baseline() {
    check("", "sync a=Hp; lost; sync a=H+", "reached");
    check("", "sync a=Hp; lost; sync a=Hp", "0/1");
}

#[test]
fn a_minimum_may_be_a_count() {
    check("min=2", "sync a=H+ b=H+ c=U-", "reached");
    check("min=2", "sync a=H+ b=U- c=U-", "1/2");
    check("min=5", "sync a=H+", "1/5");
    blockers("min=5", "sync a=H+", "| too few targets are registered");
}

#[test]
fn a_minimum_may_be_a_share_rounded_up() {
    check("min=50%", "sync a=H+ b=H+ c=U-", "reached");
    check("min=50%", "sync a=H+ b=U- c=U-", "1/2");
    check("min=1%", "sync a=U- b=U-", "0/1");
    check("min=100%", "sync a=H+ b=I", "1/2");
}

#[test]
fn only_the_named_targets_matter() {
    check("targets=a", "sync a=H+ b=U-", "reached");
    check("targets=a,b", "sync a=H+ b=U- c=H+", "1/2");
    check("targets=a:81", "sync a=H+ a:81=U-", "0/1");
    check("targets=a", "sync a=H+ a:81=U-", "1/2");
    check("targets=a", "sync a=H+ a:81=D", "reached");
    check("targets=a,a,a", "sync a=H+", "reached");
    check("targets=a,b,c min=2", "sync a=H+ b=H+ c=U- d=U-", "reached");
}

#[test]
fn a_named_target_not_yet_registered_is_waited_for() {
    check("targets=a,b", "sync a=H+", "1/2");
    check("targets=a,b", "sync a=H+ b=0", "1/2");
    check("targets=a,b", "sync a=H+; b=I", "1/2");
    check("targets=a,b", "sync a=H+; b=H+", "reached");
    check("targets=a,b", "lost; sync a=H+; lost; sync a=H+ b=H+", "reached");
    check("targets=a,b min=1", "sync a=H+", "1/1");
    blockers("targets=b", "sync a=H+", "b unused Target.NotRegistered");
}

#[test]
fn a_named_target_seen_and_gone_is_hopeless() {
    check("targets=a", "sync a=U-; gone a", "hopeless: target a is gone");
    check("targets=a unhealthy", "sync a=I; gone a", "hopeless: target a is gone");
    check("targets=a", "sync a=U-; a=0", "hopeless: target a is gone");
    check("targets=a", "sync; a=I; gone a", "hopeless: target a is gone");
    check("targets=a", "sync a=D; gone a", "hopeless: target a is gone");
    check("targets=a:80", "sync a=U-; lost; sync b=H+", "hopeless: target a:80 is gone");
    check("targets=a", "sync a=U- a:81=H+; gone a", "reached");
    check("targets=a", "sync a=U-; gone a; a=H+", "hopeless: target a is gone");
    check("targets=a", "sync; gone a", "0/1");
    check("targets=a", "sync a=U-; lost", "0/1");
}

#[test]
fn a_named_target_that_drains_is_not_healthy() {
    check("targets=a", "sync a=D+", "0/1");
    check("targets=a,b", "sync a=D+ b=H+", "1/2");
    check("targets=a", "sync a=D+; a=H+", "reached");
    blockers("targets=a", "sync a=D+", "a:80 draining Target.DeregistrationInProgress");
}

#[test]
fn a_group_that_is_gone_is_hopeless() {
    check("", "sync a=U-; group gone", "hopeless: the target group is gone");
    check("", "sync a=U-; lost; group gone", "hopeless: the target group is gone");
    check("unhealthy", "sync a=I; group gone", "hopeless: the target group is gone");
    check("", "sync a=U-; group gone; sync a=H+", "hopeless: the target group is gone");
}

#[test]
fn gone_means_not_in_the_list() {
    check("gone", "sync a=H+ b=D", "0/2");
    check("gone", "sync a=H+ b=D; gone b", "1/2");
    check("gone", "sync a=H+ b=D; gone b; gone a", "reached");
    check("gone", "sync a=H+; c=H+; gone a", "reached");
    check("gone", "sync a=H+; gone a; a=I", "0/1");
    check("gone", "sync a=H+; lost; sync c=I", "reached");
    check("gone", "sync a=H+; lost", "0/1");
    check("gone", "sync", "reached");
    blockers("gone", "sync a=D+", "a:80 draining Target.DeregistrationInProgress");
}

#[test]
fn named_targets_gone_may_never_have_been_there() {
    check("gone targets=a", "sync a=D b=H+", "0/1");
    check("gone targets=a", "sync a=D b=H+; gone a", "reached");
    check("gone targets=a", "sync b=H+", "reached");
    check("gone targets=a", "sync a=0 b=H+", "reached");
    check("gone targets=a,b", "sync b=H+", "1/2");
    check("gone targets=a", "sync a=D a:81=D; gone a", "0/1");
    check("gone targets=a:80", "sync a=D a:81=D; gone a", "reached");
}

#[test]
fn a_group_that_is_gone_has_no_targets() {
    check("gone", "sync a=H+; group gone", "reached");
    check("gone targets=a", "sync a=H+; lost; group gone", "reached");
    check("gone stable=30", "sync a=H+; group gone", "reached");
}

#[test]
fn the_goal_must_hold_as_long_as_asked() {
    check("stable=30", "sync a=H+", "1/1 holds");
    check("stable=30", "sync a=H+; @29", "1/1 holds");
    check("stable=30", "sync a=H+; @30", "reached");
    check("stable=30", "sync a=H+; @29; a=H+; @30", "reached");
    check("stable=30 gone", "sync a=D; gone a; @29", "1/1 holds");
    check("stable=30 gone", "sync a=D; gone a; @30", "reached");
}

#[test]
fn a_relapse_starts_the_time_again() {
    check("stable=30", "sync a=H+; @29; a=U-; a=H+; @30", "1/1 holds");
    check("stable=30", "sync a=H+; @29; a=U-; @60", "0/1");
    check("stable=30", "sync a=H+; @29; a=U-; a=H+; @59", "reached");
    check("stable=30", "sync a=H+; @29; b=I; b=H+; @58", "2/2 holds");
    check("stable=30 gone", "sync a=D; gone a; @29; a=I; gone a; @58", "1/1 holds");
}

#[test]
fn what_was_not_watched_did_not_hold() {
    check("", "sync a=H+; lost", "1/1");
    check("stable=30", "sync a=H+; lost; @30", "1/1");
    check("stable=30", "sync a=H+; @29; lost; sync a=H+; @58", "1/1 holds");
    check("stable=30", "sync a=H+; @29; lost; sync a=H+; @59", "reached");
    check("stable=30", "sync a=H+; @10; sync a=H+; @30", "reached");
}

#[test]
fn events_of_a_lost_connection_say_nothing() {
    check("", "sync a=U-; lost; a=H+", "0/1");
    check("targets=a", "sync a=U-; lost; gone a", "0/1");
}

#[test]
fn blockers_come_in_the_order_of_addresses() {
    blockers(
        "",
        "sync 10.0.0.10=U- 10.0.0.9=I b=X a=U- c=H+ d=D",
        "10.0.0.9:80 initial Elb.InitialHealthChecking, 10.0.0.10:80 unhealthy Target.Timeout, \
         a:80 unhealthy Target.Timeout, b:80 unavailable Elb.InternalError",
    );
}
