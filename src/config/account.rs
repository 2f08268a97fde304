//! `[server] account_id` and `region`: whose groups they are.

use crate::config::problems::Problems;
use crate::config::problems::quote;
use crate::config::table::Table;
use crate::config::values;
use crate::model::arn::Account;

const ID: &str = "twelve digits in quotes, such as \"000000000000\"";
const REGION: &str = "1 to 32 lower-case letters, digits and hyphens, no hyphen at either end or two in a row, such as \"us-east-1\"";

/// Reads account and region out of `[server]`.
pub(super) fn read(table: &Table<'_>, problems: &mut Problems<'_>) -> Account {
    let mut text = |key, allowed, good: fn(&str) -> bool, default: Box<str>| {
        let text = table.text(key, allowed, problems).and_then(|text, place| {
            if !good(text) {
                problems.add(place.clone(), values::refuse(&quote(text), allowed));
            }
            good(text).then(|| Box::from(text))
        });
        text.or(default)
    };
    let default = Account::default();
    Account {
        id: text("account_id", ID, is_id, default.id),
        region: text("region", REGION, Account::is_region, default.region),
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
