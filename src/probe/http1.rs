//! What the HTTP/1.1 checks of one group have in common: the request, the transport, the verdict on a status.
//!
//! The verdict falls with the end of the response head. No redirect is followed and the body is not read, save what
//! arrived together with the head (docs/semantics.md, "What a check sends").

use std::io::Write as _;
use std::time::Duration;

use crate::model::health_check::{Close, HealthCheck, HealthCheckProtocol};
use crate::model::matcher::Matcher;
use crate::model::outcome::{Cause, Outcome};
use crate::probe::errno::{self, Phase};
use crate::probe::tls;

/// A deadline noticed later than this was missed by us, however long the timeout.
const LATE: Duration = Duration::from_millis(100);

/// Timers are this coarse anyway.
const COARSE: Duration = Duration::from_millis(20);

/// How late we may be ourselves before a missed deadline of this timeout proves nothing (docs/semantics.md, "What an
/// answer means").
#[must_use]
pub fn tolerance(timeout: Duration) -> Duration {
    COARSE.max(timeout / 10)
}

/// What follows the host. The encodings are those ALB is said to send (docs/semantics.md, "What a check sends").
const CLOSING: &str = "\r\nUser-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\
                       Connection: close\r\n\r\n";

/// The checks of one target group over HTTP/1.1.
#[derive(Debug)]
pub struct Http1 {
    pub(super) timeout: Duration,
    pub(super) matcher: Matcher,
    pub(super) transport: Transport,
    pub(super) close: Close,
    /// The request up to the host.
    opening: String,
}

#[derive(Debug)]
pub(super) enum Transport {
    Plain,
    Tls(tls::Client),
    /// No handshake can be made; see [`tls::Client::new`].
    Unusable,
}

impl Http1 {
    /// Prepares the checks that `check` describes.
    #[must_use]
    pub fn new(check: &HealthCheck) -> Self {
        let transport = match check.protocol {
            HealthCheckProtocol::Http => Transport::Plain,
            HealthCheckProtocol::Tcp => Transport::Unusable,
            HealthCheckProtocol::Https => tls::Client::new(check.verify.as_ref(), check.tls_resumption)
                .map_or(Transport::Unusable, Transport::Tls),
        };
        Self {
            timeout: check.timeout,
            matcher: check.matcher.clone(),
            transport,
            close: check.close,
            opening: format!("GET {} HTTP/1.1\r\nHost: ", check.path),
        }
    }

    /// Writes the request to the target `id` (as for [`Prober::probe`](super::Prober::probe)) and `port` into `buffer`,
    /// in place of what was there.
    ///
    /// Rendered for each check: that costs some 400 instructions, and keeping it would cost 200 bytes a target.
    pub fn render(&self, buffer: &mut Vec<u8>, id: &str, port: u16) {
        buffer.clear();
        buffer.extend_from_slice(self.opening.as_bytes());
        // The port is always written, as ALB writes it; an IPv6 address stands in brackets (RFC 3986, section 3.2.2).
        let (open, close) = if id.contains(':') { ("[", "]") } else { ("", "") };
        for part in [open, id, close, ":"] {
            buffer.extend_from_slice(part.as_bytes());
        }
        // Writing to a `Vec` cannot fail.
        _ = write!(buffer, "{port}");
        buffer.extend_from_slice(CLOSING.as_bytes());
    }

    /// The deadline passed. Where we noticed that late, we may have been as late to send or to listen.
    pub(super) fn overdue(&self, phase: Phase, total: Duration) -> Outcome {
        if total.saturating_sub(self.timeout) > tolerance(self.timeout).min(LATE) {
            return Outcome::Inconclusive(Cause::Overload);
        }
        Outcome::Fail(errno::timed_out(phase))
    }

    /// What an error of the handshake means.
    pub(super) fn handshake_outcome(&self, error: &rustls::Error) -> Outcome {
        match &self.transport {
            Transport::Tls(client) => client.handshake_outcome(error),
            Transport::Plain | Transport::Unusable => Outcome::Inconclusive(Cause::Internal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_stands_in_brackets_and_the_port_is_always_written() {
        let http1 = Http1::new(&HealthCheck::default());
        for (id, port, host) in [
            ("10.0.0.1", 80, "\r\nHost: 10.0.0.1:80\r\n"),
            ("fd00::1", 4567, "\r\nHost: [fd00::1]:4567\r\n"),
            ("web.internal", 443, "\r\nHost: web.internal:443\r\n"),
        ] {
            let mut buffer = b"what was there".to_vec();
            http1.render(&mut buffer, id, port);
            let request = String::from_utf8(buffer).unwrap();
            assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
            assert!(request.contains(host), "{request}");
        }
    }
}
