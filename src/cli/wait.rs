//! `tgprobe wait`: the deploy gate. Follows an event stream, lets a gate decide, tells how it goes.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc::Receiver;

use crate::cli::args::{TextFormat, WaitArgs};
use crate::cli::client::{Client, Stream, block_on, within};
use crate::cli::exit::{Exit, Trouble};
use crate::cli::follow::{Step, follow};
use crate::cli::gate::{Progress, Verdict};
use crate::cli::progress::{Reporter, Standing};
use crate::cli::sse::Message;
use crate::cli::term;
use crate::probe::Stopwatch as _;
use crate::runtime::clock::Clock;

mod group;
mod service;

/// Blockers named in the last word; the JSON result has them all.
const NAMED_BLOCKERS: usize = 20;

/// Runs the command.
#[must_use]
pub fn run(args: &WaitArgs) -> Exit {
    match (&args.group, &args.service) {
        (Some(group), _) => group::run(args, group),
        (None, Some(service)) => service::run(args, service),
        // The command line has been read so that one of them is there.
        (None, None) => term::end(Err(Trouble::usage("nothing is named to wait for"))),
    }
}

/// Who keeps a gate shut. Shown in short, on a line of progress.
trait Blocks: fmt::Display + Serialize {
    /// All that is known, for the last word.
    fn in_full(&self) -> String;
}

/// What decides: a fold of what the server tells and the time into a verdict. Moments are of the caller's steady clock.
trait Gated {
    /// Who keeps it shut.
    type Blocker: Blocks;

    /// Takes an event of the stream.
    fn read(&mut self, message: &Message, now: Duration) -> serde_json::Result<()>;
    /// Takes the answer to the same question without a stream.
    fn refresh(&mut self, text: &str, now: Duration) -> serde_json::Result<()>;
    /// What is waited for does not exist any more.
    fn gone(&mut self, now: Duration);
    /// The connection was lost.
    fn lost(&mut self, now: Duration);
    fn verdict(&self, now: Duration) -> Verdict;
    fn progress(&self) -> Progress;
    /// Whether all is known, since the start or since the connection was lost.
    fn connected(&self) -> bool;
    /// Whether all has ever been known.
    fn started(&self) -> bool;
    fn blockers(&self, limit: usize) -> Vec<Self::Blocker>;
    fn blocker_count(&self) -> usize;
    /// What blocks where nobody does.
    fn obstacle(&self) -> Option<&'static str>;
    /// The last word of a gate that opens after this long, without the name.
    fn opened(&self, after: &str) -> String;
}

/// What is waited for, in the result as JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Subject<'a> {
    Group { target_group: &'a str, goal: String },
    Service { service: &'a str, cluster: &'a str, deployment: Option<String> },
}

/// What is waited for and where it is told.
struct Aims<'a> {
    args: &'a WaitArgs,
    name: &'a str,
    /// What counts, in a word: `healthy`.
    word: String,
    /// The path that tells it, and the stream of it.
    path: String,
    stream: String,
}

/// How the gate ended.
struct End<B> {
    result: &'static str,
    exit: Exit,
    message: String,
    progress: Option<Progress>,
    blockers: Vec<B>,
}

impl<B> End<B> {
    /// One before the gate was told anything.
    fn of(trouble: Trouble) -> Self {
        Self {
            result: match trouble.exit {
                Exit::Unreachable => "unreachable",
                Exit::Usage => "wrong_usage",
                Exit::Done | Exit::Unhealthy => "failed",
            },
            exit: trouble.exit,
            message: trouble.message.unwrap_or_default(),
            progress: None,
            blockers: Vec::new(),
        }
    }
}

/// The result as JSON.
#[derive(Serialize)]
struct EndJson<'a, B> {
    result: &'static str,
    exit: u8,
    message: &'a str,
    #[serde(flatten)]
    subject: Subject<'a>,
    /// Those that count towards the goal; `null` where the server never told.
    #[serde(rename = "healthy")]
    counting: Option<usize>,
    needed: Option<usize>,
    blockers: &'a [B],
    elapsed: f64,
}

fn tell<B: Blocks>(args: &WaitArgs, subject: Subject<'_>, end: &End<B>, elapsed: Duration) -> Exit {
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
                subject,
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

/// Waits, to the end whichever it is; gives the gate, too.
fn wait<G: Gated>(aims: Aims<'_>, clock: Clock, gate: G) -> (End<G::Blocker>, Option<G>) {
    let run = async { Wait::new(aims, clock, gate)?.run().await };
    match block_on(run) {
        Ok((end, gate)) => (end, Some(gate)),
        Err(trouble) => (End::of(trouble), None),
    }
}

/// One run of the command.
struct Wait<'a, G> {
    aims: Aims<'a>,
    clock: Clock,
    deadline: Duration,
    client: Client,
    gate: G,
    reporter: Reporter,
}

impl<'a, G: Gated> Wait<'a, G> {
    fn new(aims: Aims<'a>, clock: Clock, gate: G) -> Result<Self, Trouble> {
        Ok(Self {
            deadline: clock.elapsed().saturating_add(aims.args.timeout),
            client: Client::new(&aims.args.server, clock)?,
            reporter: Reporter::new(aims.name, &aims.word),
            aims,
            clock,
            gate,
        })
    }

    async fn run(mut self) -> Result<(End<G::Blocker>, G), Trouble> {
        let end = self.follow_to_the_end().await?;
        Ok((end, self.gate))
    }

    async fn follow_to_the_end(&mut self) -> Result<End<G::Blocker>, Trouble> {
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
        let path = &self.aims.stream;
        let limit = self.deadline.saturating_sub(self.clock.elapsed());
        match within(&self.clock, limit, self.client.stream(path)).await {
            Some(Ok(stream)) => Ok(stream),
            Some(Err(error)) if error.is_unknown_group() => {
                Err(self.client.unknown_group(self.aims.name).await)
            }
            Some(Err(error)) => Err(error.into()),
            None => {
                let server = &self.aims.args.server.server;
                let message = format!("cannot reach the server {server}: no answer before the timeout");
                Err(Trouble::new(Exit::Unreachable, message))
            }
        }
    }

    fn follow(&self, stream: Option<Stream>) -> Receiver<Step> {
        follow(self.client.clone(), self.clock, self.aims.stream.clone(), stream)
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
        let now = self.clock.elapsed();
        match step {
            Some(Step::Message(message)) => {
                let read = self.gate.read(&message, now);
                read.map_err(|error| Trouble::from(self.client.garbled(error)))?;
            }
            Some(Step::Lost(reason)) if !self.gate.started() => {
                let server = &self.aims.args.server.server;
                return Err(Trouble::new(Exit::Unreachable, format!("lost the server {server}: {reason}")));
            }
            Some(Step::Lost(reason)) => {
                self.reporter.note(&format!("lost the server, reconnecting: {reason}"));
                self.gate.lost(now);
            }
            Some(Step::Back) => {}
            Some(Step::Gone) => self.gate.gone(now),
            // The task that follows never ends before its reader.
            None => self.gate.lost(now),
        }
        Ok(())
    }

    /// Whether a goal that was reached by time passing still holds.
    ///
    /// A connection that is silently broken tells of no relapse, so the server is asked once more. Where it does not
    /// answer, what happened since is unknown.
    async fn confirmed(&mut self) -> bool {
        if self.aims.args.stable_for.is_zero() || !self.gate.connected() {
            return true;
        }
        let now = self.clock.elapsed();
        // An answer may take a moment even when the timeout is the moment the goal was reached.
        let limit = self.deadline.saturating_sub(now).max(Duration::from_secs(1));
        match within(&self.clock, limit, self.client.text(&self.aims.path)).await {
            // An answer that cannot be understood says as little as none.
            Some(Ok(text)) if self.gate.refresh(&text, now).is_ok() => {}
            Some(Err(error)) if error.is_unknown() => self.gate.gone(now),
            Some(_) | None => self.gate.lost(now),
        }
        self.gate.verdict(now) == Verdict::Reached
    }

    fn report(&mut self, progress: Progress, now: Duration) {
        if !self.gate.started() {
            return;
        }
        let blockers: Vec<_> = self.gate.blockers(2).iter().map(ToString::to_string).collect();
        self.reporter.show(&Standing {
            progress,
            blockers: &blockers,
            blocked: self.gate.blocker_count(),
            obstacle: self.gate.obstacle(),
            connected: self.gate.connected(),
            left: self.deadline.saturating_sub(now),
            now,
        });
    }

    fn reached(&mut self) -> End<G::Blocker> {
        let after = term::span(self.clock.elapsed());
        let message = format!("{}: {}", self.aims.name, self.gate.opened(&after));
        self.finish("reached", Exit::Done, message)
    }

    fn late(&mut self) -> End<G::Blocker> {
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
                format!("the timeout of {} passed: {obstacle}", term::span(self.aims.args.timeout))
            }
            (None, Verdict::Waiting(Progress { holds_until: Some(_), .. })) => format!(
                "the timeout of {} passed before the goal had held for {}",
                term::span(self.aims.args.timeout),
                term::span(self.aims.args.stable_for)
            ),
            _ => format!("the timeout of {} passed", term::span(self.aims.args.timeout)),
        };
        self.end("timeout", Exit::Unhealthy, &reason)
    }

    fn end(&mut self, result: &'static str, exit: Exit, reason: &str) -> End<G::Blocker> {
        let Progress { counting, needed, .. } = self.gate.progress();
        let Aims { name, word, .. } = &self.aims;
        let message = format!("{name}: {reason} ({counting} of {needed} {word})");
        self.finish(result, exit, message)
    }

    fn finish(&mut self, result: &'static str, exit: Exit, message: String) -> End<G::Blocker> {
        self.reporter.clear();
        let blockers = if exit == Exit::Done { Vec::new() } else { self.gate.blockers(usize::MAX) };
        let progress = self.gate.started().then(|| self.gate.progress());
        End { result, exit, message, progress, blockers }
    }
}
