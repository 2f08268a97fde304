//! What a request says of its own signature, in the `Authorization` header or in the query.

use std::time::Duration;

use crate::model::credential::Credential;
use crate::output::sigv4::canonical::pairs;
use crate::output::sigv4::{Error, Request};

/// The only algorithm.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Longest life of a signature in the query, in seconds: a week.
const LONGEST: u64 = 604_800;

/// A signature that can be read, and may be wrong.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) access_key_id: String,
    /// `yyyymmdd`, as in the scope.
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
    /// Lower-case names of the signed headers, sorted, none twice.
    pub(super) headers: Vec<String>,
    pub(super) signature: [u8; 32],
    /// The time of the signature, as typed.
    pub(super) stamp: String,
    /// For a signature in the query: how long it is good for.
    pub(super) expires: Option<Duration>,
    pub(super) session_token: Option<Vec<u8>>,
}

/// The parts of a claim before they are understood.
#[derive(Debug, Default)]
struct Parts {
    credential: Option<String>,
    headers: Option<String>,
    signature: Option<String>,
}

impl Claim {
    /// Reads the claim of `request`.
    ///
    /// # Errors
    /// [`Error::MissingAuthenticationToken`] where there is none, [`Error::IncompleteSignature`] where it is broken.
    pub(super) fn read(request: &Request<'_>) -> Result<Self, Error> {
        let mut sent = request.headers.get_all("authorization").iter();
        let in_query = is_in_query(request);
        match (sent.next(), sent.next()) {
            (Some(_), Some(_)) => Err(incomplete("The request has more than one Authorization header.")),
            (Some(_), None) if in_query => {
                Err(incomplete("The request is signed twice, in its headers and in its query."))
            }
            (Some(value), None) => {
                let value = value.to_str().map_err(|_| incomplete("Authorization is not plain text."))?;
                Self::in_header(request, value)
            }
            (None, _) if in_query => Self::in_query(request),
            (None, _) => Err(Error::MissingAuthenticationToken),
        }
    }

    fn in_header(request: &Request<'_>, value: &str) -> Result<Self, Error> {
        let (algorithm, rest) = value.trim().split_once([' ', '\t']).unwrap_or((value, ""));
        known_algorithm(algorithm)?;
        let mut parts = Parts::default();
        for part in rest.split(',') {
            let (key, value) = part.trim().split_once('=').unwrap_or_else(|| (part.trim(), ""));
            let place = match key {
                "Credential" => &mut parts.credential,
                "SignedHeaders" => &mut parts.headers,
                "Signature" => &mut parts.signature,
                _ => return Err(incomplete("Authorization has a part that is not known.")),
            };
            if place.replace(value.to_owned()).is_some() {
                return Err(incomplete("Authorization has a part twice."));
            }
        }
        let stamp = one_header(request, "x-amz-date")?
            .ok_or_else(|| incomplete("Authorization requires the header X-Amz-Date."))?;
        let stamp = String::from_utf8(stamp).map_err(|_| incomplete("X-Amz-Date is not plain text."))?;
        let token = one_header(request, "x-amz-security-token")?;
        parts.understand(stamp, None, token)
    }

    fn in_query(request: &Request<'_>) -> Result<Self, Error> {
        known_algorithm(&one_parameter(request, "X-Amz-Algorithm")?.unwrap_or_default())?;
        let parts = Parts {
            credential: one_parameter(request, "X-Amz-Credential")?,
            headers: one_parameter(request, "X-Amz-SignedHeaders")?,
            signature: one_parameter(request, "X-Amz-Signature")?,
        };
        let stamp = one_parameter(request, "X-Amz-Date")?
            .ok_or_else(|| incomplete("A signature in the query requires X-Amz-Date."))?;
        let expires = one_parameter(request, "X-Amz-Expires")?
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .filter(|seconds| (1..=LONGEST).contains(seconds))
            .map(Duration::from_secs)
            .ok_or_else(|| incomplete("X-Amz-Expires must be a number of seconds from 1 to 604800."))?;
        let token = one_parameter(request, "X-Amz-Security-Token")?.map(String::into_bytes);
        parts.understand(stamp, Some(expires), token)
    }
}

impl Parts {
    fn understand(
        self,
        stamp: String,
        expires: Option<Duration>,
        session_token: Option<Vec<u8>>,
    ) -> Result<Claim, Error> {
        let missing = |what| incomplete(&format!("The signature lacks its {what}."));
        let credential = self.credential.ok_or_else(|| missing("Credential"))?;
        let headers = self.headers.ok_or_else(|| missing("SignedHeaders"))?;
        let signature = self.signature.ok_or_else(|| missing("Signature"))?;
        let fields: Vec<_> = credential.split('/').collect();
        let [key, date, region, service, "aws4_request"] = fields.as_slice() else {
            return Err(incomplete("Credential must be key/yyyymmdd/region/service/aws4_request."));
        };
        if !Credential::is_access_key_id(key) {
            return Err(Error::InvalidClientTokenId);
        }
        if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(incomplete("The date in Credential must be yyyymmdd."));
        }
        let headers: Vec<_> = headers.split(';').map(str::to_owned).collect();
        if !headers.is_sorted_by(|a, b| a < b) || headers.iter().any(|name| !is_name(name)) {
            return Err(incomplete("SignedHeaders must be lower-case names in order, each once."));
        }
        Ok(Claim {
            access_key_id: (*key).to_owned(),
            date: (*date).to_owned(),
            region: (*region).to_owned(),
            service: (*service).to_owned(),
            headers,
            signature: unhex(&signature)
                .ok_or_else(|| incomplete("Signature must be 64 digits in lower-case hexadecimal."))?,
            stamp,
            expires,
            session_token,
        })
    }
}

/// Whether there is a signature in the query.
pub(super) fn is_in_query(request: &Request<'_>) -> bool {
    pairs(request.query).any(|(key, _)| key == b"X-Amz-Algorithm")
}

fn incomplete(message: &str) -> Error {
    Error::IncompleteSignature(message.to_owned())
}

fn known_algorithm(name: &str) -> Result<(), Error> {
    if name == ALGORITHM { Ok(()) } else { Err(incomplete("The signature must be AWS4-HMAC-SHA256.")) }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase() && byte != b';')
}

fn one_header(request: &Request<'_>, name: &str) -> Result<Option<Vec<u8>>, Error> {
    let mut values = request.headers.get_all(name).iter();
    let value = values.next().map(|value| value.as_bytes().trim_ascii().to_vec());
    match values.next() {
        None => Ok(value),
        Some(_) => Err(incomplete(&format!("The request has more than one {name}."))),
    }
}

fn one_parameter(request: &Request<'_>, name: &str) -> Result<Option<String>, Error> {
    let mut values = pairs(request.query).filter(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value);
    let value = values
        .next()
        .map(|value| String::from_utf8(value).map_err(|_| incomplete(&format!("{name} is not plain text."))));
    match values.next() {
        None => value.transpose(),
        Some(_) => Err(incomplete(&format!("The query has more than one {name}."))),
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_64_lower_case_digits() {
        assert_eq!(unhex(&"0f".repeat(32)), Some([15; 32]));
        for wrong in [String::new(), "0f".repeat(31), "0F".repeat(32), "0g".repeat(32), "ä".repeat(32)] {
            assert_eq!(unhex(&wrong), None, "{wrong}");
        }
    }
}
