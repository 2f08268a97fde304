//! What a process finds that begins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, Result, Row};

use crate::model::attribute::in_force;
use crate::model::description::{Description, Origin};
use crate::model::health::State;
use crate::model::health_check::{HealthCheck, HealthCheckPort, HealthCheckProtocol};
use crate::model::life::Life;
use crate::model::matcher::{HIGHEST, Matcher};
use crate::model::protocol::{IpAddressType, Protocol, ProtocolVersion, TargetType};
use crate::model::target::{More, TargetDescription};
use crate::model::target_group::{Attributes, GroupName, TargetGroup};
use crate::model::tick::Tick;
use crate::store::examine::read_only;
use crate::store::rows::{all, duration, failure, moment, name, optional_word, tick, word};
use crate::store::{Store, StoreError};

/// What survived.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Kept {
    /// The groups made through the API, by name, each with what is in force.
    pub groups: Vec<Arc<TargetGroup>>,
    /// The targets registered through an API, by group, id and port. Some belong to groups of the file, or to groups that
    /// it named once.
    pub registrations: Vec<(GroupName, Arc<TargetDescription>)>,
    /// How every target fared: those registered, from the file too, and those still draining.
    pub lives: Vec<(GroupName, Arc<TargetDescription>, Life)>,
}

impl Store {
    /// Reads what survived; drains that are over by `now` have not.
    ///
    /// # Errors
    /// What in it cannot be understood, or why it cannot be read.
    pub fn load(&self, now: Tick) -> std::result::Result<Kept, StoreError> {
        let load = |connection: &Connection| -> Result<Kept> {
            Ok(Kept {
                groups: groups(connection)?,
                registrations: all(connection, "registrations", registration)?,
                lives: lives(connection, now)?,
            })
        };
        let kept = match &self.connection {
            Some(connection) => load(connection),
            None => read_only(&self.path).and_then(|connection| load(&connection)),
        };
        kept.map_err(|error| StoreError::sqlite(&self.path, &error))
    }
}

fn groups(connection: &Connection) -> Result<Vec<Arc<TargetGroup>>> {
    let mut attributes = pairs(connection, "attributes")?;
    let mut tags = pairs(connection, "tags")?;
    let groups = all(connection, "target_groups", group)?;
    let complete = |(mut group, mut description): (TargetGroup, Description)| {
        description.attributes = attributes.remove(&group.name).unwrap_or_default();
        description.tags = tags.remove(&group.name).unwrap_or_default();
        group.description = Arc::new(description);
        in_force(&mut group);
        Arc::new(group)
    };
    Ok(groups.into_iter().map(complete).collect())
}

type Pairs = BTreeMap<GroupName, BTreeMap<Box<str>, Box<str>>>;

fn pairs(connection: &Connection, table: &str) -> Result<Pairs> {
    let mut pairs = Pairs::new();
    for (group, key, value) in
        all(connection, table, |row| Ok((name(row, "group_name")?, row.get("key")?, row.get("value")?)))?
    {
        pairs.entry(group).or_default().insert(key, value);
    }
    Ok(pairs)
}

fn group(row: &Row<'_>) -> Result<(TargetGroup, Description)> {
    let check = HealthCheck {
        enabled: row.get("health_check_enabled")?,
        protocol: word(row, "health_check_protocol", |text| {
            HealthCheckProtocol::ALL.into_iter().find(|protocol| protocol.as_str() == text)
        })?,
        port: word(row, "health_check_port", |text| match text {
            "traffic-port" => Some(HealthCheckPort::TrafficPort),
            number => number.parse().ok().map(HealthCheckPort::Number),
        })?,
        path: row.get("health_check_path")?,
        interval: duration(row, "health_check_interval")?,
        timeout: duration(row, "health_check_timeout")?,
        healthy_threshold: row.get("healthy_threshold")?,
        unhealthy_threshold: row.get("unhealthy_threshold")?,
        initial_healthy_threshold: row.get("initial_healthy_threshold")?,
        // Codes of gRPC begin at 0.
        matcher: word(row, "matcher", |text| Matcher::parse_within(text, &(0..=HIGHEST)).ok())?,
        stale_after: duration(row, "stale_after")?,
        ..HealthCheck::default()
    };
    let description = Description {
        origin: Origin::Api,
        created: moment(row, "created_at")?,
        arn: row.get("arn")?,
        region: row.get("region")?,
        vpc_id: row.get("vpc_id")?,
        ip_address_type: optional_word(row, "ip_address_type", IpAddressType::parse)?,
        target_control_port: row.get("target_control_port")?,
        health_check: check,
        ..Description::default()
    };
    let group = TargetGroup {
        name: name(row, "name")?,
        target_type: word(row, "target_type", TargetType::parse)?,
        protocol: optional_word(row, "protocol", Protocol::parse)?,
        protocol_version: optional_word(row, "protocol_version", ProtocolVersion::parse)?,
        port: row.get("port")?,
        health_check: HealthCheck::default(),
        attributes: Attributes::default(),
        description: Arc::default(),
    };
    Ok((group, description))
}

fn registration(row: &Row<'_>) -> Result<(GroupName, Arc<TargetDescription>)> {
    let (zone, quic_server_id) = (row.get("zone")?, row.get("quic_server_id")?);
    let target = target(row)?.with(More { zone, quic_server_id, ..More::default() });
    Ok((name(row, "group_name")?, Arc::new(target)))
}

fn target(row: &Row<'_>) -> Result<TargetDescription> {
    let target = TargetDescription { id: row.get("target_id")?, port: row.get("port")?, more: None };
    Ok(target.in_zone(row.get("zone")?))
}

/// The lives that go on. A registration beats a drain: who comes back starts anew.
fn lives(connection: &Connection, now: Tick) -> Result<Vec<(GroupName, Arc<TargetDescription>, Life)>> {
    let table = format!(
        "target_states WHERE drain_ends IS NULL OR drain_ends > {} AND NOT EXISTS (
            SELECT 1 FROM registrations AS r
            WHERE r.group_name = target_states.group_name AND r.target_id = target_states.target_id
                AND r.port = target_states.port
        )",
        tick(now)
    );
    all(connection, &table, |row| Ok((name(row, "group_name")?, Arc::new(target(row)?), life(row, now)?)))
}

/// A life that began in the future was written before the machine's clock was set back: it begins now, and its drain takes
/// as long as it was to take.
fn life(row: &Row<'_>, now: Tick) -> Result<Life> {
    let since = moment(row, "since")?;
    let ahead = since.since(now);
    let grid_at: Option<u64> = row.get("grid_at")?;
    let grid_interval: Option<u64> = row.get("grid_interval")?;
    let drain_ends: Option<u64> = row.get("drain_ends")?;
    Ok(Life {
        state: word(row, "state", State::parse)?,
        since: since - ahead,
        conclusive_state: word(row, "conclusive_state", State::parse)?,
        failing: row.get("failing")?,
        run: row.get("run")?,
        failure: failure(row)?,
        drain_ends: drain_ends.map(|end| Tick(end) - ahead),
        grid: grid_at.zip(grid_interval).map(|(at, interval)| (Tick(at), Duration::from_millis(interval))),
    })
}
