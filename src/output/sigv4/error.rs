//! Why a signature is refused, in AWS's codes.

use std::fmt;

use axum::http::StatusCode;

/// Why a call is not admitted: a code of AWS's common errors with its status and a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Error {
    /// The signature is there and cannot be read.
    IncompleteSignature(String),
    /// There is no signature.
    MissingAuthenticationToken,
    /// The access key id or the session token is not known.
    InvalidClientTokenId,
    /// The signature is not that of this request by this key.
    SignatureDoesNotMatch(String),
    /// The signature is too old, or of the future.
    RequestExpired(String),
    /// Whoever it is, the call is not allowed.
    AccessDenied(String),
}

impl Error {
    /// AWS's word for it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::IncompleteSignature(_) => "IncompleteSignature",
            Self::MissingAuthenticationToken => "MissingAuthenticationToken",
            Self::InvalidClientTokenId => "InvalidClientTokenId",
            Self::SignatureDoesNotMatch(_) => "SignatureDoesNotMatch",
            Self::RequestExpired(_) => "RequestExpired",
            Self::AccessDenied(_) => "AccessDenied",
        }
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::IncompleteSignature(_) | Self::RequestExpired(_) => StatusCode::BAD_REQUEST,
            Self::MissingAuthenticationToken
            | Self::InvalidClientTokenId
            | Self::SignatureDoesNotMatch(_)
            | Self::AccessDenied(_) => StatusCode::FORBIDDEN,
        }
    }

    /// What to tell the caller. Holds no secret.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::MissingAuthenticationToken => "Request is missing Authentication Token",
            Self::InvalidClientTokenId => "The security token included in the request is invalid.",
            Self::IncompleteSignature(message)
            | Self::SignatureDoesNotMatch(message)
            | Self::RequestExpired(message)
            | Self::AccessDenied(message) => message,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.message())
    }
}

impl std::error::Error for Error {}
