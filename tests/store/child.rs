//! The parts that another process plays.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tgprobe::model::change::Change;
use tgprobe::model::health::{State, TargetHealth};
use tgprobe::model::life::Life;
use tgprobe::model::past::{Ask, History as _, Past};
use tgprobe::model::tick::Tick;
use tgprobe::store::{Happened, Kept, Reader, Store};

use crate::{NOW, open, target, web};

/// Plays a part until it is over, or for ever.
pub(crate) fn play(part: &str, dir: &Path) {
    let mut store = open(dir);
    match part {
        "writes" => writes(&mut store),
        "sees" => sees(&mut store),
        "holds" => {
            say(1);
            loop {
                std::thread::park();
            }
        }
        "is_not_confirmed" => is_not_confirmed(&mut store),
        other => {
            assert_eq!(other, "outgrows", "there is no such part");
            outgrows(&mut store, dir);
        }
    }
}

/// Says a number so that the other end of a pipe has it whatever happens next.
fn say(number: u64) {
    let mut out = std::io::stdout().lock();
    // The harness does not end its own line before a test that prints.
    writeln!(out, "\nsaid {number}").unwrap();
    out.flush().unwrap();
}

/// How many steps of [`writes`] are in a store.
pub(crate) fn step(kept: &Kept) -> u64 {
    let number = |id: &str| id.split_once('-').and_then(|(_, number)| number.parse().ok());
    kept.registrations.iter().filter_map(|(_, target)| number(&target.id)).max().unwrap_or(0)
}

/// Each step registers two targets and deregisters the two of the step before.
fn writes(store: &mut Store) {
    let first = step(&store.load(NOW).unwrap()) + 1;
    for step in first.. {
        let ids = |step: u64| ["a", "b"].map(|one| format!("{one}-{step}"));
        let leave = |id: String| Change::Deregister {
            group: web(),
            id: id.into(),
            port: 80,
            drain_ends: Some(NOW + Duration::from_secs(3_600)),
        };
        let mut changes: Vec<_> = ids(step).map(|id| Change::Register(web(), target(id))).into();
        if step > 1 {
            changes.extend(ids(step - 1).map(leave));
        }
        store.write(&changes, NOW).unwrap();
        say(step);
    }
}

/// Sees a target change again and again, and each time one verdict more.
fn sees(store: &mut Store) {
    for run in 1..=u32::MAX {
        let life = Life {
            state: State::Healthy,
            since: NOW,
            conclusive_state: State::Healthy,
            failing: false,
            run,
            failure: None,
            drain_ends: None,
            grid: None,
        };
        let past = Past {
            number: 0,
            at: NOW,
            id: "a".into(),
            port: 80,
            from: State::Initial,
            to: TargetHealth::HEALTHY,
        };
        let happened: Happened = (web(), past);
        store.record(&[happened], &[(web(), target("a".to_owned()), Some(life))], Tick(NOW.0)).unwrap();
        say(run.into());
    }
}

/// How many transitions are in the store of a directory.
pub(crate) fn transitions(dir: &Path) -> u64 {
    let ask = Ask { group: "web".into(), target: None, before: None, limit: usize::MAX };
    u64::try_from(Reader::new(dir).transitions(&ask).unwrap().len()).unwrap()
}

/// Writes while its files may grow, while they may not, and while they may again.
fn outgrows(store: &mut Store, dir: &Path) {
    let large =
        |number: u64| vec![Change::Register(web(), target(format!("{number}{}", "x".repeat(100_000))))];
    store.write(&large(1), NOW).unwrap();
    say(1);
    let free = getrlimit(Resource::Fsize);
    let log = std::fs::metadata(dir.join("tgprobe.db-wal")).unwrap().len();
    setrlimit(Resource::Fsize, Rlimit { current: Some(log + 8_192), maximum: free.maximum }).unwrap();
    let before = store.load(NOW).unwrap();
    for _ in 0..2 {
        store.write(&large(2), NOW).unwrap_err();
        assert_eq!(store.load(NOW).unwrap(), before);
        say(0);
    }
    setrlimit(Resource::Fsize, free).unwrap();
    store.write(&large(2), NOW).unwrap();
    say(2);
}

/// Writes while its disk confirms what it is given, while it does not, and once it does again.
fn is_not_confirmed(store: &mut Store) {
    let some = |number: u64| {
        let ids = (0..100).map(|one| format!("{number}-{one}-{}", "x".repeat(200)));
        ids.map(|id| Change::Register(web(), target(id))).collect::<Vec<_>>()
    };
    let fails = std::env::var_os("FAILS").unwrap();
    store.write(&some(1)[..1], NOW).unwrap();
    say(1);
    std::fs::write(&fails, "").unwrap();
    let before = store.load(NOW).unwrap();
    store.write(&some(2), NOW).unwrap_err();
    assert_eq!(store.load(NOW).unwrap(), before);
    say(0);
    if std::env::var_os("HEALS").is_some() {
        std::fs::remove_file(&fails).unwrap();
        store.write(&some(3)[..1], NOW).unwrap();
    }
    say(3);
    loop {
        std::thread::park();
    }
}
