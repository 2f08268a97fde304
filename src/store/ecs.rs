//! Clusters, task definitions, services and tasks.
//!
//! What one looks for with the stock shell stands in columns; everything stands in a document of JSON, which is what is
//! read again. A task definition is kept as it is told, and read as whoever registered it had it read.

use std::sync::Arc;

use rusqlite::{Connection, Result, Row, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::ecs::definition::{Blueprint, DefinitionId, TaskDefinition};
use crate::model::ecs::service::{Service, ServiceKey};
use crate::model::ecs::state::{Cluster, Difference, State};
use crate::model::ecs::task::Task;
use crate::model::tick::Tick;
use crate::store::examine::read_only;
use crate::store::rows::{all, moment, strange, tick};
use crate::store::{Store, StoreError};

/// What survived of services and tasks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EcsKept {
    /// 16 digits of base 16, the same for as long as the store lives; no other store has them.
    pub instance: Box<str>,
    /// Everything there was.
    pub state: State,
}

impl Store {
    /// Keeps what differs, all or none of it. With `durable` it is on the disk when this is over; without, it survives the
    /// process, though perhaps not a power cut.
    ///
    /// # Errors
    /// Why none of it is kept.
    pub fn keep_ecs(
        &mut self,
        difference: &Difference,
        durable: bool,
    ) -> std::result::Result<(), StoreError> {
        self.attempt(|connection| {
            connection.pragma_update(None, "synchronous", if durable { "FULL" } else { "NORMAL" })?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            write(&transaction, difference)?;
            transaction.commit()
        })
    }

    /// Reads what survived of services and tasks.
    ///
    /// # Errors
    /// What in it cannot be understood, or why it cannot be read.
    pub fn load_ecs(&self) -> std::result::Result<EcsKept, StoreError> {
        let kept = match &self.connection {
            Some(connection) => load(connection),
            None => read_only(&self.path).and_then(|connection| load(&connection)),
        };
        kept.map_err(|error| StoreError::sqlite(&self.path, &error))
    }
}

fn write(transaction: &Transaction<'_>, difference: &Difference) -> Result<()> {
    let Difference { clusters, definitions, services, tasks } = difference;
    for (name, cluster) in clusters {
        match cluster {
            Some(cluster) => transaction.execute(
                "INSERT OR REPLACE INTO clusters (name, inactive, document) VALUES (?1, ?2, ?3)",
                params![name, cluster.inactive, text(&**cluster)?],
            )?,
            None => transaction.execute("DELETE FROM clusters WHERE name = ?1", [name])?,
        };
    }
    for (id, definition) in definitions {
        match definition {
            Some(definition) => put_definition(transaction, definition)?,
            None => transaction.execute(
                "DELETE FROM task_definitions WHERE family = ?1 AND revision = ?2",
                params![id.family, id.revision],
            )?,
        };
    }
    for (ServiceKey { cluster, name }, service) in services {
        match service {
            Some(service) => transaction.execute(
                "INSERT OR REPLACE INTO services (cluster, name, status, document) VALUES (?1, ?2, ?3, ?4)",
                params![cluster, name, service.status.as_str(), text(&**service)?],
            )?,
            None => transaction
                .execute("DELETE FROM services WHERE cluster = ?1 AND name = ?2", [cluster, name])?,
        };
    }
    for (id, task) in tasks {
        match task {
            Some(task) => put_task(transaction, task)?,
            None => transaction.execute("DELETE FROM tasks WHERE id = ?1", [id])?,
        };
    }
    Ok(())
}

fn put_definition(transaction: &Transaction<'_>, definition: &TaskDefinition) -> Result<usize> {
    transaction.execute(
        "INSERT OR REPLACE INTO task_definitions
            (family, revision, registered_at, deregistered_at, definition, tags)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            definition.id.family,
            definition.id.revision,
            tick(definition.registered),
            definition.deregistered.map(tick),
            text(&definition.blueprint.told)?,
            text(&definition.tags)?,
        ],
    )
}

fn put_task(transaction: &Transaction<'_>, task: &Task) -> Result<usize> {
    transaction.execute(
        "INSERT OR REPLACE INTO tasks
            (id, cluster, task_group, last_status, desired_status, health_status, document)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            task.id,
            task.cluster,
            task.group,
            task.last_status.as_str(),
            task.desired_status.as_str(),
            task.health.as_str(),
            text(task)?,
        ],
    )
}

fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn load(connection: &Connection) -> Result<EcsKept> {
    let instance = connection.query_row("SELECT id FROM instance", [], |row| row.get(0))?;
    let clusters: Vec<Cluster> = all(connection, "clusters", document)?;
    let definitions = all(connection, "task_definitions", definition)?;
    let services: Vec<Service> = all(connection, "services", document)?;
    let tasks: Vec<Task> = all(connection, "tasks", document)?;
    let state = State {
        clusters: clusters.into_iter().map(|one| (one.name.clone(), Arc::new(one))).collect(),
        definitions: definitions.into_iter().map(|one| (one.id.clone(), Arc::new(one))).collect(),
        services: services.into_iter().map(|one| (one.spec.key.clone(), Arc::new(one))).collect(),
        tasks: tasks.into_iter().map(|one| (one.id.clone(), Arc::new(one))).collect(),
        ..State::default()
    };
    Ok(EcsKept { instance, state })
}

fn document<T: DeserializeOwned>(row: &Row<'_>) -> Result<T> {
    json(row, "document")
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T> {
    let text: Box<str> = row.get(column)?;
    // The text may be long; where in it the trouble is, is told.
    serde_json::from_str(&text).map_err(|error| strange(column, format!("wrong: {error}")))
}

fn definition(row: &Row<'_>) -> Result<TaskDefinition> {
    let id = DefinitionId { family: row.get("family")?, revision: row.get("revision")? };
    let deregistered: Option<u64> = row.get("deregistered_at")?;
    Ok(TaskDefinition {
        registered: moment(row, "registered_at")?,
        deregistered: deregistered.map(Tick),
        blueprint: Blueprint::read(&json(row, "definition")?)
            .map_err(|problems| strange("definition", format!("wrong: {problems}")))?
            .blueprint,
        tags: json(row, "tags")?,
        id,
    })
}
