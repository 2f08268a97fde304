//! A source's complete wish: which groups and targets should exist.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::target::TargetDescription;
use crate::model::target_group::TargetGroup;

/// The complete set of one source. What is not in it should not be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Desired {
    /// Groups with unique names.
    pub groups: Vec<DesiredGroup>,
    /// Addresses or host names by the ids of instances and load balancers that may be registered.
    pub instances: BTreeMap<Box<str>, Box<str>>,
}

/// One wanted group with its wanted targets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DesiredGroup {
    /// The group's settings.
    pub group: Arc<TargetGroup>,
    /// Its targets; no two with the same id and port.
    pub targets: Vec<Arc<TargetDescription>>,
}
