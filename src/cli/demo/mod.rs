//! `tgprobe demo`: the real server over a few built-in backends, and a live table.

use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::args::{DemoArgs, LogFormat};
use crate::cli::demo::backend::{Backend, Character};
use crate::cli::exit::{Exit, Trouble};
use crate::cli::serve::{self, Running};
use crate::cli::{logging, term};
use crate::config::{Config, Server};
use crate::model::desired::{Desired, DesiredGroup};
use crate::model::health::State;
use crate::model::health_check::HealthCheck;
use crate::model::outcome::Outcome;
use crate::model::protocol::Protocol;
use crate::model::target::TargetDescription;
use crate::model::target_group::{Attributes, GroupName, TargetGroup};
use crate::model::tick::Tick;
use crate::runtime::clock::Clock;
use crate::runtime::view::{Record, Snapshot, Streak};

pub mod backend;

/// How long the leaving backend stays, and how long it is away, drain included, in milliseconds.
const STAYS: u64 = 8_000;
const AWAY: u64 = 10_000;

/// The table is drawn this often.
const FRAME: Duration = Duration::from_millis(200);

/// Runs the command.
#[must_use]
pub fn run(args: &DemoArgs) -> Exit {
    let _log = logging::start(LogFormat::Text, args.log_level);
    term::end(serve::block_on_beside_checks(async {
        let clock = Clock::start();
        let backends = start_backends(clock).await?;
        let group = Arc::new(group()?);
        let desired = desired(&group, &backends, true);
        let server = Server { listen: args.listen, ..Server::default() };
        let running =
            serve::start(Config { server, desired, ..Config::default() }, None).await.map_err(|trouble| {
                Trouble {
                    message: trouble
                        .message
                        .map(|text| format!("{text}; try `tgprobe demo --listen 127.0.0.1:0`")),
                    ..trouble
                }
            })?;
        term::out(&format!("tgprobe listening on http://{}", running.address))?;
        term::out(&introduction(&group, &running))?;
        let shown = show(&running, &group, &backends, args.duration).await;
        running.stop().await;
        shown.map(|()| Exit::Done)
    }))
}

async fn start_backends(clock: Clock) -> Result<Vec<Backend>, Trouble> {
    let mut backends = Vec::new();
    for character in Character::ALL {
        let started = backend::start(character, clock).await;
        backends.push(started.map_err(|error| Trouble::usage(format!("cannot start a backend: {error}")))?);
    }
    Ok(backends)
}

fn group() -> Result<TargetGroup, Trouble> {
    Ok(TargetGroup {
        health_check: HealthCheck {
            path: "/health".to_owned(),
            interval: Duration::from_secs(1),
            timeout: Duration::from_millis(500),
            healthy_threshold: NonZeroU8::MIN.saturating_add(2),
            stale_after: Duration::from_secs(10),
            ..HealthCheck::default()
        },
        attributes: Attributes { deregistration_delay: Duration::from_secs(4), ..Attributes::default() },
        ..TargetGroup::new(GroupName::parse("demo").map_err(Trouble::usage)?, Protocol::Http, 80)
    })
}

fn desired(group: &Arc<TargetGroup>, backends: &[Backend], everyone: bool) -> Desired {
    let stays = |backend: &&Backend| everyone || backend.character != Character::Leaving;
    let target = |backend: &Backend| TargetDescription::new("127.0.0.1", backend.port);
    let targets = backends.iter().filter(stays).map(target).map(Arc::new).collect();
    Desired { groups: vec![DesiredGroup { group: Arc::clone(group), targets }], ..Desired::default() }
}

fn introduction(group: &TargetGroup, running: &Running) -> String {
    let (check, address) = (&group.health_check, running.address);
    format!(
        "Six backends on loopback, checked every {}: {} failures make one unhealthy, {} passes healthy again.\n\
         While this runs, in another terminal:\n\
         \x20 tgprobe status demo --server http://{address}\n\
         \x20 tgprobe wait demo --min-healthy 2 --server http://{address}\n\
         \x20 curl http://{address}/metrics\n\
         Ctrl-C ends it.\n",
        term::span(check.interval),
        check.unhealthy_threshold,
        check.healthy_threshold,
    )
}

/// Shows what happens, and makes it happen, until the time is over or a signal comes.
async fn show(
    running: &Running,
    group: &Arc<TargetGroup>,
    backends: &[Backend],
    duration: Option<Duration>,
) -> Result<(), Trouble> {
    let clock = running.view.clock;
    let began = clock.now();
    let mut screen = Screen::default();
    let mut present = true;
    // Once, before the first frame: a signal between two frames must not be lost.
    let mut end = std::pin::pin!(serve::end_signals()?);
    loop {
        let now = clock.now();
        if duration.is_some_and(|duration| now.since(began) >= duration) {
            return screen.finish();
        }
        let should = now.0.saturating_sub(began.0) % (STAYS + AWAY) < STAYS;
        if should != present {
            present = should;
            let wish = desired(group, backends, present);
            serve::apply(&running.writer, &running.view, wish).await.map_err(Trouble::usage)?;
        }
        screen.draw(&running.view.snapshot(), group, backends)?;
        tokio::select! {
            () = clock.sleep(FRAME) => (),
            _ = &mut end => return screen.finish(),
        }
    }
}

/// What is on the screen: redrawn on a terminal, a line per change off it.
#[derive(Debug, Default)]
struct Screen {
    states: Vec<String>,
    /// Lines of the table on the terminal, below the cursor.
    height: usize,
}

impl Screen {
    /// Leaves the table on the terminal for whoever writes next.
    fn finish(&self) -> Result<(), Trouble> {
        match self.height {
            0 => Ok(()),
            height => term::out(&"\n".repeat(height - 1)),
        }
    }

    fn draw(
        &mut self,
        snapshot: &Snapshot,
        group: &TargetGroup,
        backends: &[Backend],
    ) -> Result<(), Trouble> {
        let rows: Vec<(State, Vec<String>)> =
            backends.iter().map(|backend| row(snapshot, group, backend)).collect();
        if term::stdout_is_terminal() {
            let cells: Vec<Vec<String>> = rows.iter().map(|(_, cells)| cells.clone()).collect();
            let lines =
                term::columns(&["BACKEND", "TARGET", "STATE", "REASON", "LAST CHECK", "IN A ROW"], &cells);
            let states = std::iter::once(None).chain(rows.iter().map(|(state, _)| Some(*state)));
            // A line that wraps would move all that follow.
            let (width, _) = term::size();
            let cut = lines.iter().map(|line| line.chars().take(width.saturating_sub(1)).collect::<String>());
            self.height = lines.len();
            let painted = cut.zip(states).map(|(line, state)| match state {
                Some(state) if term::colour() => term::paint(&line, state),
                _ => line,
            });
            return term::redraw_table(&painted.collect::<Vec<_>>());
        }
        let states: Vec<String> = rows
            .iter()
            .map(|(_, cells)| format!("{:<16} {} {} {}", cells[0], cells[1], cells[2], cells[3]))
            .collect();
        let old = std::mem::replace(&mut self.states, states);
        for (index, line) in self.states.iter().enumerate() {
            if old.get(index) != Some(line) {
                term::out(line.trim_end())?;
            }
        }
        Ok(())
    }
}

fn row(snapshot: &Snapshot, group: &TargetGroup, backend: &Backend) -> (State, Vec<String>) {
    let listing = snapshot.groups.get(group.name.as_str());
    let listed = listing.and_then(|listing| Some((listing, listing.find("127.0.0.1", backend.port)?)));
    let seen = listed.and_then(|(listing, listed)| snapshot.target(listing, listed));
    let health = seen.map_or(crate::model::health::TargetHealth::NOT_REGISTERED, |seen| seen.health);
    let record = seen.and_then(|seen| seen.record);
    let cells = vec![
        backend.character.name().to_owned(),
        format!("127.0.0.1:{}", backend.port),
        health.state.to_string(),
        health.description().unwrap_or_default(),
        record.map_or_else(String::new, |record| last_check(&record, snapshot.now)),
        record.map_or_else(String::new, |record| streak(&record)),
    ];
    (health.state, cells)
}

fn last_check(record: &Record, now: Tick) -> String {
    let Some((started, report)) = record.last_check else { return "none yet".to_owned() };
    let what = match (report.outcome, report.status) {
        (Outcome::Inconclusive(cause), _) => cause.label().to_owned(),
        (_, Some(status)) => status.to_string(),
        (Outcome::Fail(failure), None) => failure.naming().label.to_owned(),
        (Outcome::Pass, None) => "pass".to_owned(),
    };
    let (took, ago) = (report.timings.total.as_secs_f64() * 1_000.0, now.since(started).as_secs_f64());
    format!("{what} in {took:.1} ms, {ago:.1} s ago")
}

fn streak(record: &Record) -> String {
    match record.status.streak {
        Streak::Passes(count) => format!("{count} passes"),
        Streak::Fails(count) => format!("{count} failures"),
    }
}
