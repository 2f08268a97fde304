//! A check allocates nothing once its shard has made what it needs: every allocation of this process is counted.
//!
//! The real loop of a shard checks a small server over loopback, and the engine alone goes through 100,000 targets.
//! Where an allocation is found, `dhat-heap.json` tells where it was made (dhat's viewer shows it).
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use dhat::{HeapStats, Profiler};
use tgprobe::engine::machine::Settings;
use tgprobe::engine::place;
use tgprobe::engine::registry::Registry;
use tgprobe::engine::shard::{Access, Key, Shard};
use tgprobe::model::desired::{Desired, DesiredGroup};
use tgprobe::model::failure::Failure;
use tgprobe::model::health::State;
use tgprobe::model::health_check::{HealthCheck, HealthCheckPort};
use tgprobe::model::outcome::Outcome;
use tgprobe::model::protocol::Protocol;
use tgprobe::model::target::TargetDescription;
use tgprobe::model::target_group::{GroupName, TargetGroup};
use tgprobe::model::tick::Tick;
use tgprobe::probe::Stopwatch as _;
use tgprobe::runtime::clock::Clock;
use tgprobe::runtime::mailbox::Mailbox;
use tgprobe::runtime::poller::Poller;
use tgprobe::runtime::shard_loop::{Message, Shell, drive};
use tgprobe::runtime::view::View;

#[global_allocator]
static COUNTED: dhat::Alloc = dhat::Alloc;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/// Targets of the loop, each a port of one address. Fewer than are started in two turns, so the tables soon have
/// their full size.
const TARGETS: u16 = 100;
/// Checks of one stretch.
const STRETCH: u64 = 1_000;
/// Stretches in a row in which nothing may be allocated: 10,000 checks.
const CLEAN: u32 = 10;
/// Stretches until then. A table that has not been as full before doubles, which ends at [`TARGETS`] entries and is no
/// cost of a check; what a check costs is there in every stretch.
const STRETCHES: u32 = 40;
/// Every other answer is held until so many more connections have come, half an interval as a rule.
const LAG: u64 = 50;
/// An answer later than this has been waited for with the poller: the loop looks at a check a millisecond after its
/// start, and then has it watched.
const LATER: Duration = Duration::from_millis(3);

// One test, because what others and the harness allocate between them would be counted too.
#[test]
fn no_check_allocates_on_the_steady_path() {
    let _profiler = Profiler::builder().testing().build();
    it_would_be_seen();
    a_hundred_thousand_targets_in_the_engine();
    ten_thousand_checks_of_a_shard();
}

fn it_would_be_seen() {
    let before = HeapStats::get();
    let mut one = std::hint::black_box(Vec::<u8>::with_capacity(1));
    one.reserve_exact(100);
    assert_eq!(HeapStats::get().total_blocks - before.total_blocks, 2, "an allocation, and a growth");
    assert_eq!(HeapStats::get().curr_bytes - before.curr_bytes, one.capacity());
}

fn group(health_check: HealthCheck) -> TargetGroup {
    TargetGroup { health_check, ..TargetGroup::new(GroupName::parse("web").unwrap(), Protocol::Http, 80) }
}

/// Every target is checked in each interval and fails two of ten checks, two in a row, so states change too.
fn a_hundred_thousand_targets_in_the_engine() {
    const COUNT: u32 = 100_000;
    const INTERVAL: u64 = 1_000;
    let interval = Duration::from_millis(INTERVAL);
    let check = HealthCheck { interval, stale_after: interval * 3, ..HealthCheck::default() };
    let settings = Arc::new(Settings::from(&group(check)));
    let mut shard = Shard::default();
    let start = 1_790_000_000_000;
    for index in 0..COUNT {
        let hash = place::hash("web", &index.to_string());
        shard.register(Key { index, generation: 1 }, Arc::clone(&settings), hash, Access::Known, Tick(start));
    }
    let (mut checks, mut events) = (0, 0);
    let mut interval = |number: u64| {
        for millisecond in 0..INTERVAL {
            let now = Tick(start + number * INTERVAL + millisecond);
            while let Some(job) = shard.poll_job(now) {
                let bad = (u64::from(job.key.index) + number / 2).is_multiple_of(5);
                let outcome = if bad { Outcome::Fail(Failure::StatusMismatch(500)) } else { Outcome::Pass };
                shard.on_outcome(job, outcome, now);
                checks += 1;
            }
            shard.on_tick(now);
            while shard.poll_event().is_some() {
                events += 1;
            }
        }
    };
    // In ten intervals every target has been in every state it comes to.
    (0..10).for_each(&mut interval);
    let before = HeapStats::get();
    (10..16).for_each(&mut interval);
    let after = HeapStats::get();
    dhat::assert_eq!(after.total_blocks - before.total_blocks, 0, "allocations of the engine");
    assert_eq!(after.curr_bytes, before.curr_bytes, "memory gained by the engine");
    assert!(checks >= 15 * u64::from(COUNT), "{checks} checks");
    assert!(events >= COUNT, "{events} transitions");
}

fn ten_thousand_checks_of_a_shard() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = NonZeroU16::new(listener.local_addr().unwrap().port()).unwrap();
    // Deadlines and staleness out of reach, however busy the machine is: no state may change.
    let group = group(HealthCheck {
        port: HealthCheckPort::Number(port.get()),
        interval: Duration::from_millis(25),
        timeout: Duration::from_secs(100),
        stale_after: Duration::from_secs(200),
        ..HealthCheck::default()
    });
    let clock = Clock::start();
    let gate = Arc::new(Gate::default());
    let server = {
        let gate = Arc::clone(&gate);
        thread::spawn(move || serve(&listener, &gate, &clock))
    };
    let (view, mailbox, shard) = shard(group, clock);
    let (mut clean, mut stretches) = (0, 0);
    // What came before is the start.
    gate.barrier.wait();
    while clean < CLEAN {
        let before = HeapStats::get();
        gate.barrier.wait();
        gate.barrier.wait();
        let after = HeapStats::get();
        let same = (after.total_blocks, after.curr_bytes) == (before.total_blocks, before.curr_bytes);
        clean = if same { clean + 1 } else { 0 };
        stretches += 1;
        dhat::assert!(
            stretches < STRETCHES || clean >= CLEAN,
            "{} allocations, {} bytes gained in the last {STRETCH} checks of {}",
            after.total_blocks - before.total_blocks,
            after.curr_bytes.abs_diff(before.curr_bytes),
            u64::from(stretches) * STRETCH
        );
    }
    let snapshot = view.snapshot();
    let listing = &snapshot.groups["web"];
    assert_eq!(snapshot.counts(listing).of(State::Healthy), u32::from(TARGETS));
    let stats = view.stats(&listing.group.name).unwrap();
    let (_, checked) = stats.duration.cumulative().last().unwrap();
    assert!(
        checked >= u64::from(stretches) * STRETCH - u64::from(TARGETS),
        "{checked} checks with a verdict"
    );
    let later = gate.later.load(Relaxed);
    assert!(later >= u64::from(stretches) * STRETCH / 10, "{later} answers came later");
    drop(mailbox);
    shard.join().unwrap();
    gate.over.store(true, Relaxed);
    gate.barrier.wait();
    server.join().unwrap();
}

/// Starts the loop of a shard over [`TARGETS`] targets of one group.
fn shard(group: TargetGroup, clock: Clock) -> (Arc<View>, Mailbox, thread::JoinHandle<()>) {
    let view = View::new(clock, 1);
    let describe = |port| TargetDescription::new("127.0.0.1", port);
    let mut registry = Registry::new(1);
    registry.apply(Desired {
        groups: vec![DesiredGroup {
            group: Arc::new(group),
            targets: (1..=TARGETS).map(describe).map(Arc::new).collect(),
        }],
        ..Desired::default()
    });
    view.publish_listings(registry.listings());
    let (poller, bell) = Poller::new().unwrap();
    let (mailbox, inbox) = Mailbox::new(bell);
    // Nobody listens: a channel makes room for what waits in it, and on the steady path there is nothing to tell.
    let (happenings, _) = tokio::sync::mpsc::channel(1);
    let shell = Shell {
        number: 0,
        clock,
        view: Arc::clone(&view),
        happenings,
        in_flight_limit: usize::from(TARGETS) * 2,
        tell_checks: false,
    };
    let thread = thread::spawn(move || drive(shell, &poller, inbox));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(mailbox.send(Message::Commands(registry.take_commands().remove(0))));
    (view, mailbox, thread)
}

/// Where the server waits for the test, twice between two stretches.
struct Gate {
    barrier: Barrier,
    over: AtomicBool,
    /// Answers held for longer than [`LATER`].
    later: AtomicU64,
}

impl Default for Gate {
    fn default() -> Self {
        Self { barrier: Barrier::new(2), over: AtomicBool::new(false), later: AtomicU64::new(0) }
    }
}

/// Answers every other connection at once and the others later, and allocates nothing after its start.
fn serve(listener: &TcpListener, gate: &Gate, clock: &Clock) {
    let accept = || listener.accept().unwrap().0;
    // All targets are checked at once, first of all, so that the most there can ever be has been under way.
    let all: Vec<TcpStream> = (0..TARGETS).map(|_| accept()).collect();
    all.into_iter().for_each(answer);
    let mut held = VecDeque::with_capacity(usize::from(TARGETS));
    for number in 1_u64.. {
        let stream = accept();
        if number.is_multiple_of(2) {
            answer(stream);
        } else {
            held.push_back((number, clock.elapsed(), stream));
        }
        while held.front().is_some_and(|(first, ..)| first + LAG <= number) {
            let Some((_, since, stream)) = held.pop_front() else { break };
            gate.later.fetch_add(u64::from(clock.elapsed() - since > LATER), Relaxed);
            answer(stream);
        }
        if number.is_multiple_of(STRETCH) {
            // The end of a stretch is told, and then the test has looked.
            gate.barrier.wait();
            gate.barrier.wait();
            if gate.over.load(Relaxed) {
                return;
            }
        }
    }
}

/// Reads what comes first, which is the whole request, and answers.
fn answer(mut stream: TcpStream) {
    let mut request = [0; 1_024];
    assert!(stream.read(&mut request).unwrap() > 0);
    stream.write_all(ANSWER).unwrap();
}
