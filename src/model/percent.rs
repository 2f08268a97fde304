//! Percent-encoding (RFC 3986, section 2.1), for whatever is put into a URI.

use std::fmt::Write as _;

/// Encodes everything but what RFC 3986, section 2.3, calls unreserved, and `plain`.
#[must_use]
pub fn encode(bytes: &[u8], plain: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || plain.contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
