//! `tgprobe wait --service NAME`: waits for a service to arrive at a deployment.

use std::time::Duration;

use crate::cli::args::WaitArgs;
use crate::cli::exit::Exit;
use crate::cli::gate::{Progress, Verdict};
use crate::cli::rollout::{Aim, Blocker, Event, Rollout};
use crate::cli::sse::Message;
use crate::cli::wait::{Aims, Blocks, Gated, Subject, tell, wait};
use crate::model::percent;
use crate::probe::Stopwatch as _;
use crate::runtime::clock::Clock;

pub(super) fn run(args: &WaitArgs, service: &str) -> Exit {
    let clock = Clock::start();
    let aim = Aim {
        deployment: args.deployment.clone(),
        old_tasks_stopped: args.old_tasks_stopped,
        stable_for: args.stable_for,
    };
    let typed = |text: &str| percent::encode(text.as_bytes(), b"");
    let path = format!("/api/v1/services/{}?cluster={}", typed(service), typed(&args.cluster));
    let aims =
        Aims { args, name: service, word: "healthy".to_owned(), stream: format!("{path}&watch=true"), path };
    let (end, gate) = wait(aims, clock, Rollout::new(aim));
    let known = gate.as_ref().and_then(|gate| gate.deployment().map(str::to_owned));
    let deployment = known.or_else(|| args.deployment.clone());
    let subject = Subject::Service { service, cluster: &args.cluster, deployment };
    tell(args, subject, &end, clock.elapsed())
}

impl Blocks for Blocker {
    fn in_full(&self) -> String {
        self.in_full()
    }
}

impl Gated for Rollout {
    type Blocker = Blocker;

    fn read(&mut self, message: &Message, now: Duration) -> serde_json::Result<()> {
        match message.event.as_str() {
            "service" => self.on(Event::Service(serde_json::from_str(&message.data)?), now),
            "service_gone" => self.on(Event::Gone, now),
            _ => {}
        }
        Ok(())
    }

    fn refresh(&mut self, text: &str, now: Duration) -> serde_json::Result<()> {
        self.on(Event::Service(serde_json::from_str(text)?), now);
        Ok(())
    }

    fn gone(&mut self, now: Duration) {
        self.on(Event::Gone, now);
    }

    fn lost(&mut self, now: Duration) {
        self.on(Event::Lost, now);
    }

    fn verdict(&self, now: Duration) -> Verdict {
        self.verdict(now)
    }

    fn progress(&self) -> Progress {
        self.progress()
    }

    fn connected(&self) -> bool {
        self.connected()
    }

    fn started(&self) -> bool {
        self.started()
    }

    fn blockers(&self, limit: usize) -> Vec<Blocker> {
        self.blockers(limit)
    }

    fn blocker_count(&self) -> usize {
        self.blocker_count()
    }

    fn obstacle(&self) -> Option<&'static str> {
        None
    }

    fn opened(&self, after: &str) -> String {
        let Progress { counting, needed, .. } = self.progress();
        let deployment = self.deployment().unwrap_or_default();
        format!("{deployment} is complete, {counting} of {needed} healthy, after {after}")
    }
}
