//! What kind of group is asked for: its name, target type, protocol, port and network.

use crate::model::excerpt::excerpt;
use crate::model::family::Family;
use crate::model::protocol::{GENEVE_PORT, IpAddressType, Protocol, ProtocolVersion, TargetType};
use crate::model::target_group::{GroupName, TargetGroup};
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::settings::constraints::Constraints;
use crate::output::elbv2::settings::{Create, invalid, unfit};

/// What kind of group it is.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) target_type: TargetType,
    pub(super) protocol: Option<Protocol>,
    pub(super) version: Option<ProtocolVersion>,
    pub(super) port: u16,
    pub(super) vpc_id: Option<Box<str>>,
    pub(super) ip_address_type: Option<IpAddressType>,
    pub(super) target_control_port: Option<u16>,
}

impl Kind {
    /// The kind of a group that exists.
    pub(super) fn of(group: &TargetGroup) -> Self {
        let description = &group.description;
        Self {
            target_type: group.target_type,
            protocol: group.protocol,
            version: group.protocol_version,
            port: group.port,
            vpc_id: description.vpc_id.clone(),
            ip_address_type: description.ip_address_type,
            target_control_port: description.target_control_port,
        }
    }

    /// Whose rules hold.
    pub(super) fn family(&self) -> Family {
        Family::of(self.target_type, self.protocol)
    }

    /// Words for what of the kind an error is about: the target type where that decides, else the protocol.
    pub(super) fn shown(&self) -> String {
        match self.protocol {
            Some(protocol) if self.target_type != TargetType::Alb => format!("the {protocol} protocol"),
            _ => format!("target type '{}'", self.target_type),
        }
    }
}

/// The parameters that are words or numbers, each right in itself.
#[derive(Debug)]
pub(super) struct Words {
    target_type: Option<TargetType>,
    protocol: Option<Protocol>,
    version: Option<ProtocolVersion>,
    port: Option<u16>,
    ip_address_type: Option<IpAddressType>,
    target_control_port: Option<u16>,
}

impl Words {
    pub(super) fn read(asked: &Create, constraints: &mut Constraints) -> Self {
        if asked.name.is_none() {
            constraints.missing("name");
        }
        let (protocol, version) = (asked.protocol.as_deref(), asked.protocol_version.as_deref());
        let (target_type, address_type) = (asked.target_type.as_deref(), asked.ip_address_type.as_deref());
        let version_word = ProtocolVersion::as_str;
        Self {
            protocol: constraints.word("protocol", protocol, Protocol::ALL, Protocol::as_str),
            version: constraints.word("protocolVersion", version, ProtocolVersion::ALL, version_word),
            port: constraints.port("port", asked.port.as_deref()),
            target_type: constraints.word("targetType", target_type, TargetType::ALL, TargetType::as_str),
            ip_address_type: constraints.word(
                "ipAddressType",
                address_type,
                IpAddressType::ALL,
                IpAddressType::as_str,
            ),
            target_control_port: constraints.port("targetControlPort", asked.target_control_port.as_deref()),
        }
    }

    /// What is meant, by the rules of its target type and protocol.
    pub(super) fn kind(self, asked: &Create) -> Result<Kind, ApiError> {
        let target_type = self.target_type.unwrap_or(TargetType::Instance);
        if self.ip_address_type == Some(IpAddressType::Ipv6) && target_type != TargetType::Ip {
            let message = "IP address type 'ipv6' is only supported for target groups with target type 'ip'";
            return Err(invalid(message));
        }
        if target_type == TargetType::Lambda {
            return self.lambda(asked);
        }
        let protocol = self.protocol.ok_or_else(|| invalid("A protocol must be specified"))?;
        let port = self.port.ok_or_else(|| invalid("A port must be specified"))?;
        let vpc_id = asked.vpc_id.as_deref().ok_or_else(|| invalid("A VPC ID must be specified"))?;
        if !is_vpc(vpc_id) {
            return Err(invalid(format!("The VPC ID '{}' is not found", excerpt(vpc_id))));
        }
        if target_type == TargetType::Alb && protocol != Protocol::Tcp {
            let message = "is not supported for target groups with target type 'alb'";
            return Err(unfit(format!("Protocol '{protocol}' {message}")));
        }
        if self.version.is_some() && !protocol.is_application() {
            let message = "Protocol version cannot be specified for target groups with";
            return Err(invalid(format!("{message} the {protocol} protocol")));
        }
        let geneve = protocol == Protocol::Geneve;
        if geneve && port != GENEVE_PORT {
            let message = format!("must be '{GENEVE_PORT}' for target groups with the GENEVE protocol");
            return Err(invalid(format!("Port '{port}' {message}")));
        }
        if geneve && self.ip_address_type == Some(IpAddressType::Ipv6) {
            let message =
                "IP address type 'ipv6' is not supported for target groups with the GENEVE protocol";
            return Err(unfit(message));
        }
        Ok(Kind {
            target_type,
            protocol: Some(protocol),
            version: protocol.is_application().then(|| self.version.unwrap_or(ProtocolVersion::Http1)),
            port,
            vpc_id: Some(vpc_id.into()),
            ip_address_type: (!geneve).then(|| self.ip_address_type.unwrap_or(IpAddressType::Ipv4)),
            target_control_port: self.target_control_port,
        })
    }

    /// A group of functions, which have no network.
    fn lambda(&self, asked: &Create) -> Result<Kind, ApiError> {
        let given = [
            ("Protocol", asked.protocol.is_some()),
            ("Port", asked.port.is_some()),
            ("VPC ID", asked.vpc_id.is_some()),
            ("Protocol version", asked.protocol_version.is_some()),
            ("Target control port", asked.target_control_port.is_some()),
        ];
        if let Some((what, _)) = given.iter().find(|(_, given)| *given) {
            return Err(not_for_lambda(what));
        }
        Ok(Kind {
            target_type: TargetType::Lambda,
            protocol: None,
            version: None,
            port: 0,
            vpc_id: None,
            ip_address_type: Some(IpAddressType::Ipv4),
            target_control_port: None,
        })
    }
}

pub(super) fn not_for_lambda(what: &str) -> ApiError {
    invalid(format!("{what} cannot be specified for target groups with target type 'lambda'"))
}

/// There are no networks here: every id of the right form exists, and no other.
fn is_vpc(id: &str) -> bool {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    id.strip_prefix("vpc-").is_some_and(|hex| (1..=32).contains(&hex.len()) && hex.bytes().all(digit))
}

/// Reads the name of a group (docs/semantics.md, "Target groups").
pub(super) fn name(text: &str) -> Result<GroupName, ApiError> {
    let quoted = excerpt(text);
    if text.chars().count() > 32 {
        return Err(invalid(format!("Target group name '{quoted}' cannot be longer than '32' characters")));
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        let message = "can only contain characters that are alphanumeric characters or hyphens(-)";
        return Err(invalid(format!("Target group name '{quoted}' {message}")));
    }
    GroupName::parse(text).map_err(|_| {
        let (member, pattern) =
            ("targetGroup.targetGroupArn.targetGroupName", r"(?!.*--)(?!^-)(?!.*-$)^[A-Za-z0-9-]+$");
        let mut constraints = Constraints::default();
        constraints.broken(member, text, &format!("satisfy regular expression pattern: {pattern}"));
        constraints.met().err().unwrap_or_else(|| invalid(pattern))
    })
}
