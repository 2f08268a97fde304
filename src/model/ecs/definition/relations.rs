//! What containers of a task definition mean to each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::ecs::definition::notes::{Notes, Scope, quote};
use crate::model::ecs::definition::values::Object;
use crate::model::ecs::definition::{Condition, ContainerDefinition, Mount, ports};

/// Checks names, dependencies and ports.
pub(super) fn check(containers: &[ContainerDefinition], notes: &mut Notes) {
    let mut names = BTreeSet::new();
    for (index, container) in
        containers.iter().enumerate().filter(|(_, container)| !container.name.is_empty())
    {
        if !names.insert(&container.name) {
            notes.problem(
                &Scope::in_container(Some(&container.name), index).field("name"),
                "must be its own, and is that of another container",
            );
        }
    }
    if !containers.is_empty() && !containers.iter().any(|container| container.essential) {
        notes.sentence("Task definition does not have any essential container.");
    }
    for (index, container) in containers.iter().enumerate() {
        dependencies(container, index, containers, notes);
    }
    cycle(containers, notes);
    ports::clashes(containers.iter().map(|container| (&*container.name, &*container.ports)), notes);
}

fn dependencies(
    container: &ContainerDefinition,
    index: usize,
    containers: &[ContainerDefinition],
    notes: &mut Notes,
) {
    let scope = Scope::in_container(Some(&container.name), index);
    let scope = scope.field("dependsOn");
    for dependency in &container.depends_on {
        let word = dependency.condition.as_str();
        let name = quote(&dependency.container);
        let Some(other) = containers.iter().find(|other| other.name == dependency.container) else {
            notes.problem(&scope, format_args!("must name containers of the task, and names {name}"));
            continue;
        };
        match dependency.condition {
            Condition::Start => {}
            Condition::Complete | Condition::Success => {
                if other.essential {
                    notes.problem(
                        &scope,
                        format_args!("must not wait for {word} of container {name}, which is essential"),
                    );
                }
            }
            Condition::Healthy => {
                if other.check.is_none() {
                    notes.problem(
                        &scope,
                        format_args!(
                            "must not wait for {word} of container {name}, which has no health check"
                        ),
                    );
                }
            }
        }
    }
}

/// Records the containers that wait for themselves in the end.
fn cycle(containers: &[ContainerDefinition], notes: &mut Notes) {
    let mut left: BTreeMap<&str, &ContainerDefinition> =
        containers.iter().map(|container| (&*container.name, container)).collect();
    loop {
        let waits = |container: &ContainerDefinition| {
            container.depends_on.iter().any(|dependency| left.contains_key(&*dependency.container))
        };
        let free: Vec<&str> =
            left.iter().filter(|(_, container)| !waits(container)).map(|(name, _)| *name).collect();
        if free.is_empty() {
            break;
        }
        left.retain(|name, _| !free.contains(name));
    }
    if !left.is_empty() {
        let names: Vec<String> = left.keys().map(|name| quote(name)).collect();
        notes.sentence(format!("Containers must not wait for each other in a circle: {}.", names.join(", ")));
    }
}

/// Gives containers the volumes of those that `volumesFrom` names.
pub(super) fn share_volumes(read: &mut [ContainerDefinition], objects: &[Object<'_>], notes: &mut Notes) {
    let own: Vec<Vec<Mount>> = read.iter().map(|container| container.mounts.clone()).collect();
    let names: Vec<Box<str>> = read.iter().map(|container| container.name.clone()).collect();
    for (index, (container, object)) in read.iter_mut().zip(objects).enumerate() {
        let scope = object.scope.field("volumesFrom");
        for (at, map) in object.things("volumesFrom") {
            let thing = Object { map, scope: scope.item(at) };
            let Some(source) = thing.text("sourceContainer") else { continue };
            let Some(from) = names.iter().position(|name| **name == *source).filter(|from| *from != index)
            else {
                notes.problem(
                    &thing.scope.field("sourceContainer"),
                    format_args!("must be another container of the task, and is {}", quote(source)),
                );
                continue;
            };
            let read_only = thing.truth("readOnly").unwrap_or(false);
            let shared = own[from]
                .iter()
                .map(|mount| Mount { read_only: mount.read_only || read_only, ..mount.clone() });
            container.mounts.extend(shared);
        }
    }
}
