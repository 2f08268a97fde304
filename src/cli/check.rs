//! `tgprobe check`: every target once, now, without a server.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use crate::cli::args::{CheckArgs, TableFormat};
use crate::cli::client::{block_on, within};
use crate::cli::exit::{Exit, Trouble};
use crate::cli::status::took;
use crate::cli::term;
use crate::config::{self, CheckFlags, Config};
use crate::model::failure::Failure;
use crate::model::health::State;
use crate::model::outcome::{Cause, Outcome, Report, Timings};
use crate::probe::{Prober, Stopwatch as _};
use crate::runtime::clock::Clock;
use crate::runtime::resolver::{Resolution, resolve};

/// Checks at once: quick for a thousand targets, and far from the descriptors any system allows a process.
const AT_ONCE: usize = 64;
/// Time for the resolver, which is no part of a check's timeout.
const RESOLVE: Duration = Duration::from_secs(10);

/// Runs the command.
#[must_use]
pub fn run(args: &CheckArgs) -> Exit {
    term::end(jobs(args).and_then(|jobs| {
        if jobs.is_empty() {
            // As for the gate: nothing is not healthy.
            return Err(Trouble::new(Exit::Unhealthy, "there is no target to check"));
        }
        let checks = block_on(async { Ok(all(jobs).await) })?;
        print(&checks, args.output)?;
        let passed = checks.iter().all(|check| check.report.outcome == Outcome::Pass);
        Ok(if passed { Exit::Done } else { Exit::Unhealthy })
    }))
}

/// One check to make.
struct Job {
    /// What the user calls it: the URL, or `id:port`.
    name: String,
    target_group: String,
    id: Box<str>,
    port: u16,
    prober: Prober,
}

/// One check made.
struct Check {
    name: String,
    target_group: String,
    address: Option<SocketAddr>,
    report: Report,
}

fn jobs(args: &CheckArgs) -> Result<Vec<Job>, Trouble> {
    // One check has no interval; the longest one lets any timeout pass.
    let interval = Some("24h".to_owned());
    let flags = CheckFlags {
        interval,
        timeout: args.timeout.clone(),
        matcher: args.matcher.clone(),
        ..CheckFlags::default()
    };
    let mut jobs = Vec::new();
    let mut wrong = Vec::new();
    for text in &args.targets {
        let is_url = text.contains("://");
        let read = if is_url {
            config::from_urls(std::slice::from_ref(text), &flags)
        } else {
            config::load(Path::new(text))
        };
        match read {
            Ok(config) => add(&mut jobs, &config, is_url.then_some(text.as_str())),
            Err(errors) if is_url || Path::new(text).exists() => wrong.push(errors.to_string()),
            Err(errors) => wrong.push(format!("{errors} (a URL begins with http:// or https://)")),
        }
    }
    if wrong.is_empty() { Ok(jobs) } else { Err(Trouble::usage(wrong.join("\n"))) }
}

fn add(jobs: &mut Vec<Job>, config: &Config, url: Option<&str>) {
    for wanted in &config.desired.groups {
        let check = &wanted.group.health_check;
        let prober = Prober::new(check, wanted.group.protocol_version);
        jobs.extend(wanted.targets.iter().map(|target| Job {
            name: url.map_or_else(|| target.to_string(), str::to_owned),
            target_group: wanted.group.name.to_string(),
            id: target.id.clone(),
            port: check.port.resolve(target.port),
            prober: prober.clone(),
        }));
    }
}

/// Makes every check and gives them in the order of the jobs.
async fn all(jobs: Vec<Job>) -> Vec<Check> {
    let clock = Clock::start();
    let checks = stream::iter(jobs.into_iter().enumerate());
    let checks = checks.map(|(place, job)| async move { (place, one(job, clock).await) });
    let mut checks: Vec<_> = checks.buffer_unordered(AT_ONCE).collect().await;
    checks.sort_by_key(|(place, _)| *place);
    checks.into_iter().map(|(_, check)| check).collect()
}

async fn one(job: Job, clock: Clock) -> Check {
    let Job { name, target_group, id, port, prober } = job;
    let started = clock.elapsed();
    let (address, report) = match address(&id, &clock).await {
        Ok(ip) => {
            let address = SocketAddr::new(ip, port);
            (Some(address), prober.probe(address, &id, &clock).await)
        }
        Err(outcome) => {
            let total = clock.elapsed().saturating_sub(started);
            (None, Report { outcome, status: None, timings: Timings { total, ..Timings::default() } })
        }
    };
    Check { name, target_group, address, report }
}

/// The address of `id`; a name without one is the target's failure, a resolver without answer is our trouble.
async fn address(id: &str, clock: &Clock) -> Result<IpAddr, Outcome> {
    if let Ok(ip) = id.parse() {
        return Ok(ip);
    }
    let name = id.to_owned();
    let lookup = tokio::task::spawn_blocking(move || resolve(&name, None));
    match within(clock, RESOLVE, lookup).await {
        Some(Ok(Resolution::Address(ip))) => Ok(ip),
        Some(Ok(Resolution::NotFound)) => Err(Outcome::Fail(Failure::NameNotFound)),
        Some(Ok(Resolution::NoAddress)) => Err(Outcome::Fail(Failure::NoAddress)),
        Some(Ok(Resolution::Trouble | Resolution::Pending)) | None => {
            Err(Outcome::Inconclusive(Cause::Resolver))
        }
        Some(Err(_)) => Err(Outcome::Inconclusive(Cause::Internal)),
    }
}

/// One check as JSON, in the words of the server's API.
#[derive(Serialize)]
struct CheckJson<'a> {
    target: &'a str,
    target_group: &'a str,
    address: Option<String>,
    result: &'static str,
    status: Option<u16>,
    failure: Option<&'static str>,
    hint: Option<&'static str>,
    cause: Option<&'static str>,
    duration: f64,
    phases: PhasesJson,
}

#[derive(Serialize)]
struct PhasesJson {
    connect: Option<f64>,
    tls: Option<f64>,
    response: Option<f64>,
}

impl<'a> CheckJson<'a> {
    fn new(check: &'a Check) -> Self {
        let Report { outcome, status, timings } = check.report;
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let (result, failure, cause) = match outcome {
            Outcome::Pass => ("pass", None, None),
            Outcome::Fail(failure) => ("fail", Some(failure.naming()), None),
            Outcome::Inconclusive(cause) => ("inconclusive", None, Some(cause.label())),
        };
        Self {
            target: &check.name,
            target_group: &check.target_group,
            address: check.address.map(|address| address.to_string()),
            result,
            status,
            failure: failure.map(|naming| naming.label),
            hint: failure.map(|naming| naming.hint),
            cause,
            duration: timings.total.as_secs_f64(),
            phases: PhasesJson {
                connect: seconds(timings.connect),
                tls: seconds(timings.tls),
                response: seconds(timings.response),
            },
        }
    }

    fn row(&self, all: bool) -> Vec<String> {
        let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
        let mut row = vec![
            self.target.to_owned(),
            self.result.to_owned(),
            self.status.map_or_else(|| "-".to_owned(), |status| status.to_string()),
            took(Some(self.duration)),
        ];
        if all {
            row.extend([
                self.target_group.to_owned(),
                or_dash(self.address.as_deref()),
                took(self.phases.connect),
                took(self.phases.tls),
                took(self.phases.response),
            ]);
        }
        row.extend([or_dash(self.failure.or(self.cause)), or_dash(self.hint)]);
        row
    }
}

fn print(checks: &[Check], format: TableFormat) -> Result<(), Trouble> {
    let shown: Vec<_> = checks.iter().map(CheckJson::new).collect();
    if format == TableFormat::Json {
        let text = serde_json::to_string(&serde_json::json!({ "checks": shown }));
        return term::out(&text.unwrap_or_default());
    }
    let all = format == TableFormat::Wide;
    let wide = ["TARGET GROUP", "ADDRESS", "CONNECT", "TLS", "RESPONSE"];
    let header = ["TARGET", "RESULT", "STATUS", "TOOK"].into_iter();
    let header: Vec<_> = header.chain(wide.into_iter().filter(|_| all)).chain(["FAILURE", "HINT"]).collect();
    let rows: Vec<_> = shown.iter().map(|check| check.row(all)).collect();
    let mut lines = term::columns(&header, &rows);
    if term::colour() {
        for (line, check) in lines.iter_mut().skip(1).zip(checks) {
            let state = match check.report.outcome {
                Outcome::Pass => State::Healthy,
                Outcome::Fail(_) => State::Unhealthy,
                Outcome::Inconclusive(_) => State::Unavailable,
            };
            *line = term::paint(line, state);
        }
    }
    term::out(&lines.join("\n"))
}
