//! One container that is a process group, from its start or its being found again until its end.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

use crate::engine::ecs::action::{ContainerKey, Found};
use crate::model::ecs::task::Binding;
use crate::probe::command::{Leader, Program, exit_code, watched};
use crate::runtime::clock::Clock;
use crate::runtime::containers::process::folder::{LONGEST_LOG, rotate};
use crate::runtime::containers::process::proc::{Identity, is_of, kill_marked};
use crate::runtime::containers::{End, Unreachable};

/// The shortest and the longest time from one look at the length of a log to the next. A shell can print a gigabyte a
/// second.
const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Waits between two looks for what a container has left behind, and how often is looked.
const SWEEP_INTERVAL: Duration = Duration::from_millis(10);
const SWEEPS: usize = 200;

/// Why nobody knows the exit code of a container that ended while it was watched.
pub(super) const ADOPTED: &str = "its exit code is not known: tgprobe was started after it";
/// Why nobody knows it of one that was not there any more.
pub(super) const MISSED: &str = "its exit code is not known: it ended while tgprobe did not run";

/// A container, running or not.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) key: ContainerKey,
    /// What [`super::proc::CONTAINER`] has for it.
    pub(super) marker: String,
    pub(super) runtime_id: Box<str>,
    pub(super) found: Found,
    /// What it was started as; `None` for one that was found.
    pub(super) program: Option<Program>,
    group: Group,
    pub(super) log: PathBuf,
    end: watch::Sender<Option<End>>,
}

#[derive(Debug)]
enum Group {
    /// We have started it ourselves.
    Own(Leader),
    /// It was there before us.
    Adopted(Identity, AsyncFd<OwnedFd>),
    /// It was there before us, and has ended.
    Ended,
}

/// What is known of a container from the start.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) found: Found,
    pub(super) marker: String,
    pub(super) log: PathBuf,
    /// Whether it was started since this machine was: whoever has its number is somebody else otherwise.
    pub(super) this_boot: bool,
}

impl Container {
    /// One that has just been started.
    pub(super) fn started(known: Known, leader: Leader, program: Program) -> Self {
        Self::new(known, Group::Own(leader), Some(program))
    }

    /// One that was found: running, if it still is.
    pub(super) fn found(known: Known) -> Self {
        let group =
            Identity::parse(&known.found.runtime_id).filter(|_| known.this_boot).and_then(|identity| {
                let process = pidfd_open(identity.pid, PidfdFlags::empty()).ok()?;
                // Looked at with the descriptor in hand, so that both are of the same process.
                identity.is_alive().then(|| watched(process).ok()).flatten().map(|watch| (identity, watch))
            });
        let group = group.map_or(Group::Ended, |(identity, watch)| Group::Adopted(identity, watch));
        Self::new(known, group, None)
    }

    fn new(known: Known, group: Group, program: Option<Program>) -> Self {
        let Known { found, marker, log, this_boot: _ } = known;
        let (key, runtime_id) = (found.key.clone(), found.runtime_id.clone());
        let end = watch::Sender::new(None);
        Self { key, marker, runtime_id, found, program, group, log, end }
    }

    /// What there is to say of it now.
    pub(super) fn tell(&self) -> Found {
        Found { ended: self.end.borrow().clone(), ..self.found.clone() }
    }

    /// Its ports.
    pub(super) fn bindings(&self) -> &[Binding] {
        &self.found.bindings
    }

    /// Whether it was not there any more when it was found.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.group, Group::Ended)
    }

    /// Whether its end has been told.
    pub(super) fn has_ended(&self) -> bool {
        self.end.borrow().is_some()
    }

    /// Sends its whole group a signal, if it still runs.
    pub(super) fn signal(&self, signal: Signal) {
        match &self.group {
            Group::Own(leader) => leader.signal(signal),
            Group::Adopted(identity, _) if identity.is_alive() => signal_group(identity.pid, signal),
            Group::Adopted(..) | Group::Ended => {}
        }
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) -> Result<End, Unreachable> {
        let mut end = self.end.subscribe();
        let ended = end.wait_for(Option::is_some).await;
        let ended = ended.ok().and_then(|end| end.clone());
        ended.ok_or_else(|| Unreachable("its processes are not watched any more".to_owned()))
    }

    /// Follows it until it has ended, kills what it has left behind, and tells of its end then.
    pub(super) async fn follow(self: Arc<Self>, clock: Clock) {
        let mut pause = LOOKS.0;
        loop {
            tokio::select! {
                ended = self.leader_ended() => match ended {
                    Ok(()) => break,
                    Err(_) => return,
                },
                () = clock.sleep(pause) => {
                    let log = self.log.clone();
                    // A log that cannot be cut is looked at again; its container is not to suffer for it.
                    let cut = tokio::task::spawn_blocking(move || rotate(&log, LONGEST_LOG)).await;
                    pause = next_look(pause, matches!(cut, Ok(Ok(true))));
                }
            }
        }
        let end = self.bury();
        self.sweep(clock).await;
        self.end.send_replace(Some(end));
    }

    async fn leader_ended(&self) -> io::Result<()> {
        match &self.group {
            Group::Own(leader) => leader.ended().await,
            Group::Adopted(_, watch) => watch.readable().await.map(drop),
            Group::Ended => Ok(()),
        }
    }

    /// Kills what is left of the group, and reaps its leader.
    fn bury(&self) -> End {
        match &self.group {
            Group::Own(leader) => {
                leader.signal(Signal::KILL);
                (leader.reap().map(|status| exit_code(status).into()), None)
            }
            Group::Adopted(identity, _) => {
                // It has ended this moment, so whoever has its number now is of its group, or it has it still.
                if Identity::of(identity.pid).is_none_or(|now| now == *identity) {
                    signal_group(identity.pid, Signal::KILL);
                }
                (None, Some(ADOPTED.into()))
            }
            Group::Ended => (None, Some(MISSED.into())),
        }
    }

    /// Kills whatever carries its mark, until there is nothing: who has left the group, and its checks.
    async fn sweep(&self, clock: Clock) {
        for _ in 0..SWEEPS {
            let marker = self.marker.clone();
            let wanted = move |name: &str, value: &str| is_of(name, value, &marker);
            let killed = tokio::task::spawn_blocking(move || kill_marked(wanted)).await;
            if killed.is_ok_and(|killed| killed == 0) {
                return;
            }
            clock.sleep(SWEEP_INTERVAL).await;
        }
        tracing::warn!(container = %self.marker, "processes of a container that has ended cannot be killed");
    }
}

/// How long to wait for the next look at a log that was too long at the last one, or was not.
fn next_look(pause: Duration, was_too_long: bool) -> Duration {
    if was_too_long { (pause / 4).max(LOOKS.0) } else { (pause * 2).min(LOOKS.1) }
}

fn signal_group(leader: Pid, signal: Signal) {
    // Nobody is left of the group, at worst.
    _ = kill_process_group(leader, signal);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_floods_is_looked_at_more_often() {
        let mut pause = LOOKS.0;
        for _ in 0..10 {
            pause = next_look(pause, false);
        }
        assert_eq!(pause, Duration::from_secs(2), "an idle one costs nothing to speak of");
        let pauses: Vec<_> = (0..4)
            .map(|_| {
                pause = next_look(pause, true);
                pause.as_millis()
            })
            .collect();
        assert_eq!(pauses, [500, 125, 50, 50]);
    }
}
