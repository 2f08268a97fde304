//! `tgprobe wait`: the deploy gate. Follows the event stream, lets [`Gate`] decide, tells how it goes.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc::Receiver;

use crate::cli::args::{TextFormat, WaitArgs};
use crate::cli::client::{Client, Stream, block_on, within};
use crate::cli::exit::{Exit, Trouble};
use crate::cli::follow::{Step, follow};
use crate::cli::gate::goal::{Aim, Goal};
use crate::cli::gate::{Blocker, Event, Gate, Progress, Verdict};
use crate::cli::progress::{Reporter, Standing};
use crate::cli::sse::Message;
use crate::cli::term;
use crate::cli::wire::{Gone, Key};
use crate::probe::Stopwatch as _;
use crate::runtime::clock::Clock;

/// Blockers named in the last word; the JSON result has them all.
const NAMED_BLOCKERS: usize = 20;

/// Runs the command.
#[must_use]
pub fn run(args: &WaitArgs) -> Exit {
    let clock = Clock::start();
    let end = block_on(async { Wait::new(args, clock)?.run().await }).unwrap_or_else(|trouble| End {
        result: match trouble.exit {
            Exit::Unreachable => "unreachable",
            Exit::Usage => "wrong_usage",
            Exit::Done | Exit::Unhealthy => "failed",
        },
        exit: trouble.exit,
        message: trouble.message.unwrap_or_default(),
        progress: None,
        blockers: Vec::new(),
    });
    tell(args, &end, clock.elapsed())
}

/// How the gate ended.
struct End {
    result: &'static str,
    exit: Exit,
    message: String,
    progress: Option<Progress>,
    blockers: Vec<Blocker>,
}

/// The result as JSON.
#[derive(Serialize)]
struct EndJson<'a> {
    result: &'static str,
    exit: u8,
    message: &'a str,
    target_group: &'a str,
    goal: String,
    /// Targets that count towards the goal; `null` where the server never told.
    #[serde(rename = "healthy")]
    counting: Option<usize>,
    needed: Option<usize>,
    blockers: &'a [Blocker],
    elapsed: f64,
}

fn tell(args: &WaitArgs, end: &End, elapsed: Duration) -> Exit {
    let done = end.exit == Exit::Done;
    if !done {
        term::error(&end.message);
        for blocker in end.blockers.iter().take(NAMED_BLOCKERS) {
            term::message(&format!("  {}", term::plain(&blocker.in_full())));
        }
        if let Some(more) = end.blockers.len().checked_sub(NAMED_BLOCKERS).filter(|more| *more > 0) {
            term::message(&format!("  and {more} more"));
        }
    }
    let text = match args.output {
        TextFormat::Text if done => end.message.clone(),
        TextFormat::Text => return end.exit,
        TextFormat::Json => {
            let json = EndJson {
                result: end.result,
                exit: end.exit.code(),
                message: &end.message,
                target_group: args.group.as_str(),
                goal: args.aim.to_string(),
                counting: end.progress.map(|progress| progress.counting),
                needed: end.progress.map(|progress| progress.needed),
                blockers: &end.blockers,
                elapsed: elapsed.as_secs_f64(),
            };
            serde_json::to_string(&json).unwrap_or_default()
        }
    };
    match term::out(&text) {
        // Whoever reads the exit code still wants the verdict when nobody reads the text.
        Ok(()) | Err(Trouble { message: None, .. }) => end.exit,
        Err(trouble) => term::end(Err(trouble)),
    }
}

/// One run of the command.
struct Wait<'a> {
    args: &'a WaitArgs,
    clock: Clock,
    deadline: Duration,
    client: Client,
    path: String,
    gate: Gate,
    reporter: Reporter,
}

impl<'a> Wait<'a> {
    fn new(args: &'a WaitArgs, clock: Clock) -> Result<Self, Trouble> {
        let goal = Goal {
            aim: args.aim,
            minimum: args.min_healthy,
            targets: args.targets.clone(),
            stable_for: args.stable_for,
            accept_current: args.accept_current,
        };
        Ok(Self {
            args,
            clock,
            deadline: clock.elapsed().saturating_add(args.timeout),
            client: Client::new(&args.server, clock)?,
            path: format!("/api/v1/target-groups/{}/targets", args.group),
            gate: Gate::new(goal),
            reporter: Reporter::new(args.group.as_str(), args.aim),
        })
    }

    async fn run(mut self) -> Result<End, Trouble> {
        if self.args.min_healthy.is_some() && self.args.aim != Aim::Healthy {
            return Err(Trouble::usage(format!("--min-healthy does not go with --for {}", self.args.aim)));
        }
        let stream = self.open().await?;
        let mut steps = self.follow(Some(stream));
        loop {
            let now = self.clock.elapsed();
            let progress = match self.gate.verdict(now) {
                Verdict::Hopeless(reason) => return Ok(self.end("out_of_reach", Exit::Unhealthy, &reason)),
                Verdict::Reached if self.confirmed().await => return Ok(self.reached()),
                Verdict::Reached => {
                    if !self.gate.connected() {
                        steps = self.follow(None);
                        self.reporter.note("lost the server, reconnecting");
                    }
                    continue;
                }
                Verdict::Waiting(progress) => progress,
            };
            if now >= self.deadline {
                return Ok(self.late());
            }
            self.report(progress, now);
            self.next(&mut steps, progress.holds_until).await?;
        }
    }

    /// The first connection: here every trouble ends the command.
    async fn open(&self) -> Result<Stream, Trouble> {
        let path = format!("{}?watch=true", self.path);
        let limit = self.deadline.saturating_sub(self.clock.elapsed());
        match within(&self.clock, limit, self.client.stream(&path)).await {
            Some(Ok(stream)) => Ok(stream),
            Some(Err(error)) if error.is_unknown_group() => {
                Err(self.client.unknown_group(self.args.group.as_str()).await)
            }
            Some(Err(error)) => Err(error.into()),
            None => {
                let server = &self.args.server.server;
                let message = format!("cannot reach the server {server}: no answer before the timeout");
                Err(Trouble::new(Exit::Unreachable, message))
            }
        }
    }

    fn follow(&self, stream: Option<Stream>) -> Receiver<Step> {
        follow(self.client.clone(), self.clock, format!("{}?watch=true", self.path), stream)
    }

    /// Waits for the next step and gives it to the gate, or for the next moment at which something may be due.
    async fn next(
        &mut self,
        steps: &mut Receiver<Step>,
        holds_until: Option<Duration>,
    ) -> Result<(), Trouble> {
        let now = self.clock.elapsed();
        let due = [Some(self.deadline), holds_until, self.reporter.due(now)];
        let due = due.into_iter().flatten().min().unwrap_or(self.deadline);
        let Some(step) = within(&self.clock, due.saturating_sub(now), steps.recv()).await else {
            return Ok(());
        };
        let event = match step {
            Some(Step::Message(message)) => {
                match read(&message).map_err(|error| Trouble::from(self.client.garbled(error)))? {
                    Some(event) => event,
                    None => return Ok(()),
                }
            }
            Some(Step::Lost(reason)) if !self.gate.started() => {
                let server = &self.args.server.server;
                return Err(Trouble::new(Exit::Unreachable, format!("lost the server {server}: {reason}")));
            }
            Some(Step::Lost(reason)) => {
                self.reporter.note(&format!("lost the server, reconnecting: {reason}"));
                Event::Lost
            }
            Some(Step::Back) => return Ok(()),
            Some(Step::GroupGone) => Event::GroupGone,
            // The task that follows never ends before its reader.
            None => Event::Lost,
        };
        self.gate.on(event, self.clock.elapsed());
        Ok(())
    }

    /// Whether a goal that was reached by time passing still holds.
    ///
    /// A connection that is silently broken tells of no relapse, so the server is asked once more. Where it does not
    /// answer, what happened since is unknown.
    async fn confirmed(&mut self) -> bool {
        if self.args.stable_for.is_zero() || !self.gate.connected() {
            return true;
        }
        let now = self.clock.elapsed();
        // An answer may take a moment even when the timeout is the moment the goal was reached.
        let limit = self.deadline.saturating_sub(now).max(Duration::from_secs(1));
        let event = match within(&self.clock, limit, self.client.json(&self.path)).await {
            Some(Ok(list)) => Event::Sync(list),
            Some(Err(error)) if error.is_unknown_group() => Event::GroupGone,
            Some(Err(_)) | None => Event::Lost,
        };
        self.gate.on(event, now);
        self.gate.verdict(now) == Verdict::Reached
    }

    fn report(&mut self, progress: Progress, now: Duration) {
        if !self.gate.started() {
            return;
        }
        self.reporter.show(&Standing {
            progress,
            blockers: &self.gate.blockers(2),
            blocked: self.gate.blocker_count(),
            obstacle: self.gate.obstacle(),
            connected: self.gate.connected(),
            left: self.deadline.saturating_sub(now),
            now,
        });
    }

    fn reached(&mut self) -> End {
        let Progress { counting, needed, .. } = self.gate.progress();
        let after = term::span(self.clock.elapsed());
        let group = &self.args.group;
        let aim = self.args.aim;
        let message = match aim {
            Aim::Gone => format!("{group}: {counting} of {needed} gone after {after}"),
            Aim::Healthy | Aim::Unhealthy => {
                format!("{group}: {counting} {aim}, {needed} needed, after {after}")
            }
        };
        self.finish("reached", Exit::Done, message)
    }

    fn late(&mut self) -> End {
        if !self.gate.connected() {
            return self.end(
                "unreachable",
                Exit::Unreachable,
                "the server was lost and did not come back in time",
            );
        }
        let held = self.gate.verdict(self.clock.elapsed());
        let reason = match (self.gate.obstacle(), held) {
            (Some(obstacle), _) => {
                format!("the timeout of {} passed: {obstacle}", term::span(self.args.timeout))
            }
            (None, Verdict::Waiting(Progress { holds_until: Some(_), .. })) => format!(
                "the timeout of {} passed before the goal had held for {}",
                term::span(self.args.timeout),
                term::span(self.args.stable_for)
            ),
            _ => format!("the timeout of {} passed", term::span(self.args.timeout)),
        };
        self.end("timeout", Exit::Unhealthy, &reason)
    }

    fn end(&mut self, result: &'static str, exit: Exit, reason: &str) -> End {
        let Progress { counting, needed, .. } = self.gate.progress();
        let (group, aim) = (&self.args.group, self.args.aim);
        let message = format!("{group}: {reason} ({counting} of {needed} {aim})");
        self.finish(result, exit, message)
    }

    fn finish(&mut self, result: &'static str, exit: Exit, message: String) -> End {
        self.reporter.clear();
        let blockers = if exit == Exit::Done { Vec::new() } else { self.gate.blockers(usize::MAX) };
        let progress = self.gate.started().then(|| self.gate.progress());
        End { result, exit, message, progress, blockers }
    }
}

fn read(message: &Message) -> Result<Option<Event>, serde_json::Error> {
    Ok(Some(match message.event.as_str() {
        "sync" => Event::Sync(serde_json::from_str(&message.data)?),
        "target" => Event::Target(serde_json::from_str(&message.data)?),
        "gone" => {
            let gone: Gone = serde_json::from_str(&message.data)?;
            Event::Gone(Key::new(&gone.id, gone.port))
        }
        "target_group_gone" => Event::GroupGone,
        _ => return Ok(None),
    }))
}
