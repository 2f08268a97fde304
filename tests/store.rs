//! The store in processes that are killed, beside others, out of room, and against a model.
//!
//! A test that needs another process starts this same binary again with [`CHILD`] set, which makes [`child`] play a part.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "store/child.rs"]
mod child;
#[path = "store/model.rs"]
mod model;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tgprobe::model::health::State;
use tgprobe::model::target::TargetDescription;
use tgprobe::model::target_group::GroupName;
use tgprobe::model::tick::Tick;
use tgprobe::store::{Kept, Limits, OpenError, Store};

/// Says to [`child`] which part to play, and in which directory.
const CHILD: &str = "TGPROBE_TEST_STORE_CHILD";

const NOW: Tick = Tick(1_700_000_000_000);

/// One test at a time: a process that is being started holds every lock of this one for an instant, until it has become
/// the other program.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(dir: &Path) -> Store {
    Store::open(dir, Limits::default()).unwrap()
}

fn web() -> GroupName {
    GroupName::parse("web").unwrap()
}

fn target(id: String) -> Arc<TargetDescription> {
    Arc::new(TargetDescription::new(&id, 80))
}

/// Another process of this binary; it ends with the test.
struct Other {
    process: Child,
    said: BufReader<ChildStdout>,
}

impl Other {
    fn start(part: &str, dir: &Path) -> Self {
        Self::start_with(part, dir, &[])
    }

    fn start_with(part: &str, dir: &Path, environment: &[(&str, &Path)]) -> Self {
        // A file that may not grow is told to whoever writes it, not by a signal that ends it.
        let mut process = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "another_process", "--nocapture", "--quiet"])
            .env(CHILD, format!("{part} {}", dir.display()))
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        Self { process, said }
    }

    /// The next word of those that the part says; the test harness has words of its own.
    fn hear(&mut self) -> Option<u64> {
        let mut line = String::new();
        while self.said.read_line(&mut line).unwrap() > 0 {
            if let Some(number) = line.strip_prefix("said ") {
                // The last line of a killed process may be cut off; then it was not said.
                return if line.ends_with('\n') { Some(number.trim().parse().unwrap()) } else { None };
            }
            line.clear();
        }
        None
    }

    /// Kills it with SIGKILL and gives the last that it has said.
    fn kill(mut self) -> Option<u64> {
        self.process.kill().unwrap();
        let mut last = None;
        while let Some(number) = self.hear() {
            last = Some(number);
        }
        last
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Not a test by itself: what another process does for one.
#[test]
fn another_process() {
    if let Ok(asked) = std::env::var(CHILD) {
        let (part, dir) = asked.split_once(' ').unwrap();
        child::play(part, Path::new(dir));
    }
}

#[test]
fn a_process_that_is_killed_loses_nothing_it_was_told_is_done_and_leaves_nothing_half_done() {
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let mut done = 0;
    for round in 0..12 {
        let mut other = Other::start("writes", dir.path());
        // It begins where the last one ended, and is killed in the midst of something.
        for _ in 0..round % 4 * 7 {
            done = other.hear().unwrap();
        }
        done = other.kill().unwrap_or(done);
        let kept = open(dir.path()).load(NOW).unwrap();
        let step = child::step(&kept);
        assert!(step == done || step == done + 1, "said {done}, kept {step}");
        whole(&kept, step);
        done = step;
    }
    assert!(done > 60, "only {done} steps were made");
}

/// Fails unless all of every step up to `step` is there and nothing of a later one.
#[track_caller]
fn whole(kept: &Kept, step: u64) {
    let ids = |number: u64| ["a", "b"].map(|one| format!("{one}-{number}"));
    let registered: BTreeSet<_> =
        kept.registrations.iter().map(|(_, target)| target.id.to_string()).collect();
    let expected = if step == 0 { BTreeSet::new() } else { ids(step).into() };
    assert_eq!(registered, expected);
    let draining: BTreeSet<_> = kept
        .lives
        .iter()
        .filter(|(_, _, life)| life.state == State::Draining && life.drain_ends.is_some())
        .map(|(_, target, _)| target.id.to_string())
        .collect();
    let expected: BTreeSet<_> = (1..step).flat_map(ids).collect();
    assert_eq!(draining, expected);
}

#[test]
fn what_was_seen_survives_a_kill_too() {
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let mut other = Other::start("sees", dir.path());
    for _ in 0..20 {
        other.hear().unwrap();
    }
    let said = other.kill().unwrap_or(20).max(20);
    let kept = open(dir.path()).load(NOW).unwrap();
    let run = u64::from(kept.lives[0].2.run);
    assert!(run == said || run == said + 1, "said {said}, kept {run}");
    assert_eq!(child::transitions(dir.path()), run, "a state is there with the transition that led to it");
}

#[test]
fn a_directory_that_another_process_uses_is_refused_until_that_is_gone_however_it_ends() {
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let mut other = Other::start("holds", dir.path());
    other.hear().unwrap();
    let error = Store::open(dir.path(), Limits::default()).unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
    assert!(error.to_string().contains(&*dir.path().to_string_lossy()), "{error}");
    other.kill();
    open(dir.path());
}

#[test]
fn a_disk_that_takes_no_more_refuses_a_write_whole_and_heals_by_itself() {
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let mut other = Other::start("outgrows", dir.path());
    let mut said = Vec::new();
    while let Some(number) = other.hear() {
        said.push(number);
    }
    let mut rest = String::new();
    other.said.read_to_string(&mut rest).unwrap();
    // Written, refused, refused, and written again with what came last.
    assert_eq!(said, [1, 0, 0, 2]);
    assert!(other.process.wait().unwrap().success());
    assert_eq!(open(dir.path()).load(NOW).unwrap().registrations.len(), 2);
}

#[test]
fn a_write_that_the_disk_did_not_confirm_is_not_there_after_a_kill_and_hinders_no_other() {
    let (_alone, dir, beside) = (alone(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (library, fails) = (beside.path().join("unsafe_disk.so"), beside.path().join("fails"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/store/unsafe_disk.c");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    assert!(compiled.unwrap().success());
    for (heals, expected) in [(false, &["1"][..]), (true, &["1", "3"])] {
        let environment = [("LD_PRELOAD", &*library), ("FAILS", &*fails), ("HEALS", Path::new("yes"))];
        let environment = &environment[..if heals { 3 } else { 2 }];
        let mut other = Other::start_with("is_not_confirmed", dir.path(), environment);
        assert_eq!([other.hear(), other.hear(), other.hear()], [Some(1), Some(0), Some(3)]);
        other.kill();
        let kept = open(dir.path()).load(NOW).unwrap();
        let found: Vec<_> = kept.registrations.iter().map(|(_, target)| &target.id[..1]).collect();
        assert_eq!(found, expected);
        _ = std::fs::remove_file(&fails);
    }
}
