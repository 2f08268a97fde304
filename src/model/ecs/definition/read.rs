//! From the JSON that `aws ecs register-task-definition --cli-input-json` takes to a task definition that cannot be
//! wrong.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::model::ecs::definition::container::{self, Around};
use crate::model::ecs::definition::fields;
use crate::model::ecs::definition::notes::{Notes, Problems, Scope, one_of, quote};
use crate::model::ecs::definition::values::{self, Object};
use crate::model::ecs::definition::{Blueprint, NetworkMode, relations, shape, told};
use crate::model::tag;

/// Containers of a task definition, at most; AWS's quota.
const CONTAINERS: usize = 10;

/// A task definition that was read, and what is to be said about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// What its tasks are.
    pub blueprint: Blueprint,
    /// The tags it is to have, which no task definition tells of itself.
    pub tags: BTreeMap<Box<str>, Box<str>>,
    /// What is kept and ignored, or may surprise: a sentence each, without a period.
    pub warnings: Vec<Box<str>>,
}

impl Blueprint {
    /// Reads a task definition as the ECS API takes it (docs/ecs.md, "Task definitions"). What `DescribeTaskDefinition`
    /// tells is taken, too, and so is [`Blueprint::told`], which reads as what it is part of.
    ///
    /// Paths of files of this host may be relative; see [`Blueprint::relative_path`] and [`Blueprint::settle`].
    ///
    /// # Errors
    /// Everything that is wrong with it, not only the first thing.
    pub fn read(json: &Value) -> Result<Reading, Problems> {
        let mut notes = Notes::default();
        let Some(given) = json.as_object() else {
            notes.sentence("A task definition must be an object.");
            return finish(notes, Self::default(), BTreeMap::new());
        };
        // What `describe-task-definition` prints has it one level below, beside its tags.
        let inner = given.get("taskDefinition").and_then(Value::as_object);
        let (given, beside) = inner.map_or((given, None), |inner| (inner, Some(given)));
        let mut told = shape::copy(given, &fields::DEFINITION, &Scope::TOP, &mut notes);
        if let Some(beside) = beside {
            let rest = beside.iter().filter(|(name, _)| *name != "taskDefinition");
            let rest: Map<String, Value> = rest.map(|(name, value)| (name.clone(), value.clone())).collect();
            told.extend(shape::copy(&rest, &fields::BESIDE, &Scope::TOP, &mut notes));
        }
        let tags = tags(&Object { map: &told, scope: Scope::TOP }, &mut notes);
        told.remove("tags");
        let mut blueprint = meaning(&mut told, &mut notes);
        told::fill(&mut told, blueprint.network_mode);
        blueprint.told = told;
        finish(notes, blueprint, tags)
    }
}

impl Blueprint {
    /// What is kept and ignored, or may surprise: a sentence each, without a period.
    #[must_use]
    pub fn warnings(&self) -> Vec<Box<str>> {
        Self::read(&Value::Object(self.told.clone())).map(|reading| reading.warnings).unwrap_or_default()
    }
}

fn finish(
    notes: Notes,
    blueprint: Blueprint,
    tags: BTreeMap<Box<str>, Box<str>>,
) -> Result<Reading, Problems> {
    notes.finish().map(|warnings| Reading { blueprint, tags, warnings })
}

/// What the definition means. Sizes come to be told in units of CPU and MiB.
fn meaning(told: &mut Map<String, Value>, notes: &mut Notes) -> Blueprint {
    size(told, "cpu", "vCPU", "units of CPU such as '256', or vCPUs such as '1 vCPU'", notes);
    let memory = size(told, "memory", "GB", "MiB such as '512', or GB such as '0.5 GB'", notes);
    let top = Object { map: told, scope: Scope::TOP };
    let network_mode = top.word("networkMode", &NetworkMode::ALL, NetworkMode::as_str, notes);
    let network_mode = network_mode.unwrap_or_default();
    let volumes = volumes(&top, notes);
    let around = Around { network_mode, volumes: &volumes, memory };
    let objects: Vec<Object<'_>> = top
        .things("containerDefinitions")
        .map(|(index, map)| {
            let name = map.get("name").and_then(Value::as_str);
            Object { map, scope: Scope::in_container(name, index) }
        })
        .collect();
    let count = objects.len();
    if top.map.contains_key("containerDefinitions") && !(1..=CONTAINERS).contains(&count) {
        notes.problem(
            &Scope::TOP.field("containerDefinitions"),
            format_args!("must have 1 to {CONTAINERS} containers, and has {count}"),
        );
    }
    let mut containers: Vec<_> =
        objects.iter().take(CONTAINERS).map(|object| container::read(object, &around, notes)).collect();
    relations::share_volumes(&mut containers, &objects, notes);
    relations::check(&containers, notes);
    compatibilities(&top, network_mode, notes);
    Blueprint {
        family: top.name("family", notes).unwrap_or_default().into(),
        containers,
        network_mode,
        volumes,
        memory,
        told: Map::new(),
    }
}

fn size(
    told: &mut Map<String, Value>,
    name: &str,
    unit: &str,
    allowed: &str,
    notes: &mut Notes,
) -> Option<u32> {
    let given = told.get(name)?;
    let given = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
    let size = values::size(&given, unit);
    match size {
        Some(size) => _ = told.insert(name.to_owned(), json!(size.to_string())),
        None => notes
            .problem(&Scope::TOP.field(name), format_args!("must be {allowed}, and is {}", quote(&given))),
    }
    size
}

fn volumes(top: &Object<'_>, notes: &mut Notes) -> BTreeMap<Box<str>, Option<Box<str>>> {
    let scope = top.scope.field("volumes");
    let mut volumes = BTreeMap::new();
    for (index, map) in top.things("volumes") {
        let thing = Object { map, scope: scope.item(index) };
        let host = map.get("host").and_then(Value::as_object);
        let host_scope = thing.scope.field("host");
        let host = host.and_then(|map| Object { map, scope: host_scope }.filled("sourcePath", notes));
        let Some(name) = thing.name("name", notes) else { continue };
        if volumes.insert(Box::from(name), host.map(Box::from)).is_some() {
            notes.problem(&thing.scope.field("name"), format_args!("is {} a second time", quote(name)));
        }
    }
    volumes
}

fn tags(top: &Object<'_>, notes: &mut Notes) -> BTreeMap<Box<str>, Box<str>> {
    let scope = top.scope.field("tags");
    let mut tags = BTreeMap::new();
    if top.things("tags").count() > tag::MOST {
        notes.problem(&scope, format_args!("must be at most {} tags", tag::MOST));
    }
    for (index, map) in top.things("tags").take(tag::MOST) {
        let thing = Object { map, scope: scope.item(index) };
        let (Some(key), value) = (thing.text("key"), thing.text("value").unwrap_or_default()) else {
            continue;
        };
        let fits = (1..=tag::KEY).contains(&key.chars().count());
        if !fits || tag::is_reserved(key) || !tag::is_plain(key) {
            notes.problem(
                &thing.scope.field("key"),
                "must be 1 to 128 letters, digits, spaces and characters of _.:/=+-@, and not begin with aws:",
            );
        }
        if value.chars().count() > tag::VALUE || !tag::is_plain(value) {
            notes.problem(
                &thing.scope.field("value"),
                "must be at most 256 letters, digits, spaces and characters of _.:/=+-@",
            );
        }
        if tags.insert(key.into(), value.into()).is_some() {
            notes.problem(&thing.scope.field("key"), format_args!("is {} a second time", quote(key)));
        }
    }
    tags
}

/// Says what AWS would refuse of a definition that is to run where it says.
fn compatibilities(top: &Object<'_>, mode: NetworkMode, notes: &mut Notes) {
    const ALL: [&str; 4] = ["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"];
    let scope = top.scope.field("requiresCompatibilities");
    let wanted = top.texts("requiresCompatibilities");
    for word in wanted.iter().filter(|word| !ALL.contains(&&***word)) {
        notes.problem(&scope, format_args!("must be of {}, and has {}", one_of(&ALL), quote(word)));
    }
    if !wanted.iter().any(|word| **word == *"FARGATE") {
        return;
    }
    if mode != NetworkMode::Awsvpc {
        notes.warning(&scope, "has FARGATE, for which AWS wants networkMode awsvpc");
    }
    if !["cpu", "memory"].iter().all(|name| top.map.contains_key(*name)) {
        notes.warning(&scope, "has FARGATE, for which AWS wants cpu and memory of the task");
    }
}
