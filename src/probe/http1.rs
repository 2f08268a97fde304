//! What the HTTP/1.1 checks of one group have in common: their request.
//!
//! No redirect is followed and no cookie kept (docs/semantics.md, "What a check sends").

use std::io::Write as _;

use crate::model::health_check::HealthCheck;

/// What follows the host. The encodings are those ALB is said to send (docs/semantics.md, "What a check sends").
const CLOSING: &str = "\r\nUser-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\
                       Connection: close\r\n\r\n";

/// The request of one target group's checks over HTTP/1.1.
#[derive(Debug)]
pub struct Http1 {
    /// The request up to the host.
    opening: String,
}

impl Http1 {
    /// Prepares the request that `check` describes.
    #[must_use]
    pub fn new(check: &HealthCheck) -> Self {
        Self { opening: format!("GET {} HTTP/1.1\r\nHost: ", check.path) }
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
