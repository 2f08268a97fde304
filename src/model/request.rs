//! What may be added to the request of a check, and looked for in its answer: the same for the file and the API
//! (docs/semantics.md, "Attributes").

use std::fmt;
use std::net::Ipv6Addr;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use crate::model::target;

/// The most header fields that may be added.
pub const MOST_HEADERS: usize = 32;
/// The most bytes all fields added may have together, names, values and four bytes for each.
pub const HEADER_BYTES: usize = 8_192;
/// The longest text that must be found in a body, in bytes.
pub const BODY_MATCH_BYTES: usize = 1_024;
/// The longest `Host`, in bytes.
const HOST_BYTES: usize = 255;
/// The longest JSON text of headers that is looked at: what fits, with every character written as `\u0041`.
const JSON_BYTES: usize = 6 * HEADER_BYTES + 64 * MOST_HEADERS;
/// The fields that are ours to send.
const OURS: [&str; 5] = ["host", "connection", "content-length", "transfer-encoding", "user-agent"];

/// Header fields: their names and values, in the order they are sent.
pub type Headers = Vec<(Box<str>, Box<str>)>;

/// Whether a text can stand in `Host`: a host name or an IP address, an IPv6 one in brackets, and an optional port.
///
/// # Errors
/// A sentence fragment that says what is wrong with the text.
pub fn host(text: &str) -> Result<(), &'static str> {
    if text.len() > HOST_BYTES {
        return Err("it is longer than 255 characters");
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err("an IPv6 address needs brackets");
    }
    target::parse(text).map(drop)
}

/// Whether header fields can be added to the request: names are tokens, each given once, values printable ASCII, spaces
/// and tabs (RFC 9110, sections 5.1 and 5.5), and none is one that the check itself sends.
///
/// # Errors
/// A sentence fragment that says what is wrong; it never repeats a value, which may be a secret.
pub fn headers(fields: &[(Box<str>, Box<str>)]) -> Result<(), String> {
    if fields.len() > MOST_HEADERS {
        return Err(format!("there are more than {MOST_HEADERS} fields"));
    }
    let mut bytes = 0;
    for (index, (name, value)) in fields.iter().enumerate() {
        bytes += name.len() + value.len() + 4;
        if bytes > HEADER_BYTES {
            return Err(format!("the fields have more than {HEADER_BYTES} bytes together"));
        }
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(format!("{name:?} is not the name of a field"));
        }
        if !value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
            return Err(format!("the value of `{name}` is not printable ASCII"));
        }
        if value.trim_matches([' ', '\t']).len() != value.len() {
            return Err(format!("the value of `{name}` begins or ends with a space"));
        }
        if name.eq_ignore_ascii_case("host") {
            return Err("`Host` has a setting of its own, `host`".to_owned());
        }
        if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
            return Err(format!("`{name}` is set by the check itself"));
        }
        if fields[..index].iter().any(|(before, _)| before.eq_ignore_ascii_case(name)) {
            return Err(format!("`{name}` is given twice"));
        }
    }
    Ok(())
}

/// Whether a text can be looked for in a body.
///
/// # Errors
/// A sentence fragment that says what is wrong with the text.
pub fn body_match(text: &str) -> Result<(), &'static str> {
    match text.len() {
        0 => Err("it is empty"),
        1..=BODY_MATCH_BYTES => Ok(()),
        _ => Err("it is longer than 1024 bytes"),
    }
}

/// Reads header fields from a JSON object of strings, in its order.
///
/// # Errors
/// A sentence fragment that says what is wrong; it never repeats a value.
pub fn headers_from_json(text: &str) -> Result<Headers, String> {
    if text.len() > JSON_BYTES {
        return Err(format!("the fields have more than {HEADER_BYTES} bytes together"));
    }
    let Fields(fields) = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => "it is not a JSON object of strings".to_owned(),
        serde_json::error::Category::Io
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof => {
            format!("it is not JSON (line {}, column {})", error.line(), error.column())
        }
    })?;
    headers(&fields)?;
    Ok(fields)
}

/// Writes header fields as [`headers_from_json`] reads them.
#[must_use]
pub fn headers_to_json(fields: &[(Box<str>, Box<str>)]) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}:{}", text(name), text(value))).collect();
    format!("{{{}}}", fields.join(","))
}

/// The pairs of an object in their order, repeated ones included.
struct Fields(Headers);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    // One too many is kept, so that the number of fields is what is found wrong.
                    if fields.len() > MOST_HEADERS {
                        return Err(A::Error::custom("too many fields"));
                    }
                    fields.push((name.into(), value.into()));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for good in ["example.com", "example.com:8080", "10.0.0.1:80", "[::1]", "[::1]:80", "a"] {
            assert_eq!(host(good), Ok(()), "{good}");
        }
        for bad in
            ["", "::1", "a b", "a:0", "a:70000", "a\r\nX: y", "http://a", "a/b", "é", &"a.".repeat(128)]
        {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[track_caller]
    fn refused(json: &str, why: &str) {
        assert_eq!(headers_from_json(json), Err(why.to_owned()), "{json}");
    }

    #[test]
    fn headers_are_an_object_of_strings_in_its_order() {
        let fields = headers_from_json(r#"{"X-B": "1", "X-A": "a \u0062\tc", "x-c": ""}"#).unwrap();
        let shown: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(shown, [("X-B", "1"), ("X-A", "a b\tc"), ("x-c", "")]);
        assert_eq!(headers_from_json("{}"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_header_is_refused_without_repeating_a_value() {
        refused("", "it is not JSON (line 1, column 0)");
        refused("{\"a\"", "it is not JSON (line 1, column 4)");
        refused("{} {}", "it is not JSON (line 1, column 4)");
        refused("[]", "it is not a JSON object of strings");
        refused(r#"{"a": 1}"#, "it is not a JSON object of strings");
        refused(r#"{"a b": "c"}"#, "\"a b\" is not the name of a field");
        refused(r#"{"": "c"}"#, "\"\" is not the name of a field");
        refused(r#"{"a": "secret\r\nX: y"}"#, "the value of `a` is not printable ASCII");
        refused(r#"{"a": "é"}"#, "the value of `a` is not printable ASCII");
        refused(r#"{"a": " b"}"#, "the value of `a` begins or ends with a space");
        refused(r#"{"HOST": "b"}"#, "`Host` has a setting of its own, `host`");
        refused(r#"{"Content-length": "1"}"#, "`Content-length` is set by the check itself");
        refused(r#"{"User-Agent": "b"}"#, "`User-Agent` is set by the check itself");
        refused(r#"{"a": "b", "A": "c"}"#, "`A` is given twice");
        refused(r#"{"a": "b", "a": "c"}"#, "`a` is given twice");
        let many: Vec<_> = (0..33).map(|n| format!("\"h{n}\":\"\"")).collect();
        refused(&format!("{{{}}}", many.join(",")), "there are more than 32 fields");
        refused(
            &format!("{{\"a\":\"{}\"}}", "b".repeat(8_188)),
            "the fields have more than 8192 bytes together",
        );
        assert!(headers_from_json(&format!("{{\"a\":\"{}\"}}", "b".repeat(8_187))).is_ok());
        refused(&" ".repeat(60_000), "the fields have more than 8192 bytes together");
    }

    #[test]
    fn a_body_match_has_up_to_a_kibibyte() {
        assert_eq!(body_match("ok"), Ok(()));
        assert_eq!(body_match(&"a".repeat(1_024)), Ok(()));
        assert!(body_match("").is_err() && body_match(&"é".repeat(513)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            _ = (host(&text), headers_from_json(&text), body_match(&text));
        }

        #[test]
        fn what_is_written_is_read_back(
            fields in proptest::collection::btree_map("x-[a-z]{1,8}", "([!-~]([ -~]*[!-~])?)?", 0..8),
        ) {
            let fields: Headers = fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            prop_assert_eq!(headers_from_json(&headers_to_json(&fields)), Ok(fields));
        }
    }
}
