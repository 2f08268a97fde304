//! What a reader may know of one target.

use crate::engine::machine::Streak;
use crate::model::health::{State, TargetHealth};
use crate::model::tick::Tick;

/// What a reader may know of one target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Status {
    /// State, reason and failure.
    pub health: TargetHealth,
    /// When the state was entered.
    pub since: Tick,
    /// Equal verdicts in a row.
    pub streak: Streak,
    /// The last state a conclusive check led to.
    pub conclusive_state: State,
    /// When the check that waits is due; `None` while one is running, or none will be.
    pub next_check: Option<Tick>,
    /// While a check is running: when the one after it is due, if it ends before.
    pub check_after: Option<Tick>,
    /// When the drain ends.
    pub drain_ends: Option<Tick>,
}
