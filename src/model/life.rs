//! What of a target's life survives a restart.

use std::time::Duration;

use crate::model::failure::Failure;
use crate::model::health::State;
use crate::model::tick::Tick;

/// What of a target's life survives a restart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Life {
    /// The state shown last, whatever lay over the verdict.
    pub state: State,
    /// When that state was entered.
    pub since: Tick,
    /// What conclusive checks led to: [`State::Initial`], [`State::Healthy`] or [`State::Unhealthy`].
    pub conclusive_state: State,
    /// Whether the equal verdicts in a row are failures.
    pub failing: bool,
    /// How many there are in a row.
    pub run: u32,
    /// The latest failure, where it is known.
    pub failure: Option<Failure>,
    /// When the drain ends, of a deregistered target.
    pub drain_ends: Option<Tick>,
    /// A moment on the target's grid, and the interval of that grid.
    pub grid: Option<(Tick, Duration)>,
}
