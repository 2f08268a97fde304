//! Errors of AWS's APIs that differ in nothing but their code.

/// Makes constructors of errors that are told with the status 400 and a message of the caller's.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)+) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name(message: impl Into<String>) -> Self {
                Self::new($code, message)
            }
        )+
    };
}

pub(in crate::output) use refusals;
