//! What a shard's loop tells: records to readers, happenings to who listens, numbers to who counts.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError::{Closed, Full};

use crate::engine::shard::{Event, Key};
use crate::model::health::State;
use crate::model::outcome::Report;
use crate::model::tick::Tick;
use crate::runtime::resolver::Resolution;
use crate::runtime::shard_loop::{Happening, Loop};

/// Who waits for changes hears of one at most this much later.
pub(super) const PUBLISH_EVERY: Duration = Duration::from_millis(50);

impl Loop {
    /// Takes in what the rules have decided this turn.
    pub(super) fn take_events(&mut self) {
        while let Some(event) = self.shard.poll_event() {
            match event {
                Event::Changed(key, transition) => {
                    let Some(local) = self.roster.get(key) else { continue };
                    let (name, target) = (local.group.group.name.clone(), Arc::clone(&local.target));
                    // Counted here: from here on it may be dropped.
                    local.group.stats.count(transition.from, transition.to.state);
                    self.refresh(key, None);
                    self.unsaid.push(Happening::Changed(name, target, transition));
                }
                Event::Removed(key) => {
                    let Some(local) = self.roster.remove(key, &mut self.admission) else { continue };
                    local.group.stats.count(State::Draining, State::Unused);
                    self.records.forget(key);
                    self.dirty = true;
                    let name = local.group.group.name.clone();
                    let now = self.shell.clock.now();
                    self.unsaid.push(Happening::Removed(name.clone(), local.target, key, now));
                }
            }
        }
    }

    pub(super) fn tell(&mut self, happening: Happening) {
        match self.shell.happenings.try_send((self.shell.number, happening)) {
            Ok(()) => (),
            // The registry must hear of it, so it waits for the next turn.
            Err(Full((_, happening @ Happening::Removed(..)))) => self.unsaid.push(happening),
            Err(Full((_, Happening::Lost))) => self.owe_lost(),
            Err(Full((_, Happening::Checked(..)))) => (),
            Err(Full((_, Happening::Changed(..)))) => {
                self.stats.events_dropped.add(1);
                self.owe_lost();
            }
            Err(Full((_, Happening::Skipping(..))) | Closed(_)) => self.stats.events_dropped.add(1),
        }
    }

    /// Whoever follows transitions must hear that some are missing, behind those that came before them: then what is
    /// read anew is later than all that was told. Many in a row are told as one.
    fn owe_lost(&mut self) {
        if !matches!(self.unsaid.last(), Some(Happening::Lost)) {
            self.unsaid.push(Happening::Lost);
        }
    }

    pub(super) fn publish(&mut self, now: Tick) {
        self.stats.in_flight.set(u64::try_from(self.admission.taken()).unwrap_or(u64::MAX));
        self.stats.waiting.set(u64::try_from(self.admission.waiting()).unwrap_or(u64::MAX));
        self.stats.skipped.set(self.shard.skipped());
        if let Some(turn) = self.episode.look(self.shard.skipped(), now) {
            self.tell(Happening::Skipping(turn, self.shard.offered_rate()));
        }
        // At once: the records that show it are written. Otherwise whoever sees a state and then asks for what follows
        // would be told of that state again.
        std::mem::take(&mut self.unsaid).into_iter().for_each(|happening| self.tell(happening));
        let something_new = self.dirty || !self.unsaid.is_empty();
        if something_new && self.published + PUBLISH_EVERY <= now {
            self.published = now;
            self.dirty = false;
            self.shell.view.bump();
        }
    }

    /// Brings a target's record up to date.
    pub(super) fn refresh(&mut self, key: Key, check: Option<(Tick, Report)>) {
        let Some(status) = self.shard.status(key) else { return };
        let Some(local) = self.roster.get(key) else { return };
        let address = match local.resolution {
            Resolution::Address(address) => Some(address),
            Resolution::Pending | Resolution::NotFound | Resolution::NoAddress | Resolution::Trouble => None,
        };
        let check = check.as_ref().map(|(started, report)| (*started, report));
        self.records.tell(key, &status, address, check);
        self.dirty = true;
    }
}
