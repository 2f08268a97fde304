//! Why a call of the ECS API is refused, in AWS's codes.

use std::fmt;

use axum::http::StatusCode;

use crate::model::excerpt::excerpt;
use crate::output::refusals::refusals;
use crate::output::{guard, sigv4};
use crate::runtime::agent::{Refusal, Unwritten};

/// A refused call: AWS's code for it, the status of the answer, and what to tell the caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiError {
    /// AWS's code, as it stands in `__type`.
    pub code: &'static str,
    /// 4xx where the caller has to change something, 5xx where we have.
    pub status: StatusCode,
    /// A sentence for people. Holds no secret.
    pub message: String,
}

impl ApiError {
    refusals! {
        /// A parameter is missing, out of range, or at odds with another.
        invalid_parameter = "InvalidParameterException",
        /// What cannot be done with what is there.
        client = "ClientException",
        /// A parameter of another type, or a body that is no JSON object.
        serialization = "SerializationException",
        /// Whoever calls may not do this.
        access_denied = "AccessDeniedException",
        /// Something of ECS that is not emulated.
        unsupported = "UnsupportedFeatureException",
        /// An action that there is not.
        unknown_operation = "UnknownOperationException",
        /// No such resource to be tagged.
        resource_not_found = "ResourceNotFoundException",
    }

    /// A mistake of the caller with this code and message: status 400.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    /// No such cluster.
    #[must_use]
    pub fn cluster_not_found() -> Self {
        Refusal::ClusterNotFound.into()
    }

    /// No such service.
    #[must_use]
    pub fn service_not_found() -> Self {
        Refusal::ServiceNotFound.into()
    }

    /// Whoever calls may only read.
    #[must_use]
    pub fn read_only(action: &str) -> Self {
        Self::access_denied(format!(
            "The credentials of this call are read-only and not authorized to perform: ecs:{action}"
        ))
    }

    /// A service of the file, which no call can change.
    #[must_use]
    pub fn service_of_file(name: &str) -> Self {
        Self::invalid_parameter(format!(
            "Service '{}' comes from the configuration file and can only be changed there",
            excerpt(name)
        ))
    }

    /// Our own trouble.
    #[must_use]
    pub fn server(message: impl Into<String>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, ..Self::new("ServerException", message) }
    }

    /// A body that was not taken in.
    pub(super) fn of_body((status, code, message): guard::Refusal) -> Self {
        let code = match code {
            "body_too_large" => "RequestEntityTooLargeException",
            "body_too_slow" => "RequestTimeoutException",
            _ => "SerializationException",
        };
        Self { code, status, message }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::ClusterNotFound => "ClusterNotFoundException",
            Refusal::ServiceNotFound => "ServiceNotFoundException",
            Refusal::ServiceNotActive => "ServiceNotActiveException",
            Refusal::InvalidParameter(_) => "InvalidParameterException",
            Refusal::Client(_) => "ClientException",
            Refusal::Conflict(_) => "ConflictException",
            Refusal::ClusterContainsServices => "ClusterContainsServicesException",
            Refusal::ClusterContainsTasks => "ClusterContainsTasksException",
            Refusal::LimitExceeded(_) => "LimitExceededException",
        };
        Self::new(code, refusal.to_string())
    }
}

impl From<Unwritten<Self>> for ApiError {
    fn from(unwritten: Unwritten<Self>) -> Self {
        match unwritten {
            Unwritten::Refused(error) => error,
            Unwritten::NotDurable(why) => {
                Self::server(format!("Nothing has changed, since it could not be made durable: {why}"))
            }
            Unwritten::Unknown(why) => Self::server(format!(
                "Whether this takes effect is not known yet, since {why}; reading will show it"
            )),
            Unwritten::Stopping => Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                ..Self::server("The server is about to stop; try again")
            },
        }
    }
}

/// AWS's words for it where the protocol is JSON, all with the status 400.
impl From<sigv4::Error> for ApiError {
    fn from(error: sigv4::Error) -> Self {
        let code = match error {
            sigv4::Error::IncompleteSignature(_) => "IncompleteSignatureException",
            sigv4::Error::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            sigv4::Error::InvalidClientTokenId => "UnrecognizedClientException",
            sigv4::Error::SignatureDoesNotMatch(_) | sigv4::Error::RequestExpired(_) => {
                "InvalidSignatureException"
            }
            sigv4::Error::AccessDenied(_) => "AccessDeniedException",
        };
        Self::new(code, error.message())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}
