//! What a publish costs the thread that probes, and a reader: 10,000 targets on one shard.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed benchmark")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use tgprobe::engine::machine::Streak;
use tgprobe::engine::shard::{Key, Status};
use tgprobe::model::health::{State, TargetHealth};
use tgprobe::model::tick::Tick;
use tgprobe::output::metrics::Metrics;
use tgprobe::runtime::clock::Clock;
use tgprobe::runtime::view::{Record, ShardView, View};

const TARGETS: u32 = 10_000;

fn record(index: u32) -> Record {
    let status = Status {
        health: TargetHealth::HEALTHY,
        since: Tick(0),
        streak: Streak::Passes(1),
        conclusive_state: State::Healthy,
        next_check: Some(Tick(u64::from(index))),
        check_after: None,
        drain_ends: None,
    };
    let key = Key { index, generation: 1 };
    Record { key, status, address: None, last_check: None, last_conclusive: None }
}

/// Changes `changed` records spread over the whole shard and publishes, as a shard does every 50 ms.
fn publish(view: &View, records: &mut ShardView, changed: u32) {
    for number in 0..changed {
        let index = number * (TARGETS / changed);
        *records.slot(index) = Some(record(index));
    }
    view.publish_shard(0, records.clone());
}

fn benches(criterion: &mut Criterion) {
    let view = View::new(Clock::start(), 1);
    let mut records = ShardView::default();
    (0..TARGETS).for_each(|index| *records.slot(index) = Some(record(index)));
    for changed in [1, 100, 10_000] {
        criterion.bench_function(&format!("publish_10k_targets_{changed}_changed"), |bencher| {
            bencher.iter(|| publish(&view, &mut records, changed));
        });
    }
    criterion.bench_function("snapshot", |bencher| bencher.iter(|| black_box(view.snapshot())));
    let metrics = Metrics::new(Arc::clone(&view), 10_000).unwrap();
    criterion.bench_function("metrics_without_groups", |bencher| bencher.iter(|| metrics.render().unwrap()));
}

criterion_group!(view, benches);
criterion_main!(view);
