//! What one check costs the thread that probes, and what readers pay: 100,000 targets in 100 groups on one shard.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed benchmark")]

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use tgprobe::engine::machine::Streak;
use tgprobe::engine::registry::{Command, Registry};
use tgprobe::engine::shard::Status;
use tgprobe::model::desired::{Desired, DesiredGroup};
use tgprobe::model::health::{State, TargetHealth};
use tgprobe::model::outcome::{Outcome, Report, Timings};
use tgprobe::model::protocol::Protocol;
use tgprobe::model::target::TargetDescription;
use tgprobe::model::target_group::{GroupName, TargetGroup};
use tgprobe::model::tick::Tick;
use tgprobe::output::list;
use tgprobe::output::metrics::Metrics;
use tgprobe::runtime::clock::Clock;
use tgprobe::runtime::view::{Key, Slots, View};

const GROUPS: u32 = 100;
const TARGETS_EACH: u32 = 1_000;

const STATUS: Status = Status {
    health: TargetHealth::HEALTHY,
    since: Tick(0),
    streak: Streak::Passes(1),
    conclusive_state: State::Healthy,
    next_check: Some(Tick(1_000)),
    check_after: None,
    drain_ends: None,
};

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn report() -> Report {
    let phase = Some(Duration::from_micros(400));
    let timings = Timings { connect: phase, tls: None, response: phase, total: Duration::from_micros(800) };
    Report { outcome: Outcome::Pass, status: Some(200), timings }
}

/// The same targets each time, but for the last octet of every hundredth.
fn desired(version: u8) -> Desired {
    let groups = (0..GROUPS).map(|number| {
        let group =
            TargetGroup::new(GroupName::parse(&format!("group-{number}")).unwrap(), Protocol::Http, 80);
        let target = |n: u32| {
            let last = if n.is_multiple_of(100) { version } else { 0 };
            let id = format!("10.{number}.{}.{}", n / 100, n % 100 + u32::from(last) * 100);
            TargetDescription::new(&id, 80)
        };
        DesiredGroup {
            group: Arc::new(group),
            targets: (0..TARGETS_EACH).map(target).map(Arc::new).collect(),
        }
    });
    Desired { groups: groups.collect(), ..Desired::default() }
}

/// A view over all targets, each checked once, and the places of their records.
fn filled() -> (Arc<View>, Slots, Vec<Key>) {
    let mut registry = Registry::new(1);
    registry.apply(desired(0));
    let view = View::new(Clock::start(), 1);
    view.publish_listings(registry.listings());
    let mut slots = view.slots(0);
    let mut keys = Vec::new();
    for command in registry.take_commands().remove(0) {
        let Command::Register(key, ..) = command else { continue };
        slots.tell(key, &STATUS, Some(ADDRESS), Some((Tick(1), &report())));
        keys.push(key);
    }
    (view, slots, keys)
}

fn writer(criterion: &mut Criterion) {
    let (view, mut slots, keys) = filled();
    let mut next = keys.iter().cycle().step_by(7_919);
    criterion.bench_function("write_a_start", |bencher| {
        bencher.iter(|| slots.tell(*next.next().unwrap(), black_box(&STATUS), Some(ADDRESS), None));
    });
    let told = report();
    criterion.bench_function("write_a_check", |bencher| {
        let check = Some((Tick(2), &told));
        bencher.iter(|| slots.tell(*next.next().unwrap(), black_box(&STATUS), Some(ADDRESS), check));
    });
    criterion.bench_function("publish", |bencher| bencher.iter(|| view.bump()));
}

fn registry(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("registry");
    group.sample_size(10);
    group.bench_function("register_100k_targets", |bencher| {
        let apply = |desired| {
            let mut registry = Registry::new(1);
            registry.apply(desired);
            (registry.listings(), registry)
        };
        bencher.iter_batched(|| desired(0), apply, criterion::BatchSize::PerIteration);
    });
    group.bench_function("replace_1_percent_of_100k_targets", |bencher| {
        let start = || {
            let mut registry = Registry::new(1);
            registry.apply(desired(0));
            let listings = registry.listings();
            registry.take_commands();
            (registry, listings, desired(1))
        };
        let apply = |(mut registry, listings, desired): (Registry, _, _)| {
            registry.apply(desired);
            (registry.listings(), registry, listings)
        };
        bencher.iter_batched(start, apply, criterion::BatchSize::PerIteration);
    });
}

/// The bytes of an answer, taken piece by piece as a connection takes them.
fn sent(answer: Response) -> usize {
    let mut body = answer.into_body();
    let mut bytes = 0;
    // A list waits for nobody: the next piece is always there.
    while let Some(piece) = body.frame().now_or_never().unwrap() {
        bytes += black_box(piece.unwrap().into_data().unwrap()).len();
    }
    bytes
}

fn readers(criterion: &mut Criterion) {
    let (view, _slots, _) = filled();
    criterion.bench_function("snapshot", |bencher| bencher.iter(|| black_box(view.snapshot())));
    let snapshot = view.snapshot();
    let listing = &snapshot.groups["group-7"];
    let mut listed = listing.targets.iter().cycle();
    criterion.bench_function("read_a_target", |bencher| {
        bencher.iter(|| black_box(snapshot.target(listing, listed.next().unwrap())));
    });
    let mut group = criterion.benchmark_group("100k_targets");
    group.sample_size(10);
    group.bench_function("count_100_groups", |bencher| {
        bencher.iter(|| {
            let counts = snapshot.groups.values().map(|listing| snapshot.counts(listing));
            counts.map(|counts| counts.of(State::Healthy)).sum::<u32>()
        });
    });
    for (name, limit) in [("scrape_groups", 0), ("scrape_groups_and_targets", 100_000)] {
        let metrics = Metrics::new(Arc::clone(&view), limit).unwrap();
        group.bench_function(name, |bencher| bencher.iter(|| metrics.render().unwrap()));
    }
    group.bench_function("render_json", |bencher| {
        bencher.iter(|| {
            let listings = snapshot.groups.values();
            listings.map(|listing| sent(list::respond(snapshot.clone(), Arc::clone(listing)))).sum::<usize>()
        });
    });
}

criterion_group!(view, writer, readers, registry);
criterion_main!(view);
