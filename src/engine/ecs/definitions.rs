//! Revisions of task definitions.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::ecs::refusal::Refusal;
use crate::engine::ecs::{Ecs, Tags};
use crate::model::ecs::definition::{Blueprint, DefinitionId, TaskDefinition};
use crate::model::tick::Tick;

/// Revisions of all families together: each may be as large as a request, and all are in memory.
const REVISIONS: usize = 5_000;

impl Ecs {
    /// Registers the next revision of a family. Where there are too many, the oldest one that is `INACTIVE` and that
    /// nothing uses is forgotten.
    ///
    /// # Errors
    /// If there are too many.
    pub fn register_definition(
        &mut self,
        blueprint: Blueprint,
        tags: Tags,
        now: Tick,
    ) -> Result<Arc<TaskDefinition>, Refusal> {
        let family = blueprint.family.clone();
        let full = || Refusal::LimitExceeded(format!("There are at most {REVISIONS} task definitions."));
        if self.state.definitions.len() >= REVISIONS {
            let forgotten = self.forgettable().ok_or_else(full)?;
            self.state.definitions.remove(&forgotten);
        }
        let revision = self.highest(&family).checked_add(1).ok_or_else(full)?;
        let id = DefinitionId { family, revision };
        let definition =
            TaskDefinition { id: id.clone(), registered: now, deregistered: None, blueprint, tags };
        let definition = Arc::new(definition);
        self.state.definitions.insert(id, Arc::clone(&definition));
        Ok(definition)
    }

    /// Makes a revision `INACTIVE`. Tasks and services that use it go on.
    ///
    /// # Errors
    /// If there is no such revision.
    pub fn deregister_definition(
        &mut self,
        id: &DefinitionId,
        now: Tick,
    ) -> Result<Arc<TaskDefinition>, Refusal> {
        let missing = || Refusal::Client("Unable to describe task definition.".to_owned());
        let definition = self.state.definitions.get_mut(id).ok_or_else(missing)?;
        if definition.deregistered.is_none() {
            Arc::make_mut(definition).deregistered = Some(now);
        }
        Ok(Arc::clone(definition))
    }

    /// The highest revision of a family there ever was; 0 before the first.
    fn highest(&self, family: &str) -> u32 {
        let revision = |revision| DefinitionId { family: family.into(), revision };
        let mut all = self.state.definitions.range(revision(0)..=revision(u32::MAX));
        all.next_back().map_or(0, |(id, _)| id.revision)
    }

    /// The oldest revision that nobody can miss. The highest of a family is kept, so that no number comes again.
    fn forgettable(&self) -> Option<DefinitionId> {
        let mut used: BTreeSet<&DefinitionId> =
            self.state.tasks.values().map(|task| &task.definition).collect();
        for service in self.state.services.values() {
            used.insert(&service.spec.definition);
            used.extend(&service.last_completed);
            used.extend(&service.given_up);
            used.extend(service.deployments.iter().map(|deployment| &deployment.definition));
        }
        let idle = self.state.definitions.values().filter(|definition| {
            let id = &definition.id;
            definition.deregistered.is_some() && !used.contains(id) && id.revision < self.highest(&id.family)
        });
        idle.min_by_key(|definition| definition.deregistered).map(|definition| definition.id.clone())
    }
}
