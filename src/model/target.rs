//! One registration: an address or a name, a port, perhaps a zone.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::model::target_group::TargetGroup;
use crate::model::target_id;

/// One registered target. Identity is the pair of `id` and `port`; `zone` is told, not compared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TargetDescription {
    /// An IP address in its canonical form, a host name in lower case, the id of an instance or an ARN.
    pub id: Box<str>,
    /// 1 to 65535; the group's port unless the target has its own. 0 exactly for a Lambda function, which has none.
    pub port: u16,
    /// What few targets have, apart so that the others do not pay for it; `None` where it would say nothing.
    pub more: Option<Box<More>>,
}

/// What few targets have.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct More {
    /// The availability zone, as the user named it.
    pub zone: Option<Box<str>>,
    /// Where it is checked.
    pub reach: Reach,
    /// `QuicServerId`: `0x` and 16 lower-case hexadecimal digits.
    pub quic_server_id: Option<Box<str>>,
}

/// Where a target is checked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Reach {
    /// At its id, an address or a host name.
    #[default]
    Id,
    /// At this address or host name, which the configuration gives for its id.
    At(Box<str>),
    /// Nowhere: its id is neither and the configuration gives none, or nothing of its kind can be checked.
    Nowhere,
}

impl TargetDescription {
    /// A target that is checked at its id.
    #[must_use]
    pub fn new(id: &str, port: u16) -> Self {
        Self { id: id.into(), port, more: None }
    }

    /// The same target with this beside its identity.
    #[must_use]
    pub fn with(self, more: More) -> Self {
        let more = (more != More::default()).then(|| Box::new(more));
        Self { more, ..self }
    }

    /// The same target in this zone.
    #[must_use]
    pub fn in_zone(mut self, zone: Option<Box<str>>) -> Self {
        let more = self.more.take().map_or_else(More::default, |more| *more);
        self.with(More { zone, ..more })
    }

    /// The availability zone.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.more.as_ref()?.zone.as_deref()
    }

    /// The address or host name at which it is checked; `None` where it is not.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self.more.as_ref().map(|more| &more.reach) {
            None | Some(Reach::Id) => Some(&self.id),
            Some(Reach::At(host)) => Some(host),
            Some(Reach::Nowhere) => None,
        }
    }

    /// The address at which it is checked, or `None` where that is a host name or it is not checked.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.host()?.parse().ok()
    }

    /// The host name at which it is checked, or `None` where that is an address or it is not checked.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.host().filter(|host| host.parse::<IpAddr>().is_err())
    }

    /// Why it is checked nowhere, in a sentence that says what to do; `None` where it is checked.
    #[must_use]
    pub fn why_unreachable(&self) -> Option<String> {
        if self.host().is_some() {
            return None;
        }
        if self.port == 0 {
            return Some("Lambda functions cannot be checked from here".to_owned());
        }
        let kind = if self.id.starts_with("arn:") { "load balancer" } else { "instance" };
        let id = &self.id;
        Some(format!("The {kind} {id} has no address: name one under [instances] in the configuration file"))
    }
}

impl fmt::Display for TargetDescription {
    /// `id:port`, with brackets around an id that holds colons, as an IPv6 address does; the bare id of a Lambda function.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == 0 {
            f.write_str(&self.id)
        } else if self.id.contains(':') {
            write!(f, "[{}]:{}", self.id, self.port)
        } else {
            write!(f, "{}:{}", self.id, self.port)
        }
    }
}

/// Reads `ip`, `ip:port`, `[v6]`, `[v6]:port`, `v6`, `hostname` or `hostname:port` into an id and, if named, a port.
///
/// IP addresses come back in canonical form, host names in lower case without a final dot.
///
/// # Errors
/// A sentence fragment that says what is wrong with the text.
pub fn parse(text: &str) -> Result<(Box<str>, Option<u16>), &'static str> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok((ip.to_string().into(), None));
    }
    let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(None) => return Err("the bracket is never closed"),
        Some(Some((host, ""))) => (host, None),
        Some(Some((host, rest))) => {
            (host, Some(rest.strip_prefix(':').ok_or("after the bracket only `:port` may follow")?))
        }
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map(parse_port).transpose()?;
    if text.starts_with('[') {
        let ip: std::net::Ipv6Addr = host.parse().map_err(|_| "between brackets stands no IPv6 address")?;
        return Ok((ip.to_string().into(), port));
    }
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return Ok((ip.to_string().into(), port));
    }
    if host.contains(':') {
        return Err("an IPv6 address with a port needs brackets: `[v6]:port`");
    }
    Ok((parse_name(host)?, port))
}

/// Reads a target as it is named in a group: by the kind of ids the group has, with the group's port where it names none.
///
/// # Errors
/// A sentence fragment that says what is wrong with the text.
pub fn parse_for(group: &TargetGroup, text: &str) -> Result<TargetDescription, &'static str> {
    let (id, port) = target_id::read(group.target_type, text)?;
    Ok(TargetDescription::new(&id, port.unwrap_or(group.port)))
}

/// An address that belongs to one machine, as far as the address itself can tell; a host name always is.
///
/// # Errors
/// A sentence fragment that says why it is no target.
pub fn usable(id: &str) -> Result<(), &'static str> {
    let Ok(ip) = id.parse::<IpAddr>() else {
        return Ok(());
    };
    // `::ffff:224.0.0.1` is sent where 224.0.0.1 is.
    let ip = ip.to_canonical();
    if ip.is_unspecified() {
        Err("the unspecified address is no target")
    } else if ip.is_multicast() {
        Err("a multicast address is no target")
    } else if ip == Ipv4Addr::BROADCAST {
        Err("the broadcast address is no target")
    } else {
        Ok(())
    }
}

/// What an availability zone may be.
pub const ZONE: &str = "1 to 64 characters, none of them a control character";

/// Whether a text may be an availability zone.
#[must_use]
pub fn is_zone(text: &str) -> bool {
    (1..=64).contains(&text.chars().count()) && !text.contains(char::is_control)
}

pub(super) fn parse_port(text: &str) -> Result<u16, &'static str> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ => Err("the port is not a number from 1 to 65535"),
    }
}

/// A host name by RFC 1123 section 2.1, underscores allowed as resolvers allow them.
fn parse_name(host: &str) -> Result<Box<str>, &'static str> {
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.is_empty() || name.len() > 253 {
        return Err("a host name has 1 to 253 characters");
    }
    for label in name.split('.') {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if label.is_empty() || label.len() > 63 || !plain || label.starts_with('-') || label.ends_with('-') {
            return Err("neither an IP address nor a host name");
        }
    }
    // A last label of digits only is a mistyped IPv4 address: no such top-level domain exists (RFC 3696, section 2).
    if name.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err("neither an IP address nor a host name");
    }
    Ok(name.to_ascii_lowercase().into())
}

/// Whether a text is the id of an instance, which is no host name even where it could be one.
#[must_use]
pub fn is_instance(id: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    id.strip_prefix("i-").is_some_and(|rest| rest.len() >= 8 && rest.bytes().all(hex))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_the_file_is_read() {
        for (text, id, port) in [
            ("10.0.0.5", "10.0.0.5", None),
            ("10.0.0.5:8080", "10.0.0.5", Some(8080)),
            ("[::1]:80", "::1", Some(80)),
            ("[2001:DB8:0::1]", "2001:db8::1", None),
            ("::1", "::1", None),
            ("Web-1.Example.com:80", "web-1.example.com", Some(80)),
            ("localhost", "localhost", None),
            ("example.com.", "example.com", None),
        ] {
            assert_eq!(parse(text), Ok((id.into(), port)), "{text}");
        }
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for text in [
            "",
            ":80",
            "10.0.0.5:",
            "10.0.0.5:0",
            "10.0.0.5:65536",
            "10.0.0.5:+80",
            "10.0.0.256",
            "[::1",
            "[::1]80",
            "[10.0.0.1]:80",
            "::1:80:zz",
            "a b",
            "-a.com",
            "a..b",
            "http://a/",
            "a/b",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_checked_nowhere_says_why() {
        let why = |id: &str, port, reach| {
            let more = Some(Box::new(More { reach, ..More::default() }));
            TargetDescription { more, ..TargetDescription::new(id, port) }.why_unreachable()
        };
        let balancer =
            "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/50dc6c495c0c9188";
        for (id, port, begin) in [
            ("i-0abcdef0", 80, "The instance i-0abcdef0 has no address: name one under [instances]"),
            (balancer, 80, "The load balancer arn:aws:elasticloadbalancing:"),
            ("arn:aws:lambda:us-east-1:000000000000:function:f", 0, "Lambda functions cannot be checked"),
        ] {
            let told = why(id, port, Reach::Nowhere);
            assert!(told.as_ref().is_some_and(|text| text.starts_with(begin)), "{told:?}");
        }
        assert_eq!(why("i-0abcdef0", 80, Reach::At("10.0.0.5".into())), None);
        assert_eq!(TargetDescription::new("10.0.0.5", 80).why_unreachable(), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            _ = parse(&text);
        }

        #[test]
        fn what_is_printed_is_read_back(octets: [u8; 16], port in 1..=u16::MAX) {
            let target = TargetDescription::new(&IpAddr::from(octets).to_string(), port);
            prop_assert_eq!(parse(&target.to_string()), Ok((target.id, Some(port))));
        }
    }
}
