//! The errors of the ELBv2 API.

/// An error as AWS tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiError {
    /// AWS's code, such as `ValidationError`.
    pub code: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// What is wrong, in AWS's words where they are known.
    pub message: String,
}

impl ApiError {
    /// A mistake of the caller: status 400.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, status: 400, message: message.into() }
    }
}
