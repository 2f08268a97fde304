//! The text format, and what is told where.

use std::time::Duration;

use super::*;
use crate::model::ecs::state::State;
use crate::model::ecs::task::{DesiredStatus, Task};
use crate::model::outcome::Outcome;
use crate::output::metrics::families::{FAMILIES, escape};
use crate::output::services::sample;
use crate::runtime::view::{Clock, Histogram};

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
        histogram.observe(Duration::from_micros(micros));
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
                histogram.observe(Duration::ZERO);
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

/// The samples of some families for a state, without their names' common beginning.
fn told(state: State, limit: u32, wanted: &str) -> Vec<String> {
    let view = View::new(Clock::start(), 1);
    let (task, took) = (sample::task(), Duration::from_millis(3));
    view.publish_ecs(Arc::new(state));
    view.ecs_stats.observe(&task, Outcome::Fail(Failure::CommandTimeout), took);
    let text = String::from_utf8(Metrics::new(view, limit).unwrap().render().unwrap()).unwrap();
    text.lines().filter_map(|line| line.strip_prefix(wanted)).map(str::to_owned).collect()
}

const WEB: &str = r#"cluster="default",service="web""#;

#[test]
fn nothing_is_told_of_tasks_where_none_are_run() {
    let view = View::new(Clock::start(), 1);
    let text = String::from_utf8(Metrics::new(view, 10).unwrap().render().unwrap()).unwrap();
    assert!(!text.contains("tgprobe_ecs_connected") && !text.contains("tgprobe_tasks"), "{text}");
}

#[test]
fn a_service_is_told_with_its_tasks_by_status_and_health() {
    let wanted = |name: &str| told(sample::healthy(), 10, name);
    assert_eq!(wanted("tgprobe_ecs_connected "), ["1"]);
    for (name, value) in [
        ("tgprobe_service_desired_tasks", 1),
        ("tgprobe_service_running_tasks", 1),
        ("tgprobe_service_pending_tasks", 0),
        ("tgprobe_service_healthy_tasks", 1),
    ] {
        assert_eq!(wanted(&format!("{name}{{{WEB}}} ")), [value.to_string()], "{name}");
    }
    let statuses = wanted(&format!("tgprobe_tasks{{{WEB},last_status="));
    assert_eq!(statuses.len(), 8, "zeros included");
    assert!(statuses.contains(&"\"RUNNING\"} 1".to_owned()), "{statuses:?}");
    let health = wanted(&format!("tgprobe_task_health{{{WEB},health="));
    assert_eq!(health, ["\"HEALTHY\"} 1", "\"UNHEALTHY\"} 0", "\"UNKNOWN\"} 0"]);
    let rollout = wanted(&format!("tgprobe_deployment_rollout_state{{{WEB},state="));
    assert_eq!(rollout, ["\"IN_PROGRESS\"} 0", "\"COMPLETED\"} 1", "\"FAILED\"} 0"]);
}

#[test]
fn checks_of_containers_are_told_by_what_failed() {
    let failures =
        told(sample::healthy(), 10, &format!("tgprobe_container_check_failures_total{{{WEB},failure="));
    assert_eq!(failures.len(), 3, "{failures:?}");
    assert!(failures.contains(&"\"command_timeout\"} 1".to_owned()), "{failures:?}");
}

#[test]
fn containers_have_series_of_their_own_only_with_a_verdict_and_within_the_limit() {
    let own = |state, limit| told(state, limit, "tgprobe_container_healthy");
    let dropped = |state, limit| told(state, limit, "tgprobe_container_series_dropped ");
    let healthy = format!("{{{WEB},task=\"0f\",container=\"app\"}} 1");
    assert_eq!(own(sample::healthy(), 2), [healthy], "the other one has no check");
    assert_eq!(dropped(sample::healthy(), 2), ["0"]);
    assert_eq!(own(sample::healthy(), 1), [""; 0]);
    assert_eq!(dropped(sample::healthy(), 1), ["2"]);
    let mut stopping = sample::task();
    stopping.desired_status = DesiredStatus::Stopped;
    let mut state = sample::healthy();
    state.tasks.insert(stopping.id.clone(), Arc::new(stopping));
    assert_eq!(own(state, 2), [""; 0], "a task that is to stop pages nobody");
}

#[test]
fn tasks_of_no_service_are_told_under_an_empty_name() {
    let mut state = sample::healthy();
    let loose = Task { id: "a".into(), service: None, ..sample::task() };
    state.tasks.insert("a".into(), Arc::new(loose));
    let running = r#"tgprobe_tasks{cluster="default",service="",last_status="RUNNING"} "#;
    assert_eq!(told(state, 10, running), ["1"]);
}
