//! One run of the command of a container's check (docs/semantics.md, "Container checks").
//!
//! The command leads a process group of its own. Whatever becomes of it, one result is there by the deadline, and
//! nothing is left of the group.

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::Signal;
use tokio::net::unix::pipe::Receiver;

use crate::model::duration;
use crate::model::ecs::health::CheckResult;
use crate::model::failure::Failure;
use crate::model::outcome::{Cause, Outcome};
use crate::model::tick::Tick;
use crate::probe::command::leader::Doomed;
use crate::probe::command::output::Output;

mod leader;
mod output;
mod program;

pub use leader::{Leader, watched};
pub use program::Program;

/// The exit code of a command that has none: it did not start, or was killed.
const NO_EXIT_CODE: i32 = -1;

/// A clock that can be waited for; `runtime/clock.rs` holds the real one.
pub trait Timer: Sync {
    /// The present moment.
    fn now(&self) -> Tick;
    /// Waits for `duration`, which begins when this is called or first waited for.
    fn wait(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// Runs `program` once. `timeout` counts from when it has started.
///
/// The end is that of its main process; what is left of its group then is killed, and so is the whole group at the
/// timeout, and when the future is dropped. To be called on a tokio runtime.
pub async fn run(program: &Program, timeout: Duration, clock: &impl Timer) -> (Outcome, CheckResult) {
    let begun = clock.now();
    let (group, mut output) = match start(program) {
        Ok(started) => started,
        Err(error) => {
            let text = program.complaint(&error).into();
            let result =
                CheckResult { started: begun, ended: clock.now(), exit_code: NO_EXIT_CODE, output: text };
            return (blame(&error), result);
        }
    };
    let started = clock.now();
    let ended = watch(&group, &mut output, clock.wait(timeout)).await;
    // Before the leader is reaped, its number is nobody else's.
    let status = group.leader().and_then(|leader| {
        leader.signal(Signal::KILL);
        if ended == Ended::Itself { leader.reap() } else { None }
    });
    output.drain();
    drop(group);
    let text = output.into_text();
    let (outcome, exit_code, output) = match (ended, status.map(exit_code)) {
        (Ended::Itself, Some(0)) => (Outcome::Pass, 0, text),
        (Ended::Itself, Some(code)) => (Outcome::Fail(Failure::CommandExit(code)), code.into(), text),
        (Ended::Late, _) => {
            let sentence = format!("Health check exceeded timeout ({})", duration::print(timeout));
            let text = if text.is_empty() { sentence } else { format!("{sentence}: {text}") };
            (Outcome::Fail(Failure::CommandTimeout), NO_EXIT_CODE, text)
        }
        (Ended::Unwatched, _) | (Ended::Itself, None) => {
            (Outcome::Inconclusive(Cause::Internal), NO_EXIT_CODE, text)
        }
    };
    let result = CheckResult { started, ended: clock.now(), exit_code, output: output.into() };
    (outcome, result)
}

/// How the wait for a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ended {
    /// Its main process has ended.
    Itself,
    /// Its time is over.
    Late,
    /// We can no longer tell.
    Unwatched,
}

async fn watch(group: &Doomed, output: &mut Output, timeout: impl Future<Output = ()>) -> Ended {
    let Some(leader) = group.leader() else { return Ended::Unwatched };
    let mut timeout = std::pin::pin!(timeout);
    loop {
        tokio::select! {
            // Who floods us does not keep us from seeing the end.
            biased;
            ended = leader.ended() => return if ended.is_ok() { Ended::Itself } else { Ended::Unwatched },
            () = &mut timeout => return Ended::Late,
            () = output.read() => {}
        }
    }
}

fn start(program: &Program) -> io::Result<(Doomed, Output)> {
    let (reader, writer) = io::pipe()?;
    let output = Output::new(Receiver::from_owned_fd(reader.into())?);
    let mut command: Command = program.command()?;
    // One pipe for both, so that what is printed stays in order.
    command.stdout(Stdio::from(writer.try_clone()?)).stderr(Stdio::from(writer));
    // Our ends for writing go with the command, or the pipe would never be at its end.
    Doomed::start(&mut command, program.descriptors).map(|group| (group, output))
}

/// 128 and the signal's number for a process that a signal ended, as shells count.
///
/// The numbers of both fit: an exit code is a byte, and there are 64 signals.
#[must_use]
pub fn exit_code(status: std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// Whose fault it is that a command could not be started. The container is to blame for what it is made of: for its
/// program, its folder and its words. For anything else nobody but us and our host is.
fn blame(error: &io::Error) -> Outcome {
    let cause = match Errno::from_io_error(error) {
        Some(
            Errno::NOENT
            | Errno::ACCESS
            | Errno::NOEXEC
            | Errno::NOTDIR
            | Errno::ISDIR
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::TOOBIG
            | Errno::TXTBSY
            | Errno::INVAL
            | Errno::LIBBAD,
        ) => return Outcome::Fail(Failure::CommandNotStarted),
        // What the standard library refuses itself has no number.
        None if error.kind() == io::ErrorKind::InvalidInput => {
            return Outcome::Fail(Failure::CommandNotStarted);
        }
        Some(Errno::MFILE | Errno::NFILE) => Cause::NoDescriptors,
        // No memory, or no room in the table of processes, or in that of what is waited for.
        Some(Errno::NOMEM | Errno::AGAIN | Errno::NOSPC) => Cause::NoBuffers,
        // We may not run anything as the container's user.
        Some(Errno::PERM) => Cause::NotPermitted,
        _ => Cause::Internal,
    };
    Outcome::Inconclusive(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_of_our_own_is_never_the_containers() {
        for (errno, expected) in [
            (Errno::MFILE, Outcome::Inconclusive(Cause::NoDescriptors)),
            (Errno::NFILE, Outcome::Inconclusive(Cause::NoDescriptors)),
            (Errno::NOMEM, Outcome::Inconclusive(Cause::NoBuffers)),
            (Errno::AGAIN, Outcome::Inconclusive(Cause::NoBuffers)),
            (Errno::NOSPC, Outcome::Inconclusive(Cause::NoBuffers)),
            (Errno::PERM, Outcome::Inconclusive(Cause::NotPermitted)),
            // A kernel, or a filter of its calls, that has no descriptors of processes.
            (Errno::NOSYS, Outcome::Inconclusive(Cause::Internal)),
            (Errno::IO, Outcome::Inconclusive(Cause::Internal)),
            (Errno::NOENT, Outcome::Fail(Failure::CommandNotStarted)),
            (Errno::ACCESS, Outcome::Fail(Failure::CommandNotStarted)),
            (Errno::NOEXEC, Outcome::Fail(Failure::CommandNotStarted)),
            (Errno::TOOBIG, Outcome::Fail(Failure::CommandNotStarted)),
        ] {
            assert_eq!(blame(&errno.into()), expected, "{errno:?}");
        }
        // What the standard library refuses itself has no number: a zero byte within a word.
        let error = io::Error::new(io::ErrorKind::InvalidInput, "nul byte");
        assert_eq!(blame(&error), Outcome::Fail(Failure::CommandNotStarted));
        // Tokio's word for a runtime that is shutting down.
        assert_eq!(blame(&io::Error::other("gone")), Outcome::Inconclusive(Cause::Internal));
    }
}
