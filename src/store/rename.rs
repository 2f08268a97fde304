//! New names for groups, all at once.

use std::collections::BTreeMap;

use rusqlite::{TransactionBehavior, params};

use crate::model::target_group::GroupName;
use crate::store::{Store, StoreError};

/// Every column that holds the name of a group.
const COLUMNS: [(&str, &str); 6] = [
    ("target_groups", "name"),
    ("attributes", "group_name"),
    ("tags", "group_name"),
    ("registrations", "group_name"),
    ("target_states", "group_name"),
    ("transitions", "group_name"),
];

impl Store {
    /// Gives groups other names, with all that is known of them: `names` holds the new one by the old one. Two groups may
    /// take each other's.
    ///
    /// # Errors
    /// Why all of them are called what they were called before.
    pub fn rename(&mut self, names: &BTreeMap<GroupName, GroupName>) -> Result<(), StoreError> {
        self.attempt(|connection| {
            connection.pragma_update(None, "synchronous", "FULL")?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // Until the end attributes and tags may belong to a group that is called otherwise.
            transaction.pragma_update(None, "defer_foreign_keys", true)?;
            // First to names that nobody has, so that none is in the way of another.
            let aside = |name: &GroupName| format!("~{name}");
            let away = names.iter().map(|(old, new)| (old.to_string(), aside(new)));
            let back = names.values().map(|new| (aside(new), new.to_string()));
            for (from, to) in away.chain(back) {
                for (table, column) in COLUMNS {
                    transaction.execute(
                        &format!("UPDATE OR REPLACE {table} SET {column} = ?1 WHERE {column} = ?2"),
                        params![to, from],
                    )?;
                }
            }
            transaction.commit()
        })
    }
}
