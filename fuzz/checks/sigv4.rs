//! Signed calls: the input is a request as it comes over the wire, with LF or CR LF at the ends of its lines.
//!
//! The one who calls does not know the secret, so a signature is good only where the corpus has it and what was changed
//! is not signed.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tgprobe::model::credential::{Access, Credential, Secret};
use tgprobe::model::tick::Tick;
use tgprobe::output::sigv4::{Error, Request, is_signed, region, verify};

use super::cut;

/// 2026-11-21 07:59:55 UTC, when the signatures in the corpus were made.
const NOW: Tick = Tick(1_795_247_995_000);
/// Longer than any signature is good for: eight days.
const LATER: Tick = Tick(NOW.0 + 8 * 24 * 60 * 60 * 1_000);
const SECRET: &str = "secretexample";
/// The longest refusal, in characters.
const LONGEST: usize = 700;

/// A request is refused without telling a secret, or is signed by one of the callers, in time and as a whole.
pub fn check(input: &[u8]) -> bool {
    let (head, body) = cut(input, b"\n\n");
    let (head, body) = if body.is_empty() { cut(input, b"\r\n\r\n") } else { (head, body) };
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let Ok(first) = str::from_utf8(lines.next().unwrap_or_default()) else { return false };
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = headers(lines);
    let request = Request { method, path, query, headers: &headers, body };

    let result = verify(&request, &known(SECRET), NOW);
    assert_eq!(result, verify(&request, &known(SECRET), NOW));
    if region(&request).is_some() {
        assert!(is_signed(&request), "a region in what is not signed");
    }
    match &result {
        Err(error) => {
            refused(error);
            let secret = |text: &[u8]| text.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(secret(input) || !secret(error.message().as_bytes()), "{error}");
        }
        Ok(signed) => {
            assert!(is_signed(&request));
            assert_eq!(region(&request).as_ref(), Some(&signed.region));
            let caller =
                known(SECRET).into_iter().find(|caller| *caller.access_key_id == *signed.access_key_id);
            assert_eq!(caller.map(|caller| caller.access), Some(signed.access));
            holds_only_as_it_is(&request);
        }
    }
    result.is_ok()
}

/// A good signature is good for this request, this secret and this time.
fn holds_only_as_it_is(request: &Request<'_>) {
    let fails = |request: &Request<'_>, secret: &str, now: Tick| {
        let result = verify(request, &known(secret), now);
        assert!(result.is_err(), "{request:?} is good: {result:?}");
    };
    fails(request, "secretexamplf", NOW);
    fails(request, SECRET, LATER);
    fails(request, SECRET, Tick(0));
    let body = [request.body, b"x"].concat();
    fails(&Request { body: &body, ..*request }, SECRET, NOW);
    let method = format!("{}X", request.method);
    fails(&Request { method: &method, ..*request }, SECRET, NOW);
    let path = format!("{}/x", request.path);
    fails(&Request { path: &path, ..*request }, SECRET, NOW);
    let query = format!("{}&x=1", request.query);
    fails(&Request { query: &query, ..*request }, SECRET, NOW);
    for name in ["host", "x-amz-date", "x-amz-new"] {
        let mut headers = request.headers.clone();
        headers.append(name, HeaderValue::from_static("other"));
        fails(&Request { headers: &headers, ..*request }, SECRET, NOW);
    }
    assert_eq!(verify(request, &[], NOW), Err(Error::InvalidClientTokenId));
}

fn refused(error: &Error) {
    let told = error.to_string();
    assert!(matches!(error.status(), StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN), "{told}");
    assert!(!error.message().is_empty() && told.chars().count() <= LONGEST, "{told}");
}

/// The headers of these lines, as far as a server would let them through.
fn headers<'l>(lines: impl Iterator<Item = &'l [u8]>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.take(100) {
        let (name, value) = cut(line, b":");
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii()))
        {
            headers.append(name, value);
        }
    }
    headers
}

fn known(secret: &str) -> [Credential; 3] {
    let caller = |id: &str, token: Option<&str>, access| Credential {
        access_key_id: id.into(),
        secret_access_key: Secret::new(secret),
        session_token: token.map(Secret::new),
        bearer_token: None,
        access,
    };
    [
        caller("AKID", None, Access::ReadWrite),
        caller("AKIDREADER", None, Access::ReadOnly),
        caller("AKIDEXAMPLE", Some("to/ken+x=="), Access::ReadWrite),
    ]
}
