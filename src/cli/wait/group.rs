//! `tgprobe wait GROUP`: waits for targets of a group.

use std::time::Duration;

use crate::cli::args::WaitArgs;
use crate::cli::exit::{Exit, Trouble};
use crate::cli::gate::goal::{Aim, Goal};
use crate::cli::gate::{Blocker, Event, Gate, Progress, Verdict};
use crate::cli::sse::Message;
use crate::cli::wait::{Aims, Blocks, End, Gated, Subject, tell, wait};
use crate::cli::wire::{Gone, Key};
use crate::model::target_group::GroupName;
use crate::probe::Stopwatch as _;
use crate::runtime::clock::Clock;

pub(super) fn run(args: &WaitArgs, group: &GroupName) -> Exit {
    let clock = Clock::start();
    let goal = Goal {
        aim: args.aim,
        minimum: args.min_healthy,
        targets: args.targets.clone(),
        stable_for: args.stable_for,
        accept_current: args.accept_current,
    };
    let path = format!("/api/v1/target-groups/{group}/targets");
    let aims = Aims {
        args,
        name: group.as_str(),
        word: args.aim.to_string(),
        stream: format!("{path}?watch=true"),
        path,
    };
    let end = if args.min_healthy.is_some() && args.aim != Aim::Healthy {
        End::of(Trouble::usage(format!("--min-healthy does not go with --for {}", args.aim)))
    } else {
        wait(aims, clock, Gate::new(goal)).0
    };
    let subject = Subject::Group { target_group: group.as_str(), goal: args.aim.to_string() };
    tell(args, subject, &end, clock.elapsed())
}

impl Blocks for Blocker {
    fn in_full(&self) -> String {
        self.in_full()
    }
}

impl Gated for Gate {
    type Blocker = Blocker;

    fn read(&mut self, message: &Message, now: Duration) -> serde_json::Result<()> {
        let event = match message.event.as_str() {
            "sync" => Event::Sync(serde_json::from_str(&message.data)?),
            "target" => Event::Target(serde_json::from_str(&message.data)?),
            "gone" => {
                let gone: Gone = serde_json::from_str(&message.data)?;
                Event::Gone(Key::new(&gone.id, gone.port))
            }
            "target_group_gone" => Event::GroupGone,
            _ => return Ok(()),
        };
        self.on(event, now);
        Ok(())
    }

    fn refresh(&mut self, text: &str, now: Duration) -> serde_json::Result<()> {
        self.on(Event::Sync(serde_json::from_str(text)?), now);
        Ok(())
    }

    fn gone(&mut self, now: Duration) {
        self.on(Event::GroupGone, now);
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
        self.obstacle()
    }

    fn opened(&self, after: &str) -> String {
        let Progress { counting, needed, .. } = self.progress();
        match self.aim() {
            Aim::Gone => format!("{counting} of {needed} gone after {after}"),
            aim @ (Aim::Healthy | Aim::Unhealthy) => {
                format!("{counting} {aim}, {needed} needed, after {after}")
            }
        }
    }
}
