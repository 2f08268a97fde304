//! Forms: the input is the body of a call; if it has a line feed, what is before that is the query.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use tgprobe::output::elbv2::error::ApiError;
use tgprobe::output::elbv2::form::{PARAMETERS, Params};

use super::cut;

/// Names of lists that are looked at in one form, for the time it takes.
const LISTS: usize = 16;

/// A form is read exactly if every part of it can be, and then holds what was sent and nothing else.
pub fn check(input: &[u8]) -> bool {
    let (query, body) = halves(input);
    let read = Params::read(query, body);
    let expected = read_simply(query, body);
    let (params, sent) = match (read, expected) {
        (Ok(params), Some(sent)) => (params, sent),
        (Err(error), None) => {
            refused(&error, 600);
            return false;
        }
        (found, expected) => {
            assert_eq!(found.is_ok(), expected.is_some(), "{found:?}");
            return false;
        }
    };
    assert!(sent.len() <= PARAMETERS);
    for (name, value) in &sent {
        assert_eq!(params.get(name), Some(value.as_str()), "{name}");
        assert_eq!(params.owned(name).as_ref(), Some(value));
        assert_eq!(params.require(name, "It").ok(), Some(value.as_str()).filter(|value| !value.is_empty()));
    }
    // Nothing else is in it, and neither order nor spelling matters.
    let again: Vec<_> =
        sent.iter().rev().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    assert_eq!(Params::read(b"", again.join("&").as_bytes()).as_ref(), Ok(&params));
    assert_eq!(Params::read(body, query).as_ref(), Ok(&params));

    let mut names: Vec<_> =
        sent.keys().filter_map(|name| name.split_once(".member.")).map(|(name, _)| name).collect();
    names.dedup();
    let lists: Vec<bool> = names.into_iter().take(LISTS).map(|name| list(&params, name, &sent)).collect();
    !lists.contains(&false)
}

/// The query and the body of an input.
pub fn halves(input: &[u8]) -> (&[u8], &[u8]) {
    if input.contains(&b'\n') { cut(input, b"\n") } else { (b"", input) }
}

/// What is told of a call that cannot be read, in a message of at most `longest` characters.
pub fn refused(error: &ApiError, longest: usize) {
    assert_eq!((error.code, error.status), ("MalformedQueryString", StatusCode::BAD_REQUEST));
    assert!((1..=longest).contains(&error.message.chars().count()), "{error}");
}

/// Reads a list in both ways, and says whether it is one: it is of plain values or of structures, and of both only if it
/// is empty.
fn list(params: &Params, name: &str, sent: &BTreeMap<String, String>) -> bool {
    let prefix = format!("{name}.member.");
    let members: Vec<_> = sent.iter().filter(|(key, _)| key.starts_with(&prefix)).collect();
    assert_eq!(params.has_members(name), !members.is_empty());
    let (values, structures) = (params.list(name), params.structures(name));
    for error in [values.as_ref().err(), structures.as_ref().err()].into_iter().flatten() {
        // The name of a list is ours in the program, and of any length here.
        refused(error, name.chars().count() + 600);
    }
    if let Ok(values) = &values {
        let mut numbered: Vec<(u32, &str)> = Vec::new();
        for (key, value) in &members {
            numbered.extend(key[prefix.len()..].parse().ok().map(|number| (number, value.as_str())));
        }
        numbered.sort_unstable();
        assert_eq!(
            numbered.into_iter().map(|(_, value)| value).collect::<Vec<_>>(),
            *values,
            "by their numbers"
        );
        assert_eq!(values.len(), members.len());
    }
    if let Ok(structures) = &structures {
        assert_eq!(structures.iter().map(BTreeMap::len).sum::<usize>(), members.len());
        assert!(structures.iter().all(|fields| !fields.is_empty()));
    }
    let empty = sent.get(name).is_none_or(String::is_empty);
    assert_eq!(values.is_ok() && structures.is_ok(), empty && members.is_empty(), "{name}");
    values.is_ok() || structures.is_ok()
}

/// Reads a form another way than the program does: `None` where it is not one.
fn read_simply(query: &[u8], body: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    let joined = [query, b"&", body].concat();
    for pair in joined.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let (name, value) = cut(pair, b"=");
        let name = decode(name).filter(|name| !name.is_empty())?;
        if all.insert(name, decode(value)?).is_some() {
            return None;
        }
    }
    (all.len() <= PARAMETERS).then_some(all)
}

fn decode(text: &[u8]) -> Option<String> {
    let mut parts = text.split(|byte| *byte == b'%');
    let mut bytes = parts.next().unwrap_or_default().to_vec();
    bytes.iter_mut().filter(|byte| **byte == b'+').for_each(|byte| *byte = b' ');
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let digits = str::from_utf8(digits).ok().filter(|digits| !digits.contains('+'))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(rest.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }));
    }
    String::from_utf8(bytes).ok()
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
