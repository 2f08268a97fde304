//! Who may ask what: a browser on a foreign page may nothing, and writing needs a listener that only this machine
//! reaches, or an explicit `insecure = true`.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};

/// The rules for one listener.
#[derive(Clone, Debug)]
pub struct Guard {
    listen: SocketAddr,
    insecure: bool,
    allowed_hosts: Vec<String>,
}

/// Why a request is refused: the status, a code for programs, and a message that says what to set.
pub type Refusal = (StatusCode, &'static str, String);

impl Guard {
    /// The rules for a listener bound to `listen`. `allowed_hosts` are further names it is known by.
    #[must_use]
    pub fn new(listen: SocketAddr, insecure: bool, allowed_hosts: Vec<String>) -> Self {
        Self { listen, insecure, allowed_hosts }
    }

    /// Refuses a request made by a foreign web page: one with another origin, or one that reached a loopback
    /// listener by a name that is not its own (a page whose name was rebound to this machine).
    ///
    /// # Errors
    /// Why it is refused.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let text =
            |name| headers.get(name).map(|value: &axum::http::HeaderValue| value.to_str().unwrap_or("?"));
        let host = text(HOST);
        if headers.get_all(HOST).iter().count() > 1 {
            // Which of them counts would be anyone's guess (RFC 9112, section 3.2).
            return Err((
                StatusCode::BAD_REQUEST,
                "host_ambiguous",
                "The request names more than one Host.".to_owned(),
            ));
        }
        if let Some(host) = host.filter(|host| self.is_loopback() && !self.knows(host)) {
            return Err((
                StatusCode::FORBIDDEN,
                "host_not_allowed",
                format!(
                    "Host `{host}` is unknown to this loopback listener; name it in `allowed_hosts` under [server]."
                ),
            ));
        }
        let same = |origin: &str| {
            let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            rest.is_some() && rest == host
        };
        match text(ORIGIN) {
            Some(origin) if !same(origin) => Err((
                StatusCode::FORBIDDEN,
                "origin_not_allowed",
                format!("A page of origin `{origin}` may not call this server."),
            )),
            _ => Ok(()),
        }
    }

    /// Refuses a write that anyone on the network could make.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn admit_write(&self) -> Result<(), Refusal> {
        if self.is_loopback() || self.insecure {
            return Ok(());
        }
        let message = format!(
            "Writing is refused: {} is not a loopback address. Listen on 127.0.0.1, or set `insecure = true` under [server].",
            self.listen
        );
        Err((StatusCode::FORBIDDEN, "writes_refused", message))
    }

    fn is_loopback(&self) -> bool {
        self.listen.ip().to_canonical().is_loopback()
    }

    fn knows(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let loopback = bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
        loopback
            || name.eq_ignore_ascii_case("localhost")
            || self.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(listen: &str, headers: &[(&'static str, &str)], expected: Option<&str>) {
        let guard = Guard::new(listen.parse().unwrap(), false, vec!["probe.internal".into()]);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        assert_eq!(guard.admit(&map).err().map(|(_, code, _)| code), expected, "{headers:?}");
    }

    #[test]
    fn a_loopback_listener_answers_only_to_its_own_names() {
        for host in
            ["127.0.0.1:9911", "localhost", "LOCALHOST:1", "[::1]:9911", "127.9.9.9", "probe.internal:80"]
        {
            check("127.0.0.1:9911", &[("host", host)], None);
        }
        for host in ["evil.example", "evil.example:9911", "10.0.0.1", "localhost.evil.example", ""] {
            check("127.0.0.1:9911", &[("host", host)], Some("host_not_allowed"));
        }
        check("127.0.0.1:9911", &[], None);
        check("127.0.0.1:9911", &[("host", "localhost"), ("host", "evil.example")], Some("host_ambiguous"));
        check("0.0.0.0:9911", &[("host", "anything.example")], None);
    }

    #[test]
    fn a_foreign_origin_is_refused_everywhere() {
        let host = ("host", "127.0.0.1:9911");
        check("127.0.0.1:9911", &[host, ("origin", "http://127.0.0.1:9911")], None);
        for origin in
            ["http://evil.example", "null", "http://127.0.0.1:80", "http://127.0.0.1", "127.0.0.1:9911"]
        {
            check("127.0.0.1:9911", &[host, ("origin", origin)], Some("origin_not_allowed"));
        }
        check("0.0.0.0:9911", &[("host", "a:1"), ("origin", "http://b:1")], Some("origin_not_allowed"));
        check("0.0.0.0:9911", &[("origin", "http://b:1")], Some("origin_not_allowed"));
    }

    #[test]
    fn writing_needs_loopback_or_an_explicit_word() {
        for (listen, insecure, allowed) in [
            ("127.0.0.1:1", false, true),
            ("[::1]:1", false, true),
            ("[::ffff:127.0.0.1]:1", false, true),
            ("0.0.0.0:1", false, false),
            ("[::]:1", false, false),
            ("10.0.0.1:1", false, false),
            ("0.0.0.0:1", true, true),
        ] {
            let guard = Guard::new(listen.parse().unwrap(), insecure, Vec::new());
            assert_eq!(guard.admit_write().is_ok(), allowed, "{listen} {insecure}");
        }
    }
}
