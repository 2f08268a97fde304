//! `GET /metrics`: Prometheus text, written straight from the view, so that nothing is counted twice and a scrape of
//! 100,000 targets makes no object for each sample (docs/metrics.md). The process's own metrics are the `prometheus`
//! crate's.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use prometheus::{Encoder as _, Registry, TextEncoder};

mod ecs;
mod families;
mod watched;

use crate::model::failure::Failure;
use crate::model::health::State;
use crate::model::outcome::Cause;
use crate::output::metrics::families::{Families, flag, number};
use crate::runtime::view::{Listing, Snapshot, StoreStats, View, fail_open};

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
        if self.view.ecs_on() {
            families.ecs(&self.view.ecs(), &self.view.ecs_stats, self.view.clock.now(), self.target_limit);
        }
        self.view.watched().values().for_each(|watched| families.watched(watched));
        families
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
}

#[cfg(test)]
mod tests;
