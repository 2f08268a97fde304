//! Why a wish is refused, in the words of the ECS API.

use std::fmt;

/// Why a wish is refused; nothing has changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// `ClusterNotFoundException`.
    ClusterNotFound,
    /// `ServiceNotFoundException`.
    ServiceNotFound,
    /// `ServiceNotActiveException`.
    ServiceNotActive,
    /// `InvalidParameterException`, with its message.
    InvalidParameter(String),
    /// `ClientException`, with its message.
    Client(String),
    /// `ConflictException`, with its message: the client token was used for something else.
    Conflict(String),
    /// `ClusterContainsServicesException`.
    ClusterContainsServices,
    /// `ClusterContainsTasksException`.
    ClusterContainsTasks,
    /// `LimitExceededException`, with its message.
    LimitExceeded(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClusterNotFound => "Cluster not found.",
            Self::ServiceNotFound => "Service not found.",
            Self::ServiceNotActive => "Service was not ACTIVE.",
            Self::ClusterContainsServices => "The Cluster cannot be deleted while Services are active.",
            Self::ClusterContainsTasks => "The Cluster cannot be deleted while Tasks are active.",
            Self::InvalidParameter(message)
            | Self::Client(message)
            | Self::Conflict(message)
            | Self::LimitExceeded(message) => message,
        })
    }
}

impl std::error::Error for Refusal {}
