//! Who may call: the credentials file, or the environment. Nothing of a secret is ever in an error.

use std::ffi::OsString;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::config::errors::Errors;
use crate::config::keys;
use crate::config::problems::{Place, Problems, quote};
use crate::config::table::{Field, Found, Table, item};
use crate::config::values;
use crate::config::verify::Read;
use crate::model::credential::{Access, Credential, Secret};

const FILE: &str = "the name of a TOML file with [[credential]] tables";
const KEY_ID: &str = "1 to 128 letters, digits, `_`, `-` or `.`";
const SECRET: &str = "1 to 4096 printable ASCII characters without spaces";
const BEARER: &str = "1 to 4096 letters, digits, `-`, `.`, `_`, `~`, `+` or `/`, and `=` at the end";

/// What is typed for one credential, whether in a table or in the environment.
const ACCESS_KEY_ID: &str = "access_key_id";
const SECRET_ACCESS_KEY: &str = "secret_access_key";
const SESSION_TOKEN: &str = "session_token";
const BEARER_TOKEN: &str = "bearer_token";

/// The name of the credentials file.
pub(super) fn file<'t>(server: &Table<'t>, problems: &mut Problems<'_>) -> Field<&'t str> {
    server.text("credentials_file", FILE, problems)
}

/// Reads the file that `[server]` names; `None` where none is named or something was recorded.
pub(super) fn read(
    server: &Table<'_>,
    read: Read<'_>,
    problems: &mut Problems<'_>,
) -> Option<Vec<Credential>> {
    // Its type was looked at, and complained of, when the rest of the table was read.
    let Field::Given(Found { value, place }) = server.value("credentials_file") else { return None };
    let name = value.as_str()?;
    let bytes = read(Path::new(name)).map_err(|error| format!("cannot be read: {error}"));
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned()));
    match text.map(|text| parse(&text, name)) {
        Ok(Ok(credentials)) => Some(credentials),
        Ok(Err(errors)) => {
            problems.elsewhere(errors);
            None
        }
        Err(reason) => {
            problems.add(place, format!("{} {reason}; allowed: {FILE}", quote(name)));
            None
        }
    }
}

/// Reads the text of a credentials file; at least one credential.
fn parse(text: &str, file: &str) -> Result<Vec<Credential>, Errors> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    let mut problems = Problems::secret(text, file);
    for error in &syntax {
        problems.syntax(error);
    }
    let place = Place { key: String::new(), span: Some(0..0) };
    let root = Table::open(document.get_ref(), place, &keys::CREDENTIALS, &mut problems);
    let mut credentials: Vec<Credential> = Vec::new();
    match root.array("credential", "tables [[credential]]", &mut problems) {
        Field::Absent => root.missing("credential", "at least one [[credential]]", &mut problems),
        Field::Given(Found { value: [], place }) => {
            problems.add(place, values::refuse("none", "at least one [[credential]]"));
        }
        Field::Wrong => (),
        Field::Given(Found { value: items, place }) => {
            for (index, value) in items.iter().enumerate() {
                let at = item(&place, index, value);
                match value.get_ref().as_table() {
                    Some(entries) => {
                        let table = Table::open(entries, at.clone(), &keys::CREDENTIAL, &mut problems);
                        let found = one(&table, &mut problems);
                        if let Some(found) =
                            found.filter(|found| alone(found, &credentials, &at, &mut problems))
                        {
                            credentials.push(found);
                        }
                    }
                    None => problems.add(at, values::refuse(kind(value.get_ref()), "a table [[credential]]")),
                }
            }
        }
    }
    match problems.finish() {
        None => Ok(credentials),
        Some(errors) => Err(errors),
    }
}

fn one(table: &Table<'_>, problems: &mut Problems<'_>) -> Option<Credential> {
    for (key, allowed) in [(ACCESS_KEY_ID, KEY_ID), (SECRET_ACCESS_KEY, SECRET)] {
        if let Field::Absent = table.value(key) {
            table.missing(key, allowed, problems);
        }
    }
    let access_key_id = secret(table, ACCESS_KEY_ID, problems);
    let secret_access_key = secret(table, SECRET_ACCESS_KEY, problems);
    let session_token = secret(table, SESSION_TOKEN, problems);
    let bearer_token = secret(table, BEARER_TOKEN, problems);
    let words = Access::ALL.map(|access| format!("\"{}\"", access.as_str())).join(" or ");
    let access = table.value("access").and_then(|value, place| {
        let access = Access::ALL.into_iter().find(|access| value.as_str() == Some(access.as_str()));
        if access.is_none() {
            problems.add(place.clone(), values::refuse(kind(value), &words));
        }
        access
    });
    Some(Credential {
        access_key_id: access_key_id.given()?.into(),
        secret_access_key: Secret::new(secret_access_key.given()?),
        session_token: session_token.given().map(Secret::new),
        bearer_token: bearer_token.given().map(Secret::new),
        access: access.or(Access::default()),
    })
}

/// A text of which nothing may be shown: who mixes up two keys has typed a secret into the other one, too.
fn secret<'t>(table: &Table<'t>, key: &str, problems: &mut Problems<'_>) -> Field<&'t str> {
    table.value(key).and_then(|value, place| {
        let (allowed, good) = rule(key);
        let text = value.as_str().filter(|text| good(text));
        if text.is_none() {
            problems.add(place.clone(), values::refuse(kind(value), allowed));
        }
        text
    })
}

type Rule = (&'static str, fn(&str) -> bool);

fn rule(key: &str) -> Rule {
    match key {
        ACCESS_KEY_ID => (KEY_ID, Credential::is_access_key_id),
        BEARER_TOKEN => (BEARER, Credential::is_bearer_token),
        _ => (SECRET, Credential::is_secret),
    }
}

/// Which of two callers with the same key or the same token it was could not be told.
fn alone(found: &Credential, before: &[Credential], at: &Place, problems: &mut Problems<'_>) -> bool {
    let key = before.iter().position(|other| other.access_key_id == found.access_key_id);
    let token = before
        .iter()
        .position(|other| found.bearer_token.is_some() && other.bearer_token == found.bearer_token);
    for (what, other) in [(ACCESS_KEY_ID, key), (BEARER_TOKEN, token)] {
        if let Some(other) = other {
            let message = format!("has the same {what} as credential[{other}]; allowed: each once");
            problems.clash(at.clone(), message);
        }
    }
    key.is_none() && token.is_none()
}

/// A value by its kind alone.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(text) if text.is_empty() => "an empty text",
        DeValue::String(_) => "another text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// Reads the one credential that the environment may hold; `variable` is asked for a variable's value, and one that is
/// empty counts as absent. The credential may read and write.
///
/// # Errors
/// Which variable is missing beside the others, or holds what is not allowed.
pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<Credential>, Errors> {
    let mut problems = Problems::new("", "");
    let mut given = Vec::new();
    let keys = [ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN, BEARER_TOKEN];
    let values = keys.map(|key| {
        let name = format!("TGPROBE_{}", key.to_ascii_uppercase());
        let value = variable(&name).filter(|value| !value.is_empty())?;
        let (allowed, good) = rule(key);
        let text = value.into_string().ok().filter(|text| good(text));
        if text.is_none() {
            problems.add(Place::flag(&name), values::refuse("another text", allowed));
        }
        given.push(key);
        text
    });
    for key in [ACCESS_KEY_ID, SECRET_ACCESS_KEY] {
        if !given.is_empty() && !given.contains(&key) {
            let name = format!("TGPROBE_{}", key.to_ascii_uppercase());
            let beside: Vec<_> =
                given.iter().map(|key| format!("TGPROBE_{}", key.to_ascii_uppercase())).collect();
            let message = format!("missing; required beside {}: {}", beside.join(", "), rule(key).0);
            problems.add(Place::flag(&name), message);
        }
    }
    if let Some(errors) = problems.finish() {
        return Err(errors);
    }
    let [Some(access_key_id), Some(secret), session_token, bearer_token] = values else { return Ok(None) };
    Ok(Some(Credential {
        access_key_id: access_key_id.into(),
        secret_access_key: Secret::new(&secret),
        session_token: session_token.as_deref().map(Secret::new),
        bearer_token: bearer_token.as_deref().map(Secret::new),
        access: Access::default(),
    }))
}
