//! `tgprobe status`: the groups, or the targets of one, as rows or as the server's JSON.

use jiff::{Timestamp, Unit};

use crate::cli::args::{StatusArgs, TableFormat};
use crate::cli::client::{Client, block_on};
use crate::cli::exit::{Exit, Trouble};
use crate::cli::wire::{Check, Target, TargetGroup, TargetGroups, Targets};
use crate::cli::{services, term, watch};
use crate::model::health::State;
use crate::model::target_group::GroupName;
use crate::runtime::clock::Clock;

/// Where the groups are.
pub(crate) const GROUPS: &str = "/api/v1/target-groups";

/// Runs the command.
#[must_use]
pub fn run(args: &StatusArgs) -> Exit {
    let clock = Clock::start();
    term::end(block_on(async {
        let client = Client::new(&args.server, clock)?;
        if let Some(end) = services::show(&client, clock, args).await {
            return end;
        }
        match (args.watch, &args.group) {
            (true, Some(group)) => watch::targets(&client, clock, group, args.output).await,
            (true, None) => watch::groups(&client, clock, args.output).await,
            (false, group) => once(&client, group.as_ref(), args.output).await,
        }
    }))
}

async fn once(client: &Client, group: Option<&GroupName>, format: TableFormat) -> Result<Exit, Trouble> {
    let path = group.map_or_else(|| GROUPS.to_owned(), |group| format!("{GROUPS}/{group}/targets"));
    let text = match (client.text(&path).await, group) {
        (Err(error), Some(group)) if error.is_unknown_group() => {
            return Err(client.unknown_group(group.as_str()).await);
        }
        (answer, _) => answer?,
    };
    let understood = |error| Trouble::from(client.garbled(error));
    if format == TableFormat::Json {
        term::out(text.trim_end())?;
        return Ok(Exit::Done);
    }
    let lines = if group.is_some() {
        let mut list: Targets = serde_json::from_str(&text).map_err(understood)?;
        list.targets.sort_by_cached_key(Target::key);
        target_lines(list.targets.iter(), format)
    } else {
        let mut list: TargetGroups = serde_json::from_str(&text).map_err(understood)?;
        group_lines(&mut list, format)
    };
    term::out(&lines.join("\n"))?;
    Ok(Exit::Done)
}

/// A header and a line per target, in the order given, coloured where colour is wanted.
pub(crate) fn target_lines<'a>(
    targets: impl Iterator<Item = &'a Target> + Clone,
    format: TableFormat,
) -> Vec<String> {
    let narrow = ["TARGET", "STATE", "REASON", "DESCRIPTION"];
    let wide =
        ["ZONE", "SINCE", "LAST CHECK", "RESULT", "TOOK", "CONNECT", "TLS", "RESPONSE", "STREAK", "NEXT"];
    let all = format != TableFormat::Table;
    let header: Vec<_> = narrow.into_iter().chain(wide.into_iter().filter(|_| all)).collect();
    let rows: Vec<_> = targets.clone().map(|target| target_row(target, all)).collect();
    let mut lines = term::columns(&header, &rows);
    if term::colour() {
        for (line, target) in lines.iter_mut().skip(1).zip(targets) {
            *line = term::paint(line, target.state);
        }
    }
    lines
}

fn target_row(target: &Target, all: bool) -> Vec<String> {
    let mut row = vec![
        target.target.clone(),
        target.state.to_string(),
        or_dash(target.reason.as_deref()),
        or_dash(target.description.as_deref()),
    ];
    if all {
        let check = target.last_check.as_ref();
        let phases = check.map(|check| &check.phases);
        let passed = target.passes_in_a_row > 0;
        row.extend([
            or_dash(target.zone.as_deref()),
            moment(target.since),
            moment(check.map(|check| check.time)),
            or_dash(check.map(verdict).as_deref()),
            took(check.map(|check| check.duration)),
            took(phases.and_then(|phases| phases.connect)),
            took(phases.and_then(|phases| phases.tls)),
            took(phases.and_then(|phases| phases.response)),
            match (passed, target.failures_in_a_row) {
                (true, _) => format!("{} pass", target.passes_in_a_row),
                (false, 0) => "-".to_owned(),
                (false, failures) => format!("{failures} fail"),
            },
            moment(target.next_check),
        ]);
    }
    row
}

/// One check in a few words: `pass 200`, `fail 500 status_mismatch`, `inconclusive resolver`.
fn verdict(check: &Check) -> String {
    let status = check.status.map(|status| status.to_string());
    let words =
        [Some(check.result.as_str()), status.as_deref(), check.failure.as_deref(), check.cause.as_deref()];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// A header and a line per group, by name.
pub(crate) fn group_lines(list: &mut TargetGroups, format: TableFormat) -> Vec<String> {
    let counts = [
        ("HEALTHY", State::Healthy),
        ("UNHEALTHY", State::Unhealthy),
        ("INITIAL", State::Initial),
        ("DRAINING", State::Draining),
        ("UNAVAILABLE", State::Unavailable),
        ("UNUSED", State::Unused),
    ];
    let wide = ["CHECK", "INTERVAL", "TIMEOUT", "THRESHOLDS", "MATCHER"];
    let all = format != TableFormat::Table;
    let mut header = vec!["TARGET GROUP", "PROTOCOL", "PORT", "TARGETS"];
    header.extend(counts.map(|(name, _)| name));
    header.push("FAIL OPEN");
    header.extend(wide.into_iter().filter(|_| all));
    list.target_groups.sort_by(|a, b| a.name.cmp(&b.name));
    let rows: Vec<_> = list.target_groups.iter().map(|group| group_row(group, &counts, all)).collect();
    term::columns(&header, &rows)
}

fn group_row(group: &TargetGroup, counts: &[(&str, State)], all: bool) -> Vec<String> {
    let total: u64 = group.targets.values().fold(0, |sum, count| sum.saturating_add(*count));
    // A Lambda function has neither protocol nor port.
    let port = if group.port == 0 { "-".to_owned() } else { group.port.to_string() };
    let mut row = vec![group.name.clone(), or_dash(group.protocol.as_deref()), port, total.to_string()];
    for (_, state) in counts {
        let also = if *state == State::Unhealthy { group.count(State::UnhealthyDraining) } else { 0 };
        row.push(group.count(*state).saturating_add(also).to_string());
    }
    row.push(if group.fail_open { "yes" } else { "no" }.to_owned());
    if all {
        let check = &group.health_check;
        let number = check.port.as_u64().map(|port| port.to_string());
        let port = check.port.as_str().or(number.as_deref());
        let asked = [check.protocol.as_deref(), port, check.path.as_deref()];
        row.extend([
            asked.map(|part| part.unwrap_or("-")).join(" "),
            seconds(check.interval),
            seconds(check.timeout),
            format!("{}/{}", check.healthy_threshold, check.unhealthy_threshold),
            or_dash(check.matcher.as_deref()),
        ]);
    }
    row
}

pub(crate) fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

/// A time in UTC, to the second.
pub(crate) fn moment(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| time.round(Unit::Second).unwrap_or(time).to_string())
}

/// A measured time, in milliseconds.
pub(crate) fn took(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{:.1}ms", seconds * 1_000.0))
}

fn seconds(seconds: f64) -> String {
    std::time::Duration::try_from_secs_f64(seconds).map_or_else(|_| "-".to_owned(), term::span)
}
