//! What users may add to the request of a check, and what they may ask of the body of its answer.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use crate::config::problems::{Place, Problems, quote};
use crate::config::table::{Entry, Field, Found, Table, describe};
use crate::config::values;
use crate::model::target;

/// Fields a request may have beside ours, and bytes of all of them.
const FIELDS: usize = 32;
const BYTES: usize = 8 << 10;
const HEADERS: &str = "a table of at most 32 texts with 8 KiB in all, such as { \"X-Api-Key\" = \"…\" }";
const NAME: &str = "a name of letters, digits and characters of `!#$%&'*+-.^_`|~`";
const VALUE: &str = "a text of printable ASCII characters and tabs, with no space at either end";
const HOST: &str = "a host name or an IP address and perhaps a port, 1 to 255 characters";
const BODY: &str = "a text of 1 to 1024 bytes";

/// What every check says itself (docs/semantics.md, "The check").
const OURS: [&str; 5] = ["Host", "Connection", "Content-Length", "Transfer-Encoding", "User-Agent"];

/// Fields of a header, by name, in the order of the file.
pub(super) type Headers = Vec<(Box<str>, Box<str>)>;

/// Reads `host`, which is sent as it is written.
pub(super) fn host(table: &Table<'_>, problems: &mut Problems<'_>) -> Field<Box<str>> {
    table.text("host", HOST, problems).and_then(|text, place| {
        let wrong = match target::parse(text) {
            _ if text.len() > 255 => "it is too long",
            // A bare IPv6 address would be read as a name and a port (RFC 3986, section 3.2.2).
            _ if text.parse::<Ipv6Addr>().is_ok() => "an IPv6 address needs brackets",
            Err(reason) => reason,
            Ok(_) => return Some(text.into()),
        };
        problems.add(place.clone(), format!("found {}: {wrong}; allowed: {HOST}", quote(text)));
        None
    })
}

/// Reads `headers`. No message shows a value, and none the lines of one, which may be a secret.
pub(super) fn headers(table: &Table<'_>, problems: &mut Problems<'_>) -> Field<Headers> {
    table.entries("headers", HEADERS, problems).and_then(|entries, place| fields(entries, place, problems))
}

fn fields(entries: Vec<Entry<'_>>, place: &Place, problems: &mut Problems<'_>) -> Option<Headers> {
    for entry in &entries {
        problems.hide(&entry.value.place);
    }
    if entries.len() > FIELDS {
        problems.add(place.clone(), values::refuse(&format!("{} fields", entries.len()), HEADERS));
    }
    let bytes = |text: Option<&str>| text.map_or(0, str::len);
    let size: usize = entries.iter().map(|entry| entry.key.len() + bytes(entry.value.value.as_str())).sum();
    if size > BYTES {
        problems.add(place.clone(), values::refuse(&format!("{size} bytes"), HEADERS));
    }
    let mut names = BTreeSet::new();
    let mut headers = Vec::with_capacity(entries.len());
    for entry in entries {
        let found = quote(entry.key);
        let wrong = if !is_token(entry.key) {
            Some(values::refuse(&found, NAME))
        } else if entry.key.eq_ignore_ascii_case("Host") {
            Some(format!("found {found}; allowed: in the key `host`"))
        } else if OURS.iter().any(|ours| ours.eq_ignore_ascii_case(entry.key)) {
            Some(format!("found {found}; allowed: any field but {}", OURS.join(", ")))
        } else if !names.insert(entry.key.to_ascii_lowercase()) {
            Some(format!("found {found} a second time; allowed: each field once, in whatever case"))
        } else {
            None
        };
        if let Some(message) = wrong {
            problems.add(entry.at, message);
            continue;
        }
        let Found { value, place } = entry.value;
        match value.as_str() {
            Some(text) if is_field_value(text) => headers.push((entry.key.into(), text.into())),
            Some(_) => problems.add(place, values::refuse("a text with other characters", VALUE)),
            None => problems.add(place, values::refuse(&describe(value), VALUE)),
        }
    }
    Some(headers)
}

/// Reads `body_match`.
pub(super) fn body_match(table: &Table<'_>, problems: &mut Problems<'_>) -> Field<Box<str>> {
    table.text("body_match", BODY, problems).and_then(|text, place| {
        let good = (1..=1_024).contains(&text.len());
        if !good {
            problems.add(place.clone(), values::refuse(&format!("{} bytes", text.len()), BODY));
        }
        good.then(|| text.into())
    })
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// RFC 9110, section 5.5, without what is not ASCII.
fn is_field_value(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) && text.trim_matches([' ', '\t']) == text
}
