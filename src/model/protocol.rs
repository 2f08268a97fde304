//! The words that say what kind of target group it is: protocol, protocol version, target type, address type.

use std::fmt;

/// Makes an enumeration of AWS's words with its list, its words and a reader of them.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Every one, in AWS's order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// AWS's word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads AWS's word, to the letter.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// The protocol of a group's traffic (`ProtocolEnum`).
    Protocol {
        /// HTTP, behind an Application Load Balancer.
        Http = "HTTP",
        /// HTTP over TLS, behind an Application Load Balancer.
        Https = "HTTPS",
        /// Any stream, behind a Network Load Balancer.
        Tcp = "TCP",
        /// TLS ended by a Network Load Balancer.
        Tls = "TLS",
        /// Datagrams.
        Udp = "UDP",
        /// Streams and datagrams on one port.
        TcpUdp = "TCP_UDP",
        /// Tunnelled packets, behind a Gateway Load Balancer.
        Geneve = "GENEVE",
        /// QUIC.
        Quic = "QUIC",
        /// QUIC, and TCP on the same port.
        TcpQuic = "TCP_QUIC",
    }
}

/// The only port of a GENEVE group (RFC 8926, section 3.3).
pub const GENEVE_PORT: u16 = 6_081;

impl Protocol {
    /// Whether an Application Load Balancer takes such groups.
    #[must_use]
    pub fn is_application(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

words! {
    /// The version of HTTP a group speaks (`ProtocolVersion`); only HTTP and HTTPS groups have one.
    ProtocolVersion {
        /// HTTP/1.1.
        Http1 = "HTTP1",
        /// HTTP/2.
        Http2 = "HTTP2",
        /// gRPC over HTTP/2.
        Grpc = "GRPC",
    }
}

words! {
    /// What a target's id is (`TargetTypeEnum`).
    TargetType {
        /// The id of an instance.
        Instance = "instance",
        /// An address or, here, a host name.
        Ip = "ip",
        /// The ARN of a Lambda function.
        Lambda = "lambda",
        /// The ARN of an Application Load Balancer.
        Alb = "alb",
    }
}

words! {
    /// The family of a group's addresses (`TargetGroupIpAddressTypeEnum`). Told, and not held against a target's own.
    IpAddressType {
        /// IPv4.
        Ipv4 = "ipv4",
        /// IPv6.
        Ipv6 = "ipv6",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for protocol in Protocol::ALL {
            assert_eq!(Protocol::parse(protocol.as_str()), Some(*protocol));
        }
        for kind in TargetType::ALL {
            assert_eq!(TargetType::parse(kind.as_str()), Some(*kind));
        }
        assert_eq!((Protocol::parse("http"), ProtocolVersion::parse("HTTP3")), (None, None));
    }
}
