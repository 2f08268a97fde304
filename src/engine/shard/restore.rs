//! Lives that go on after a restart (docs/semantics.md, "After a restart").

use std::sync::Arc;

use crate::engine::machine::{Machine, Settings};
use crate::engine::shard::target::{Target, Tie};
use crate::engine::shard::{Access, Event, Key, Shard};
use crate::model::life::Life;
use crate::model::tick::{Tick, millis};

impl Shard {
    /// Takes up the life of a target from before a restart: it waits for its place on the grid, the one it had if the
    /// interval is the same, and a drain goes on. Staleness is counted from `now`.
    ///
    /// A life without any verdict begins anew unless it is draining. `hash` is as in [`Shard::register`].
    pub fn restore(
        &mut self,
        key: Key,
        settings: Arc<Settings>,
        hash: u64,
        access: Access,
        life: &Life,
        now: Tick,
    ) {
        let slot = self.slot(key);
        let (machine, change) = Machine::restore(life, access == Access::Nowhere, &settings, now);
        let anew = !machine.has_concluded() && !machine.is_draining();
        if anew || self.targets[slot].is_some() {
            return self.register(key, settings, hash, access, now);
        }
        let interval = settings.interval;
        let course = self.courses.join(settings);
        self.events.extend(change.map(|change| Event::Changed(key, change)));
        let mut target = Target::new(machine, key.generation, course, Tie::of(hash), access);
        let kept = life.grid.filter(|(_, of)| *of == interval);
        self.begin(&mut target, key.index, kept.map(|(moment, _)| moment.0 % millis(interval)), now);
        if let Some(end) = life.drain_ends {
            self.deadlines.set(key.index, Some(end));
        }
        self.targets[slot] = Some(target);
    }
}
