//! `GET /metrics`: Prometheus text, written straight from the view, so that nothing is counted twice and a scrape of
//! 100,000 targets makes no object for each sample (docs/metrics.md). The process's own metrics are the `prometheus`
//! crate's.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use prometheus::{Encoder as _, Registry, TextEncoder};

use crate::model::failure::Failure;
use crate::model::health::State;
use crate::model::outcome::Cause;
use crate::runtime::view::{Histogram, Listing, Snapshot, StoreStats, View, fail_open};

/// Name, help, kind.
type Family = (&'static str, &'static str, &'static str);

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";
const HISTOGRAM: &str = "histogram";

/// Everything exported, in one list: name, help, kind. `docs/metrics.md` describes each.
const FAMILIES: [Family; 25] = [
    ("tgprobe_build_info", "A constant 1, labelled with the version.", GAUGE),
    ("tgprobe_check_duration_seconds", "How long checks with a verdict took.", HISTOGRAM),
    ("tgprobe_check_failures_total", "Checks that failed, by what failed.", COUNTER),
    (
        "tgprobe_check_lateness_seconds",
        "From when a group of checks was due to the start of each.",
        HISTOGRAM,
    ),
    ("tgprobe_checks_in_flight", "Checks running now.", GAUGE),
    ("tgprobe_checks_in_flight_limit", "Checks that may run at once.", GAUGE),
    ("tgprobe_checks_inconclusive_total", "Checks without a verdict, by our own trouble.", COUNTER),
    ("tgprobe_checks_skipped_total", "Checks not made because we were late or at the limit.", COUNTER),
    ("tgprobe_checks_total", "Checks that ended.", COUNTER),
    ("tgprobe_checks_waiting", "Checks that are due and wait for room.", GAUGE),
    ("tgprobe_config_last_reload_success_timestamp_seconds", "When a configuration was last taken.", GAUGE),
    ("tgprobe_config_last_reload_successful", "Whether the latest configuration was taken.", GAUGE),
    (
        "tgprobe_events_dropped_total",
        "Transitions and notices not told to logs and streams, their queue being full.",
        COUNTER,
    ),
    ("tgprobe_ready", "Whether every target was checked once, or had its first interval.", GAUGE),
    ("tgprobe_store_failures_total", "Writes to the store that failed.", COUNTER),
    ("tgprobe_store_healthy", "Whether the latest write to the store succeeded.", GAUGE),
    (
        "tgprobe_store_transitions_lost_total",
        "Transitions that are not in the history, the store having been unwritable for long.",
        COUNTER,
    ),
    ("tgprobe_store_writes_total", "Writes to the store that succeeded.", COUNTER),
    (
        "tgprobe_target_group_fail_open",
        "Whether too few targets are healthy, so that all would get requests.",
        GAUGE,
    ),
    ("tgprobe_target_groups", "Target groups.", GAUGE),
    ("tgprobe_target_healthy", "1 healthy, 0 unhealthy; no series in any other state.", GAUGE),
    (
        "tgprobe_target_series_dropped",
        "Targets left out of per-target series by metrics_target_limit.",
        GAUGE,
    ),
    ("tgprobe_target_state_info", "A constant 1, labelled with state and reason.", GAUGE),
    ("tgprobe_targets", "Targets by state.", GAUGE),
    ("tgprobe_transitions_total", "Changes of state.", COUNTER),
];

/// The exposition of a view and of this process.
#[derive(Debug)]
pub struct Metrics {
    view: Arc<View>,
    target_limit: u32,
    process: Registry,
}

impl Metrics {
    /// Exports `view` and the process's own metrics. At most `target_limit` targets get series of their own.
    ///
    /// # Errors
    /// If a metric's name is malformed or registered twice; never with the process's own.
    pub fn new(view: Arc<View>, target_limit: u32) -> prometheus::Result<Self> {
        let process = Registry::new();
        process.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Self { view, target_limit, process })
    }

    /// The exposition, text format 0.0.4.
    ///
    /// # Errors
    /// If a family is inconsistent; never with ours.
    pub fn render(&self) -> prometheus::Result<Vec<u8>> {
        let families = self.collect();
        let size = families.0.iter().map(|(_, samples)| samples.len()).sum::<usize>();
        let mut text = Vec::with_capacity(size + 16 * 1_024);
        TextEncoder::new().encode(&self.process.gather(), &mut text)?;
        for ((name, help, kind), samples) in families.0 {
            if !samples.is_empty() {
                text.extend(format!("# HELP {name} {help}\n# TYPE {name} {kind}\n").into_bytes());
                text.extend(samples.into_bytes());
            }
        }
        Ok(text)
    }

    fn collect(&self) -> Families {
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
        families
    }
}

/// The samples of each family as text, in the order of [`FAMILIES`].
struct Families(Vec<(Family, String)>);

impl Default for Families {
    fn default() -> Self {
        Self(FAMILIES.iter().map(|family| (*family, String::new())).collect())
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
            self.gauge("tgprobe_checks_waiting", &labels, number(stats.waiting.value()));
            self.counter("tgprobe_checks_skipped_total", &labels, stats.skipped.value());
            self.counter("tgprobe_events_dropped_total", &labels, stats.events_dropped.value());
        }
        self.store(&view.store);
    }

    /// Nothing where there is no store: a 0 would look like one that is broken.
    fn store(&mut self, store: &StoreStats) {
        if store.present.load(Relaxed) {
            self.gauge("tgprobe_store_healthy", &[], flag(store.healthy.load(Relaxed)));
            self.counter("tgprobe_store_writes_total", &[], store.writes.value());
            self.counter("tgprobe_store_failures_total", &[], store.failures.value());
            self.counter("tgprobe_store_transitions_lost_total", &[], store.transitions_lost.value());
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
        let failures = Failure::ALL.iter().zip(&stats.failures);
        for (failure, count) in failures.filter(|(failure, _)| !failure.is_of_command()) {
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
        let mut name = String::new();
        for listed in &listing.targets {
            let Some(health) = snapshot.health(listing, listed) else { continue };
            name.clear();
            // Writing to a `String` cannot fail.
            _ = write!(name, "{}", listed.target);
            let target = ("target", name.as_str());
            let healthy = match health.state {
                State::Healthy => Some(true),
                State::Unhealthy | State::UnhealthyDraining => Some(false),
                State::Initial | State::Unused | State::Draining | State::Unavailable => None,
            };
            if let Some(healthy) = healthy {
                self.gauge("tgprobe_target_healthy", &[group, target], flag(healthy));
            }
            let reason = health.reason.map_or("", |reason| reason.as_str());
            let labels = [group, target, ("state", health.state.as_str()), ("reason", reason)];
            self.gauge("tgprobe_target_state_info", &labels, 1.0);
        }
    }

    fn gauge(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.sample(name, "", labels, value);
    }

    fn counter(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.sample(name, "", labels, number(value));
    }

    fn histogram<const N: usize>(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram<N>) {
        let mut count = 0;
        for (bound, below) in histogram.cumulative() {
            let bound =
                bound.map_or_else(|| "+Inf".to_owned(), |bound| (number(bound) / 1_000_000.0).to_string());
            self.sample(name, "_bucket", &[labels, &[("le", &bound)]].concat(), number(below));
            count = below;
        }
        self.sample(name, "_sum", labels, number(histogram.sum_micros()) / 1_000_000.0);
        self.sample(name, "_count", labels, number(count));
    }

    fn sample(&mut self, name: &str, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let place = FAMILIES.binary_search_by(|(other, _, _)| (*other).cmp(name));
        debug_assert!(place.is_ok(), "`{name}` is in the list, and the list is sorted");
        let Some((_, text)) = place.ok().and_then(|place| self.0.get_mut(place)) else { return };
        text.push_str(name);
        text.push_str(suffix);
        let mut separator = '{';
        for (label, value) in labels {
            text.push(separator);
            text.push_str(label);
            text.push_str("=\"");
            escape(text, value);
            text.push('"');
            separator = ',';
        }
        if !labels.is_empty() {
            text.push('}');
        }
        // Writing to a `String` cannot fail.
        _ = writeln!(text, " {value}");
    }
}

/// A label's value by the rules of the text format.
fn escape(text: &mut String, value: &str) {
    for part in value.split_inclusive(['\\', '"', '\n']) {
        match part.as_bytes() {
            [rest @ .., last @ (b'\\' | b'"' | b'\n')] => {
                text.push_str(&part[..rest.len()]);
                text.push('\\');
                text.push(if *last == b'\n' { 'n' } else { char::from(*last) });
            }
            _ => text.push_str(part),
        }
    }
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// A count as Prometheus takes it; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "a count above 2^53 is out of reach")]
fn number(value: impl TryInto<u64>) -> f64 {
    value.try_into().unwrap_or(u64::MAX) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::view::Clock;

    #[test]
    fn a_label_is_escaped_by_the_rules_of_the_format() {
        for (value, escaped) in
            [("", ""), ("plain:80", "plain:80"), ("a\"b\\", "a\\\"b\\\\"), ("a\nb", "a\\nb"), ("\"", "\\\"")]
        {
            let mut text = String::new();
            escape(&mut text, value);
            assert_eq!(text, escaped, "{value:?}");
        }
    }

    #[test]
    fn a_histogram_ends_with_all_its_sum_and_its_count() {
        let histogram = Histogram::new(&[1_000, 2_500]);
        for micros in [500, 1_500, 9_000] {
            histogram.observe(std::time::Duration::from_micros(micros));
        }
        let mut families = Families::default();
        families.histogram("tgprobe_check_lateness_seconds", &[("shard", "0")], &histogram);
        let text: String = families.0.into_iter().map(|(_, text)| text).collect();
        let expected = [
            "_bucket{shard=\"0\",le=\"0.001\"} 1",
            "_bucket{shard=\"0\",le=\"0.0025\"} 2",
            "_bucket{shard=\"0\",le=\"+Inf\"} 3",
            "_sum{shard=\"0\"} 0.011",
            "_count{shard=\"0\"} 3",
        ];
        let expected = expected.map(|line| format!("tgprobe_check_lateness_seconds{line}\n"));
        assert_eq!(text, expected.concat());
    }

    #[test]
    fn a_histogram_that_is_written_meanwhile_counts_the_same_in_its_last_bucket_and_in_all() {
        let histogram = Histogram::new(&[1_000]);
        let over = std::sync::atomic::AtomicBool::new(false);
        let render = || -> String {
            let mut families = Families::default();
            families.histogram("tgprobe_check_lateness_seconds", &[], &histogram);
            families.0.into_iter().map(|(_, text)| text).collect()
        };
        let is_consistent = |text: &String| {
            let numbers: Vec<&str> = text.lines().filter_map(|line| line.rsplit(' ').next()).collect();
            matches!(numbers[..], [bucket, all, "0", count] if all == count && bucket == all)
        };
        let wrong = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    histogram.observe(std::time::Duration::ZERO);
                }
            });
            let wrong = (0..5_000).map(|_| render()).find(|text| !is_consistent(text));
            over.store(true, Relaxed);
            wrong
        });
        assert_eq!(wrong, None);
    }

    #[test]
    fn a_store_is_told_where_there_is_one() {
        let view = View::new(Clock::start(), 1);
        let metrics = Metrics::new(Arc::clone(&view), 10).unwrap();
        let told = || -> Vec<String> {
            let text = String::from_utf8(metrics.render().unwrap()).unwrap();
            let told = text.lines().filter(|line| !line.starts_with('#'));
            told.filter_map(|line| Some(line.split_once("_store_")?.1.to_owned())).collect()
        };
        assert!(told().is_empty());
        view.store.present.store(true, Relaxed);
        view.store.writes.add(2);
        view.store.failures.add(1);
        view.store.transitions_lost.add(3);
        assert_eq!(told(), ["failures_total 1", "healthy 0", "transitions_lost_total 3", "writes_total 2"]);
    }

    #[test]
    fn families_are_sorted_and_none_is_told_twice() {
        assert!(FAMILIES.is_sorted_by(|(one, ..), (other, ..)| one < other));
        let metrics = Metrics::new(View::new(Clock::start(), 2), 10).unwrap();
        let text = String::from_utf8(metrics.render().unwrap()).unwrap();
        let types: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        assert!(types.contains(&"# TYPE tgprobe_checks_in_flight gauge"), "{text}");
        assert!(types.is_sorted() && types.windows(2).all(|pair| pair[0] != pair[1]), "{text}");
    }
}
