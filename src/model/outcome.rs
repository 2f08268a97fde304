//! What became of one check.

use std::time::Duration;

use crate::model::failure::Failure;

/// The verdict of one check.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The target gave an answer the matcher accepts.
    Pass,
    /// The target did not.
    Fail(Failure),
    /// Our own trouble; says nothing about the target and moves no streak.
    Inconclusive(Cause),
}

/// Which trouble of our own kept a check from a verdict.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Cause {
    /// No file descriptor left in this process or on this machine.
    NoDescriptors,
    /// No local port left towards this address.
    NoLocalPort,
    /// No memory or buffer space left in the kernel.
    NoBuffers,
    /// A local rule, or a missing address family or route, forbids the connection.
    NotPermitted,
    /// The resolver failed, timed out or has not answered yet.
    Resolver,
    /// We ran late ourselves, so a missed deadline proves nothing.
    Overload,
    /// Anything else that went wrong on our side.
    Internal,
}

impl Cause {
    /// How many there are; [`Cause::kind`] is below this.
    pub const KINDS: usize = 7;

    /// Every cause, in the order of [`Cause::kind`].
    pub const ALL: [Self; Self::KINDS] = [
        Self::NoDescriptors,
        Self::NoLocalPort,
        Self::NoBuffers,
        Self::NotPermitted,
        Self::Resolver,
        Self::Overload,
        Self::Internal,
    ];

    /// Its place in [`Cause::ALL`].
    #[must_use]
    pub fn kind(self) -> usize {
        self as usize
    }

    /// Our word for it, the metric label `cause`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::NoDescriptors => "no_descriptors",
            Self::NoLocalPort => "no_local_port",
            Self::NoBuffers => "no_buffers",
            Self::NotPermitted => "not_permitted",
            Self::Resolver => "resolver",
            Self::Overload => "overload",
            Self::Internal => "internal",
        }
    }
}

/// How long each phase of a check took. A phase that was not reached, or does not apply, is `None`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Timings {
    /// From the start to a standing connection.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From the request being sent to a complete response head.
    pub response: Option<Duration>,
    /// The whole attempt, whatever became of it.
    pub total: Duration,
}

/// One check, told in full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Report {
    /// The verdict.
    pub outcome: Outcome,
    /// The code held against the matcher, of HTTP or of gRPC; `None` where the check did not come to that.
    pub status: Option<u16>,
    /// Where the time went.
    pub timings: Timings,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_own_place_and_label() {
        for (index, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause.kind(), index);
        }
        let labels: std::collections::BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.label()).collect();
        assert_eq!(labels.len(), Cause::KINDS);
    }
}
