//! What the engine costs: one check and its outcome, taking in many targets, comparing a large set.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use tgprobe::engine::machine::Settings;
use tgprobe::engine::place;
use tgprobe::engine::registry::Registry;
use tgprobe::engine::shard::{Access, Key, Shard};
use tgprobe::model::desired::{Desired, DesiredGroup};
use tgprobe::model::health_check::HealthCheck;
use tgprobe::model::outcome::Outcome;
use tgprobe::model::protocol::Protocol;
use tgprobe::model::target::TargetDescription;
use tgprobe::model::target_group::{GroupName, TargetGroup};
use tgprobe::model::tick::Tick;

const NOW: Tick = Tick(1_790_000_000_000);

/// A group checked every five seconds.
fn group() -> TargetGroup {
    TargetGroup {
        health_check: HealthCheck { interval: Duration::from_secs(5), ..HealthCheck::default() },
        ..TargetGroup::new(
            GroupName::parse("web").unwrap_or_else(|error| unreachable!("{error}")),
            Protocol::Http,
            80,
        )
    }
}

/// This many targets, the first `renamed` of them under other addresses.
fn desired(count: u32, renamed: u32) -> Desired {
    let describe = |number: u32| TargetDescription {
        id: std::net::Ipv4Addr::from(if number < renamed { 0x0b00_0000 } else { 0x0a00_0000 } + number)
            .to_string()
            .into(),
        port: 80,
        more: None,
    };
    Desired {
        groups: vec![DesiredGroup {
            group: Arc::new(group()),
            targets: (0..count).map(describe).map(Arc::new).collect(),
        }],
        ..Desired::default()
    }
}

fn filled(count: u32) -> Shard {
    let settings = Arc::new(Settings::from(&group()));
    let mut shard = Shard::default();
    for index in 0..count {
        let hash = place::hash("web", &index.to_string());
        shard.register(Key { index, generation: 1 }, Arc::clone(&settings), hash, Access::Known, NOW);
    }
    shard
}

fn one_outcome(criterion: &mut Criterion) {
    let mut table = criterion.benchmark_group("one_outcome");
    for count in [10_000, 100_000, 1_000_000] {
        table.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            let mut shard = filled(count);
            bencher.iter(|| {
                let Some(now) = shard.next_check() else { return };
                if let Some(job) = shard.poll_job(now) {
                    shard.on_outcome(job, black_box(Outcome::Pass), now);
                }
                _ = black_box(shard.poll_event());
            });
        });
    }
    table.finish();
}

fn register(criterion: &mut Criterion) {
    let mut table = criterion.benchmark_group("register");
    table.sample_size(10);
    table.bench_function(BenchmarkId::from_parameter(100_000), |bencher| {
        bencher.iter_with_large_drop(|| filled(black_box(100_000)));
    });
    table.finish();
}

fn apply(criterion: &mut Criterion) {
    let mut table = criterion.benchmark_group("apply");
    table.sample_size(10);
    for (name, renamed) in [("unchanged", 0), ("one_percent_changed", 1_000)] {
        table.bench_function(BenchmarkId::new(name, 100_000), |bencher| {
            let setup = || {
                let mut registry = Registry::new(2);
                registry.apply(desired(100_000, 0));
                _ = registry.take_commands();
                _ = registry.listings();
                (registry, desired(100_000, renamed))
            };
            let apply = |(mut registry, desired): (Registry, Desired)| {
                let changes = registry.apply(desired);
                (changes, registry.take_commands(), registry.listings(), registry)
            };
            bencher.iter_batched(setup, apply, BatchSize::LargeInput);
        });
    }
    table.finish();
}

criterion_group!(benches, one_outcome, register, apply);
criterion_main!(benches);
