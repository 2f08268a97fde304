//! Watches containers of a Docker engine that somebody else started: registers them, tells how they fare, and restarts or
//! replaces those that are unhealthy (docs/ecs.md, "Watching containers").
//!
//! ```text
//!   engine ──events, looks──►┌───────┐──targets──► writer
//!   view ────what drains────►│ rules │──acts────► engine
//!   clock ──────────────────►└───────┘──told────► view
//! ```

mod act;
mod sight;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::docker::{Engine, EngineError, Events};
use crate::engine::watch::{Act, Sighting, Watch};
use crate::model::ecs::health::{CheckResult, HealthStatus};
use crate::model::ecs::task::Connectivity;
use crate::model::ecs::watch::DockerWatch;
use crate::model::ecs::watched::{WatchStep, Watched};
use crate::model::health::State;
use crate::model::outcome::{Cause, Outcome};
use crate::model::target::TargetDescription;
use crate::model::target_group::GroupName;
use crate::model::tick::Tick;
use crate::runtime::clock::Clock;
use crate::runtime::containers::docker::Docker;
use crate::runtime::view::View;
use crate::runtime::writer::{Found, Writer};

/// From one look at all containers to the next, whatever the engine tells: events may be lost with a connection, and an
/// engine that hangs tells of none.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The least time from one look to the next, so that a storm of events is one look.
const PACE: Duration = Duration::from_millis(100);

/// The first and the longest wait for an engine that cannot be reached.
const RECONNECT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Answers that may wait for their turn: one for each check or act under way.
const ANSWERS: usize = 256;

/// What has become of an [`Act`].
#[derive(Debug)]
enum Done {
    Checked { name: Box<str>, id: Box<str>, outcome: Outcome, result: CheckResult },
    Acted { name: Box<str>, done: Result<(), String> },
}

/// Starts a watch on the calling runtime; it ends with the process.
pub fn start(rules: DockerWatch, writer: Writer, view: Arc<View>) {
    tokio::spawn(Task::new(rules, writer, view).run());
}

struct Task {
    rules: DockerWatch,
    watch: Watch,
    engine: Engine<Clock>,
    docker: Docker,
    writer: Writer,
    view: Arc<View>,
    clock: Clock,
    labels: Vec<String>,
    events: Option<Events>,
    look_at: Tick,
    looked_at: Tick,
    reconnect: Duration,
    wished: Vec<(Box<str>, u16)>,
    done: mpsc::Sender<Done>,
    answers: mpsc::Receiver<Done>,
}

impl Task {
    fn new(rules: DockerWatch, writer: Writer, view: Arc<View>) -> Self {
        let clock = view.clock;
        let (done, answers) = mpsc::channel(ANSWERS);
        let labels = rules.labels.iter();
        let labels = labels.map(|(name, value)| match value {
            Some(value) => format!("{name}={value}"),
            None => name.to_string(),
        });
        Self {
            watch: Watch::new(rules.clone()),
            engine: Engine::new(&rules.socket, clock),
            // Checks of its own are told apart by the marks of their processes; labels are none of its business.
            docker: Docker::new(&rules.socket, &rules.name, false, clock),
            labels: labels.collect(),
            rules,
            writer,
            view,
            clock,
            events: None,
            look_at: clock.now(),
            looked_at: Tick(0),
            reconnect: RECONNECT.0,
            wished: Vec::new(),
            done,
            answers,
        }
    }

    async fn run(mut self) {
        let view = Arc::clone(&self.view);
        let mut changes = view.changes();
        loop {
            if self.clock.now() >= self.look_at {
                self.look().await;
            }
            self.turn().await;
            let wake = self.watch.next().map_or(self.look_at, |next| next.min(self.look_at));
            // What is overdue waits for the engine, which is looked at again later.
            let wake = wake.max(self.clock.now() + Duration::from_millis(10));
            let drains = self.watch.draining().next().is_some();
            tokio::select! {
                () = view.stopped() => return,
                () = self.clock.sleep_until(wake) => {}
                Some(done) = self.answers.recv() => self.answered(done),
                heard = hear(&mut self.events) => self.heard(heard),
                changed = changes.changed(), if drains => {
                    // The shards publish every 50 ms; the sender lives as long as the view.
                    _ = changed;
                    self.clock.sleep(PACE).await;
                }
            }
        }
    }

    /// Looks at every container, and listens from then on if it does not yet.
    async fn look(&mut self) {
        let before = self.watch.told().connectivity;
        let seen = async {
            if self.events.is_none() {
                // Before the look, so that nothing in between is missed.
                self.events = Some(self.engine.events(&self.labels).await?);
            }
            sight::all(&self.engine, &self.labels, &self.rules, self.clock.now()).await
        };
        let seen = seen.await;
        let now = self.clock.now();
        self.looked_at = now;
        match seen {
            Ok((sightings, asides)) => {
                (self.reconnect, self.look_at) = (RECONNECT.0, now + LOOK_EVERY);
                self.put_back(&sightings, asides).await;
                self.watch.found(sightings, now);
                if before == Connectivity::Disconnected {
                    info!(
                        watch = &*self.rules.name,
                        containers = self.watch.told().containers.len(),
                        "Watching."
                    );
                }
            }
            Err(error) => {
                self.events = None;
                self.watch.lost(&error.to_string());
                self.look_at = now + self.reconnect;
                self.reconnect = (self.reconnect * 2).min(RECONNECT.1);
                if before == Connectivity::Connected {
                    warn!(watch = &*self.rules.name, %error, "Containers are not watched until the engine is back.");
                }
            }
        }
    }

    /// Puts back what an earlier life of this program has moved aside and not replaced.
    async fn put_back(&mut self, sightings: &[Sighting], asides: Vec<(Box<str>, Box<str>)>) {
        let told = &self.watch.told().containers;
        let busy = |name: &str| told.get(name).is_some_and(|one| one.step == WatchStep::Restarting);
        for (id, name) in asides {
            if busy(&name) || sightings.iter().any(|sighting| sighting.name == name) {
                continue;
            }
            let put = act::put_back(&self.engine, &id, &name).await;
            let error = put.err().map(tracing::field::display);
            warn!(
                watch = &*self.rules.name,
                container = &*name,
                error,
                "Putting back a container that was moved aside."
            );
            self.look_at = self.looked_at + PACE;
        }
    }

    fn heard(&mut self, heard: Result<Option<crate::docker::Event>, EngineError>) {
        match heard {
            // Every check of the engine's is told as three of these.
            Ok(Some(event)) if event.action.starts_with("exec_") => {}
            Ok(Some(_)) => self.look_at = self.look_at.min(self.looked_at + PACE),
            Ok(None) | Err(_) => {
                self.events = None;
                self.look_at = self.clock.now();
            }
        }
    }

    /// Has done what is to be done now, and tells what has changed.
    async fn turn(&mut self) {
        let before = self.view.watched().get(&self.rules.name).cloned();
        let (now, snapshot) = (self.clock.now(), self.view.snapshot());
        let group = self.group();
        let gone = |target: &(Box<str>, u16)| {
            let listing = group.as_ref().and_then(|name| snapshot.groups.get(name));
            let listed = listing.and_then(|listing| Some((listing, listing.find(&target.0, target.1)?)));
            let health = listed.and_then(|(listing, listed)| snapshot.health(listing, listed));
            health.is_none_or(|health| health.state != State::Draining)
        };
        let mut acts = self.watch.take(now, gone);
        let wished = self.watch.wished();
        if wished != self.wished {
            self.wished = wished;
            let found = self.found();
            let source = format!("docker:{}", self.rules.name);
            _ = self.writer.discovered(&source, found).await;
        }
        for act in acts.drain(..) {
            self.act(act);
        }
        let told = self.watch.told();
        if before.as_deref() != Some(told) {
            log(before.as_deref(), told);
            self.view.publish_watched(told.clone());
        }
    }

    fn group(&self) -> Option<GroupName> {
        self.rules.target_group.as_ref().and_then(|name| GroupName::parse(name).ok())
    }

    fn found(&self) -> Found {
        let targets = self.wished.iter().map(|(id, port)| Arc::new(TargetDescription::new(id, *port)));
        self.group().map(|name| BTreeMap::from([(name, targets.collect())])).unwrap_or_default()
    }

    fn act(&self, act: Act) {
        let (engine, docker, clock) = (self.engine.clone(), self.docker.clone(), self.clock);
        let (done, view, rules) = (self.done.clone(), Arc::clone(&self.view), self.rules.clone());
        tokio::spawn(async move {
            let answer = match act {
                Act::Check { name, id } => {
                    let Some(check) = &rules.health_check else { return };
                    let started = clock.now();
                    let whose = format!("docker/{}", rules.name);
                    let checked = docker.check(&id, check, &whose, view.stopped()).await;
                    let (outcome, result) = checked.unwrap_or_else(|why| {
                        let output = why.to_string().into();
                        let result = CheckResult { started, ended: clock.now(), exit_code: -1, output };
                        (Outcome::Inconclusive(Cause::Internal), result)
                    });
                    Done::Checked { name, id, outcome, result }
                }
                Act::Restart { name, id } => {
                    warn!(watch = &*rules.name, container = &*name, "Restarting an unhealthy container.");
                    Done::Acted { name, done: act::restart(&engine, &id, rules.stop_timeout).await }
                }
                Act::Replace { name, id } => {
                    warn!(watch = &*rules.name, container = &*name, "Replacing an unhealthy container.");
                    let replaced = act::replace(&engine, (&name, &id), rules.stop_timeout).await;
                    Done::Acted { name, done: replaced }
                }
            };
            // At the end of the process nobody listens.
            _ = done.send(answer).await;
        });
    }

    fn answered(&mut self, done: Done) {
        let now = self.clock.now();
        match done {
            Done::Checked { name, id, outcome, result } => {
                self.watch.checked(&name, &id, outcome, result, now);
            }
            Done::Acted { name, done } => {
                if let Err(why) = &done {
                    warn!(watch = &*self.rules.name, container = &*name, why, "It could not be done.");
                }
                self.watch.acted(&name, done, now);
                self.look_at = now;
            }
        }
    }
}

/// What the engine tells next; nothing ever while it is not listened to.
async fn hear(events: &mut Option<Events>) -> Result<Option<crate::docker::Event>, EngineError> {
    match events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}

/// Says what an operator would want to hear of.
fn log(before: Option<&Watched>, told: &Watched) {
    for (name, one) in &told.containers {
        let (watch, container) = (&*told.name, &**name);
        let known = before.and_then(|before| before.containers.get(name));
        let said = |of: &dyn Fn(&crate::model::ecs::watched::WatchedContainer) -> bool| known.is_some_and(of);
        if one.health == HealthStatus::Unhealthy && !said(&|known| known.health == HealthStatus::Unhealthy) {
            let output = one.result.as_ref().map_or("", |result| &*result.output);
            warn!(watch, container, output, "A container is unhealthy.");
        }
        if one.gave_up && !said(&|known| known.gave_up) {
            let restarts = one.restarts;
            warn!(watch, container, restarts, "It was restarted too often, and is left alone.");
        }
        if one.step == WatchStep::Draining && !said(&|known| known.step == WatchStep::Draining) {
            info!(watch, container, "Its target drains.");
        }
    }
}
