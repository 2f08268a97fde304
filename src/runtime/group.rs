//! What a shard keeps of a target group, and the judgement whether a missed deadline was ours.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::machine::Settings;
use crate::model::failure::Failure;
use crate::model::outcome::{Cause, Outcome};
use crate::model::target_group::TargetGroup;
use crate::probe::{self, Prober};
use crate::runtime::telemetry::GroupStats;

/// One group as the shard needs it, shared by its targets.
#[derive(Debug)]
pub struct Group {
    /// Its settings as they were given.
    pub group: Arc<TargetGroup>,
    /// The part the rules need.
    pub settings: Arc<Settings>,
    /// What checks its targets.
    pub prober: Prober,
    /// What is counted for it.
    pub stats: Arc<GroupStats>,
    /// Its share of the checks in flight.
    pub share: usize,
}

impl Group {
    /// Whether its checks ask something else than those of `old` did, so that streaks cannot be carried on.
    #[must_use]
    pub fn asks_anew(&self, old: &Self) -> bool {
        fn asks(group: &Group) -> impl PartialEq + '_ {
            let check = &group.group.health_check;
            let what = (check.protocol, group.group.protocol_version, check.port, &*check.path);
            let how = (check.host.as_deref(), &*check.headers, check.timeout, check.verify.as_ref());
            (what, how, &check.matcher, check.body_match.as_deref())
        }
        asks(old) != asks(self)
    }
}

/// A deadline proves nothing if this thread stood still for much of the time (docs/semantics.md, "Our own lateness").
/// `ours` is how long it did so, all in all, since the check began. That the deadline itself was noticed too late has
/// been judged before, by the probe.
#[must_use]
pub fn excuse(outcome: Outcome, timeout: Duration, ours: Duration) -> Outcome {
    let timed_out = matches!(
        outcome,
        Outcome::Fail(Failure::ConnectTimeout | Failure::TlsTimeout | Failure::ResponseTimeout)
    );
    if timed_out && ours > probe::tolerance(timeout) {
        return Outcome::Inconclusive(Cause::Overload);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::health_check::{HealthCheckPort, HealthCheckProtocol};
    use crate::model::protocol::{Protocol, ProtocolVersion};
    use crate::model::target_group::GroupName;

    fn group(change: impl FnOnce(&mut TargetGroup)) -> Group {
        let mut group = TargetGroup::new(GroupName::parse("web").unwrap(), Protocol::Http, 80);
        change(&mut group);
        Group {
            settings: Arc::new(Settings::from(&group)),
            prober: Prober::new(&group.health_check, group.protocol_version),
            stats: Arc::default(),
            share: 0,
            group: Arc::new(group),
        }
    }

    #[test]
    fn whatever_changes_the_question_is_asked_anew() {
        let old = group(|_| {});
        let changes: [fn(&mut TargetGroup); 8] = [
            |group| group.protocol_version = Some(ProtocolVersion::Http2),
            |group| group.health_check.protocol = HealthCheckProtocol::Https,
            |group| group.health_check.port = HealthCheckPort::Number(9),
            |group| group.health_check.path = "/up".to_owned(),
            |group| group.health_check.host = Some("app.test".into()),
            |group| group.health_check.headers = vec![("a".into(), "b".into())],
            |group| group.health_check.body_match = Some("up".into()),
            |group| group.health_check.timeout = Duration::from_secs(1),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            assert!(group(change).asks_anew(&old), "change {index}");
        }
        let other = group(|group| {
            group.health_check.interval = Duration::from_secs(1);
            group.attributes.in_use = false;
        });
        assert!(!other.asks_anew(&old));
    }

    #[track_caller]
    fn check(failure: Failure, timeout_millis: u64, ours_millis: u64, expected: Outcome) {
        let (timeout, ours) = (Duration::from_millis(timeout_millis), Duration::from_millis(ours_millis));
        assert_eq!(excuse(Outcome::Fail(failure), timeout, ours), expected);
    }

    #[test]
    fn a_deadline_missed_while_we_stood_still_is_ours() {
        let overload = Outcome::Inconclusive(Cause::Overload);
        for failure in [Failure::ConnectTimeout, Failure::TlsTimeout, Failure::ResponseTimeout] {
            check(failure, 1_000, 0, Outcome::Fail(failure));
            check(failure, 1_000, 100, Outcome::Fail(failure));
            check(failure, 1_000, 101, overload);
            check(failure, 120_000, 12_000, Outcome::Fail(failure));
            check(failure, 120_000, 12_001, overload);
            check(failure, 50, 20, Outcome::Fail(failure));
            check(failure, 50, 21, overload);
        }
    }

    #[test]
    fn a_failure_that_is_no_deadline_is_the_targets_however_late_we_are() {
        check(Failure::ConnectRefused, 5_000, 5_000, Outcome::Fail(Failure::ConnectRefused));
    }
}
