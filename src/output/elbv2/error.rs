//! Why a call of the ELBv2 API is refused, in AWS's codes.

use std::fmt;

use axum::http::StatusCode;

use crate::output::refusals::refusals;
use crate::runtime::writer::Unwritten;

/// A refused call: AWS's code for it, the status of the answer, and what to tell the caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiError {
    /// AWS's code, without the suffix `Exception`.
    pub code: &'static str,
    /// 4xx where the caller has to change something, 5xx where we have.
    pub status: StatusCode,
    /// A sentence for people. Holds no secret.
    pub message: String,
}

impl ApiError {
    refusals! {
        /// A parameter is missing, out of range, or at odds with another.
        validation = "ValidationError",
        /// Parameters that are fine one by one, and not for a group of this kind.
        invalid_configuration = "InvalidConfigurationRequest",
        /// A group or target that something else still holds.
        resource_in_use = "ResourceInUse",
        /// A target that cannot be registered, or cannot be the id of one.
        invalid_target = "InvalidTarget",
        /// More targets than a group may have.
        too_many_targets = "TooManyTargets",
        /// More registrations of one id than allowed.
        too_many_registrations = "TooManyRegistrationsForTargetId",
        /// More groups than a region may have.
        too_many_target_groups = "TooManyTargetGroups",
        /// More tags than a group may have.
        too_many_tags = "TooManyTags",
        /// A call that names a tag's key twice.
        duplicate_tag_keys = "DuplicateTagKeys",
        /// An action that there is not, or not here.
        invalid_action = "InvalidAction",
        /// Parameters that cannot be read at all.
        malformed = "MalformedQueryString",
    }

    /// A mistake of the caller with this code and message: status 400.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self::with_status(StatusCode::BAD_REQUEST, code, message)
    }

    /// An error with this status, code and message.
    #[must_use]
    pub fn with_status(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into() }
    }

    /// A group of that name is there and was made otherwise.
    #[must_use]
    pub fn duplicate_target_group_name(name: &str) -> Self {
        let message =
            format!("A target group with the same name '{name}' exists, but with different settings");
        Self::new("DuplicateTargetGroupName", message)
    }

    /// No such group in this region of this account.
    #[must_use]
    pub fn target_group_not_found() -> Self {
        Self::new("TargetGroupNotFound", "One or more target groups not found")
    }

    /// No such load balancer; there are none.
    #[must_use]
    pub fn load_balancer_not_found() -> Self {
        Self::new("LoadBalancerNotFound", "One or more load balancers not found")
    }

    /// No such listener; there are none.
    #[must_use]
    pub fn listener_not_found() -> Self {
        Self::new("ListenerNotFound", "One or more listeners not found")
    }

    /// No such rule; there are none.
    #[must_use]
    pub fn rule_not_found() -> Self {
        Self::new("RuleNotFound", "One or more rules not found")
    }

    /// No such trust store; there are none.
    #[must_use]
    pub fn trust_store_not_found() -> Self {
        Self::new("TrustStoreNotFound", "One or more trust stores not found")
    }

    /// No such security policy; there are none.
    #[must_use]
    pub fn ssl_policy_not_found() -> Self {
        Self::new("SSLPolicyNotFound", "One or more SSL policies not found")
    }

    /// The call names no action.
    #[must_use]
    pub fn missing_action() -> Self {
        let message = "The request must contain the parameter Action.";
        Self::new("MissingAction", message)
    }

    /// A group of the file, which no call can change.
    #[must_use]
    pub fn group_of_file(name: &str) -> Self {
        Self::resource_in_use(format!(
            "Target group '{name}' comes from the configuration file and can only be changed there"
        ))
    }

    /// Whoever calls may only read.
    #[must_use]
    pub fn read_only(action: &str) -> Self {
        Self::access_denied(format!(
            "The credentials of this call are read-only and not authorized to perform: elasticloadbalancing:{action}"
        ))
    }

    /// Whoever calls may not do this.
    #[must_use]
    pub fn access_denied(message: impl Into<String>) -> Self {
        Self::with_status(StatusCode::FORBIDDEN, "AccessDenied", message)
    }

    /// A body of more than `limit` bytes.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        let message = format!("The request is larger than {limit} bytes");
        Self::with_status(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
    }

    /// A body that did not come in time, or not whole.
    #[must_use]
    pub fn incomplete() -> Self {
        let message = "The body of the request has not come, or not as a whole";
        Self::with_status(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", message)
    }

    /// Our own trouble; nothing has changed.
    #[must_use]
    pub fn internal_failure(message: impl Into<String>) -> Self {
        Self::with_status(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", message)
    }

    /// The process is about to stop.
    #[must_use]
    pub fn service_unavailable() -> Self {
        let message = "The server is about to stop; try again";
        Self::with_status(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    /// Whose fault it is, in AWS's words: `Sender` or `Receiver`.
    #[must_use]
    pub fn blames(&self) -> &'static str {
        if self.status.is_server_error() { "Receiver" } else { "Sender" }
    }
}

impl From<Unwritten<Self>> for ApiError {
    fn from(unwritten: Unwritten<Self>) -> Self {
        match unwritten {
            Unwritten::Refused(error) => error,
            Unwritten::NotDurable(why) => Self::internal_failure(format!(
                "Nothing has changed, since it could not be made durable: {why}"
            )),
            Unwritten::Unknown(why) => Self::internal_failure(format!(
                "Whether this takes effect is not known yet, since {why}; reading will show it"
            )),
            Unwritten::Stopping => Self::service_unavailable(),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_to_blame_follows_from_the_status() {
        assert_eq!(ApiError::target_group_not_found().blames(), "Sender");
        assert_eq!(ApiError::read_only("AddTags").blames(), "Sender");
        assert_eq!(ApiError::service_unavailable().blames(), "Receiver");
    }
}
