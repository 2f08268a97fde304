//! Who may ask what: a browser on a foreign page may nothing, writing needs a credential or a listener that only this
//! machine reaches, and reading needs neither unless it is to be protected.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use crate::model::credential::{Access, Credential};
use crate::model::tick::Tick;
use crate::output::sigv4;

/// What is the same for as long as the server runs.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The address bound.
    pub listen: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Whether writing needs no credentials even where others than this machine reach the listener.
    pub insecure: bool,
    /// Further names it is known by.
    pub allowed_hosts: Vec<String>,
    /// Whether reading needs a credential.
    pub protect_reads: bool,
}

/// The rules for one listener, and the credentials in force.
#[derive(Clone, Debug)]
pub struct Guard {
    rules: Arc<Rules>,
    credentials: Arc<ArcSwap<Vec<Credential>>>,
}

/// Why a request is refused: the status, a code for programs, and a message that says what to set.
pub type Refusal = (StatusCode, &'static str, String);

/// Who makes an AWS call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// What the caller may do. Whether a call writes is for its action to say.
    pub access: Access,
    /// The region in the scope of the signature, if there is one; where no credentials are configured it was not
    /// checked.
    pub region: Option<String>,
}

/// Whether a request speaks AWS's protocol: `POST /`, or `GET /` with an `Action`. Everything of that kind is admitted
/// by [`Guard::admit_aws`], and by nothing else.
#[must_use]
pub fn is_aws_call(method: &Method, uri: &Uri) -> bool {
    let action = |query: &str| query.split('&').any(|pair| pair.split('=').next() == Some("Action"));
    uri.path() == "/"
        && (*method == Method::POST || *method == Method::GET && uri.query().is_some_and(action))
}

const UNPROTECTED: &str = "name a `credentials_file` under [server], set TGPROBE_ACCESS_KEY_ID and \
                           TGPROBE_SECRET_ACCESS_KEY (and TGPROBE_BEARER_TOKEN for the JSON API), listen on 127.0.0.1, \
                           or set `insecure = true` under [server]";

impl Guard {
    /// The rules for a listener, and who may call; nobody needs a credential for an empty list.
    #[must_use]
    pub fn new(rules: Rules, credentials: Vec<Credential>) -> Self {
        Self { rules: Arc::new(rules), credentials: Arc::new(ArcSwap::from_pointee(credentials)) }
    }

    /// Puts other credentials in force, for every clone of this guard.
    pub fn replace(&self, credentials: Vec<Credential>) {
        self.credentials.store(Arc::new(credentials));
    }

    /// Refuses a request made by a foreign web page: one with another origin, or one that reached a loopback
    /// listener by a name that is not its own (a page whose name was rebound to this machine).
    ///
    /// # Errors
    /// Why it is refused.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
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
            // Without TLS of our own there may be a proxy before us that speaks it.
            let schemes: &[&str] = if self.rules.tls { &["https://"] } else { &["http://", "https://"] };
            let rest = schemes.iter().find_map(|scheme| origin.strip_prefix(scheme));
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

    /// Refuses a read without a credential, where reading is protected. A signed read has no body.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn admit_read(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        now: Tick,
    ) -> Result<(), Refusal> {
        if !self.rules.protect_reads {
            return Ok(());
        }
        let request = sigv4::Request {
            method: method.as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers,
            body: &[],
        };
        let reads = *method == Method::GET || *method == Method::HEAD;
        if reads && sigv4::is_signed(&request) {
            return match sigv4::verify(&request, &self.credentials.load(), now) {
                Ok(_) => Ok(()),
                Err(error) => Err((error.status(), "signature_refused", error.to_string())),
            };
        }
        self.bearer(headers).map(|_| ())
    }

    /// Refuses a write to the JSON API, or a reload, by somebody who may not make it.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn admit_write(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if !self.credentials.load().is_empty() {
            return match self.bearer(headers)? {
                Access::ReadWrite => Ok(()),
                Access::ReadOnly => Err((
                    StatusCode::FORBIDDEN,
                    "read_only",
                    "The credential of this bearer token may only read.".to_owned(),
                )),
            };
        }
        if self.is_open() {
            return match is_led_here(headers) {
                false => Ok(()),
                true => Err((
                    StatusCode::FORBIDDEN,
                    "origin_not_allowed",
                    "A page of another origin may not change anything here.".to_owned(),
                )),
            };
        }
        let message = format!(
            "Writing is refused: {} is not a loopback address and there are no credentials. To allow it, {UNPROTECTED}.",
            self.rules.listen
        );
        Err((StatusCode::FORBIDDEN, "writes_refused", message))
    }

    /// Tells who makes an AWS call, which is refused if it proves nobody and should. `now` is wall-clock time.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn admit_aws(&self, parts: &Parts, body: &[u8], now: Tick) -> Result<Caller, sigv4::Error> {
        let request = sigv4::Request {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            body,
        };
        let credentials = self.credentials.load();
        if !credentials.is_empty() {
            let signed = sigv4::verify(&request, &credentials, now)?;
            return Ok(Caller { access: signed.access, region: Some(signed.region) });
        }
        if !self.is_open() {
            let message = format!(
                "AWS calls are refused: {} is not a loopback address and there are no credentials. To allow them, {UNPROTECTED}.",
                self.rules.listen
            );
            return Err(sigv4::Error::AccessDenied(message));
        }
        if is_led_here(&parts.headers) {
            let message = "A page of another origin may not make AWS calls.".to_owned();
            return Err(sigv4::Error::AccessDenied(message));
        }
        Ok(Caller { access: Access::ReadWrite, region: sigv4::region(&request) })
    }

    /// What the bearer token of a request allows.
    fn bearer(&self, headers: &HeaderMap) -> Result<Access, Refusal> {
        let mut sent = headers.get_all(AUTHORIZATION).iter();
        let token = match (sent.next(), sent.next()) {
            (Some(value), None) => bearer_token(value.as_bytes()),
            _ => None,
        };
        let credentials = self.credentials.load();
        let holders =
            credentials.iter().filter_map(|known| Some((known.bearer_token.as_ref()?, known.access)));
        // Every token is compared, so that the time does not tell which one it was.
        let access = holders.fold(None, |found, (known, access)| {
            if token.is_some_and(|token| known.matches(token)) { Some(access) } else { found }
        });
        access.ok_or_else(|| {
            let what = match token {
                Some(_) => "The bearer token is not known",
                None => "This needs the header `Authorization: Bearer TOKEN`",
            };
            let message =
                format!("{what}; tokens are `bearer_token` in the credentials, and `--token` here.");
            (StatusCode::UNAUTHORIZED, "unauthorized", message)
        })
    }

    /// Whether no credentials are needed where none are configured.
    fn is_open(&self) -> bool {
        self.is_loopback() || self.rules.insecure
    }

    fn is_loopback(&self) -> bool {
        self.rules.listen.ip().to_canonical().is_loopback()
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
            || self.rules.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }
}

/// Whether a browser says that another site made it ask (Fetch Metadata Request Headers, section 2.3). An AWS call may
/// be a mere link or image, and for those browsers send no `Origin`; what they send is this.
#[must_use]
pub fn is_led_here(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    sites.any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

/// The token in `Bearer TOKEN`; the scheme is the same in capitals (RFC 9110, section 11.1).
fn bearer_token(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii()).filter(|token| !token.is_empty())
}
