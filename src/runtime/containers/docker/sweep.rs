//! Kills what a check has left behind. The Engine API has no call for that, so it is done from outside, which takes the
//! engine's host and the right to send its containers signals.
//!
//! A process is only killed if the kernel says that it belongs to the container, and if it has the mark of the check
//! among its variables or descends from one that has. Whatever an engine calls a process is not believed: on another
//! machine that number is somebody else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::runtime::clock::Clock;

/// How often the processes are looked through: those that fork meanwhile are found by the next look, and what is killed
/// takes a moment to go.
const ROUNDS: usize = 100;

/// From one look to the next.
const PAUSE: Duration = Duration::from_millis(10);

/// What became of it.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Processes of the container that were seen at all.
    seen: usize,
    /// Why the last one that could not be killed could not.
    refused: Option<Errno>,
}

impl Left {
    /// Why something is still there.
    pub(super) fn why(&self) -> String {
        match self.refused {
            Some(Errno::PERM) => {
                "since this program may not send signals to processes of the container".to_owned()
            }
            Some(error) => format!("since the kernel refused: {error}"),
            None if self.seen == 0 => {
                "since the processes of the container cannot be seen from here".to_owned()
            }
            None => "though it was sent SIGKILL".to_owned(),
        }
    }
}

/// Kills every process of `container` that is marked with `mark`, a variable and its value, and what descends from it;
/// done when they are gone.
pub(super) async fn sweep(clock: Clock, container: &str, mark: &str) -> Left {
    let mut left = Left::default();
    for _ in 0..ROUNDS {
        let (container, mark) = (container.to_owned(), mark.to_owned());
        // Looking through all processes takes a millisecond or two.
        let round = tokio::task::spawn_blocking(move || round(&container, mark.as_bytes())).await;
        let (found, done) = round.unwrap_or_default();
        left = done;
        if found == 0 {
            break;
        }
        clock.sleep(PAUSE).await;
    }
    left
}

/// Kills what there is now, and says how many that were.
fn round(container: &str, mark: &[u8]) -> (usize, Left) {
    let mut left = Left::default();
    let found = marked(container, mark, &mut left.seen);
    for &pid in &found {
        // One that has just ended is none that is left.
        if let Err(error) = kill(pid, container)
            && error != Errno::SRCH
        {
            left.refused = Some(error);
        }
    }
    (found.len(), left)
}

/// The processes to be killed.
fn marked(container: &str, mark: &[u8], seen: &mut usize) -> BTreeSet<i32> {
    let mut parents = BTreeMap::new();
    let mut marked = BTreeSet::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if !belongs(pid, container) {
            continue;
        }
        *seen += 1;
        let Some(parent) = parent(pid) else { continue };
        parents.insert(pid, parent);
        let variables = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if variables.split(|&byte| byte == 0).any(|variable| is_marked(variable, mark)) {
            marked.insert(pid);
        }
    }
    // Children that have thrown their variables away.
    loop {
        let more: Vec<_> = parents
            .iter()
            .filter(|(pid, parent)| marked.contains(*parent) && !marked.contains(*pid))
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            return marked;
        }
        marked.extend(more);
    }
}

/// Whether a variable is `mark`, or is more precise: what is behind a `/` says which check of the same container.
fn is_marked(variable: &[u8], mark: &[u8]) -> bool {
    variable.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Whether the kernel says that a process belongs to a container. Engines name a container's control group by its id.
fn belongs(pid: i32, container: &str) -> bool {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    !container.is_empty() && groups.contains(container)
}

/// The parent of a process; `None` of one that has ended, and only waits for its parent to look.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may have blanks and parentheses in it, so what follows the last one is read.
    let mut rest = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = rest.next()?;
    rest.next()?.parse().ok().filter(|_| !matches!(state, "Z" | "X"))
}

/// Kills the process that had this number, and not one that has got it since.
fn kill(pid: i32, container: &str) -> Result<(), Errno> {
    let pidfd = pidfd_open(Pid::from_raw(pid).ok_or(Errno::SRCH)?, PidfdFlags::empty())?;
    if !belongs(pid, container) {
        return Err(Errno::SRCH);
    }
    pidfd_send_signal(pidfd, Signal::KILL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_marked_by_any_of_its_checks_and_a_check_by_itself() {
        for (variable, mark, expected) in [
            ("C=task/0/1/5", "C=task/0/1/5", true),
            ("C=task/0/1/5", "C=task/0/1", true),
            ("C=task/0/12/5", "C=task/0/1", false),
            ("C=task/0/1/55", "C=task/0/1/5", false),
            ("C=task/0/1", "C=task/0/1/5", false),
        ] {
            assert_eq!(is_marked(variable.as_bytes(), mark.as_bytes()), expected, "{variable} {mark}");
        }
    }
}
