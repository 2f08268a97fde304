//! A check: a command run inside a container, until it has ended or its time is up (docs/semantics.md, "Container
//! checks").

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::sweep::{self, Left};
use super::{Answer, Docker};
use crate::docker::{EngineError, ExecState, ExecStream, Output};
use crate::engine::ecs::action::ContainerKey;
use crate::model::ecs::check::{CheckCommand, ContainerCheck};
use crate::model::ecs::health::{CheckResult, OUTPUT_LIMIT};
use crate::model::failure::Failure;
use crate::model::outcome::{Cause, Outcome};
use crate::model::tick::Tick;
use crate::runtime::containers::Unreachable;

/// The variable by which the processes of a check are found.
const MARK: &str = "TGPROBE_CHECK";

/// How long an engine may take to start a command before it counts as one that cannot be started. A command's own time
/// begins when it has started.
const START: Duration = Duration::from_secs(30);

/// The first and the longest time from one look at a command to the next.
const LOOKS: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(250));

/// How long what a command has printed may come after its end: the engine copies it, and is in no hurry on a busy host.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What begins the output of a command that could not be started.
const NOT_STARTED: &str = "OCI runtime exec failed";

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The mark of all checks of a container.
fn mark(whose: &str) -> String {
    format!("{MARK}={whose}")
}

/// Whose checks those of this container are.
pub(super) fn whose(key: &ContainerKey) -> String {
    format!("{}/{}/{}", key.task, key.index, key.run)
}

/// How a command's time went by.
enum Ending {
    Exited(ExecState),
    TimedOut,
    NeverStarted,
    Cancelled,
    /// The container is gone, and the command with it.
    Gone(String),
}

impl Docker {
    /// Runs a check, and kills whatever of it is still there when it has ended, when its time is up, or when `gone` is
    /// done.
    ///
    /// `whose` is the value of the mark that its processes carry, with the moment of its start behind it.
    ///
    /// # Errors
    /// If the engine cannot be reached.
    pub(in crate::runtime) async fn check(
        &self,
        container: &str,
        check: &ContainerCheck,
        whose: &str,
        gone: impl Future<Output = ()> + Send,
    ) -> Answer<(Outcome, CheckResult)> {
        let started = self.inner.clock.now();
        if let Some(why) = self.still_stuck(container).await? {
            return Ok(self.told(started, Outcome::Fail(Failure::CommandTimeout), -1, why));
        }
        let argv = match self.argv(container, &check.command).await {
            Ok(argv) => argv,
            Err(error) => return self.inconclusive(started, error),
        };
        let mark = format!("{}/{}", mark(whose), started.0);
        let exec = match self.engine().exec(container, &argv, std::slice::from_ref(&mark)).await {
            Ok(exec) => exec,
            Err(error) => return self.inconclusive(started, error),
        };
        let mut stream = match self.engine().exec_start(&exec).await {
            Ok(stream) => stream,
            Err(EngineError::Unreachable(why)) => return Err(Unreachable(why)),
            Err(error) if error.is_conflict() || error.is_not_found() => {
                return self.inconclusive(started, error);
            }
            Err(error) => {
                let outcome = Outcome::Fail(Failure::CommandNotStarted);
                return Ok(self.told(started, outcome, -1, error.to_string()));
            }
        };
        let mut output = Output::new(OUTPUT_LIMIT);
        let ending = self.follow(&exec, &mut stream, &mut output, check.timeout, gone).await;
        // Before anything is told, even where the engine has gone away meanwhile.
        let left = sweep::sweep(self.inner.clock, container, &mark).await;
        let ending = ending?;
        if matches!(ending, Ending::Exited(_)) {
            // Nobody holds the other end any more, so this ends soon.
            self.last_words(&mut stream, &mut output).await;
        }
        let unkilled = self.unkilled(container, &exec, &ending, &left).await?;
        Ok(self.verdict(started, check.timeout, ending, &output.text(), unkilled))
    }

    /// Kills what is left of all checks of a container, which somebody has begun who is not there any more.
    pub(super) async fn end_checks_of(&self, container: &str, key: &ContainerKey) {
        sweep::sweep(self.inner.clock, container, &mark(&whose(key))).await;
    }

    /// Why a command that could not be killed keeps this check from being run, if one does.
    async fn still_stuck(&self, container: &str) -> Answer<Option<String>> {
        let stuck = lock(&self.inner.stuck).get(container).cloned();
        let Some(exec) = stuck else { return Ok(None) };
        match self.engine().exec_inspect(&exec).await {
            Ok(state) if state.running => Ok(Some(
                "The command of an earlier check still runs and could not be killed, so no other is started beside it"
                    .to_owned(),
            )),
            Err(EngineError::Unreachable(why)) => Err(Unreachable(why)),
            Ok(_) | Err(EngineError::Refused { .. } | EngineError::Garbled(_)) => {
                lock(&self.inner.stuck).remove(container);
                Ok(None)
            }
        }
    }

    /// The words of the command. What `CMD-SHELL` means is the image's to say.
    async fn argv(&self, container: &str, command: &CheckCommand) -> Result<Vec<Box<str>>, EngineError> {
        if let CheckCommand::Exec(words) = command {
            return Ok(words.to_vec());
        }
        let inspected = self.engine().inspect(container).await?;
        let shell = inspected.map(|inspected| inspected.config.shell).unwrap_or_default();
        let shell: Vec<_> = shell.iter().map(String::as_str).collect();
        let shell = if shell.is_empty() { &["/bin/sh", "-c"][..] } else { &shell };
        Ok(command.argv(shell))
    }

    /// Reads what a command prints until it has ended, whoever of its children still holds its output; or until its time
    /// is up.
    async fn follow(
        &self,
        exec: &str,
        stream: &mut ExecStream,
        output: &mut Output,
        timeout: Duration,
        gone: impl Future<Output = ()>,
    ) -> Answer<Ending> {
        let clock = self.inner.clock;
        let mut gone = std::pin::pin!(gone);
        let (mut pause, mut open) = (LOOKS.0, true);
        let (mut look, mut deadline, mut has_started) = (clock.now() + pause, clock.now() + START, false);
        loop {
            tokio::select! {
                biased;
                () = &mut gone => return Ok(Ending::Cancelled),
                () = clock.sleep_until(look.min(deadline)) => {
                    let state = match self.engine().exec_inspect(exec).await {
                        Ok(state) => state,
                        Err(EngineError::Unreachable(why)) => return Err(Unreachable(why)),
                        Err(error) => return Ok(Ending::Gone(error.to_string())),
                    };
                    if !state.running && state.exit_code.is_some() {
                        return Ok(Ending::Exited(state));
                    }
                    let now = clock.now();
                    if !has_started && state.pid != 0 {
                        (has_started, deadline) = (true, now + timeout);
                    }
                    if now >= deadline {
                        return Ok(if has_started { Ending::TimedOut } else { Ending::NeverStarted });
                    }
                    pause = (pause * 2).min(LOOKS.1);
                    look = now + pause;
                }
                piece = stream.next(), if open => match piece {
                    Ok(Some(bytes)) => output.feed(&bytes),
                    // It has ended, as a rule; the engine says so a moment later.
                    Ok(None) => (open, look, pause) = (false, Tick(0), LOOKS.0),
                    Err(error) => return Err(Unreachable(error.to_string())),
                },
            }
        }
    }

    async fn last_words(&self, stream: &mut ExecStream, output: &mut Output) {
        let end = self.inner.clock.now() + LAST_WORDS;
        loop {
            tokio::select! {
                biased;
                () = self.inner.clock.sleep_until(end) => return,
                piece = stream.next() => match piece {
                    Ok(Some(bytes)) => output.feed(&bytes),
                    Ok(None) | Err(_) => return,
                },
            }
        }
    }

    /// Why something of a command is still there after it was killed, if something is.
    async fn unkilled(
        &self,
        container: &str,
        exec: &str,
        ending: &Ending,
        left: &Left,
    ) -> Answer<Option<String>> {
        let (Ending::TimedOut | Ending::NeverStarted | Ending::Cancelled) = ending else { return Ok(None) };
        // The engine sees the end of what was killed a moment later.
        let end = self.inner.clock.now() + Duration::from_secs(1);
        loop {
            match self.engine().exec_inspect(exec).await {
                Ok(state) if state.running && state.pid != 0 => {}
                Err(EngineError::Unreachable(why)) => return Err(Unreachable(why)),
                Ok(_) | Err(EngineError::Refused { .. } | EngineError::Garbled(_)) => return Ok(None),
            }
            if self.inner.clock.now() >= end {
                lock(&self.inner.stuck).insert(container.into(), exec.into());
                return Ok(Some(left.why()));
            }
            self.inner.clock.sleep(LOOKS.0).await;
        }
    }

    fn verdict(
        &self,
        started: Tick,
        timeout: Duration,
        ending: Ending,
        output: &str,
        unkilled: Option<String>,
    ) -> (Outcome, CheckResult) {
        let failed = |failure, code, output| self.told(started, Outcome::Fail(failure), code, output);
        let unkilled = unkilled.map_or_else(String::new, |why| format!(" and could not be killed, {why}"));
        match ending {
            Ending::Exited(state) => self.exited(started, &state, output.to_owned()),
            Ending::TimedOut => {
                let sentence = format!("Health check exceeded timeout ({timeout:?}){unkilled}");
                let output = if output.is_empty() { sentence } else { format!("{sentence}: {output}") };
                failed(Failure::CommandTimeout, -1, output)
            }
            Ending::NeverStarted => {
                let sentence = format!("The engine has not started the command within {START:?}{unkilled}");
                self.told(started, Outcome::Inconclusive(Cause::Internal), -1, sentence)
            }
            Ending::Cancelled => {
                let outcome = Outcome::Inconclusive(Cause::Internal);
                self.told(started, outcome, -1, "The check was stopped".to_owned())
            }
            Ending::Gone(why) => self.told(started, Outcome::Inconclusive(Cause::Internal), -1, why),
        }
    }

    fn exited(&self, started: Tick, state: &ExecState, output: String) -> (Outcome, CheckResult) {
        let code = state.exit_code.unwrap_or_default();
        // A command that was never a process: the engine tells why on its output.
        if code != 0 && (state.pid == 0 || output.starts_with(NOT_STARTED)) {
            return self.told(started, Outcome::Fail(Failure::CommandNotStarted), -1, output);
        }
        let (outcome, code) = by_exit_code(code);
        self.told(started, outcome, code, output)
    }

    /// What could not be found out: the container does not run, or the engine has troubles of its own.
    fn inconclusive(&self, started: Tick, error: EngineError) -> Answer<(Outcome, CheckResult)> {
        match error {
            EngineError::Unreachable(why) => Err(Unreachable(why)),
            error @ (EngineError::Refused { .. } | EngineError::Garbled(_)) => {
                let outcome = Outcome::Inconclusive(Cause::Internal);
                Ok(self.told(started, outcome, -1, error.to_string()))
            }
        }
    }

    pub(super) fn told(
        &self,
        started: Tick,
        outcome: Outcome,
        exit_code: i32,
        output: String,
    ) -> (Outcome, CheckResult) {
        let ended = self.inner.clock.now();
        (outcome, CheckResult { started, ended, exit_code, output: output.into() })
    }
}

/// Zero is a pass, anything else a failure.
pub(super) fn by_exit_code(code: i64) -> (Outcome, i32) {
    let outcome = match code {
        0 => Outcome::Pass,
        code => Outcome::Fail(Failure::CommandExit(u8::try_from(code).unwrap_or(u8::MAX))),
    };
    (outcome, i32::try_from(code).unwrap_or(i32::MAX))
}
