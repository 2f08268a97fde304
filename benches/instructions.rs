//! How many instructions one step of a check takes, and a limit for each: `cargo bench --bench instructions`.
//!
//! Times depend on the machine and on what else it does; instructions hardly do, so a limit can be held to. The bench
//! runs itself in valgrind's callgrind, each subject once for its preparation alone and once with [`TIMES`] steps, and
//! takes the difference. Instructions of the kernel are not counted. Over a limit, or without valgrind, it ends with 1.
//!
//! A limit lies some 15 % above what was measured when it was set, with the compiler of that day: who makes a step
//! cheaper lowers it, and who raises it says in the commit what was bought.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed benchmark")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this benchmark prints its own table")]

use std::fs;
use std::hint::black_box;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tgprobe::engine::machine::{Settings, Streak};
use tgprobe::engine::place;
use tgprobe::engine::shard::{Access, Key, Shard, Status};
use tgprobe::model::health::{State, TargetHealth};
use tgprobe::model::health_check::HealthCheck;
use tgprobe::model::outcome::{Outcome, Report, Timings};
use tgprobe::model::protocol::Protocol;
use tgprobe::model::target_group::{GroupName, TargetGroup};
use tgprobe::model::tick::Tick;
use tgprobe::probe::head::{Head, Verdict};
use tgprobe::probe::http1::Http1;
use tgprobe::probe::{Kit, Prober};
use tgprobe::runtime::clock::Clock;
use tgprobe::runtime::view::View;

mod heads;

/// Steps of a subject that are counted.
const TIMES: u32 = 20_000;

/// Targets of the subjects that have many.
const TARGETS: u32 = 10_000;

/// A step of a check.
struct Subject {
    name: &'static str,
    /// Prepares, and does so many steps.
    run: fn(u32),
    /// Instructions one step may take.
    limit: u64,
}

const SUBJECTS: [Subject; 6] = [
    Subject { name: "one outcome, 10,000 targets", run: one_outcome, limit: 750 },
    Subject { name: "publish one check", run: publish, limit: 320 },
    Subject { name: "render a request", run: render, limit: 330 },
    Subject { name: "parse a head of 200 bytes", run: |times| parse(&heads::typical(), times), limit: 1_700 },
    Subject { name: "parse a head of 2 KiB", run: |times| parse(&heads::large(), times), limit: 9_500 },
    Subject { name: "one check of a target on loopback", run: check, limit: 3_400 },
];

fn main() -> ExitCode {
    // Cargo passes `--bench`; a name and a number are ours, inside of callgrind.
    let own: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    if let [name, times] = own.as_slice() {
        let subject = SUBJECTS.iter().find(|subject| subject.name == name).unwrap();
        (subject.run)(times.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    let mut within = true;
    println!("{:<36}{:>14}{:>10}", "", "instructions", "limit");
    for Subject { name, limit, .. } in SUBJECTS {
        let counted = instructions(name, 0).and_then(|idle| Ok((idle, instructions(name, TIMES)?)));
        let (idle, all) = match counted {
            Ok(counted) => counted,
            Err(trouble) => {
                eprintln!("{trouble}");
                return ExitCode::FAILURE;
            }
        };
        let each = all.saturating_sub(idle) / u64::from(TIMES);
        let trouble = match each {
            // No step is free: the compiler has seen through the subject.
            0 => "  nothing was counted",
            _ if each > limit => "  over the limit",
            _ => "",
        };
        println!("{name:<36}{each:>14}{limit:>10}{trouble}");
        within &= trouble.is_empty();
    }
    if within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the whole of this program takes for so many steps of a subject.
fn instructions(name: &str, times: u32) -> Result<u64, String> {
    let folder = tempfile::tempdir().unwrap();
    let counts = folder.path().join("counts");
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(std::env::current_exe().unwrap())
        .args([name, &times.to_string()])
        .stdin(Stdio::null())
        .output();
    let run = run.map_err(|error| {
        if error.kind() == ErrorKind::NotFound {
            return "valgrind is not installed; it counts the instructions (Debian: valgrind)".to_owned();
        }
        format!("valgrind cannot be run: {error}")
    })?;
    if !run.status.success() {
        return Err(format!("{name}: {}\n{}", run.status, String::from_utf8_lossy(&run.stderr)));
    }
    let counts = fs::read_to_string(counts).map_err(|error| format!("{name}: no counts: {error}"))?;
    let total = counts.lines().find_map(|line| line.strip_prefix("totals: ")?.parse().ok());
    total.ok_or_else(|| format!("{name}: callgrind told no total"))
}

fn group() -> TargetGroup {
    TargetGroup {
        health_check: HealthCheck { interval: Duration::from_secs(5), ..HealthCheck::default() },
        ..TargetGroup::new(GroupName::parse("web").unwrap(), Protocol::Http, 80)
    }
}

fn one_outcome(times: u32) {
    let settings = Arc::new(Settings::from(&group()));
    let mut shard = Shard::default();
    for index in 0..TARGETS {
        let hash = place::hash("web", &index.to_string());
        shard.register(
            Key { index, generation: 1 },
            Arc::clone(&settings),
            hash,
            Access::Known,
            Tick(1_790_000_000_000),
        );
    }
    let mut left = times;
    while left > 0 {
        let now = shard.next_check().unwrap();
        while let Some(job) = shard.poll_job(now) {
            shard.on_outcome(job, black_box(Outcome::Pass), now);
            left = left.saturating_sub(1);
        }
        while shard.poll_event().is_some() {}
    }
}

fn publish(times: u32) {
    let view = View::new(Clock::start(), 1);
    let mut slots = view.slots(0);
    let phase = Some(Duration::from_micros(400));
    let timings = Timings { connect: phase, tls: None, response: phase, total: Duration::from_micros(800) };
    let report = Report { outcome: Outcome::Pass, status: Some(200), timings };
    let address = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let status = Status {
        health: TargetHealth::HEALTHY,
        since: Tick(0),
        streak: Streak::Passes(1),
        conclusive_state: State::Healthy,
        next_check: Some(Tick(1_000)),
        check_after: None,
        drain_ends: None,
    };
    let mut tell = |index| {
        let key = Key { index, generation: 1 };
        slots.tell(black_box(key), &status, address, Some((Tick(1), black_box(&report))));
    };
    (0..TARGETS).for_each(&mut tell);
    (0..TARGETS).cycle().take(usize::try_from(times).unwrap()).for_each(tell);
}

fn render(times: u32) {
    let http1 = Http1::new(&HealthCheck::default());
    let mut buffer = Vec::new();
    for _ in 0..times {
        http1.render(&mut buffer, black_box("10.0.0.5"), black_box(8080));
        black_box(&buffer);
    }
}

fn parse(head: &[u8], times: u32) {
    for _ in 0..times {
        assert_eq!(Head::new().feed(black_box(head)), Verdict::Final { status: 200 });
    }
}

/// Renders, connects, sends, receives, judges and resets. The server's few instructions are counted too.
fn check(times: u32) {
    let head = heads::typical();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let prober = Prober::new(&HealthCheck::default(), None);
    let (clock, mut kit, mut request) = (Clock::start(), Kit::new(), [0; 1_024]);
    for _ in 0..times {
        let mut attempt = prober.attempt(address, &clock);
        assert!(attempt.step("127.0.0.1", &mut kit, &clock).is_none());
        // On loopback the connection stands when `connect` returns, and the request has been sent with it.
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(&head).unwrap();
        let report = attempt.step("127.0.0.1", &mut kit, &clock).unwrap();
        assert_eq!(report.outcome, Outcome::Pass);
    }
}
