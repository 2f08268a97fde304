//! The engine's own checks, listened to instead of ours: for engines on which a command of ours cannot be killed.

use std::time::Duration;

use jiff::Timestamp;

use super::check::{by_exit_code, lock};
use super::{Answer, Docker, unreachable};
use crate::docker::HealthEntry;
use crate::engine::ecs::action::Probe;
use crate::model::ecs::health::CheckResult;
use crate::model::failure::Failure;
use crate::model::outcome::{Cause, Outcome};
use crate::model::tick::Tick;

/// From one look to the next.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How much later than it should the engine may tell of a check.
const LATE: Duration = Duration::from_secs(30);

impl Docker {
    /// Waits for the next result of the engine's own check, which was given the same times.
    pub(super) async fn hear(
        &self,
        probe: &Probe,
        gone: impl Future<Output = ()> + Send,
    ) -> Answer<(Outcome, CheckResult)> {
        let clock = self.inner.clock;
        let started = clock.now();
        let end = started + probe.check.interval + probe.check.timeout + LATE;
        let nothing =
            |why: &str| self.told(started, Outcome::Inconclusive(Cause::Internal), -1, why.to_owned());
        let mut gone = std::pin::pin!(gone);
        loop {
            let inspected = self.engine().inspect(&probe.runtime_id).await.map_err(unreachable)?;
            // The engine calls every container unhealthy that has been stopped, so only one that runs is listened to.
            let Some(state) = inspected.map(|inspected| inspected.state).filter(|state| state.running) else {
                return Ok(nothing("The container does not run"));
            };
            let log = state.health.map(|health| health.log).unwrap_or_default();
            if let Some(entry) = self.untold(probe, &log) {
                return Ok(result(entry, started));
            }
            if clock.now() >= end {
                return Ok(nothing("The engine has not told of a check of its own in time"));
            }
            tokio::select! {
                () = &mut gone => return Ok(nothing("The check was stopped")),
                () = clock.sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// The result to be told of next; it has been told of then.
    fn untold<'a>(&self, probe: &Probe, log: &'a [HealthEntry]) -> Option<&'a HealthEntry> {
        let mut told = lock(&self.inner.told);
        let entry = next(log, told.get(&probe.runtime_id).map(|end| &**end))?;
        told.insert(probe.runtime_id.clone(), entry.end.clone());
        Some(entry)
    }
}

/// The result that follows the one that ended at `told`; the latest where none was told of, or that one is forgotten.
fn next<'a>(log: &'a [HealthEntry], told: Option<&str>) -> Option<&'a HealthEntry> {
    let Some(told) = told else { return log.last() };
    match log.iter().position(|entry| &*entry.end == told) {
        Some(place) => log.get(place + 1),
        None => log.last(),
    }
}

fn result(entry: &HealthEntry, fallback: Tick) -> (Outcome, CheckResult) {
    let tick = |text: &str| {
        let at = text.parse::<Timestamp>().ok();
        at.and_then(|at| u64::try_from(at.as_millisecond()).ok()).map_or(fallback, Tick)
    };
    let (outcome, exit_code) = match entry.exit_code {
        // The engine's own word for either; its sentence tells them apart.
        -1 if entry.output.starts_with("Health check exceeded timeout") => {
            (Outcome::Fail(Failure::CommandTimeout), -1)
        }
        -1 => (Outcome::Fail(Failure::CommandNotStarted), -1),
        code => by_exit_code(i64::from(code)),
    };
    let (started, ended) = (tick(&entry.start), tick(&entry.end));
    (outcome, CheckResult { started, ended, exit_code, output: entry.output.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(end: &str, exit_code: i32, output: &str) -> HealthEntry {
        HealthEntry { start: end.into(), end: end.into(), exit_code, output: output.into() }
    }

    #[test]
    fn each_result_is_told_once() {
        let log = [entry("1", 0, ""), entry("2", 0, ""), entry("3", 0, "")];
        let ends = |told: Option<&str>| next(&log, told).map(|entry| &*entry.end);
        assert_eq!(ends(None), Some("3"));
        assert_eq!(ends(Some("1")), Some("2"));
        assert_eq!(ends(Some("3")), None);
        assert_eq!(ends(Some("0")), Some("3"));
        assert!(next(&[], None).is_none());
    }

    #[test]
    fn a_result_says_what_the_engine_says() {
        let at = "2026-11-21T22:56:58.468936148Z";
        for (code, output, expected) in [
            (0, "", Outcome::Pass),
            (7, "no", Outcome::Fail(Failure::CommandExit(7))),
            (-1, "Health check exceeded timeout (1s)", Outcome::Fail(Failure::CommandTimeout)),
            (-1, "OCI runtime exec failed: a", Outcome::Fail(Failure::CommandNotStarted)),
        ] {
            let (outcome, told) = result(&entry(at, code, output), Tick(0));
            assert_eq!((outcome, told.exit_code, &*told.output), (expected, code, output));
            assert_eq!(told.ended, Tick(1_795_301_818_468));
        }
    }
}
