//! One row a rule. A deployment is written as its id, what it keeps, and its tasks by letter: `g` counts as healthy, `u`
//! is undecided, `p` is undecided and does not run yet, `r` is a replacement that is undecided, `h` one that is healthy,
//! `b` is unhealthy, `x` is an unhealthy replacement, `s` is stopping, `.` has stopped.

use super::*;

fn facts(deployment: &str, letters: &str) -> Vec<Facts> {
    let task = |(place, letter): (usize, char)| {
        let (status, wanted) = match letter {
            's' => (TaskStatus::Deactivating, false),
            '.' => (TaskStatus::Stopped, false),
            'p' => (TaskStatus::Pending, true),
            _ => (TaskStatus::Running, true),
        };
        let standing = match letter {
            'g' | 'h' => Standing::Good,
            'b' | 'x' => Standing::Bad(Fault::Containers),
            _ => Standing::Undecided,
        };
        Facts {
            id: format!("{deployment}{place}{letter}").into(),
            deployment: deployment.into(),
            wanted,
            status,
            standing,
            changes_at: None,
            replacement: matches!(letter, 'r' | 'h' | 'x'),
        }
    };
    letters.chars().enumerate().map(task).collect()
}

/// `3 100/200 A:3:ggb B!:1:g`: desired, minimum and maximum percent, deployments newest first; `!` marks one that has
/// been given up. Gives what is done: stopped tasks with `!` where they are stopped as unhealthy, started ones with how
/// many replace unhealthy ones, what older deployments keep, and whether nothing can move.
fn done(line: &str) -> String {
    let mut words = line.split(' ');
    let desired: usize = words.next().unwrap().parse().unwrap();
    let (minimum, maximum) = words.next().unwrap().split_once('/').unwrap();
    let percent = |text: &str| text.parse::<usize>().unwrap();
    let lower = (desired * percent(minimum)).div_ceil(100);
    let capacity = Capacity { desired, lower, upper: desired * percent(maximum) / 100 };
    let (mut lanes, mut tasks) = (Vec::new(), Vec::new());
    for word in words {
        let parts: Vec<&str> = word.split(':').collect();
        let id = parts[0].trim_end_matches('!');
        lanes.push(Lane { id: id.into(), desired: percent(parts[1]), launching: id == parts[0] });
        tasks.extend(facts(id, parts[2]));
    }
    let decided = decide(capacity, &lanes, &tasks, &mut |_| 0);
    let mut said: Vec<String> = Vec::new();
    said.extend(decided.stops.iter().map(|stop| {
        let letter = stop.task.chars().last().unwrap();
        format!("-{}{letter}{}", &stop.task[..1], if stop.fault.is_some() { "!" } else { "" })
    }));
    said.sort();
    said.extend(decided.starts.iter().map(|start| {
        let replaces = if start.replaces > 0 { format!("/{}", start.replaces) } else { String::new() };
        format!("+{}{}{replaces}", start.deployment, start.count)
    }));
    let older = lanes.iter().zip(&decided.kept).skip(1);
    said.extend(
        older.filter(|(lane, kept)| lane.desired != **kept).map(|(lane, kept)| format!("{}={kept}", lane.id)),
    );
    said.extend(decided.stuck.then(|| "stuck".to_owned()));
    said.join(" ")
}

#[track_caller]
fn table(rows: &[(&str, &str)]) {
    for (line, expected) in rows {
        assert_eq!(done(line), *expected, "{line}");
    }
}

#[test]
fn what_is_missing_is_started_and_what_is_too_much_is_stopped() {
    table(&[
        ("3 100/200 A:3:", "+A3"),
        ("3 100/200 A:3:u", "+A2"),
        ("3 100/200 A:3:ggg", ""),
        ("3 100/200 A:3:gg.", "+A1"),
        ("3 100/200 A:3:ggs", "+A1"),
        ("3 100/100 A:3:ggs", ""),
        ("2 100/200 A:3:ggg", "-Ag"),
        ("2 100/200 A:3:ggp", "-Ap"),
        ("2 100/200 A:3:gup", "-Ap"),
        ("2 100/200 A:3:ggb", "-Ab"),
        ("0 100/200 A:3:gub", "-Ab -Ag -Au"),
        ("0 100/200 A:0:s", ""),
    ]);
}

#[test]
fn a_replacement_comes_before_an_unhealthy_task_goes() {
    table(&[
        ("3 100/200 A:3:ggb", "+A1/1"),
        ("3 100/200 A:3:ggbr", ""),
        ("3 100/200 A:3:ggbh", "-Ab!"),
        ("3 100/200 A:3:gbbrr", ""),
        ("3 100/200 A:3:gbbhr", "-Ab!"),
        ("1 100/200 A:1:b", "+A1/1"),
        ("1 100/200 A:1:br", ""),
        ("1 100/200 A:1:bh", "-Ab!"),
        ("3 100/200 A:3:bbb", "+A3/3"),
    ]);
}

#[test]
fn where_the_replacement_is_unhealthy_too_either_goes() {
    table(&[("1 100/200 A:1:bx", "-Ab!"), ("3 100/200 A:3:ggbx", "-Ab! +A1/1"), ("1 100/200 A:1:xs", "")]);
    let capacity = Capacity { desired: 1, lower: 1, upper: 2 };
    let lane = Lane { id: "A".into(), desired: 1, launching: true };
    let stopped = |at: usize| {
        let tasks = facts("A", "bx");
        decide(capacity, std::slice::from_ref(&lane), &tasks, &mut |_| at).stops[0].task.clone()
    };
    assert_eq!((&*stopped(0), &*stopped(1)), ("A0b", "A1x"));
}

#[test]
fn a_task_that_recovers_beside_its_replacement_may_stay_or_go() {
    table(&[("1 100/200 A:1:gr", ""), ("1 100/200 A:1:gh", "-Ag"), ("3 100/200 A:3:gggr", "")]);
    let capacity = Capacity { desired: 1, lower: 1, upper: 2 };
    let lane = Lane { id: "A".into(), desired: 1, launching: true };
    let tasks = facts("A", "gh");
    let stopped = decide(capacity, &[lane], &tasks, &mut |_| 1).stops;
    assert_eq!(stopped, [Stop { task: "A1h".into(), fault: None, first: false }]);
}

#[test]
fn without_room_one_unhealthy_task_goes_first_and_its_replacement_follows() {
    table(&[
        ("1 0/100 A:1:b", "-Ab!"),
        ("1 0/100 A:1:s", ""),
        ("1 0/100 A:1:.", "+A1"),
        ("1 100/100 A:1:b", "-Ab!"),
        ("3 0/100 A:3:gbb", "-Ab!"),
        ("3 0/100 A:3:gbs", ""),
        ("3 0/100 A:3:gb.", "+A1/1"),
        ("3 100/134 A:3:gbb", "+A1/1"),
        ("3 100/134 A:3:gbbr", "-Ab!"),
        ("1 100/200 A:1:bs", ""),
    ]);
}

#[test]
fn a_new_deployment_replaces_the_old_within_the_bounds() {
    table(&[
        ("4 100/200 B:4: A:4:gggg", "+B4"),
        ("4 100/200 B:4:uuuu A:4:gggg", ""),
        ("4 100/200 B:4:guuu A:4:gggg", "-Ag A=3"),
        ("4 100/200 B:4:gggg A:1:g", "-Ag A=0"),
        ("4 50/100 B:4: A:4:gggg", "-Ag -Ag A=2"),
        ("4 50/100 B:4: A:2:ggss", ""),
        ("4 50/100 B:4: A:2:gg..", "+B2"),
        ("4 50/100 B:4:gg A:2:gg", "-Ag -Ag A=0"),
        ("4 100/125 B:4: A:4:gggg", "+B1"),
        ("4 100/125 B:4:g A:4:gggg", "-Ag A=3"),
        ("1 0/100 B:1: A:1:g", "-Ag A=0"),
        ("1 0/100 B:1: A:0:.", "+B1"),
        ("2 75/200 B:2: A:2:gg", "+B2"),
    ]);
}

#[test]
fn what_is_to_mend_a_service_does_not_wait_for_what_is_broken() {
    table(&[
        // One place, and the old task is unhealthy: the new one takes it, not another old one.
        ("1 100/200 A:1: B:1:b", "+A1"),
        ("1 100/200 A:1: B:1:bb", "-Bb"),
        ("1 100/200 A:1: B:1:bs", ""),
        ("1 0/100 A:1: B:1:b", "-Bb B=0"),
        // Where the old one serves, what it lacks comes once the new one has a task.
        ("4 100/150 A:4: B:4:gggb", "+B1/1 +A1"),
        ("4 100/150 A:4:u B:4:gggb", "+B1/1"),
        ("4 100/150 A:4:u B:4:bbbb", "+A1"),
    ]);
}

#[test]
fn where_neither_bound_leaves_room_it_is_said() {
    table(&[
        ("3 100/125 B:3: A:3:ggg", "stuck"),
        ("1 100/100 B:1: A:1:g", "stuck"),
        ("1 100/100 B:1: A:1:u", ""),
        ("1 100/100 B:1: A:1:b", "-Ab!"),
        ("1 100/100 B!:1: A:1:g", ""),
    ]);
}

#[test]
fn a_replacement_is_of_the_revision_it_replaces() {
    table(&[
        ("4 100/200 B:4:uuu A:4:gggb", "+A1/1"),
        ("4 100/200 B:4:uuu A:4:ggg.", "+A1 +B1"),
        ("4 100/200 B:4:uuu A:4:gggbr", ""),
        ("4 100/200 B:4:guu A:4:gggb", "-Ab +B1 A=3"),
        ("4 100/200 B:4:ggub A:2:gg", "+B1/1"),
    ]);
}

#[test]
fn a_deployment_that_was_given_up_starts_nothing_and_the_old_one_stays() {
    table(&[
        ("3 100/200 B!:3:b A:3:ggg", ""),
        ("3 100/200 B!:3: A:3:ggb", "+A1/1"),
        ("3 100/200 B!:3:g A:3:ggg", "-Ag A=2"),
        ("3 100/200 B!:3:", ""),
        ("1 0/100 B!:1:b", ""),
    ]);
}

#[test]
fn a_rollback_keeps_what_has_proved_itself() {
    table(&[
        ("3 100/200 C:3: B!:3:bg A:3:ggg", "-Bb -Bg +C1 B=0"),
        ("3 100/200 C:3:ggg B!:0:s A:3:ggg", "-Ag -Ag -Ag A=0"),
    ]);
}

#[test]
fn tasks_of_no_deployment_are_stopped() {
    let capacity = Capacity { desired: 1, lower: 1, upper: 2 };
    let lane = Lane { id: "A".into(), desired: 1, launching: true };
    let tasks: Vec<Facts> = facts("A", "g").into_iter().chain(facts("Z", "g")).collect();
    let decided = decide(capacity, &[lane], &tasks, &mut |_| 0);
    assert_eq!(decided.stops, [Stop { task: "Z0g".into(), fault: None, first: false }]);
}

/// Of 200,000 random moments none stops a healthy task the minimum needs, nor starts one the maximum forbids.
#[test]
fn no_decision_leaves_the_bounds() {
    let mut seed = 7_u64;
    let mut next = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let mut moved = 0;
    for _ in 0..200_000 {
        let desired = next(6);
        let capacity = Capacity {
            desired,
            lower: (desired * [0, 34, 50, 100][next(4)]).div_ceil(100),
            upper: desired * [100, 125, 150, 200][next(4)] / 100,
        };
        let (mut lanes, mut tasks) = (Vec::new(), Vec::new());
        for id in ["C", "B", "A"].into_iter().take(1 + next(3)) {
            lanes.push(Lane { id: id.into(), desired: next(6), launching: next(4) > 0 });
            let letters: String =
                (0..next(5)).map(|_| ['g', 'u', 'p', 'r', 'h', 'b', 'x', 's', '.'][next(9)]).collect();
            tasks.extend(facts(id, &letters));
        }
        let decided = decide(capacity, &lanes, &tasks, &mut next);
        let good = |task: &&Facts| task.wanted && task.standing == Standing::Good;
        let stopped = |task: &&Facts| decided.stops.iter().any(|stop| stop.task == task.id);
        let before = tasks.iter().filter(good).count();
        let lost = tasks.iter().filter(good).filter(stopped).count();
        assert!(lost == 0 || before - lost >= capacity.lower, "{capacity:?} {lanes:?} {tasks:?} {decided:?}");
        let there = tasks.iter().filter(|task| task.status != TaskStatus::Stopped).count();
        let started: usize = decided.starts.iter().map(|start| start.count).sum();
        assert!(started == 0 || there + started <= capacity.upper, "{capacity:?} {tasks:?} {decided:?}");
        for start in &decided.starts {
            assert!(lanes.iter().any(|lane| lane.id == start.deployment && lane.launching));
        }
        moved += usize::from(lost > 0 || started > 0);
    }
    assert!(moved > 50_000, "{moved}");
}
