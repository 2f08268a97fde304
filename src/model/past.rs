//! One transition of one target, as history tells it.

use crate::model::health::{State, TargetHealth};
use crate::model::tick::Tick;

/// One transition of one target, as history tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Past {
    /// Its place in the history; later ones have greater numbers.
    pub number: u64,
    /// When it happened.
    pub at: Tick,
    /// The target's id.
    pub id: Box<str>,
    /// The target's port.
    pub port: u16,
    /// The state left.
    pub from: State,
    /// The state entered, with its reason and the failure behind it.
    pub to: TargetHealth,
}

/// Which transitions are asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ask {
    /// The group, by the name it is shown with.
    pub group: Box<str>,
    /// One target's only.
    pub target: Option<(Box<str>, u16)>,
    /// Only those with a smaller number.
    pub before: Option<u64>,
    /// No more than this many, the latest ones.
    pub limit: usize,
}

/// Where transitions of long ago can be read.
pub trait History: Send + Sync {
    /// The transitions asked for, the latest first. May wait for a disk.
    ///
    /// # Errors
    /// Why they cannot be read now.
    fn transitions(&self, ask: &Ask) -> Result<Vec<Past>, String>;
}
