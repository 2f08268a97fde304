//! A process that leads a group of its own, from its start until it is reaped.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, getpid, getpriority_process, getrlimit, kill_process_group,
    pidfd_open, prlimit, setpriority_process,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A process that leads a group of its own. Its number, and that of its group, belong to it until it is reaped, so that
/// no signal can reach anybody else. Dropping it neither kills nor reaps it.
#[derive(Debug)]
pub struct Leader {
    pid: Pid,
    watch: AsyncFd<OwnedFd>,
    child: Mutex<Unreaped>,
}

#[derive(Debug)]
struct Unreaped {
    child: Child,
    status: Option<ExitStatus>,
}

impl Leader {
    /// Starts `command` as the leader of a new process group, with `descriptors` as its soft limit of open descriptors,
    /// ours if `None`. To be called on a tokio runtime.
    ///
    /// # Errors
    /// Why it could not be started, or not be watched; then it is not there any more.
    pub fn start(command: &mut Command, descriptors: Option<u64>) -> io::Result<Self> {
        let mut child = {
            let _as_the_main_thread = Weight::lift();
            command.process_group(0).spawn()?
        };
        let pid = Pid::from_child(&child);
        if let Some(current) = descriptors {
            let limit = Rlimit { current: Some(current), maximum: getrlimit(Resource::Nofile).maximum };
            // Refused to who has become another user, unless we may do everything: it has more room then.
            _ = prlimit(Some(pid), Resource::Nofile, limit);
        }
        let watch = pidfd_open(pid, PidfdFlags::empty()).map_err(io::Error::from);
        match watch.and_then(watched) {
            Ok(watch) => Ok(Self { pid, watch, child: Mutex::new(Unreaped { child, status: None }) }),
            Err(error) => {
                _ = kill_process_group(pid, Signal::KILL);
                _ = child.wait();
                Err(error)
            }
        }
    }

    /// Its number, which is that of its group, too.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits until it has ended. It is not reaped by that. May be dropped and called again.
    ///
    /// # Errors
    /// If tokio's runtime is shutting down.
    pub async fn ended(&self) -> io::Result<()> {
        self.watch.readable().await.map(drop)
    }

    /// Sends the whole group a signal, unless the leader is reaped.
    pub fn signal(&self, signal: Signal) {
        let unreaped = self.lock();
        if unreaped.status.is_none() {
            // Nobody is left of the group, at worst.
            _ = kill_process_group(self.pid, signal);
        }
    }

    /// Reaps it if it has ended, and says how it did.
    pub fn reap(&self) -> Option<ExitStatus> {
        let mut unreaped = self.lock();
        if unreaped.status.is_none() {
            unreaped.status = unreaped.child.try_wait().ok().flatten();
        }
        unreaped.status
    }

    /// Kills its whole group, and sees to it that it is reaped. To be called on a tokio runtime.
    pub fn kill(self) {
        drop(Doomed(Some(self)));
    }

    fn lock(&self) -> MutexGuard<'_, Unreaped> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The niceness of this thread, which a process that it starts would inherit. Threads of ours stand back behind those
/// that check targets; a container, or a check with a time limit, is not to.
struct Weight(i32);

impl Weight {
    /// Makes this thread as nice as the main one until this is dropped. Only root may be less nice than it was; for
    /// others it stays as it is.
    fn lift() -> Option<Self> {
        let (own, main) = (getpriority_process(None).ok()?, getpriority_process(Some(getpid())).ok()?);
        (own != main && setpriority_process(None, main).is_ok()).then_some(Self(own))
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        // Nobody needs a permission to be nice.
        _ = setpriority_process(None, self.0);
    }
}

/// A descriptor of a process that tells when it has ended. To be called on a tokio runtime.
///
/// # Errors
/// If there is no room for it in the poller.
#[expect(deprecated, reason = "sound for a descriptor that is owned; what is to replace it is unsafe")]
pub fn watched(process: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(process, Interest::READABLE)
}

/// A group that is killed when this is dropped, and its leader reaped.
#[derive(Debug)]
pub(super) struct Doomed(Option<Leader>);

impl Doomed {
    pub(super) fn start(command: &mut Command, descriptors: Option<u64>) -> io::Result<Self> {
        Leader::start(command, descriptors).map(|leader| Self(Some(leader)))
    }

    /// The leader; `None` only within the end of this.
    pub(super) fn leader(&self) -> Option<&Leader> {
        self.0.as_ref()
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        let Some(leader) = self.0.take() else { return };
        leader.signal(Signal::KILL);
        if leader.reap().is_some() {
            return;
        }
        // It is dying. Nobody waits for that here: the kernel takes as long as it takes.
        if let Ok(handle) = tokio::runtime::Handle::try_current() {
            handle.spawn(async move {
                _ = leader.ended().await;
                leader.reap()
            });
        }
    }
}
