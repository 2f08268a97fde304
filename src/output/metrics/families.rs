//! The families of metrics and how a sample is written.

use std::fmt::Write as _;

use crate::runtime::view::Histogram;

/// Name, help, kind.
pub(super) type Family = (&'static str, &'static str, &'static str);

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";
const HISTOGRAM: &str = "histogram";

/// Everything exported, in one list: name, help, kind. `docs/metrics.md` describes each.
pub(super) const FAMILIES: [Family; 48] = [
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
        "tgprobe_container_check_duration_seconds",
        "How long checks of containers with a verdict took.",
        HISTOGRAM,
    ),
    ("tgprobe_container_check_failures_total", "Checks of containers that failed, by what failed.", COUNTER),
    (
        "tgprobe_container_checks_inconclusive_total",
        "Checks of containers without a verdict, by our own trouble.",
        COUNTER,
    ),
    ("tgprobe_container_checks_total", "Checks of containers that ended.", COUNTER),
    (
        "tgprobe_container_healthy",
        "1 HEALTHY, 0 UNHEALTHY; no series for a container that is UNKNOWN or stopping.",
        GAUGE,
    ),
    (
        "tgprobe_container_series_dropped",
        "Containers left out of tgprobe_container_healthy by metrics_target_limit.",
        GAUGE,
    ),
    ("tgprobe_deployment_failed_tasks", "Failures in a row of the latest deployment's tasks.", GAUGE),
    ("tgprobe_deployment_rolled_back", "Whether the latest deployment takes back one that failed.", GAUGE),
    (
        "tgprobe_deployment_rollout_state",
        "1 for the state the latest deployment is in, 0 for the others.",
        GAUGE,
    ),
    ("tgprobe_ecs_connected", "Whether what runs containers can be reached.", GAUGE),
    (
        "tgprobe_events_dropped_total",
        "Transitions and notices not told to logs and streams, their queue being full.",
        COUNTER,
    ),
    ("tgprobe_ready", "Whether every target was checked once, or had its first interval.", GAUGE),
    ("tgprobe_service_desired_tasks", "Tasks there should be.", GAUGE),
    ("tgprobe_service_healthy_tasks", "Tasks that count as healthy.", GAUGE),
    ("tgprobe_service_pending_tasks", "Tasks on their way to RUNNING.", GAUGE),
    ("tgprobe_service_replaced_tasks_total", "Tasks replaced because they were unhealthy.", COUNTER),
    ("tgprobe_service_running_tasks", "Tasks that are RUNNING.", GAUGE),
    ("tgprobe_service_start_throttled", "Whether starts wait because too many have failed.", GAUGE),
    ("tgprobe_service_steady", "Whether it is in a steady state.", GAUGE),
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
    ("tgprobe_task_health", "Tasks that are to run, by health.", GAUGE),
    ("tgprobe_tasks", "Tasks by status; those STOPPED lately are among them.", GAUGE),
    ("tgprobe_transitions_total", "Changes of state.", COUNTER),
    ("tgprobe_watch_connected", "Whether the engine of a watch can be reached.", GAUGE),
    ("tgprobe_watched_containers", "Watched containers by health.", GAUGE),
    ("tgprobe_watched_gave_up", "Watched containers left alone after too many restarts.", GAUGE),
    ("tgprobe_watched_restarts_total", "Watched containers restarted or replaced.", COUNTER),
];

/// The samples of each family as text, in the order of [`FAMILIES`].
pub(super) struct Families(pub(super) Vec<(Family, String)>);

impl Default for Families {
    fn default() -> Self {
        Self(FAMILIES.iter().map(|family| (*family, String::new())).collect())
    }
}

impl Families {
    pub(super) fn gauge(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.sample(name, "", labels, value);
    }

    pub(super) fn counter(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.sample(name, "", labels, number(value));
    }

    pub(super) fn histogram<const N: usize>(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        histogram: &Histogram<N>,
    ) {
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
pub(super) fn escape(text: &mut String, value: &str) {
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

pub(super) fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// A count as Prometheus takes it; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "a count above 2^53 is out of reach")]
pub(super) fn number(value: impl TryInto<u64>) -> f64 {
    value.try_into().unwrap_or(u64::MAX) as f64
}
