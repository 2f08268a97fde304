//! The one spelling of a request that both sides sign.

use crate::model::excerpt::excerpt;
use crate::model::percent;
use crate::output::sigv4::claim::Claim;
use crate::output::sigv4::{Error, Request};

/// The canonical request, with `payload` as the hash of the body.
///
/// # Errors
/// A signed header is missing, or one that must be signed is not.
pub(super) fn request(request: &Request<'_>, claim: &Claim, payload: &str) -> Result<Vec<u8>, Error> {
    must_be_signed(request, claim)?;
    let mut text =
        format!("{}\n{}\n{}\n", request.method, path(request.path), query(request.query)).into_bytes();
    for name in &claim.headers {
        let mut values = request.headers.get_all(name.as_str()).iter().peekable();
        if values.peek().is_none() {
            return Err(wrong(format!("The signed header {} is not in the request.", excerpt(name))));
        }
        text.extend_from_slice(name.as_bytes());
        for (index, value) in values.enumerate() {
            text.push(if index == 0 { b':' } else { b',' });
            fold(value.as_bytes(), &mut text);
        }
        text.push(b'\n');
    }
    text.push(b'\n');
    text.extend_from_slice(claim.headers.join(";").as_bytes());
    text.push(b'\n');
    text.extend_from_slice(payload.as_bytes());
    Ok(text)
}

fn wrong(message: String) -> Error {
    Error::SignatureDoesNotMatch(message)
}

/// Without these somebody between client and server could send the signed request elsewhere, later, or as another
/// call: `host`, and every `x-amz-` header, of which one names the action and one the time.
fn must_be_signed(request: &Request<'_>, claim: &Claim) -> Result<(), Error> {
    let signed = |name: &str| claim.headers.iter().any(|signed| signed == name);
    let amazon = request.headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with("x-amz-"));
    match std::iter::once("host").chain(amazon).find(|name| !signed(name)) {
        None => Ok(()),
        Some(name) => Err(wrong(format!("The header {} must be signed.", excerpt(name)))),
    }
}

/// The value without blanks around it and with a single one for each run of them inside.
fn fold(value: &[u8], text: &mut Vec<u8>) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            text.push(b' ');
        }
        text.extend_from_slice(word);
    }
}

/// The path without empty, `.` and `..` segments, and encoded once more, as all services but S3 do.
fn path(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => (),
            ".." => _ = segments.pop(),
            name => segments.push(encode(name.as_bytes())),
        }
    }
    let end = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    format!("/{}{end}", segments.join("/"))
}

/// Every parameter but the signature itself, encoded in one way and sorted.
fn query(query: &str) -> String {
    let mut found: Vec<_> = pairs(query)
        .filter(|(key, _)| key != b"X-Amz-Signature")
        .map(|(key, value)| (encode(&key), encode(&value)))
        .collect();
    found.sort_unstable();
    let found: Vec<_> = found.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    found.join("&")
}

/// The parameters of a query, decoded.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    })
}

/// Undoes percent-encoding. `+` is a blank, as in a form, which is how the parameters are read later: were it a plus
/// sign here, `%2B` could be exchanged for it without harm to the signature. What is not encoded well stays.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match (byte, digit(bytes.get(at)), digit(bytes.get(at + 1))) {
            (b'%', Some(high), Some(low)) => {
                at += 2;
                decoded.push(u8::try_from(high << 4 | low).unwrap_or(b'%'));
            }
            (b'+', _, _) => decoded.push(b' '),
            _ => decoded.push(byte),
        }
    }
    decoded
}

/// Everything but what is unreserved.
fn encode(bytes: &[u8]) -> String {
    percent::encode(bytes, b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_has_one_spelling() {
        for (text, expected) in [
            ("/", "/"),
            ("", "/"),
            ("//", "/"),
            ("/a//b/./c/../d", "/a/b/d"),
            ("/a/", "/a/"),
            ("/../../a", "/a"),
            ("/a%20b", "/a%2520b"),
            ("/~u", "/~u"),
        ] {
            assert_eq!(path(text), expected, "{text}");
        }
    }

    #[test]
    fn the_query_has_one_spelling() {
        for (text, expected) in [
            ("", ""),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1&a", "a=&a=1&a=2"),
            ("a=%2f%20+", "a=%2F%20%20"),
            ("a-b=1&a=2", "a=2&a-b=1"),
            ("X-Amz-Signature=00&x=%zz", "x=%25zz"),
            ("&&a=b=c", "a=b%3Dc"),
        ] {
            assert_eq!(query(text), expected, "{text}");
        }
    }

    #[test]
    fn blanks_in_headers_are_folded() {
        let mut text = Vec::new();
        fold(b"  a \t b  \xff ", &mut text);
        assert_eq!(text, b"a b \xff");
    }

    #[test]
    fn parameters_are_decoded() {
        let found: Vec<_> = pairs("a=b%2Fc&d&e=f+g").collect();
        let text = |text: &str| text.as_bytes().to_vec();
        assert_eq!(found, [(text("a"), text("b/c")), (text("d"), text("")), (text("e"), text("f g"))]);
        assert_eq!(decode("%zz%4"), b"%zz%4");
    }
}
