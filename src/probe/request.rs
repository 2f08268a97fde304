//! What the requests of all versions of HTTP have in common: who is asked for, and the header fields.

use crate::model::health_check::HealthCheck;

/// Who asks, in AWS's words.
pub(super) const USER_AGENT: &str = "ELB-HealthChecker/2.0";

/// Fields that are ours to say, whatever the settings say. Whoever reads settings has refused them before.
const FIXED: [&str; 5] = ["host", "connection", "content-length", "transfer-encoding", "user-agent"];

/// What the check accepts where its settings do not say: what ALB is said to send, or plain text to be searched
/// (docs/semantics.md, "What a check sends").
pub(super) fn accept_encoding(check: &HealthCheck) -> Option<&'static str> {
    let told = further(check).any(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"));
    (!told).then_some(if check.body_match.is_some() { "identity" } else { "gzip, compressed" })
}

/// The further header fields of the settings, in order.
pub(super) fn further(check: &HealthCheck) -> impl Iterator<Item = (&str, &str)> {
    let fields = check.headers.iter().map(|(name, value)| (&**name, &**value));
    fields.filter(|(name, _)| !FIXED.iter().any(|fixed| fixed.eq_ignore_ascii_case(name)))
}

/// Writes the target `id` and `port` as a host. The port is always written, as ALB writes it; an IPv6 address stands in
/// brackets (RFC 3986, section 3.2.2).
pub(super) fn write_host(buffer: &mut Vec<u8>, id: &str, port: u16) {
    let (open, close) = if id.contains(':') { ("[", "]") } else { ("", "") };
    for part in [open, id, close, ":"] {
        buffer.extend_from_slice(part.as_bytes());
    }
    // By hand, which takes a fifth of what formatting does.
    let (mut digits, mut first, mut rest) = ([b'0'; 5], 4, port);
    loop {
        digits[first] += u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
        first -= 1;
    }
    buffer.extend_from_slice(&digits[first..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_is_written_in_full() {
        for port in [0, 1, 9, 10, 80, 443, 8080, 9999, 10_000, u16::MAX] {
            let mut buffer = Vec::new();
            write_host(&mut buffer, "a", port);
            assert_eq!(buffer, format!("a:{port}").into_bytes());
        }
    }
}
