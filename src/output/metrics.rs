//! `GET /metrics`: Prometheus text. The registry is the `prometheus` crate's; one collector reads the view, so that
//! nothing is counted twice (docs/metrics.md).

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram as Shape, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{Encoder as _, Registry, TextEncoder};

use crate::model::failure::Failure;
use crate::model::health::State;
use crate::model::outcome::Cause;
use crate::runtime::view::{Histogram, Listing, Snapshot, View, fail_open};

/// Name, help, kind.
type Family = (&'static str, &'static str, MetricType);

/// Everything exported, in one list: name, help, kind. `docs/metrics.md` describes each.
const FAMILIES: [Family; 20] = [
    ("tgprobe_build_info", "A constant 1, labelled with the version.", MetricType::GAUGE),
    ("tgprobe_check_duration_seconds", "How long checks with a verdict took.", MetricType::HISTOGRAM),
    ("tgprobe_check_failures_total", "Checks that failed, by what failed.", MetricType::COUNTER),
    (
        "tgprobe_check_lateness_seconds",
        "From the moment a check was due to its start.",
        MetricType::HISTOGRAM,
    ),
    ("tgprobe_checks_in_flight", "Checks running now.", MetricType::GAUGE),
    ("tgprobe_checks_in_flight_limit", "Checks that may run at once.", MetricType::GAUGE),
    (
        "tgprobe_checks_inconclusive_total",
        "Checks without a verdict, by our own trouble.",
        MetricType::COUNTER,
    ),
    (
        "tgprobe_checks_skipped_total",
        "Checks not made because we were late or at the limit.",
        MetricType::COUNTER,
    ),
    ("tgprobe_checks_total", "Checks that ended.", MetricType::COUNTER),
    (
        "tgprobe_config_last_reload_success_timestamp_seconds",
        "When a configuration was last taken.",
        MetricType::GAUGE,
    ),
    (
        "tgprobe_config_last_reload_successful",
        "Whether the latest configuration was taken.",
        MetricType::GAUGE,
    ),
    (
        "tgprobe_events_dropped_total",
        "Transitions not told to logs and streams, their queue being full.",
        MetricType::COUNTER,
    ),
    ("tgprobe_ready", "Whether every target was checked once, or had its first interval.", MetricType::GAUGE),
    (
        "tgprobe_target_group_fail_open",
        "Whether too few targets are healthy, so that all would get requests.",
        MetricType::GAUGE,
    ),
    ("tgprobe_target_groups", "Target groups.", MetricType::GAUGE),
    ("tgprobe_target_healthy", "1 healthy, 0 unhealthy; no series in any other state.", MetricType::GAUGE),
    (
        "tgprobe_target_series_dropped",
        "Targets left out of per-target series by metrics_target_limit.",
        MetricType::GAUGE,
    ),
    ("tgprobe_target_state_info", "A constant 1, labelled with state and reason.", MetricType::GAUGE),
    ("tgprobe_targets", "Targets by state.", MetricType::GAUGE),
    ("tgprobe_transitions_total", "Changes of state.", MetricType::COUNTER),
];

/// The registry over a view.
#[derive(Debug)]
pub struct Metrics(Registry);

impl Metrics {
    /// Registers the collector over `view` and the process's own metrics. At most `target_limit` targets get series
    /// of their own.
    ///
    /// # Errors
    /// If a metric's name is malformed or registered twice; never with the list above.
    pub fn new(view: Arc<View>, target_limit: u32) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let labels = Vec::new;
        let descs = FAMILIES
            .map(|(name, help, _)| Desc::new(name.to_owned(), help.to_owned(), labels(), Default::default()));
        let descs = descs.into_iter().collect::<prometheus::Result<Vec<_>>>()?;
        registry.register(Box::new(ViewCollector { view, target_limit, descs }))?;
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self(registry))
    }

    /// The exposition, text format 0.0.4.
    ///
    /// # Errors
    /// If a family is inconsistent; never with ours.
    pub fn render(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::with_capacity(64 * 1_024);
        TextEncoder::new().encode(&self.0.gather(), &mut text)?;
        Ok(text)
    }
}

struct ViewCollector {
    view: Arc<View>,
    target_limit: u32,
    descs: Vec<Desc>,
}

impl Collector for ViewCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = Families::default();
        let snapshot = self.view.snapshot();
        families.process(&self.view, &snapshot);
        let mut room = usize::try_from(self.target_limit).unwrap_or(usize::MAX);
        let mut dropped = 0;
        for listing in snapshot.groups.values() {
            families.group(&self.view, &snapshot, listing);
            // A group that does not fit is left out whole: half a group would hide what is wrong in the other half.
            if listing.targets.len() <= room {
                room -= listing.targets.len();
                families.targets(&snapshot, listing);
            } else {
                dropped += listing.targets.len();
            }
        }
        families.gauge("tgprobe_target_series_dropped", &[], number(dropped));
        families.0.into_iter().filter_map(|(family, metrics)| finish(family, metrics)).collect()
    }
}

/// Samples of each family, in the order of [`FAMILIES`].
struct Families(Vec<(Family, Vec<Metric>)>);

impl Default for Families {
    fn default() -> Self {
        Self(FAMILIES.iter().map(|family| (*family, Vec::new())).collect())
    }
}

impl Families {
    fn process(&mut self, view: &View, snapshot: &Snapshot) {
        self.gauge("tgprobe_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        self.gauge("tgprobe_ready", &[], flag(view.is_ready()));
        self.gauge("tgprobe_target_groups", &[], number(snapshot.groups.len()));
        let status = &view.config;
        self.gauge("tgprobe_config_last_reload_successful", &[], flag(status.successful.load(Relaxed)));
        let at = number(status.success_at.load(Relaxed)) / 1_000.0;
        self.gauge("tgprobe_config_last_reload_success_timestamp_seconds", &[], at);
        for (shard, stats) in view.shard_stats.iter().enumerate() {
            let shard = shard.to_string();
            let labels = [("shard", shard.as_str())];
            self.histogram("tgprobe_check_lateness_seconds", &labels, &stats.lateness);
            self.gauge("tgprobe_checks_in_flight", &labels, number(stats.in_flight.value()));
            self.gauge("tgprobe_checks_in_flight_limit", &labels, number(stats.in_flight_limit.value()));
            self.counter("tgprobe_checks_skipped_total", &labels, stats.skipped.value());
            self.counter("tgprobe_events_dropped_total", &labels, stats.events_dropped.value());
        }
    }

    fn group(&mut self, view: &View, snapshot: &Snapshot, listing: &Listing) {
        let name = listing.group.name.as_str();
        let group = ("target_group", name);
        let counts = snapshot.counts(listing);
        for state in State::ALL {
            self.gauge("tgprobe_targets", &[group, ("state", state.as_str())], number(counts.of(state)));
        }
        self.gauge("tgprobe_target_group_fail_open", &[group], flag(fail_open(&listing.group, &counts)));
        let Some(stats) = view.stats(&listing.group.name) else { return };
        self.counter("tgprobe_checks_total", &[group], stats.checks.value());
        self.histogram("tgprobe_check_duration_seconds", &[group], &stats.duration);
        for (failure, count) in Failure::ALL.iter().zip(&stats.failures) {
            let labels = [group, ("failure", failure.naming().label)];
            self.counter("tgprobe_check_failures_total", &labels, count.value());
        }
        for (cause, count) in Cause::ALL.iter().zip(&stats.inconclusive) {
            let labels = [group, ("cause", cause.label())];
            self.counter("tgprobe_checks_inconclusive_total", &labels, count.value());
        }
        for (from, row) in State::ALL.iter().zip(&stats.transitions) {
            for (to, count) in State::ALL.iter().zip(row).filter(|(_, count)| count.value() > 0) {
                let labels = [group, ("from", from.as_str()), ("to", to.as_str())];
                self.counter("tgprobe_transitions_total", &labels, count.value());
            }
        }
    }

    fn targets(&mut self, snapshot: &Snapshot, listing: &Listing) {
        let group = ("target_group", listing.group.name.as_str());
        for seen in snapshot.targets(listing) {
            let target = seen.target.to_string();
            let target = ("target", target.as_str());
            let healthy = match seen.health.state {
                State::Healthy => Some(true),
                State::Unhealthy | State::UnhealthyDraining => Some(false),
                State::Initial | State::Unused | State::Draining | State::Unavailable => None,
            };
            if let Some(healthy) = healthy {
                self.gauge("tgprobe_target_healthy", &[group, target], flag(healthy));
            }
            let reason = seen.health.reason.map_or("", |reason| reason.as_str());
            let labels = [group, target, ("state", seen.health.state.as_str()), ("reason", reason)];
            self.gauge("tgprobe_target_state_info", &labels, 1.0);
        }
    }

    fn gauge(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = Metric::from_label(pairs(labels));
        metric.set_gauge(gauge);
        self.push(name, metric);
    }

    fn counter(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let mut counter = Counter::default();
        counter.set_value(number(value));
        let mut metric = Metric::from_label(pairs(labels));
        metric.set_counter(counter);
        self.push(name, metric);
    }

    fn histogram<const N: usize>(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram<N>) {
        let buckets = histogram.cumulative().map(|(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(number(bound) / 1_000_000.0);
            bucket.set_cumulative_count(count);
            bucket
        });
        let mut shape = Shape::default();
        shape.set_bucket(buckets.collect());
        shape.set_sample_count(histogram.count());
        shape.set_sample_sum(number(histogram.sum_micros()) / 1_000_000.0);
        let mut metric = Metric::from_label(pairs(labels));
        metric.set_histogram(shape);
        self.push(name, metric);
    }

    fn push(&mut self, name: &str, metric: Metric) {
        let place = FAMILIES.binary_search_by(|(other, _, _)| (*other).cmp(name));
        debug_assert!(place.is_ok(), "`{name}` is in the list, and the list is sorted");
        if let Some((_, metrics)) = place.ok().and_then(|place| self.0.get_mut(place)) {
            metrics.push(metric);
        }
    }
}

fn finish((name, help, kind): Family, metrics: Vec<Metric>) -> Option<MetricFamily> {
    if metrics.is_empty() {
        return None;
    }
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    Some(family)
}

fn pairs(labels: &[(&str, &str)]) -> Vec<LabelPair> {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    labels.iter().map(pair).collect()
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// A count as Prometheus takes it; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "a count above 2^53 is out of reach")]
fn number(value: impl TryInto<u64>) -> f64 {
    value.try_into().unwrap_or(u64::MAX) as f64
}
