//! What was asked for through the APIs, written so that not even a power cut takes it back.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::model::change::Change;
use crate::model::health::State;
use crate::model::target::TargetDescription;
use crate::model::target_group::{GroupName, TargetGroup};
use crate::model::tick::Tick;
use crate::store::latest::Done;
use crate::store::rows::{self, integer};
use crate::store::{Store, StoreError};

impl Store {
    /// Writes changes, all or none of them. They are on the disk when this is over. `now` is before any of them is live.
    ///
    /// # Errors
    /// Why none of them is written.
    pub fn write(&mut self, changes: &[Change], now: Tick) -> Result<(), StoreError> {
        let done = self.attempt(|connection| {
            connection.pragma_update(None, "synchronous", "FULL")?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut done = Vec::new();
            for change in changes {
                make(&transaction, change, now, &mut done)?;
            }
            transaction.commit()?;
            Ok(done)
        })?;
        self.latest.take_in(done, now);
        Ok(())
    }
}

fn make(
    transaction: &Transaction<'_>,
    change: &Change,
    now: Tick,
    done: &mut Vec<Done>,
) -> rusqlite::Result<()> {
    match change {
        Change::PutGroup(group) => put_group(transaction, group),
        Change::DeleteGroup(name) => {
            done.push(Done::Deleted(name.clone()));
            for table in ["registrations", "target_states"] {
                transaction
                    .execute(&format!("DELETE FROM {table} WHERE group_name = ?1"), [name.as_str()])?;
            }
            transaction.execute("DELETE FROM target_groups WHERE name = ?1", [name.as_str()]).map(|_| ())
        }
        Change::Register(name, target) => {
            let whose = (name.clone(), target.id.clone(), target.port);
            done.push(Done::Registered(whose, register(transaction, name, target)?));
            Ok(())
        }
        Change::Deregister { group, id, port, drain_ends } => {
            let whose = (group.clone(), id.clone(), *port);
            let zone = end_registration(transaction, (group, id, *port))?;
            let Some(drain_ends) = *drain_ends else { return Ok(()) };
            done.push(Done::Deregistered(whose));
            begin_drain(transaction, (group, id, *port), zone, drain_ends, now)
        }
    }
}

fn put_group(connection: &Connection, group: &TargetGroup) -> rusqlite::Result<()> {
    let name = group.name.as_str();
    // Attributes and tags go with it.
    connection.execute("DELETE FROM target_groups WHERE name = ?1", [name])?;
    let description = &group.description;
    let check = &description.health_check;
    connection.execute(
        "INSERT INTO target_groups (
            name, arn, region, created_at, target_type, protocol, protocol_version, port, vpc_id, ip_address_type,
            target_control_port, health_check_enabled, health_check_protocol, health_check_port, health_check_path,
            health_check_interval, health_check_timeout, healthy_threshold, unhealthy_threshold,
            initial_healthy_threshold, matcher, stale_after
        ) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
        params![
            name,
            description.arn,
            description.region,
            rows::tick(description.created),
            group.target_type.as_str(),
            group.protocol.map(|protocol| protocol.as_str()),
            group.protocol_version.map(|version| version.as_str()),
            group.port,
            description.vpc_id,
            description.ip_address_type.map(|kind| kind.as_str()),
            description.target_control_port,
            check.enabled,
            check.protocol.as_str(),
            check.port.to_string(),
            check.path,
            rows::length(check.interval),
            rows::length(check.timeout),
            check.healthy_threshold.get(),
            check.unhealthy_threshold.get(),
            check.initial_healthy_threshold.get(),
            check.matcher.as_str(),
            rows::length(check.stale_after),
        ],
    )?;
    for (table, pairs) in [("attributes", &description.attributes), ("tags", &description.tags)] {
        let mut insert = connection
            .prepare(&format!("INSERT INTO {table} (group_name, key, value) VALUES (?1, ?2, ?3)"))?;
        for (key, value) in pairs {
            insert.execute(params![name, key, value])?;
        }
    }
    Ok(())
}

/// Says whether that ended a drain.
fn register(connection: &Connection, name: &GroupName, target: &TargetDescription) -> rusqlite::Result<bool> {
    let quic_server_id = target.more.as_ref().and_then(|more| more.quic_server_id.as_deref());
    connection.execute(
        "INSERT OR REPLACE INTO registrations (group_name, target_id, port, zone, quic_server_id)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![name.as_str(), target.id, target.port, target.zone(), quic_server_id],
    )?;
    // Who comes back from a drain starts anew.
    let ended = connection.execute(
        "DELETE FROM target_states
         WHERE group_name = ?1 AND target_id = ?2 AND port = ?3 AND drain_ends IS NOT NULL",
        params![name.as_str(), target.id, target.port],
    )?;
    Ok(ended > 0)
}

/// Gives the zone it had.
fn end_registration(
    connection: &Connection,
    (name, id, port): (&GroupName, &str, u16),
) -> rusqlite::Result<Option<Box<str>>> {
    let zone: Option<Option<Box<str>>> = rows::first(connection.query_row(
        "DELETE FROM registrations WHERE group_name = ?1 AND target_id = ?2 AND port = ?3 RETURNING zone",
        params![name.as_str(), id, port],
        |row| row.get(0),
    ))?;
    Ok(zone.flatten())
}

fn begin_drain(
    connection: &Connection,
    (name, id, port): (&GroupName, &str, u16),
    zone: Option<Box<str>>,
    drain_ends: Tick,
    now: Tick,
) -> rusqlite::Result<()> {
    connection
        .execute(
            "INSERT INTO target_states
                (group_name, target_id, port, zone, state, since, conclusive_state, failing, run, drain_ends)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, FALSE, 0, ?8)
             ON CONFLICT DO UPDATE SET
                state = excluded.state, since = excluded.since, drain_ends = excluded.drain_ends",
            params![
                name.as_str(),
                id,
                port,
                zone,
                State::Draining.as_str(),
                rows::tick(now),
                State::Initial.as_str(),
                integer(drain_ends.0),
            ],
        )
        .map(|_| ())
}
