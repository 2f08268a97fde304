//! The URL of a server.

use std::fmt;

use hyper::Uri;

/// Where the server is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) authority: String,
    pub(super) base: String,
    pub(super) tls: bool,
}

impl Server {
    /// Reads `http://host[:port][/base]`, or the same with `https`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, _)) = text.split_once("://") else {
            return Err("expected a URL such as http://127.0.0.1:9911".to_owned());
        };
        let tls = scheme.eq_ignore_ascii_case("https");
        if !tls && !scheme.eq_ignore_ascii_case("http") {
            return Err(format!("`{scheme}://` is not supported, only http:// and https://"));
        }
        let uri: Uri = text.parse().map_err(|error| format!("not a URL: {error}"))?;
        let authority = uri.authority().ok_or("the URL names no host")?;
        if authority.as_str().contains('@') || uri.query().is_some() || text.contains('#') {
            return Err("expected only scheme, host, port and path".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err("the URL names no host".to_owned());
        }
        let after = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        let port = match after.strip_prefix(':').map(str::parse) {
            None if tls => 443,
            None => 80,
            Some(Ok(port @ 1..)) => port,
            Some(_) => return Err("the URL's port is not a number from 1 to 65535".to_owned()),
        };
        let base = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { host, port, authority: authority.to_string(), base, tls })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_http_url() {
        for (text, host, port, shown) in [
            ("http://127.0.0.1:9911", "127.0.0.1", 9911, "http://127.0.0.1:9911"),
            ("http://localhost", "localhost", 80, "http://localhost"),
            ("HTTP://[::1]:80/", "::1", 80, "http://[::1]:80"),
            ("https://localhost", "localhost", 443, "https://localhost"),
            ("HTTPS://a:8443/b", "a", 8443, "https://a:8443/b"),
            ("http://gate.example.com/tgprobe/", "gate.example.com", 80, "http://gate.example.com/tgprobe"),
        ] {
            let server = Server::parse(text).unwrap();
            assert_eq!((server.host.as_str(), server.port, server.to_string().as_str()), (host, port, shown));
        }
    }

    #[test]
    fn what_is_no_server_is_refused_with_the_reason() {
        for (text, word) in [
            ("ftp://a", "`ftp://`"),
            ("localhost:9911", "http://127.0.0.1:9911"),
            ("http://", "URL"),
            ("http://:80", "URL"),
            ("http://a:99999", "port"),
            ("http://a:", "port"),
            ("http://a:0", "port"),
            ("http://u:p@a/", "only"),
            ("http://a/?x=1", "only"),
            ("http://a/#x", "only"),
        ] {
            let error = Server::parse(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
