//! What users may add to the request of a check, and what they may ask of the body of its answer.

use crate::config::problems::{Place, Problems, quote};
use crate::config::table::{Entry, Field, Found, Table, describe};
use crate::config::values;
use crate::model::request::{self, Headers};

const HEADERS: &str = "a table of at most 32 texts with 8 KiB in all, such as { \"X-Api-Key\" = \"…\" }";
const HEADER: &str =
    "once each field that the check does not send itself, with a text of printable ASCII characters";
const HOST: &str = "a host name or an IP address and perhaps a port, 1 to 255 characters";
const BODY: &str = "a text of 1 to 1024 bytes";

/// Reads `host`, which is sent as it is written.
pub(super) fn host(table: &Table<'_>, problems: &mut Problems<'_>) -> Field<Box<str>> {
    text(table, "host", HOST, request::host, problems)
}

/// Reads `body_match`.
pub(super) fn body_match(table: &Table<'_>, problems: &mut Problems<'_>) -> Field<Box<str>> {
    text(table, "body_match", BODY, request::body_match, problems)
}

fn text(
    table: &Table<'_>,
    key: &str,
    allowed: &str,
    rule: fn(&str) -> Result<(), &'static str>,
    problems: &mut Problems<'_>,
) -> Field<Box<str>> {
    table.text(key, allowed, problems).and_then(|text, place| match rule(text) {
        Ok(()) => Some(text.into()),
        Err(reason) => {
            problems.add(place.clone(), format!("found {}: {reason}; allowed: {allowed}", quote(text)));
            None
        }
    })
}

/// Reads `headers`. No message shows a value, and none the lines of one, which may be a secret.
pub(super) fn headers(table: &Table<'_>, problems: &mut Problems<'_>) -> Field<Headers> {
    if let Field::Given(found) = table.value("headers") {
        problems.hide(&found.place);
    }
    table.entries("headers", HEADERS, problems).and_then(|entries, place| fields(entries, place, problems))
}

fn fields(entries: Vec<Entry<'_>>, place: &Place, problems: &mut Problems<'_>) -> Option<Headers> {
    for entry in &entries {
        problems.hide(&entry.value.place);
    }
    if entries.len() > request::MOST_HEADERS {
        problems.add(place.clone(), values::refuse(&format!("{} fields", entries.len()), HEADERS));
        return None;
    }
    let (mut headers, mut good) = (Headers::new(), true);
    for entry in entries {
        let Found { value, place } = entry.value;
        let Some(text) = value.as_str() else {
            problems.add(place, values::refuse(&describe(value), "a text"));
            good = false;
            continue;
        };
        // All those before are right, so whatever is wrong now is wrong with this one.
        headers.push((entry.key.into(), text.into()));
        if let Err(reason) = request::headers(&headers) {
            problems.add(entry.at, format!("{reason}; allowed: {HEADER}"));
            headers.pop();
            good = false;
        }
    }
    good.then_some(headers)
}
