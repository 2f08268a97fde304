//! Who may call: an access key for signed AWS calls, a bearer token for the JSON API, and what they allow.

use std::fmt;

use ring::hmac;

/// What a credential allows.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Access {
    /// Reading only.
    ReadOnly,
    /// Reading and writing.
    #[default]
    ReadWrite,
}

impl Access {
    /// Both, the lesser first.
    pub const ALL: [Self; 2] = [Self::ReadOnly, Self::ReadWrite];

    /// The word in the credentials file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::ReadWrite => "read-write",
        }
    }
}

/// A text that is never printed.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Keeps `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text itself, for making a signature with it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is this text, in a time that does not tell how much of it is right.
    #[must_use]
    pub fn matches(&self, candidate: &[u8]) -> bool {
        // Any key will do: two texts have the same code under it only if they are the same, and codes are compared in
        // constant time whatever their texts' lengths.
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"tgprobe compares secrets");
        let tag = hmac::sign(&key, self.0.as_bytes());
        hmac::verify(&key, candidate, tag.as_ref()).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One caller that is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credential {
    /// The public half of the key pair: 1 to 128 letters, digits, `_`, `-` and `.`.
    pub access_key_id: Box<str>,
    /// The secret half, with which AWS calls are signed.
    pub secret_access_key: Secret,
    /// Where there is one, a signed call must carry it.
    pub session_token: Option<Secret>,
    /// What the JSON API takes in the place of a signature.
    pub bearer_token: Option<Secret>,
    /// What the caller may do.
    pub access: Access,
}

impl Credential {
    /// Whether `text` may be an access key id. It stands in a credential scope between slashes and commas.
    #[must_use]
    pub fn is_access_key_id(text: &str) -> bool {
        (1..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    }

    /// Whether `text` may be a bearer token (RFC 6750, section 2.1), of up to 4,096 characters.
    #[must_use]
    pub fn is_bearer_token(text: &str) -> bool {
        let token = text.trim_end_matches('=');
        text.len() <= 4_096
            && !token.is_empty()
            && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
    }

    /// Whether `text` may be a secret key or a session token: 1 to 4,096 printable ASCII characters, as they go into
    /// a header.
    #[must_use]
    pub fn is_secret(text: &str) -> bool {
        (1..=4_096).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let credential = Credential {
            access_key_id: "AKID".into(),
            secret_access_key: Secret::new("hush-1"),
            session_token: Some(Secret::new("hush-2")),
            bearer_token: Some(Secret::new("hush-3")),
            access: Access::default(),
        };
        let text = format!("{credential:?} {credential:#?}");
        assert!(text.contains("AKID") && !text.contains("hush"), "{text}");
    }

    #[test]
    fn a_secret_matches_itself_only() {
        let secret = Secret::new("correct horse");
        assert!(secret.matches(b"correct horse"));
        for other in ["", "correct hors", "correct horse ", "Correct horse", "correct horsf"] {
            assert!(!secret.matches(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_bearer_token_is_what_fits_the_header() {
        for (text, good) in [
            ("abc-._~+/123==", true),
            ("a", true),
            ("", false),
            ("==", false),
            ("a=b", false),
            ("a b", false),
            ("ä", false),
        ] {
            assert_eq!(Credential::is_bearer_token(text), good, "{text}");
        }
    }
}
