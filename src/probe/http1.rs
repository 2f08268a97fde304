//! What the HTTP/1.1 checks of one group have in common: their request.
//!
//! No redirect is followed and no cookie kept (docs/semantics.md, "What a check sends").

use crate::model::health_check::HealthCheck;
use crate::probe::request::{USER_AGENT, accept_encoding, further, write_host};

/// The request of one target group's checks over HTTP/1.1.
#[derive(Debug)]
pub struct Http1 {
    /// The request up to the host, and with it where the settings say it.
    opening: String,
    names_target: bool,
    /// What follows the host.
    closing: String,
}

impl Http1 {
    /// Prepares the request that `check` describes.
    #[must_use]
    pub fn new(check: &HealthCheck) -> Self {
        let host = check.host.as_deref();
        let opening = format!("GET {} HTTP/1.1\r\nHost: {}", check.path, host.unwrap_or_default());
        let accept = accept_encoding(check).map(|encodings| ("Accept-Encoding", encodings));
        let mut closing = "\r\n".to_owned();
        let fields = [("User-Agent", USER_AGENT)].into_iter().chain(accept).chain(further(check));
        for (name, value) in fields.chain([("Connection", "close")]) {
            closing.extend([name, ": ", value, "\r\n"]);
        }
        closing.push_str("\r\n");
        Self { opening, names_target: host.is_none(), closing }
    }

    /// Writes the request to the target `id` (as for [`Prober::probe`](super::Prober::probe)) and `port` into `buffer`,
    /// in place of what was there.
    ///
    /// Rendered for each check: that costs some 290 instructions, and keeping it would cost 200 bytes a target.
    pub fn render(&self, buffer: &mut Vec<u8>, id: &str, port: u16) {
        buffer.clear();
        buffer.extend_from_slice(self.opening.as_bytes());
        if self.names_target {
            write_host(buffer, id, port);
        }
        buffer.extend_from_slice(self.closing.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(check: &HealthCheck, id: &str, port: u16) -> String {
        let mut buffer = b"what was there".to_vec();
        Http1::new(check).render(&mut buffer, id, port);
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets_and_the_port_is_always_written() {
        for (id, port, host) in [
            ("10.0.0.1", 80, "\r\nHost: 10.0.0.1:80\r\n"),
            ("fd00::1", 4567, "\r\nHost: [fd00::1]:4567\r\n"),
            ("web.internal", 443, "\r\nHost: web.internal:443\r\n"),
        ] {
            let request = render(&HealthCheck::default(), id, port);
            assert!(request.starts_with("GET / HTTP/1.1\r\n"), "{request}");
            assert!(request.contains(host), "{request}");
        }
    }

    fn with_headers(headers: &[(&str, &str)]) -> HealthCheck {
        let headers = headers.iter().map(|&(name, value)| (name.into(), value.into())).collect();
        HealthCheck { headers, ..HealthCheck::default() }
    }

    #[test]
    fn the_settings_may_say_the_host_and_further_fields_in_order() {
        let check = HealthCheck {
            host: Some("app.example.com".into()),
            ..with_headers(&[("X-Api-Key", "a b"), ("Accept", "text/plain"), ("X-Api-Key", "c")])
        };
        assert_eq!(
            render(&check, "10.0.0.1", 80),
            "GET / HTTP/1.1\r\nHost: app.example.com\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\
             Accept-Encoding: gzip, compressed\r\nX-Api-Key: a b\r\nAccept: text/plain\r\nX-Api-Key: c\r\n\
             Connection: close\r\n\r\n"
        );
    }

    #[test]
    fn only_the_encodings_accepted_may_be_said_in_our_place() {
        let own = [("accept-ENCODING", "br"), ("HOST", "x"), ("User-agent", "x"), ("connection", "x")];
        assert_eq!(
            render(&with_headers(&own), "10.0.0.1", 80),
            "GET / HTTP/1.1\r\nHost: 10.0.0.1:80\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\
             accept-ENCODING: br\r\nConnection: close\r\n\r\n"
        );
    }

    #[test]
    fn a_text_to_be_found_is_asked_for_as_it_is() {
        let check = HealthCheck { body_match: Some("ok".into()), ..HealthCheck::default() };
        let request = render(&check, "10.0.0.1", 80);
        assert!(request.contains("\r\nAccept-Encoding: identity\r\n"), "{request}");
    }
}
