//! One step of what the APIs may change, small enough to be undone.

use std::sync::Arc;

use crate::model::target::TargetDescription;
use crate::model::target_group::{GroupName, TargetGroup};
use crate::model::tick::Tick;

/// One step. A call makes one or several, all or none of which take effect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// Makes a group, or gives it new settings, attributes and tags.
    PutGroup(Arc<TargetGroup>),
    /// Removes a group with all its registrations; it leaves at once, without draining.
    DeleteGroup(GroupName),
    /// Registers a target, or gives it another zone.
    Register(GroupName, Arc<TargetDescription>),
    /// Ends a registration.
    Deregister {
        /// The target's group.
        group: GroupName,
        /// Its id.
        id: Box<str>,
        /// Its port.
        port: u16,
        /// When its drain ends; `None` where it stays, because the file lists it too.
        drain_ends: Option<Tick>,
    },
}
