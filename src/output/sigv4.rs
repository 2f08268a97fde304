//! Checks the signature of an AWS call: Signature Version 4 in the `Authorization` header or in the query.
//!
//! Pure: a request, the known credentials and the time in, a caller or an error out. docs/api.md, "Signed calls", says
//! what is asked of a client.

mod canonical;
mod claim;
mod error;
mod stamp;
#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::http::HeaderMap;
use ring::{digest, hmac};

use crate::model::credential::{Access, Credential};
use crate::model::excerpt::excerpt;
use crate::model::tick::Tick;
use crate::output::sigv4::claim::Claim;
pub use crate::output::sigv4::error::Error;

/// How far the time of a signature may be from ours, either way.
pub const SKEW: Duration = Duration::from_secs(15 * 60);

/// Services whose calls are answered here, by the name that is signed.
const SERVICES: [&str; 2] = ["elasticloadbalancing", "ecs"];

/// The request header with the hash of the body, where a client sends it.
const CONTENT_HASH: &str = "x-amz-content-sha256";

/// What is signed of a request, as it came over the wire.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// The method, in capitals.
    pub method: &'r str,
    /// The path, still percent-encoded.
    pub path: &'r str,
    /// The query without `?`, still percent-encoded; empty where there is none.
    pub query: &'r str,
    /// All headers.
    pub headers: &'r HeaderMap,
    /// The whole body.
    pub body: &'r [u8],
}

/// What a good signature tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signed {
    /// What the caller may do.
    pub access: Access,
    /// The region the call was signed for.
    pub region: String,
    /// Whose signature it is.
    pub access_key_id: String,
}

/// Checks the signature of `request` at `now`, in milliseconds of Unix time, against the known `credentials`.
///
/// # Errors
/// Why the request does not prove who sent it.
pub fn verify(request: &Request<'_>, credentials: &[Credential], now: Tick) -> Result<Signed, Error> {
    let claim = Claim::read(request)?;
    scoped(&claim)?;
    let credential = credentials
        .iter()
        .find(|credential| *credential.access_key_id == *claim.access_key_id)
        .ok_or(Error::InvalidClientTokenId)?;
    in_time(&claim, now)?;
    let payload = payload_hash(request, &claim)?;
    let canonical = canonical::request(request, &claim, &payload)?;
    let text = format!(
        "{}\n{}\n{}/{}/{}/aws4_request\n{}",
        claim::ALGORITHM,
        claim.stamp,
        claim.date,
        claim.region,
        claim.service,
        hex(digest::digest(&digest::SHA256, &canonical).as_ref()),
    );
    let key = signing_key(credential.secret_access_key.reveal(), &claim);
    // Compares in constant time.
    hmac::verify(&key, text.as_bytes(), &claim.signature)
        .map_err(|_| Error::SignatureDoesNotMatch(NO_MATCH.to_owned()))?;
    // After the signature, so that nobody can ask for tokens without the key.
    match (&credential.session_token, &claim.session_token) {
        (None, None) => (),
        (Some(token), Some(sent)) if token.matches(sent) => (),
        (None | Some(_), _) => return Err(Error::InvalidClientTokenId),
    }
    Ok(Signed { access: credential.access, region: claim.region, access_key_id: claim.access_key_id })
}

/// Whether a request says of itself that it is signed, well or not.
#[must_use]
pub fn is_signed(request: &Request<'_>) -> bool {
    let aws = |value: &axum::http::HeaderValue| value.as_bytes().starts_with(b"AWS");
    request.headers.get_all("authorization").iter().any(aws) || claim::is_in_query(request)
}

/// The region in the signature of a request, which is not checked; `None` where there is none to be read.
#[must_use]
pub fn region(request: &Request<'_>) -> Option<String> {
    Claim::read(request).ok().map(|claim| claim.region).filter(|region| is_region(region))
}

const NO_MATCH: &str = "The request signature we calculated does not match the signature you provided. Check the \
                        secret access key and the signing method.";

/// The date, region, service and end of the scope.
fn scoped(claim: &Claim) -> Result<(), Error> {
    let wrong = |what: String| Err(Error::SignatureDoesNotMatch(what));
    if !SERVICES.contains(&claim.service.as_str()) {
        return wrong(format!("Credential should be scoped to a service of: {}.", SERVICES.join(", ")));
    }
    if !is_region(&claim.region) {
        return wrong("Credential should be scoped to a region, such as us-east-1.".to_owned());
    }
    if !claim.stamp.starts_with(&claim.date) {
        return wrong(format!(
            "The date in the credential scope, {}, is not that of the request, {}.",
            claim.date,
            excerpt(&claim.stamp)
        ));
    }
    Ok(())
}

/// Regions are not known by a list, so that any name may be simulated.
fn is_region(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn in_time(claim: &Claim, now: Tick) -> Result<(), Error> {
    let signed = stamp::read(&claim.stamp).ok_or_else(|| {
        Error::IncompleteSignature("X-Amz-Date must be a time such as 20260102T030405Z.".to_owned())
    })?;
    if signed.since(now) > SKEW {
        return Err(Error::RequestExpired(format!(
            "Signature not yet current: it is of {}, more than 15 minutes ahead of the server's clock.",
            claim.stamp
        )));
    }
    let life = claim.expires.unwrap_or(SKEW);
    if now.since(signed) > life {
        return Err(Error::RequestExpired(format!(
            "Signature expired: it is of {} and good for {} seconds.",
            claim.stamp,
            life.as_secs()
        )));
    }
    Ok(())
}

/// The hash of the body, as it stands in the canonical request.
fn payload_hash(request: &Request<'_>, claim: &Claim) -> Result<String, Error> {
    const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
    let hash = hex(digest::digest(&digest::SHA256, request.body).as_ref());
    let mut sent = request.headers.get_all(CONTENT_HASH).iter();
    let (first, second) = (sent.next(), sent.next());
    match first.map(|value| value.as_bytes()) {
        _ if second.is_some() => {
            Err(Error::IncompleteSignature(format!("The request has more than one {CONTENT_HASH}.")))
        }
        None => Ok(hash),
        Some(said) if said == hash.as_bytes() => Ok(hash),
        // A signature that says nothing of the body is good for a request without one.
        Some(said) if said == UNSIGNED.as_bytes() && claim.expires.is_some() && request.body.is_empty() => {
            Ok(UNSIGNED.to_owned())
        }
        Some(_) => Err(Error::SignatureDoesNotMatch(format!("{CONTENT_HASH} is not the hash of the body."))),
    }
}

fn signing_key(secret: &str, claim: &Claim) -> hmac::Key {
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    for part in [claim.date.as_str(), &claim.region, &claim.service, "aws4_request"] {
        key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
    }
    key
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}
