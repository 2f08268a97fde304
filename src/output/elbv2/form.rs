//! The parameters of a call: `application/x-www-form-urlencoded` texts, lists and structures among them.
//!
//! ```text
//! Action=RegisterTargets&Targets.member.1.Id=10.0.0.5&Targets.member.1.Port=8080&Targets.member.2.Id=10.0.0.6
//! ```

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound::{Included, Unbounded};

use crate::model::excerpt::excerpt;
use crate::output::elbv2::error::ApiError;

/// Parameters of one call at most: enough for 8,000 targets with their ports.
pub const PARAMETERS: usize = 16_384;

/// What a call says, by the names of its parameters.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Params(BTreeMap<String, String>);

/// One structure of a list, by the names of its fields; a plain value is the field without a name.
pub type Member<'a> = BTreeMap<&'a str, &'a str>;

impl Params {
    /// Reads the texts of a query and a body, which together are one call.
    ///
    /// # Errors
    /// `MalformedQueryString`: an escape or text that cannot be read, a name given twice, or too many.
    pub fn read(query: &[u8], body: &[u8]) -> Result<Self, ApiError> {
        let mut params = BTreeMap::new();
        for pair in query.split(is_ampersand).chain(body.split(is_ampersand)).filter(|pair| !pair.is_empty())
        {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            if name.is_empty() {
                return Err(ApiError::malformed("A parameter has no name"));
            }
            if params.len() == PARAMETERS {
                return Err(ApiError::malformed(format!("There are more than {PARAMETERS} parameters")));
            }
            match params.entry(name) {
                Entry::Vacant(place) => _ = place.insert(value),
                Entry::Occupied(place) => {
                    let message = format!("Parameter '{}' is given twice", excerpt(place.key()));
                    return Err(ApiError::malformed(message));
                }
            }
        }
        Ok(Self(params))
    }

    /// One parameter, as it was typed.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// One parameter, to be kept.
    #[must_use]
    pub fn owned(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    /// One parameter that must be there and not be empty. `noun` names it in the error, as in `A target group ARN`.
    ///
    /// # Errors
    /// `ValidationError`, if it is not.
    pub fn require(&self, name: &str, noun: &str) -> Result<&str, ApiError> {
        let given = self.get(name).filter(|value| !value.is_empty());
        given.ok_or_else(|| ApiError::validation(format!("{noun} must be specified ({name})")))
    }

    /// Whether there is a list of this name with anything in it.
    #[must_use]
    pub fn has_members(&self, name: &str) -> bool {
        let prefix = format!("{name}.member.");
        let mut behind = self.0.range::<str, _>((Included(prefix.as_str()), Unbounded));
        behind.next().is_some_and(|(key, _)| key.starts_with(&prefix))
    }

    /// The values of a list, by their numbers; empty where there is no such list.
    ///
    /// # Errors
    /// `MalformedQueryString`, if a member is not a plain value.
    pub fn list(&self, name: &str) -> Result<Vec<&str>, ApiError> {
        let mut values = Vec::new();
        for (number, member) in self.members(name)? {
            match member.get("") {
                Some(value) if member.len() == 1 => values.push(*value),
                _ => {
                    let message = format!("{name}.member.{number} has fields and is a plain value");
                    return Err(ApiError::malformed(message));
                }
            }
        }
        Ok(values)
    }

    /// The structures of a list, by their numbers; empty where there is no such list.
    ///
    /// # Errors
    /// `MalformedQueryString`, if a member is a plain value.
    pub fn structures(&self, name: &str) -> Result<Vec<Member<'_>>, ApiError> {
        let members = self.members(name)?;
        if let Some((number, _)) = members.iter().find(|(_, member)| member.contains_key("")) {
            return Err(ApiError::malformed(format!(
                "{name}.member.{number} is a plain value and must have fields"
            )));
        }
        Ok(members.into_values().collect())
    }

    /// The members of a list, by their numbers: in any order and with gaps, as clients number them.
    fn members(&self, name: &str) -> Result<BTreeMap<u32, Member<'_>>, ApiError> {
        // An empty list is sent as `Names=`.
        if self.get(name).is_some_and(|value| !value.is_empty()) {
            return Err(ApiError::malformed(format!(
                "{name} is a list, whose first value is {name}.member.1"
            )));
        }
        let prefix = format!("{name}.member.");
        let mut members: BTreeMap<u32, Member<'_>> = BTreeMap::new();
        for (key, value) in self.0.range::<str, _>((Included(prefix.as_str()), Unbounded)) {
            let Some(rest) = key.strip_prefix(&prefix) else { break };
            let (number, field) = match rest.split_once('.') {
                // It would be taken for the plain value of its member.
                Some((_, "")) => {
                    let key = excerpt(key);
                    return Err(ApiError::malformed(format!("'{key}' ends before the name of a field")));
                }
                Some(both) => both,
                None => (rest, ""),
            };
            let known = number.parse::<u32>().ok().filter(|known| *known > 0 && known.to_string() == number);
            let Some(known) = known else {
                let number = excerpt(number);
                return Err(ApiError::malformed(format!(
                    "'{number}' is not the number of a member of {name}"
                )));
            };
            members.entry(known).or_default().insert(field, value);
        }
        Ok(members)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what a slice is split by")]
fn is_ampersand(byte: &u8) -> bool {
    *byte == b'&'
}

/// Undoes the encoding of one name or value: `+` is a space, `%` and two hexadecimal digits a byte.
fn decode(text: &[u8]) -> Result<String, ApiError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (rest.next().and_then(digit), rest.next().and_then(digit)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => {
                    let text = String::from_utf8_lossy(text);
                    let message = format!("'{}' has a % without two hexadecimal digits", excerpt(&text));
                    return Err(ApiError::malformed(message));
                }
            },
            plain => plain,
        });
    }
    String::from_utf8(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(error.as_bytes());
        ApiError::malformed(format!("'{}' is not UTF-8", excerpt(&text)))
    })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what an iterator over bytes gives")]
fn digit(byte: &u8) -> Option<u8> {
    char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> Result<Params, ApiError> {
        Params::read(b"", body.as_bytes())
    }

    #[test]
    fn what_a_client_sends_is_read() {
        let params = read(
            "Action=CreateTargetGroup&HealthCheckPath=%2Fhealth%3Fx%3D1%26y%3D2&Name=a+b%20c&Note=%C3%A9~%2A&Empty=&Bare&",
        );
        let params = params.unwrap();
        assert_eq!(params.get("HealthCheckPath"), Some("/health?x=1&y=2"));
        assert_eq!(params.get("Name"), Some("a b c"));
        assert_eq!(params.get("Note"), Some("é~*"));
        assert_eq!((params.get("Empty"), params.get("Bare"), params.get("None")), (Some(""), Some(""), None));
    }

    #[test]
    fn query_and_body_are_one_call() {
        let params = Params::read(b"Action=A", b"Version=1").unwrap();
        assert_eq!((params.get("Action"), params.get("Version")), (Some("A"), Some("1")));
        assert!(Params::read(b"Action=A", b"Action=A").is_err());
    }

    #[test]
    fn a_list_is_ordered_by_number_with_gaps_in_any_order() {
        let params = read("N.member.10=c&N.member.2=b&N.member.1=a&Names.member.1=x&Empty=").unwrap();
        assert_eq!(params.list("N"), Ok(vec!["a", "b", "c"]));
        assert_eq!(params.list("Empty"), Ok(vec![]));
        assert_eq!(params.list("None"), Ok(vec![]));
    }

    #[test]
    fn a_list_of_structures_keeps_its_fields_together() {
        let params = read("T.member.2.Id=b&T.member.1.Port=1&T.member.2.Port=2&T.member.1.Id=a").unwrap();
        let members = params.structures("T").unwrap();
        assert_eq!(
            members,
            [Member::from([("Id", "a"), ("Port", "1")]), Member::from([("Id", "b"), ("Port", "2")])]
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_place() {
        for (body, message) in [
            ("a=%", "'%' has a % without two hexadecimal digits"),
            ("a=%4", "'%4' has a % without two hexadecimal digits"),
            ("a=x%zz", "'x%zz' has a % without two hexadecimal digits"),
            ("%+4=a", "'%+4' has a % without two hexadecimal digits"),
            ("a=%ff", "'\u{fffd}' is not UTF-8"),
            ("=a", "A parameter has no name"),
            ("a=1&b=2&a=3", "Parameter 'a' is given twice"),
        ] {
            let error = read(body).unwrap_err();
            assert_eq!((error.code, error.message.as_str()), ("MalformedQueryString", message), "{body}");
        }
        for (body, message) in [
            ("L=x", "L is a list, whose first value is L.member.1"),
            ("L.member.0=x", "'0' is not the number of a member of L"),
            ("L.member.01=x", "'01' is not the number of a member of L"),
            ("L.member.x=x", "'x' is not the number of a member of L"),
            ("L.member.4294967296=x", "'4294967296' is not the number of a member of L"),
            ("L.member.1.Id=x", "L.member.1 has fields and is a plain value"),
            ("L.member.1=x&L.member.1.=y", "'L.member.1.' ends before the name of a field"),
        ] {
            assert_eq!(read(body).unwrap().list("L").unwrap_err().message, message, "{body}");
        }
        let error = read("L.member.1=x").unwrap().structures("L").unwrap_err();
        assert_eq!(error.message, "L.member.1 is a plain value and must have fields");
    }

    #[test]
    fn the_number_of_parameters_is_bounded() {
        let many = |count| (0..count).map(|n| format!("p{n}=&")).collect::<String>();
        assert!(read(&many(PARAMETERS)).is_ok());
        assert!(read(&many(PARAMETERS + 1)).is_err());
    }

    /// Encodes every byte that could be mistaken, and half of the others.
    fn encode(text: &str) -> String {
        let one = |byte: u8| match byte {
            b' ' => "+".to_owned(),
            b'a'..=b'z' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        };
        text.bytes().map(one).collect()
    }

    proptest! {
        #[test]
        fn no_bytes_panic(query: Vec<u8>, body in "[A-C.member0-9=&%+é]*") {
            _ = Params::read(&query, b"");
            if let Ok(params) = read(&body) {
                _ = (params.list("A"), params.structures("A"));
            }
        }

        #[test]
        fn what_is_encoded_is_read_back(sent in prop::collection::btree_map("\\PC+", ".*", 0..8)) {
            let body: Vec<_> = sent.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
            prop_assert_eq!(read(&body.join("&")), Ok(Params(sent)));
        }
    }
}
