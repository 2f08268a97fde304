//! The gate's decision: a fold of what the server tells and the time into a verdict. Pure.
//!
//! Only targets in scope matter: those named, or all. A draining one is ignored. Every other one either counts towards
//! the goal or blocks it; two sets keep them apart, so that a verdict costs the same for ten targets and for 100,000.
//!
//! What is not known does not hold: while the connection is lost no goal is reached, and `stable_for` starts again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::cli::gate::goal::{Aim, Goal, Name};
use crate::cli::wire::{Key, Target, Targets};
use crate::model::health::State;

pub mod blocker;
pub mod goal;
#[cfg(test)]
mod tests;

pub use crate::cli::gate::blocker::Blocker;

/// What the server told, or that it cannot be heard.
#[derive(Clone, Debug)]
pub enum Event {
    /// The complete list.
    Sync(Targets),
    /// A target's new record.
    Target(Box<Target>),
    /// A target left the list.
    Gone(Key),
    /// The group does not exist any more.
    GroupGone,
    /// The connection was lost; the next thing told is a [`Event::Sync`].
    Lost,
}

/// What follows from everything told so far.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The goal holds, and has held for as long as asked.
    Reached,
    /// The goal may still be reached.
    Waiting(Progress),
    /// The goal can no longer be reached, for this reason.
    Hopeless(String),
}

/// How near the goal is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Progress {
    /// Targets that count towards the goal.
    pub counting: usize,
    /// Targets that must count; at least 1, for [`Aim::Gone`] the number that was there at the start.
    pub needed: usize,
    /// The goal holds, and must do so until then, on the caller's steady clock.
    pub holds_until: Option<Duration>,
}

/// One name of `--targets`.
#[derive(Debug)]
struct Named {
    name: Name,
    /// Registrations in the list that match.
    listed: usize,
    /// Those of them that are not draining.
    live: usize,
    seen: bool,
}

/// The gate.
#[derive(Debug)]
pub struct Gate {
    goal: Goal,
    named: Vec<Named>,
    /// The server's clock at the first complete list: checks that started later are fresh.
    baseline: Option<Timestamp>,
    /// The targets in scope at the first complete list, for [`Aim::Gone`].
    first: BTreeSet<Key>,
    listed: BTreeMap<Key, Target>,
    counting: BTreeSet<Key>,
    blocking: BTreeSet<Key>,
    connected: bool,
    group_gone: bool,
    hopeless: Option<String>,
    held_since: Option<Duration>,
}

impl Gate {
    /// A gate that has been told nothing yet.
    #[must_use]
    pub fn new(mut goal: Goal) -> Self {
        goal.targets.sort();
        goal.targets.dedup();
        let named = goal.targets.iter().cloned();
        let named = named.map(|name| Named { name, listed: 0, live: 0, seen: false }).collect();
        Self {
            goal,
            named,
            baseline: None,
            first: BTreeSet::new(),
            listed: BTreeMap::new(),
            counting: BTreeSet::new(),
            blocking: BTreeSet::new(),
            connected: false,
            group_gone: false,
            hopeless: None,
            held_since: None,
        }
    }

    /// What it waits for.
    #[must_use]
    pub fn aim(&self) -> Aim {
        self.goal.aim
    }

    /// Takes what was told at `now`, a moment on the caller's steady clock.
    pub fn on(&mut self, event: Event, now: Duration) {
        match event {
            Event::Sync(list) => self.on_sync(list),
            // Without a complete list first there is nothing a change could apply to.
            Event::Target(_) | Event::Gone(_) if !self.connected => {}
            Event::Target(target) if target.not_registered() => self.remove(&target.key()),
            Event::Target(target) => self.put(*target),
            Event::Gone(key) => self.remove(&key),
            Event::GroupGone => {
                self.group_gone = true;
                if self.goal.aim != Aim::Gone {
                    self.give_up("the target group is gone".to_owned());
                }
            }
            Event::Lost => self.connected = false,
        }
        self.notice_gone();
        if self.holds() {
            self.held_since.get_or_insert(now);
        } else {
            self.held_since = None;
        }
    }

    /// What follows at `now`.
    #[must_use]
    pub fn verdict(&self, now: Duration) -> Verdict {
        if let Some(reason) = &self.hopeless {
            return Verdict::Hopeless(reason.clone());
        }
        // Nothing more is told about a group that is gone, so there is nothing to watch for stability.
        let stable_for = if self.group_gone { Duration::ZERO } else { self.goal.stable_for };
        let holds_until = self.held_since.map(|since| since.saturating_add(stable_for));
        if holds_until.is_some_and(|until| until <= now) {
            return Verdict::Reached;
        }
        Verdict::Waiting(Progress { holds_until, ..self.progress() })
    }

    /// How near the goal is, whatever the verdict.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let (counting, needed) = match self.goal.aim {
            Aim::Healthy | Aim::Unhealthy => (self.counting.len(), self.needed()),
            Aim::Gone => {
                let total = if self.named.is_empty() { self.first.len() } else { self.named.len() };
                let here = if self.named.is_empty() {
                    self.blocking.len()
                } else {
                    self.named.iter().filter(|named| named.listed > 0).count()
                };
                (total.saturating_sub(if self.group_gone { 0 } else { here }), total)
            }
        };
        Progress { counting, needed, holds_until: None }
    }

    /// Whether the complete list has been told, since the start or since the connection was lost.
    #[must_use]
    pub fn connected(&self) -> bool {
        self.connected
    }

    /// Whether a complete list has ever been told.
    #[must_use]
    pub fn started(&self) -> bool {
        self.baseline.is_some()
    }

    fn on_sync(&mut self, list: Targets) {
        let begins = self.baseline.is_none();
        self.baseline.get_or_insert(list.time);
        self.connected = true;
        self.group_gone = false;
        self.listed.clear();
        self.counting.clear();
        self.blocking.clear();
        for named in &mut self.named {
            (named.listed, named.live) = (0, 0);
        }
        for target in list.targets.into_iter().filter(|target| !target.not_registered()) {
            if begins && self.in_scope(&target.key()) {
                self.first.insert(target.key());
            }
            self.put(target);
        }
    }

    fn put(&mut self, target: Target) {
        let key = target.key();
        self.remove(&key);
        let live = target.state != State::Draining;
        for named in self.named.iter_mut().filter(|named| named.name.matches(&key)) {
            named.listed += 1;
            named.live += usize::from(live);
            named.seen = true;
        }
        let relevant = match self.goal.aim {
            Aim::Healthy | Aim::Unhealthy => live && self.in_scope(&key),
            Aim::Gone if self.named.is_empty() => self.first.contains(&key),
            Aim::Gone => self.in_scope(&key),
        };
        if relevant {
            let set = if self.counts(&target) { &mut self.counting } else { &mut self.blocking };
            set.insert(key.clone());
        }
        self.listed.insert(key, target);
    }

    fn remove(&mut self, key: &Key) {
        let Some(target) = self.listed.remove(key) else { return };
        for named in self.named.iter_mut().filter(|named| named.name.matches(key)) {
            named.listed = named.listed.saturating_sub(1);
            named.live = named.live.saturating_sub(usize::from(target.state != State::Draining));
        }
        self.counting.remove(key);
        self.blocking.remove(key);
    }

    /// A named target that was there and is not any more will not become healthy by waiting.
    fn notice_gone(&mut self) {
        if self.goal.aim == Aim::Gone || !self.connected {
            return;
        }
        if let Some(named) = self.named.iter().find(|named| named.seen && named.listed == 0) {
            self.give_up(format!("target {} is gone", named.name));
        }
    }

    fn give_up(&mut self, reason: String) {
        self.hopeless.get_or_insert(reason);
    }

    fn in_scope(&self, key: &Key) -> bool {
        self.named.is_empty() || self.named.iter().any(|named| named.name.matches(key))
    }

    fn fresh(&self, target: &Target) -> bool {
        self.goal.accept_current
            || matches!((target.last_conclusive_check, self.baseline), (Some(check), Some(start)) if check > start)
    }

    /// Whether `target`, in scope and not draining, counts towards the goal.
    fn counts(&self, target: &Target) -> bool {
        // A healthy target whose latest check failed has not passed since the gate began, whatever its threshold says.
        let (state, streak) = match self.goal.aim {
            Aim::Healthy => (target.state == State::Healthy, target.passes_in_a_row),
            Aim::Unhealthy => {
                let unhealthy = matches!(target.state, State::Unhealthy | State::UnhealthyDraining);
                (unhealthy, target.failures_in_a_row)
            }
            Aim::Gone => return false,
        };
        state && self.fresh(target) && (self.goal.accept_current || streak > 0)
    }

    fn needed(&self) -> usize {
        let registered = self.counting.len() + self.blocking.len();
        match self.goal.minimum {
            Some(minimum) => minimum.of(registered),
            None => (registered + self.named.iter().filter(|named| named.live == 0).count()).max(1),
        }
    }

    fn holds(&self) -> bool {
        match self.goal.aim {
            Aim::Gone if self.group_gone => true,
            Aim::Gone => self.connected && self.blocking.is_empty(),
            Aim::Healthy | Aim::Unhealthy => {
                let all_named = self.named.iter().all(|named| named.live > 0);
                self.connected && !self.group_gone && all_named && self.counting.len() >= self.needed()
            }
        }
    }
}
