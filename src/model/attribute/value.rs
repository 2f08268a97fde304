//! Reading the value of one attribute.

use std::ops::RangeInclusive;

use crate::model::attribute::table::{
    Allowed, Attribute, PRESERVE_CLIENT_IP, STICKINESS_TYPES, TERMINATION, datagrams, stickiness_types,
};
use crate::model::attribute::{AttributeError, Set};
use crate::model::excerpt::excerpt;
use crate::model::request;
use crate::model::target_group::TargetGroup;

/// The longest name of a cookie, in bytes.
const COOKIE_NAME_BYTES: usize = 512;

impl Attribute {
    /// The value as it is kept: numbers without leading zeros. `None` for the empty value that removes an attribute of
    /// ours.
    pub(super) fn read(&self, group: &TargetGroup, text: &str) -> Result<Option<Box<str>>, AttributeError> {
        if self.is_ours() && text.is_empty() {
            return Ok(None);
        }
        let kept = |text: &str| Ok(Some(Box::from(text)));
        match &self.allowed {
            Allowed::Whole(range) => self.number(text, range, "").map(Some),
            Allowed::ZeroOr(range) => match number(text) {
                Some(0) => kept("0"),
                Some(_) | None => self.number(text, range, "'0' or ").map(Some),
            },
            Allowed::OffOr(_) if text == "off" => kept(text),
            Allowed::OffOr(range) => self.number(text, range, "'off' or ").map(Some),
            Allowed::OneOf(words) => {
                self.one_of(text, words)?;
                self.possible(group, text)?;
                kept(text)
            }
            Allowed::StickinessType => {
                self.one_of(text, &STICKINESS_TYPES)?;
                if !stickiness_types(group).contains(&text) {
                    let protocol = group.protocol.map_or("", |protocol| protocol.as_str());
                    return Err(AttributeError::Unfit(format!(
                        "Stickiness type '{text}' is not supported for target groups with the {protocol} protocol"
                    )));
                }
                kept(text)
            }
            Allowed::CookieName => self.cookie_name(text).and_then(|()| kept(text)),
            Allowed::Host => match request::host(text) {
                Ok(()) => kept(text),
                Err(why) => Err(self.refuse(HOST, why)),
            },
            Allowed::Headers => match request::headers_from_json(text) {
                Ok(_) => kept(text),
                Err(why) => Err(self.refuse(HEADERS, &why)),
            },
            Allowed::BodyMatch => match request::body_match(text) {
                Ok(()) => kept(text),
                Err(why) => Err(self.refuse(BODY_MATCH, why)),
            },
        }
    }

    fn number(&self, text: &str, range: &RangeInclusive<u32>, or: &str) -> Result<Box<str>, AttributeError> {
        if let Some(number) = number(text).filter(|number| range.contains(number)) {
            return Ok(number.to_string().into());
        }
        let between = format!("between '{}-{}' inclusive", range.start(), range.end());
        Err(self.wrong(text, &format!("{or}{between}")))
    }

    fn one_of(&self, text: &str, words: &[&str]) -> Result<(), AttributeError> {
        if words.contains(&text) {
            return Ok(());
        }
        Err(self.wrong(text, &format!("one of '{}'", words.join(", "))))
    }

    /// What a load balancer of datagrams cannot do, since it has no connections and rewrites no address.
    fn possible(&self, group: &TargetGroup, text: &str) -> Result<(), AttributeError> {
        let impossible = matches!((self.key, text), (TERMINATION, "true") | (PRESERVE_CLIENT_IP, "false"));
        match group.protocol {
            Some(protocol) if impossible && datagrams(group) => {
                let able = if text == "true" { "enable" } else { "disable" };
                let key = self.key;
                Err(AttributeError::Unfit(format!(
                    "You cannot {able} {key} on target groups with the {protocol} protocol"
                )))
            }
            _ => Ok(()),
        }
    }

    /// A token (RFC 6265, section 4.1.1) that is not one of the load balancer's own cookies.
    fn cookie_name(&self, text: &str) -> Result<(), AttributeError> {
        let token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
        let reserved = ["AWSALB", "AWSALBAPP", "AWSALBTG"].iter().any(|name| text.starts_with(name));
        if text.len() > COOKIE_NAME_BYTES || !text.bytes().all(token) || reserved {
            let allowed = "the name of a cookie, up to 512 characters, that does not begin with 'AWSALB'";
            return Err(self.wrong(text, allowed));
        }
        Ok(())
    }

    fn wrong(&self, text: &str, allowed: &str) -> AttributeError {
        AttributeError::Invalid(format!("'{}' value '{}' must be {allowed}", self.key, excerpt(text)))
    }

    /// Refuses a value without repeating it: it may hold a secret.
    fn refuse(&self, allowed: &str, why: &str) -> AttributeError {
        AttributeError::Invalid(format!("'{}' must be {allowed}: {why}", self.key))
    }
}

const HOST: &str = "a host with an optional port, 1 to 255 characters";
const HEADERS: &str = "a JSON object of strings, up to 32 header fields and 8192 bytes";
const BODY_MATCH: &str = "a text of 1 to 1024 bytes";

/// A whole number of digits only.
pub(super) fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// What is set for a key, as a number.
pub(super) fn set_number(set: &Set, key: &str) -> Option<u32> {
    set.get(key).and_then(|text| number(text))
}
