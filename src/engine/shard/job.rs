//! What a shard and its shell hand each other.

use crate::engine::machine::Transition;
use crate::model::tick::Tick;

/// Names one registration of one target: a place in the shard's table, and how often that place was given out.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Key {
    /// The place in the table.
    pub index: u32,
    /// Tells registrations at the same place apart.
    pub generation: u32,
}

/// Whether there is an address at which a target can be checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// It is known.
    Known,
    /// It is being looked up; checks wait for [`Shard::release`](crate::engine::shard::Shard::release).
    Awaited,
    /// There is none: the target is never checked.
    Nowhere,
}

/// Permission to probe one target once.
///
/// Not `Clone`: the shell gives it back with the outcome, so no target is ever probed twice at the same time.
#[derive(Debug)]
#[must_use = "an unanswered job stops its target from ever being probed again"]
pub struct Job {
    /// The target to probe.
    pub key: Key,
    /// When the probe was due; `now - due` is how late we are.
    pub due: Tick,
}

/// Something readers must hear about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// A target entered another state.
    Changed(Key, Transition),
    /// A target's drain is over and the shard has forgotten it.
    Removed(Key),
}
