//! Processes of this host, as `/proc` tells of them (proc(5)).

use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::model::tick::Tick;

/// Ticks a second in which the kernel tells times to programs: the same on every machine Rust has Linux for.
const TICKS: u64 = 100;

/// The longest environment of a process that is read, in bytes: as much as Linux hands over to a program by default.
const LONGEST: u64 = 2 * 1024 * 1024;

/// The variable that marks a container's processes: `OWNER/TASK/INDEX/RUN`.
pub(super) const CONTAINER: &str = "TGPROBE_CONTAINER";
/// The variable that marks the processes of a container's check: the same, with `/` and the moment of its start behind.
pub(super) const CHECK: &str = "TGPROBE_CHECK";

/// Whether the variable `name` with this value marks a process of the container that is marked with `marker`: one of its
/// own, or of a check.
pub(super) fn is_of(name: &str, value: &str, marker: &str) -> bool {
    container_of(name, value) == Some(marker)
}

/// The mark of the container that a process belongs to, by the name and the value of its own mark.
pub(super) fn container_of<'a>(name: &str, value: &'a str) -> Option<&'a str> {
    if name == CHECK { value.rsplit_once('/').map(|(container, _)| container) } else { Some(value) }
}

/// Names a process for as long as this machine runs: its number, which is given again, and when it was started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Identity {
    pub(super) pid: Pid,
    start: u64,
}

impl Identity {
    /// Who has this number now.
    pub(super) fn of(pid: Pid) -> Option<Self> {
        Stat::of(pid).map(|stat| stat.identity)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (pid, start) = text.split_once('-')?;
        Some(Self { pid: pid.parse().ok().and_then(Pid::from_raw)?, start: start.parse().ok()? })
    }

    /// When it was started, to the hundredth of a second.
    pub(super) fn started(self) -> Option<Tick> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let boot: u64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        Some(Tick(boot.checked_mul(1_000)?) + Duration::from_millis(self.start.saturating_mul(1_000 / TICKS)))
    }

    /// Whether it still runs.
    pub(super) fn is_alive(self) -> bool {
        Stat::of(self.pid).is_some_and(|stat| stat.identity == self && !stat.dead)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.pid.as_raw_nonzero(), self.start)
    }
}

/// A process of this host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stat {
    pub(super) identity: Identity,
    /// Whether it leads the group it is in.
    pub(super) leads: bool,
    /// Whether it has ended and only waits to be reaped.
    pub(super) dead: bool,
}

impl Stat {
    fn of(pid: Pid) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        Self::parse(pid, &text)
    }

    /// The name of the program, in parentheses, may itself have anything in it.
    fn parse(pid: Pid, text: &str) -> Option<Self> {
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
        let dead = ["Z", "X", "x"].contains(&fields.next()?);
        let group: i32 = fields.nth(1)?.parse().ok()?;
        let start = fields.nth(16)?.parse().ok()?;
        Some(Self { identity: Identity { pid, start }, leads: group == pid.as_raw_nonzero().get(), dead })
    }

    /// The value of one of `names` among the variables it was started with; `None` where it has none, or we may not look.
    pub(super) fn variable(&self, names: &[&str]) -> Option<(String, String)> {
        let file = File::open(format!("/proc/{}/environ", self.identity.pid.as_raw_nonzero())).ok()?;
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes).ok()?;
        bytes.split(|byte| *byte == 0).find_map(|pair| {
            let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
            names.contains(&name).then(|| (name.to_owned(), value.to_owned()))
        })
    }
}

/// Every process there is, but for the dead.
pub(super) fn all() -> impl Iterator<Item = Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw));
    pids.filter_map(Stat::of).filter(|stat| !stat.dead)
}

/// Kills every process of which `wanted` says so by [`CONTAINER`] or [`CHECK`], by name and value, and says how many
/// there were. Those that start while this looks may be missed.
pub(super) fn kill_marked(wanted: impl Fn(&str, &str) -> bool) -> usize {
    let mut killed = 0;
    for stat in all() {
        // From here on the descriptor is of one process, whoever gets the number next.
        let Ok(process) = pidfd_open(stat.identity.pid, PidfdFlags::empty()) else { continue };
        let marked = stat.variable(&[CONTAINER, CHECK]).is_some_and(|(name, value)| wanted(&name, &value));
        if marked && pidfd_send_signal(process, Signal::KILL).is_ok() {
            killed += 1;
        }
    }
    killed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_program_is_called() {
        let rest = "S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 200";
        let pid = Pid::from_raw(42).unwrap();
        for name in ["sh", "a b", "a) R 7 7", "("] {
            let stat = Stat::parse(pid, &format!("42 ({name}) {rest}")).unwrap();
            assert_eq!(stat.identity.to_string(), "42-98765", "{name}");
            assert!(stat.leads && !stat.dead, "{name}");
        }
        assert_eq!(Stat::parse(pid, "42 (sh) S 1 42"), None);
        assert_eq!(Stat::parse(pid, ""), None);
    }

    #[test]
    fn only_a_number_and_a_time_name_a_process() {
        let own = Identity::of(rustix::process::getpid()).unwrap();
        assert!(own.is_alive());
        assert_eq!(Identity::parse(&own.to_string()), Some(own));
        assert!(!Identity { start: own.start + 1, ..own }.is_alive());
        for bad in ["", "1", "-1", "x-1", "0-1", "-5-1", "1-", "1-x", "99999999999-1"] {
            assert_eq!(Identity::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn it_is_told_when_a_process_was_started() {
        let started = Identity::of(rustix::process::getpid()).unwrap().started().unwrap();
        let now = crate::runtime::clock::Clock::start().now();
        assert!(started <= now + Duration::from_secs(2), "{started:?} {now:?}");
        assert!(started + Duration::from_secs(3_600) > now, "{started:?} {now:?}");
    }
}
