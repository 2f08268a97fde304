//! Which load balancer a group is made for, and so which of AWS's rules it follows.

use std::ops::RangeInclusive;

use crate::model::matcher::{HIGHEST, LOWEST};
use crate::model::protocol::{Protocol, ProtocolVersion, TargetType};
use crate::model::target_group::TargetGroup;

/// Which load balancer a group is made for, and so which of AWS's rules it follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// An Application Load Balancer: HTTP and HTTPS groups.
    Application,
    /// An Application Load Balancer in front of a Lambda function.
    Lambda,
    /// A Network Load Balancer: TCP, TLS, UDP, TCP_UDP, QUIC and TCP_QUIC groups, load balancers as targets included.
    Network,
    /// A Gateway Load Balancer: GENEVE groups.
    Gateway,
}

impl Family {
    /// The family of a group of this target type and protocol; only Lambda functions have no protocol.
    #[must_use]
    pub fn of(target_type: TargetType, protocol: Option<Protocol>) -> Self {
        match (target_type, protocol) {
            (TargetType::Lambda, _) | (_, None) => Self::Lambda,
            (_, Some(Protocol::Http | Protocol::Https)) => Self::Application,
            (_, Some(Protocol::Geneve)) => Self::Gateway,
            (_, Some(_)) => Self::Network,
        }
    }

    /// The family of a group.
    #[must_use]
    pub fn of_group(group: &TargetGroup) -> Self {
        Self::of(group.target_type, group.protocol)
    }

    /// The codes AWS lets a matcher of such a group name (docs/semantics.md, "Matcher"). A Gateway Load Balancer's is
    /// the whole of its range and nothing else.
    #[must_use]
    pub fn codes(self, version: Option<ProtocolVersion>) -> RangeInclusive<u16> {
        match self {
            Self::Application if version == Some(ProtocolVersion::Grpc) => 0..=99,
            Self::Application | Self::Lambda => LOWEST..=499,
            Self::Network => LOWEST..=HIGHEST,
            Self::Gateway => LOWEST..=399,
        }
    }

    /// Whether the timeout may be as long as the interval (docs/semantics.md, "Rules between fields").
    #[must_use]
    pub fn may_time_out_at_the_interval(self) -> bool {
        matches!(self, Self::Network | Self::Gateway)
    }
}
