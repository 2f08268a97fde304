//! Commands of containers' checks, run for real: the nasty ones among them.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use tgprobe::model::ecs::health::CheckResult;
use tgprobe::model::failure::Failure;
use tgprobe::model::outcome::Outcome;
use tgprobe::probe::command::{Program, run};
use tgprobe::runtime::clock::Clock;

/// Long enough for any machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// A timeout that is to pass.
const SHORT: Duration = Duration::from_millis(300);

fn program(argv: &[&str]) -> Program {
    let path = ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into());
    Program {
        argv: argv.iter().map(|word| Box::from(*word)).collect(),
        environment: [path].into(),
        ..Program::default()
    }
}

fn shell(script: &str) -> Program {
    program(&["/bin/sh", "-c", script])
}

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn result(program: &Program, timeout: Duration) -> (Outcome, CheckResult) {
    on_runtime(async { run(program, timeout, &Clock::start()).await })
}

#[track_caller]
fn check(program: &Program, timeout: Duration, outcome: Outcome, exit_code: i32, output: &str) {
    let (got, result) = result(program, timeout);
    assert_eq!((got, result.exit_code, &*result.output), (outcome, exit_code, output));
}

/// The processes of this group that are not dead: what is said after the name of the program, state and group first.
fn alive(group: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        if fields[2] == group && fields[0] != "Z" {
            found.push(stat);
        }
    }
    found
}

/// Waits until nothing is left of the group.
async fn nothing_is_left(group: &str) {
    let clock = Clock::start();
    let deadline = clock.now() + PATIENCE;
    while !alive(group).is_empty() {
        assert!(clock.now() < deadline, "{:?}", alive(group));
        clock.sleep(Duration::from_millis(5)).await;
    }
}

/// Runs a script that writes the number of its group to `$OUT`, and waits until nothing is left of it.
#[track_caller]
fn check_alone(script: &str, timeout: Duration, expected: (Outcome, i32, &str)) -> CheckResult {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("group");
    let mut program = shell(&format!("echo $$ >$OUT; {script}"));
    program.environment.insert("OUT".into(), file.to_str().unwrap().into());
    on_runtime(async {
        let clock = Clock::start();
        let (outcome, result) = run(&program, timeout, &clock).await;
        assert_eq!((outcome, result.exit_code, &*result.output), expected, "{script}");
        nothing_is_left(fs::read_to_string(&file).unwrap().trim()).await;
        result
    })
}

const LATE: (Outcome, i32, &str) =
    (Outcome::Fail(Failure::CommandTimeout), -1, "Health check exceeded timeout (300ms)");

#[test]
fn only_exit_code_0_passes_whatever_is_printed() {
    check(&shell("echo fine"), PATIENCE, Outcome::Pass, 0, "fine\n");
    check(&shell("echo trouble >&2"), PATIENCE, Outcome::Pass, 0, "trouble\n");
    for code in [1, 2, 77, 255] {
        let expected = Outcome::Fail(Failure::CommandExit(code));
        check(&shell(&format!("echo no; exit {code}")), PATIENCE, expected, code.into(), "no\n");
    }
    let missing = result(&shell("no-such-program"), PATIENCE);
    assert_eq!((missing.0, missing.1.exit_code), (Outcome::Fail(Failure::CommandExit(127)), 127));
}

#[test]
fn a_signal_counts_as_128_and_its_number() {
    for (signal, code) in [("KILL", 137), ("TERM", 143), ("SEGV", 139)] {
        let expected = Outcome::Fail(Failure::CommandExit(code));
        check(&shell(&format!("kill -{signal} $$; sleep 60")), PATIENCE, expected, code.into(), "");
    }
}

#[test]
fn both_outputs_come_in_the_order_they_were_printed() {
    check(&shell("echo 1; echo 2 >&2; echo 3; echo 4 >&2"), PATIENCE, Outcome::Pass, 0, "1\n2\n3\n4\n");
}

#[test]
fn what_is_printed_right_before_the_end_is_not_lost() {
    on_runtime(async {
        let clock = Clock::start();
        for _ in 0..100 {
            let (_, result) = run(&shell("echo last words"), PATIENCE, &clock).await;
            assert_eq!(&*result.output, "last words\n");
        }
    });
}

#[test]
fn a_flood_is_cut_and_does_not_block_its_command() {
    let (outcome, result) = result(&shell("head -c 3000000 /dev/zero | tr '\\0' x"), PATIENCE);
    assert_eq!((outcome, &*result.output), (Outcome::Pass, &*format!("{}...", "x".repeat(4096))));
    check(&shell("head -c 4096 /dev/zero | tr '\\0' x"), PATIENCE, Outcome::Pass, 0, &"x".repeat(4096));
}

#[test]
fn an_endless_flood_ends_at_the_timeout() {
    let text = format!("{}: {}...", LATE.2, "y\n".repeat(2048));
    check_alone("yes", SHORT, (LATE.0, -1, &text));
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    check(&shell("printf 'a\\377\\000b'"), PATIENCE, Outcome::Pass, 0, "a\u{fffd}\0b");
}

#[test]
fn a_command_that_hangs_is_killed_with_its_children_at_the_timeout() {
    let result = check_alone("sleep 97 & sleep 97 & sleep 97", SHORT, LATE);
    let took = result.ended.since(result.started);
    assert!(took >= SHORT && took < PATIENCE, "{took:?}");
    check_alone("trap '' TERM HUP INT; while :; do sleep 1; done", SHORT, LATE);
    check_alone("kill -STOP $$", SHORT, LATE);
}

#[test]
fn what_a_hanging_command_has_printed_is_told() {
    let text = format!("{}: half\n", LATE.2);
    check_alone("echo half; sleep 97", SHORT, (LATE.0, -1, &text));
}

#[test]
fn children_that_hold_the_output_do_not_hold_the_result() {
    check_alone("sleep 97 & echo done", PATIENCE, (Outcome::Pass, 0, "done\n"));
    // A daemon's way: the parent of the one that stays is gone.
    check_alone("(sleep 97 & ) ; echo done; exit 3", PATIENCE, {
        (Outcome::Fail(Failure::CommandExit(3)), 3, "done\n")
    });
}

#[test]
fn who_leaves_the_group_and_prints_for_ever_holds_nothing_either() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!("setsid sh -c 'echo $$ >{}; exec yes' & sleep 0.2", file.display());
    let (outcome, result) = result(&shell(&script), PATIENCE);
    let group = fs::read_to_string(&file).unwrap();
    assert_eq!((outcome, result.output.len()), (Outcome::Pass, 4096 + 3));
    // Nobody reads any more, so it has ended by itself.
    on_runtime(nothing_is_left(group.trim()));
}

#[test]
fn a_command_whose_future_is_dropped_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("group");
    let program = shell(&format!("sleep 97 & echo $$ >{0}.new; mv {0}.new {0}; sleep 97", file.display()));
    on_runtime(async {
        let clock = Clock::start();
        let group = tokio::select! {
            (_, result) = run(&program, PATIENCE, &clock) => panic!("{result:?}"),
            group = contents(&file) => group,
        };
        nothing_is_left(group.trim()).await;
    });
}

/// What is in a file, once it is there.
async fn contents(file: &Path) -> String {
    let clock = Clock::start();
    loop {
        if let Ok(text) = fs::read_to_string(file) {
            return text;
        }
        clock.sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_command_that_cannot_start_says_why() {
    let failed = Outcome::Fail(Failure::CommandNotStarted);
    for (argv, expected) in [
        ("no-such-program", "cannot start \"no-such-program\": No such file or directory (os error 2)"),
        ("/etc/passwd", "cannot start \"/etc/passwd\": Permission denied (os error 13)"),
        ("/etc", "cannot start \"/etc\": Permission denied (os error 13)"),
    ] {
        check(&program(&[argv]), PATIENCE, failed, -1, expected);
    }
    let nowhere = Program { directory: Some("/no/such/place".into()), ..program(&["true"]) };
    let expected =
        "cannot start in the working directory /no/such/place: No such file or directory (os error 2)";
    check(&nowhere, PATIENCE, failed, -1, expected);
    check(&program(&["tr\0ue"]), PATIENCE, failed, -1, {
        "cannot start \"tr\\0ue\": nul byte found in provided data"
    });
}

#[test]
fn nothing_but_what_is_said_is_handed_down() {
    let mut program = program(&["/bin/sh", "-c", "env -i true; echo $ONLY; cat; pwd; echo $#$1"]);
    program.argv.extend(["zero".into(), "one two".into()]);
    program.environment.insert("ONLY".into(), "this".into());
    program.directory = Some("/usr".into());
    check(&program, PATIENCE, Outcome::Pass, 0, "this\n/usr\n1one two\n");
    let mut program = shell("env");
    program.environment = [("A".into(), "1".into())].into();
    let (_, result) = result(&program, PATIENCE);
    assert!(
        result
            .output
            .lines()
            .all(|line| ["A=1", "PWD=", "_=", "SHLVL="].iter().any(|name| line.starts_with(name))),
        "{}",
        result.output
    );
}

#[test]
fn a_command_does_not_inherit_that_our_threads_stand_back() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // A thread of its own: no other test is to stand back.
    let printed = std::thread::spawn(|| {
        rustix::process::nice(3).unwrap();
        let local = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let own = || rustix::process::getpriority_process(None).unwrap();
        let before = own();
        let (_, result) = local.block_on(run(&program(&["nice"]), PATIENCE, &Clock::start()));
        assert_eq!(own(), before, "the thread itself is as it was");
        result.output
    });
    let main = rustix::process::getpriority_process(Some(rustix::process::getpid())).unwrap();
    assert_eq!(*printed.join().unwrap(), *format!("{main}\n"));
}

#[test]
fn a_command_has_the_limit_of_descriptors_it_is_given() {
    // Set right after its start, so it looks until it sees it.
    let mut program = shell("until [ $(ulimit -Sn) = 64 ]; do :; done; ulimit -Sn; ulimit -Hn");
    program.descriptors = Some(64);
    let hard = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let hard = hard.map_or_else(|| "unlimited".to_owned(), |hard| hard.to_string());
    check(&program, PATIENCE, Outcome::Pass, 0, &format!("64\n{hard}\n"));
}
