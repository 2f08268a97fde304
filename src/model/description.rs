//! What the ELBv2 API tells of a target group and no check depends on.

use std::collections::BTreeMap;

use crate::model::health_check::HealthCheck;
use crate::model::protocol::IpAddressType;
use crate::model::tick::Tick;

/// Who made a group, and so who may change it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Origin {
    /// The configuration file or the command line.
    #[default]
    File,
    /// The ELBv2 API.
    Api,
}

/// What the API tells of a group beside what its checks follow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Description {
    /// Who made it.
    pub origin: Origin,
    /// When it was made through the API; zero for a group from the file.
    pub created: Tick,
    /// `TargetGroupArn` (docs/semantics.md, "ARNs").
    pub arn: Box<str>,
    /// The region it belongs to.
    pub region: Box<str>,
    /// `VpcId`.
    pub vpc_id: Option<Box<str>>,
    /// `IpAddressType`; absent for GENEVE groups.
    pub ip_address_type: Option<IpAddressType>,
    /// `TargetControlPort`, 1 to 65535; told, and of no effect.
    pub target_control_port: Option<u16>,
    /// The check as the parameters of CreateTargetGroup and ModifyTargetGroup describe it. Attributes with our own prefix
    /// lie over it in [`TargetGroup::health_check`](crate::model::target_group::TargetGroup::health_check).
    pub health_check: HealthCheck,
    /// The attributes that were set, by key, as they were typed.
    pub attributes: BTreeMap<Box<str>, Box<str>>,
    /// The tags, by key.
    pub tags: BTreeMap<Box<str>, Box<str>>,
}
