//! What was seen of targets: their states, and a bounded journal of what changed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Result, Row, Transaction, TransactionBehavior, params};

use crate::model::health::{Reason, State, TargetHealth};
use crate::model::life::Life;
use crate::model::past::{Ask, History, Past};
use crate::model::target::TargetDescription;
use crate::model::target_group::GroupName;
use crate::model::tick::Tick;
use crate::store::examine::follow;
use crate::store::rows::{self, failure, integer, moment, optional_word, word};
use crate::store::{FILE, Limits, Store, StoreError};

/// Transitions forgotten with one write at most, beyond twice as many as it adds: a journal whose bounds were lowered
/// becomes smaller little by little, and nobody waits for it.
const FORGOTTEN_AT_ONCE: u64 = 256;

/// A transition and the group of its target. Its number is given when it is written.
pub type Happened = (GroupName, Past);

/// What is seen of a target: how it fares, or `None` once it is no more.
pub type Seen = (GroupName, Arc<TargetDescription>, Option<Life>);

impl Store {
    /// Writes what was seen, all or nothing. It survives the process, though perhaps not a power cut.
    ///
    /// Transitions go to the journal in the order given. What is told of a target must be from after they happened. It is
    /// passed over where a [`Store::write`] changed the target lately and the look at it may have been from before that
    /// was live; the places in `seen` of those who were are the answer. Tell of them again later.
    ///
    /// # Errors
    /// Why nothing is written.
    pub fn record(
        &mut self,
        transitions: &[Happened],
        seen: &[Seen],
        now: Tick,
    ) -> std::result::Result<Vec<usize>, StoreError> {
        let limits = self.limits;
        let (passed_over, seen): (Vec<_>, Vec<_>) =
            (0..).zip(seen).partition(|(_, (group, target, life))| {
                self.latest.may_be_before(group, target, life.as_ref(), now)
            });
        self.attempt(|connection| {
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            append(&transaction, transitions)?;
            keep(&transaction, seen.into_iter().map(|(_, seen)| seen))?;
            prune(&transaction, transitions.len(), limits, now)?;
            transaction.commit()
        })?;
        Ok(passed_over.into_iter().map(|(place, _)| place).collect())
    }
}

fn append(transaction: &Transaction<'_>, transitions: &[Happened]) -> Result<()> {
    let mut insert = transaction.prepare(
        "INSERT INTO transitions
            (at, group_name, target_id, port, from_state, to_state, reason, failure, failure_detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for (group, Past { number: _, at, id, port, from, to }) in transitions {
        insert.execute(params![
            rows::tick(*at),
            group.as_str(),
            id,
            port,
            from.as_str(),
            to.state.as_str(),
            to.reason.map(Reason::as_str),
            to.failure.map(|failure| failure.naming().label),
            to.failure.and_then(|failure| failure.detail()),
        ])?;
    }
    Ok(())
}

fn keep<'a>(transaction: &Transaction<'_>, seen: impl Iterator<Item = &'a Seen>) -> Result<()> {
    let mut forget = transaction
        .prepare("DELETE FROM target_states WHERE group_name = ?1 AND target_id = ?2 AND port = ?3")?;
    // Where checks have begun again and none has been conclusive yet, the place on the grid stays known.
    let mut put = transaction.prepare(
        "INSERT INTO target_states (
            group_name, target_id, port, zone, state, since, conclusive_state, failing, run, failure, failure_detail,
            drain_ends, grid_at, grid_interval
        ) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
        ON CONFLICT DO UPDATE SET
            zone = excluded.zone, state = excluded.state, since = excluded.since,
            conclusive_state = excluded.conclusive_state, failing = excluded.failing, run = excluded.run,
            failure = excluded.failure, failure_detail = excluded.failure_detail, drain_ends = excluded.drain_ends,
            grid_at = COALESCE(excluded.grid_at, grid_at),
            grid_interval = COALESCE(excluded.grid_interval, grid_interval)",
    )?;
    for (group, target, life) in seen {
        let Some(life) = life else {
            forget.execute(params![group.as_str(), target.id, target.port])?;
            continue;
        };
        put.execute(params![
            group.as_str(),
            target.id,
            target.port,
            target.zone(),
            life.state.as_str(),
            rows::tick(life.since),
            life.conclusive_state.as_str(),
            life.failing,
            life.run,
            life.failure.map(|failure| failure.naming().label),
            life.failure.and_then(|failure| failure.detail()),
            life.drain_ends.map(rows::tick),
            life.grid.map(|(at, _)| rows::tick(at)),
            life.grid.map(|(_, interval)| rows::length(interval)),
        ])?;
    }
    Ok(())
}

/// Forgets a little of what is too old or too much. Numbers have no holes but at the ends, so they tell how many there are.
fn prune(transaction: &Transaction<'_>, added: usize, limits: Limits, now: Tick) -> Result<()> {
    let at_once =
        u64::try_from(added).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(FORGOTTEN_AT_ONCE);
    transaction
        .execute(
            "DELETE FROM transitions WHERE number < (SELECT min(number) FROM transitions) + ?1
             AND (at < ?2 OR number <= (SELECT max(number) FROM transitions) - ?3)",
            [integer(at_once), rows::tick(now - limits.max_age), integer(limits.max_transitions)],
        )
        .map(|_| ())
}

/// Reads the journal while it is written, over a connection of its own.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    /// Made when it is first needed, and made anew after trouble.
    connection: Mutex<Option<Connection>>,
}

impl Reader {
    /// A reader of the store in a directory.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { path: dir.join(FILE), connection: Mutex::default() }
    }
}

impl History for Reader {
    fn transitions(&self, ask: &Ask) -> std::result::Result<Vec<Past>, String> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match connection.take().map_or_else(|| follow(&self.path), Ok) {
            Ok(open) => read(&open, ask).inspect(|_| *connection = Some(open)),
            Err(error) => Err(error),
        };
        found.map_err(|error| StoreError::sqlite(&self.path, &error).to_string())
    }
}

fn read(connection: &Connection, ask: &Ask) -> Result<Vec<Past>> {
    let limit = i64::try_from(ask.limit).unwrap_or(i64::MAX);
    let before = ask.before.map_or(i64::MAX, integer);
    let select = |of_target| {
        format!(
            "SELECT * FROM transitions WHERE group_name = ?1 AND number < ?2 {of_target} ORDER BY number DESC LIMIT ?3"
        )
    };
    match &ask.target {
        None => {
            let mut statement = connection.prepare(&select(""))?;
            statement.query_map(params![ask.group, before, limit], past)?.collect()
        }
        Some((id, port)) => {
            let mut statement = connection.prepare(&select("AND target_id = ?4 AND port = ?5"))?;
            statement.query_map(params![ask.group, before, limit, id, port], past)?.collect()
        }
    }
}

fn past(row: &Row<'_>) -> Result<Past> {
    let to = TargetHealth {
        state: word(row, "to_state", State::parse)?,
        reason: optional_word(row, "reason", Reason::parse)?,
        failure: failure(row)?,
    };
    Ok(Past {
        number: row.get("number")?,
        at: moment(row, "at")?,
        id: row.get("target_id")?,
        port: row.get("port")?,
        from: word(row, "from_state", State::parse)?,
        to,
    })
}
