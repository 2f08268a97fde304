//! What is done about containers that somebody else started (docs/ecs.md, "Watching containers").
//!
//! ```text
//!   watched ──unhealthy──► draining ──drained──► restarting ──done──► watched
//!      ▲                      │                                          │
//!      └──────healthy─────────┘        waits, and gives up after too many in too short a time
//! ```
//!
//! Nothing is done while the engine cannot be reached: what is told is what was last heard.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::engine::ecs::verdict::Verdict;
use crate::model::ecs::check::ContainerCheck;
use crate::model::ecs::health::{CheckResult, HealthStatus};
use crate::model::ecs::task::Connectivity;
use crate::model::ecs::watch::{DockerWatch, OnUnhealthy};
use crate::model::ecs::watched::{WatchStep, Watched, WatchedContainer};
use crate::model::outcome::Outcome;
use crate::model::tick::Tick;

/// A container as the engine tells of it.
#[derive(Clone, Debug, Default)]
pub struct Sighting {
    /// Its name.
    pub name: Box<str>,
    /// What the engine calls it.
    pub id: Box<str>,
    /// The engine's word for where it is in its life.
    pub status: Box<str>,
    /// Whether it runs.
    pub running: bool,
    /// When it was started, where that is known.
    pub started_at: Option<Tick>,
    /// What the engine's own check says.
    pub health: HealthStatus,
    /// The latest result of that.
    pub result: Option<CheckResult>,
    /// Where it is reached, where that is known.
    pub target: Option<(Box<str>, u16)>,
}

/// What is to be done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Act {
    /// Run the watch's check in a container. Answered by [`Watch::checked`].
    Check {
        /// The container's name.
        name: Box<str>,
        /// What the engine calls it.
        id: Box<str>,
    },
    /// Stop a container and start it again. Answered by [`Watch::acted`].
    Restart {
        /// The container's name.
        name: Box<str>,
        /// What the engine calls it.
        id: Box<str>,
    },
    /// Put another one like it in its place. Answered by [`Watch::acted`].
    Replace {
        /// The container's name.
        name: Box<str>,
        /// What the engine calls it.
        id: Box<str>,
    },
}

/// What is remembered of a container and told to nobody.
#[derive(Debug, Default)]
struct Memory {
    /// What the watch's own check has said since the container started.
    verdict: Option<Verdict>,
    started_at: Option<Tick>,
    running: bool,
    /// When the next check is due; `None` while one is under way.
    check_at: Option<Tick>,
    restarts: VecDeque<Tick>,
}

/// One watch.
#[derive(Debug)]
pub struct Watch {
    rules: DockerWatch,
    told: Watched,
    memories: BTreeMap<Box<str>, Memory>,
}

impl Watch {
    /// Nothing is known yet, so its engine counts as one that cannot be reached.
    #[must_use]
    pub fn new(rules: DockerWatch) -> Self {
        let told = Watched {
            name: rules.name.clone(),
            target_group: rules.target_group.clone(),
            connectivity: Connectivity::Disconnected,
            trouble: "the engine has not answered yet".into(),
            ..Watched::default()
        };
        Self { rules, told, memories: BTreeMap::new() }
    }

    /// All that is known.
    #[must_use]
    pub fn told(&self) -> &Watched {
        &self.told
    }

    /// The engine cannot be reached. Everything stays as it was last heard.
    pub fn lost(&mut self, why: &str) {
        self.told.connectivity = Connectivity::Disconnected;
        self.told.trouble = why.into();
    }

    /// Every container there is that is to be watched.
    pub fn found(&mut self, sightings: Vec<Sighting>, now: Tick) {
        self.told.connectivity = Connectivity::Connected;
        self.told.trouble = Box::default();
        let names: Vec<_> = sightings.iter().map(|sighting| sighting.name.clone()).collect();
        // One that is being replaced is not there for a moment.
        self.told.containers.retain(|name, one| names.contains(name) || one.step == WatchStep::Restarting);
        self.memories.retain(|name, _| self.told.containers.contains_key(name) || names.contains(name));
        for sighting in sightings {
            self.sight(sighting, now);
        }
    }

    fn sight(&mut self, sighting: Sighting, now: Tick) {
        let known = self.told.containers.contains_key(&sighting.name);
        let one = self.told.containers.entry(sighting.name.clone()).or_default();
        let memory = self.memories.entry(sighting.name).or_default();
        let anew = one.id != sighting.id || memory.started_at != sighting.started_at;
        if !known {
            one.health_since = now;
        }
        (one.id, one.status) = (sighting.id, sighting.status);
        (memory.started_at, memory.running) = (sighting.started_at, sighting.running);
        if sighting.target.is_some() || anew {
            one.target = sighting.target;
        }
        if !sighting.running {
            // Engines call whatever they have stopped unhealthy.
            (memory.verdict, memory.check_at) = (None, None);
            become_health(one, HealthStatus::Unknown, now);
        } else if let Some(check) = &self.rules.health_check {
            if anew || memory.verdict.is_none() {
                memory.verdict = Some(Verdict::new(check, sighting.started_at.unwrap_or(now)));
                memory.check_at = Some(now + check.interval);
                become_health(one, HealthStatus::Unknown, now);
            }
        } else {
            one.result = sighting.result;
            become_health(one, sighting.health, now);
        }
        one.registered = self.rules.target_group.is_some()
            && one.target.is_some()
            && sighting.running
            && one.step == WatchStep::Watched;
    }

    /// What the watch's own check has said of a container. It says nothing of another one of this name, nor of what the
    /// container is since it was started again.
    pub fn checked(&mut self, name: &str, id: &str, outcome: Outcome, result: CheckResult, now: Tick) {
        let Some(check) = &self.rules.health_check else { return };
        let (Some(one), Some(memory)) = (self.told.containers.get_mut(name), self.memories.get_mut(name))
        else {
            return;
        };
        let same = *one.id == *id && memory.started_at.is_none_or(|at| at <= result.started);
        let Some(verdict) = memory.verdict.as_mut().filter(|_| same) else { return };
        verdict.take(outcome, result.started, now);
        memory.check_at = Some(now + check.interval);
        become_health(one, verdict.health(), now);
        if !matches!(outcome, Outcome::Inconclusive(_)) {
            one.result = Some(result);
        }
    }

    /// The targets that are to be seen to be gone, by the names of their containers.
    pub fn draining(&self) -> impl Iterator<Item = (&str, &(Box<str>, u16))> {
        let containers = self.told.containers.iter();
        let draining = containers.filter(|(_, one)| one.step == WatchStep::Draining);
        draining.filter_map(|(name, one)| Some((&**name, one.target.as_ref()?)))
    }

    /// The targets that are to be registered.
    #[must_use]
    pub fn wished(&self) -> Vec<(Box<str>, u16)> {
        let registered = self.told.containers.values().filter(|one| one.registered);
        let mut wished: Vec<_> = registered.filter_map(|one| one.target.clone()).collect();
        wished.sort();
        wished.dedup();
        wished
    }

    /// What has become of a restart or a replacement.
    pub fn acted(&mut self, name: &str, done: Result<(), String>, now: Tick) {
        let (Some(one), Some(memory)) = (self.told.containers.get_mut(name), self.memories.get_mut(name))
        else {
            return;
        };
        memory.restarts.push_back(now);
        one.step = WatchStep::Watched;
        one.restarts = u32::try_from(memory.restarts.len()).unwrap_or(u32::MAX);
        one.not_before = Some(now + wait(&self.rules, one.restarts));
        // Whatever was said of it was said of what it was before.
        become_health(one, HealthStatus::Unknown, now);
        memory.verdict = None;
        match done {
            Ok(()) => {
                one.trouble = Box::default();
                self.told.restarts += 1;
            }
            Err(why) => one.trouble = why.into(),
        }
    }

    /// What is to be done at `now`. `gone` says whether a target that was registered until the call before is
    /// gone, or somebody else's.
    pub fn take(&mut self, now: Tick, gone: impl Fn(&(Box<str>, u16)) -> bool) -> Vec<Act> {
        if self.told.connectivity == Connectivity::Disconnected {
            return Vec::new();
        }
        let mut acts = Vec::new();
        for (name, one) in &mut self.told.containers {
            let Some(memory) = self.memories.get_mut(name) else { continue };
            look_back(&self.rules, one, memory, now);
            if memory.check_at.is_some_and(|at| at <= now) && one.step != WatchStep::Restarting {
                memory.check_at = None;
                acts.push(Act::Check { name: name.clone(), id: one.id.clone() });
            }
            let drained = one.step == WatchStep::Draining;
            match one.step {
                WatchStep::Watched if is_to_be_restarted(&self.rules, one, now) => {
                    one.step = WatchStep::Draining;
                    one.registered = false;
                }
                // It has recovered by itself.
                WatchStep::Draining if one.health != HealthStatus::Unhealthy => {
                    one.step = WatchStep::Watched;
                    one.registered =
                        memory.running && self.rules.target_group.is_some() && one.target.is_some();
                    continue;
                }
                WatchStep::Watched | WatchStep::Draining | WatchStep::Restarting => {}
            }
            let drains = self.rules.drain && self.rules.target_group.is_some();
            // Whether it has drained can be seen once it was told to.
            let free = !drains || (drained && one.target.as_ref().is_none_or(&gone));
            if one.step == WatchStep::Draining && free {
                one.step = WatchStep::Restarting;
                acts.extend(act(self.rules.on_unhealthy, name, &one.id));
            }
        }
        acts
    }

    /// When there is something to do though nothing has happened.
    #[must_use]
    pub fn next(&self) -> Option<Tick> {
        if self.told.connectivity == Connectivity::Disconnected {
            return None;
        }
        let checks = self.memories.values().filter_map(|memory| memory.check_at);
        let containers = self.told.containers.iter();
        let unhealthy = containers
            .filter(|(_, one)| one.health == HealthStatus::Unhealthy && one.step == WatchStep::Watched);
        let later = unhealthy.filter_map(|(name, one)| {
            let oldest = self.memories.get(name).and_then(|memory| memory.restarts.front());
            if one.gave_up { oldest.map(|oldest| *oldest + self.rules.within) } else { one.not_before }
        });
        checks.chain(later).min()
    }

    /// What is run inside containers, if anything is.
    #[must_use]
    pub fn check(&self) -> Option<&ContainerCheck> {
        self.rules.health_check.as_ref()
    }
}

fn act(on_unhealthy: OnUnhealthy, name: &str, id: &str) -> Option<Act> {
    let (name, id) = (name.into(), id.into());
    match on_unhealthy {
        OnUnhealthy::None => None,
        OnUnhealthy::Restart => Some(Act::Restart { name, id }),
        OnUnhealthy::Replace => Some(Act::Replace { name, id }),
    }
}

fn become_health(one: &mut WatchedContainer, health: HealthStatus, now: Tick) {
    if one.health != health {
        (one.health, one.health_since) = (health, now);
    }
}

/// Forgets what was longer ago than is looked back on, and says whether there were too many restarts since.
fn look_back(rules: &DockerWatch, one: &mut WatchedContainer, memory: &mut Memory, now: Tick) {
    while memory.restarts.front().is_some_and(|at| *at + rules.within <= now) {
        memory.restarts.pop_front();
    }
    one.restarts = u32::try_from(memory.restarts.len()).unwrap_or(u32::MAX);
    one.not_before = one.not_before.filter(|at| *at > now);
    one.gave_up = one.restarts >= rules.max_restarts && one.health == HealthStatus::Unhealthy;
}

fn is_to_be_restarted(rules: &DockerWatch, one: &WatchedContainer, now: Tick) -> bool {
    rules.on_unhealthy != OnUnhealthy::None
        && one.health == HealthStatus::Unhealthy
        && !one.gave_up
        && one.not_before.is_none_or(|at| at <= now)
}

/// The wait after the `count`th restart: it doubles with each, up to the longest.
fn wait(rules: &DockerWatch, count: u32) -> Duration {
    let doubled = 2_u32.checked_pow(count.saturating_sub(1));
    let wait = doubled.and_then(|times| rules.first_wait.checked_mul(times));
    wait.map_or(rules.longest_wait, |wait| wait.min(rules.longest_wait))
}

#[cfg(test)]
mod tests;
