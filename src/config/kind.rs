//! What kind of group it is: target type, protocol, version and port, which have to go together
//! (docs/semantics.md, "Kinds of groups").

use std::fmt;

use crate::config::problems::Problems;
use crate::config::table::{Field, Table};
use crate::config::values;
use crate::model::family::Family;
use crate::model::health_check::{HealthCheck, HealthCheckProtocol};
use crate::model::protocol::{GENEVE_PORT, Protocol, ProtocolVersion, TargetType};

/// A kind of group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) target_type: TargetType,
    /// `None` exactly for Lambda functions.
    pub(super) protocol: Option<Protocol>,
    /// `None` unless the protocol is HTTP or HTTPS.
    pub(super) version: Option<ProtocolVersion>,
}

impl Kind {
    /// A group of addresses behind an Application Load Balancer.
    pub(super) fn application(protocol: Protocol) -> Self {
        Self {
            target_type: TargetType::Ip,
            protocol: Some(protocol),
            version: protocol.is_application().then_some(ProtocolVersion::Http1),
        }
    }

    /// The check of such a group with every default (docs/semantics.md, "Defaults"). Some depend on what it speaks.
    pub(super) fn health_check(self, protocol: Option<HealthCheckProtocol>) -> HealthCheck {
        HealthCheck::of_kind(self.target_type, self.protocol, self.version, protocol)
    }

    /// Which load balancer's rules hold.
    pub(super) fn family(self) -> Family {
        Family::of(self.target_type, self.protocol)
    }
}

impl fmt::Display for Kind {
    /// The group as a message calls it, with its article: `an HTTP group`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.target_type, self.protocol) {
            (TargetType::Alb, _) => f.write_str("a group of load balancers"),
            (_, None) => f.write_str("a group of Lambda functions"),
            (_, Some(protocol @ (Protocol::Http | Protocol::Https))) => write!(f, "an {protocol} group"),
            (_, Some(protocol)) => write!(f, "a {protocol} group"),
        }
    }
}

/// What was typed: the type of targets, the kind and the port, each `None` where it is wrong. The port of a Lambda
/// function is 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Typed {
    pub(super) target_type: Option<TargetType>,
    pub(super) kind: Option<Kind>,
    pub(super) port: Option<u16>,
}

/// Reads `target_type`, `protocol`, `protocol_version` and `port`.
pub(super) fn read(table: &Table<'_>, problems: &mut Problems<'_>) -> Typed {
    let target_type = table.word("target_type", TargetType::ALL, TargetType::as_str, problems);
    let protocol = table.word("protocol", Protocol::ALL, Protocol::as_str, problems);
    let version = table.word("protocol_version", ProtocolVersion::ALL, ProtocolVersion::as_str, problems);
    let port = table.number("port", values::PORTS, problems);
    let target_type = target_type.known(TargetType::Ip).map(|(target_type, _)| target_type);
    if target_type == Some(TargetType::Lambda) {
        let places = [protocol.place(), version.place(), port.place()];
        for place in places.into_iter().flatten() {
            problems.clash(
                place.clone(),
                "found with `target_type = \"lambda\"`; allowed: with any other".to_owned(),
            );
        }
        let kind = Kind { target_type: TargetType::Lambda, protocol: None, version: None };
        return Typed { target_type, kind: Some(kind), port: Some(0) };
    }
    let kind = target_type.and_then(|target_type| meant(target_type, &protocol, &version, problems));
    if let (Field::Absent, Some(_)) = (&port, target_type) {
        let whole = values::whole(&values::PORTS);
        table.missing("port", &format!("the port of targets that name none, {whole}"), problems);
    }
    if let (Field::Given(port), Some(Protocol::Geneve)) = (&port, kind.and_then(|kind| kind.protocol))
        && port.value != u32::from(GENEVE_PORT)
    {
        let message = format!("found the number {} in a GENEVE group; allowed: {GENEVE_PORT}", port.value);
        problems.clash(port.place.clone(), message);
    }
    Typed { target_type, kind, port: port.given().and_then(|port| u16::try_from(port).ok()) }
}

/// The kind of a group whose targets have ports.
fn meant(
    target_type: TargetType,
    protocol: &Field<Protocol>,
    version: &Field<ProtocolVersion>,
    problems: &mut Problems<'_>,
) -> Option<Kind> {
    let usual = if target_type == TargetType::Alb { Protocol::Tcp } else { Protocol::Http };
    let (protocol, at) = protocol.known(usual)?;
    if let (TargetType::Alb, true, Some(at)) = (target_type, protocol != Protocol::Tcp, at) {
        let message = format!("found \"{protocol}\" with `target_type = \"alb\"`; allowed: \"TCP\"");
        problems.clash(at.clone(), message);
        return None;
    }
    let usual = Kind { target_type, ..Kind::application(protocol) };
    let version = match version {
        Field::Given(found) if !protocol.is_application() => {
            problems.clash(
                found.place.clone(),
                format!("found \"{}\" in {usual}; allowed: in HTTP and HTTPS groups", found.value),
            );
            None
        }
        Field::Given(found) => Some(found.value),
        Field::Absent => usual.version,
        Field::Wrong => return None,
    };
    Some(Kind { version, ..usual })
}
