//! What services have their tasks do.

use crate::engine::ecs::Ecs;
use crate::model::tick::Tick;

impl Ecs {
    /// Starts and stops tasks so that every service comes nearer to what is wished of it.
    #[expect(clippy::needless_pass_by_ref_mut, reason = "services change with it")]
    pub(super) fn schedule(&mut self, now: Tick) {
        _ = (now, &self.state.services, Self::launch, Self::random, Self::deployment_id);
    }

    /// When [`Ecs::schedule`] has something to do next, if nothing happens before.
    pub(super) fn next_schedule(&self) -> Option<Tick> {
        None
    }
}
