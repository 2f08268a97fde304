//! Every way a target can fail one check, and the one table that says what AWS and we call it.

use crate::model::health::Reason;

/// Why one check of a target failed, named by the layer that gave up.
///
/// A failed check is data, never an `Err`: it is what this program is for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Failure {
    /// The name does not exist (NXDOMAIN).
    NameNotFound,
    /// The name exists and has no address.
    NoAddress,
    /// The port answered with a reset: nothing listens there.
    ConnectRefused,
    /// The network says there is no way to the host.
    ConnectUnreachable,
    /// The connection was reset while it was being made.
    ConnectReset,
    /// The deadline passed before the connection stood; often a packet filter.
    ConnectTimeout,
    /// The deadline passed during the TLS handshake.
    TlsTimeout,
    /// The target ended the handshake with this TLS alert (RFC 8446, section 6).
    TlsAlert(u8),
    /// The target answered the handshake with something that is not TLS.
    TlsNotSpoken,
    /// No protocol version or cipher suite in common.
    TlsIncompatible,
    /// The certificate did not pass verification; only where `verify` is set.
    TlsCertificate,
    /// The connection was reset during the handshake.
    TlsReset,
    /// The target closed the connection during the handshake.
    TlsClosed,
    /// The connection was reset while the request was being sent.
    SendReset,
    /// The deadline passed before the answer was complete, its body too where that is read.
    ResponseTimeout,
    /// The connection was reset before the answer was complete, its body too where that is read.
    ResponseReset,
    /// The target closed the connection before the answer was complete, its body too where that is read.
    ResponseClosed,
    /// The bytes received are no answer of the version of HTTP that was spoken.
    ResponseMalformed,
    /// The answer to a plain request was a TLS record: the port speaks TLS.
    ResponseTls,
    /// The response head, interim responses included, is longer than we read.
    ResponseTooLarge,
    /// The status code is not in the matcher.
    StatusMismatch(u16),
    /// The body does not contain the text asked for, within what is read of it.
    BodyMismatch,
    /// The target did not agree to HTTP/2 in the TLS handshake (RFC 7301).
    TlsNoHttp2,
    /// The answer to an HTTP/2 request was one of HTTP/1.
    ResponseHttp1,
    /// The target gave the request or the connection up with this HTTP/2 error code (RFC 9113, section 7).
    Http2Error(u8),
    /// The status of HTTP under a gRPC answer is not 200.
    GrpcHttpStatus(u16),
    /// A gRPC answer without a `grpc-status`, or with one that is no number.
    GrpcStatusMissing,
    /// The `grpc-status` is not in the matcher.
    GrpcStatusMismatch(u16),
    /// The service says of itself that it does not serve.
    GrpcNotServing,
    /// The command of a container's check ended with this exit code.
    CommandExit(u8),
    /// The command of a container's check was killed, because it took too long.
    CommandTimeout,
    /// The command of a container's check could not be started.
    CommandNotStarted,
}

/// What AWS and we call one kind of failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Naming {
    /// Our finer word, the metric label `failure`.
    pub label: &'static str,
    /// The reason code of the ELBv2 API.
    pub reason: Reason,
    /// The reason code of an ALB health check log line.
    pub log_code: &'static str,
    /// One sentence that says what happened and where to look.
    pub hint: &'static str,
}

impl Failure {
    /// How many kinds there are; [`Failure::kind`] is below this.
    pub const KINDS: usize = 32;

    /// One of each kind, in the order of the table.
    pub const ALL: [Self; Self::KINDS] = [
        Self::NameNotFound,
        Self::NoAddress,
        Self::ConnectRefused,
        Self::ConnectUnreachable,
        Self::ConnectReset,
        Self::ConnectTimeout,
        Self::TlsTimeout,
        Self::TlsAlert(0),
        Self::TlsNotSpoken,
        Self::TlsIncompatible,
        Self::TlsCertificate,
        Self::TlsReset,
        Self::TlsClosed,
        Self::SendReset,
        Self::ResponseTimeout,
        Self::ResponseReset,
        Self::ResponseClosed,
        Self::ResponseMalformed,
        Self::ResponseTls,
        Self::ResponseTooLarge,
        Self::StatusMismatch(0),
        Self::BodyMismatch,
        Self::TlsNoHttp2,
        Self::ResponseHttp1,
        Self::Http2Error(0),
        Self::GrpcHttpStatus(0),
        Self::GrpcStatusMissing,
        Self::GrpcStatusMismatch(0),
        Self::GrpcNotServing,
        Self::CommandExit(0),
        Self::CommandTimeout,
        Self::CommandNotStarted,
    ];

    /// Whether it is a way in which the command of a container's check fails, and not a check of a target.
    #[must_use]
    pub fn is_of_command(self) -> bool {
        matches!(self, Self::CommandExit(_) | Self::CommandTimeout | Self::CommandNotStarted)
    }

    /// The row of the table this failure belongs to.
    #[must_use]
    pub fn kind(self) -> usize {
        match self {
            Self::NameNotFound => 0,
            Self::NoAddress => 1,
            Self::ConnectRefused => 2,
            Self::ConnectUnreachable => 3,
            Self::ConnectReset => 4,
            Self::ConnectTimeout => 5,
            Self::TlsTimeout => 6,
            Self::TlsAlert(_) => 7,
            Self::TlsNotSpoken => 8,
            Self::TlsIncompatible => 9,
            Self::TlsCertificate => 10,
            Self::TlsReset => 11,
            Self::TlsClosed => 12,
            Self::SendReset => 13,
            Self::ResponseTimeout => 14,
            Self::ResponseReset => 15,
            Self::ResponseClosed => 16,
            Self::ResponseMalformed => 17,
            Self::ResponseTls => 18,
            Self::ResponseTooLarge => 19,
            Self::StatusMismatch(_) => 20,
            Self::BodyMismatch => 21,
            Self::TlsNoHttp2 => 22,
            Self::ResponseHttp1 => 23,
            Self::Http2Error(_) => 24,
            Self::GrpcHttpStatus(_) => 25,
            Self::GrpcStatusMissing => 26,
            Self::GrpcStatusMismatch(_) => 27,
            Self::GrpcNotServing => 28,
            Self::CommandExit(_) => 29,
            Self::CommandTimeout => 30,
            Self::CommandNotStarted => 31,
        }
    }

    /// The number some kinds carry: a TLS alert, an HTTP/2 error, a status code or an exit code.
    #[must_use]
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "few kinds carry one, and a test finds a new kind that does"
    )]
    pub fn detail(self) -> Option<u16> {
        match self {
            Self::TlsAlert(code) | Self::Http2Error(code) | Self::CommandExit(code) => Some(u16::from(code)),
            Self::StatusMismatch(code) | Self::GrpcHttpStatus(code) | Self::GrpcStatusMismatch(code) => {
                Some(code)
            }
            _ => None,
        }
    }

    /// Reads [`Naming::label`] and [`Failure::detail`] back. A number that no such failure carries is no failure.
    #[must_use]
    pub fn from_label(label: &str, detail: Option<u16>) -> Option<Self> {
        let plain = Self::ALL.into_iter().find(|one| one.naming().label == label)?;
        match (plain.detail(), detail) {
            (Some(_), Some(detail)) => {
                Some(plain.with_detail(detail)).filter(|one| one.detail() == Some(detail))
            }
            (None, None) => Some(plain),
            _ => None,
        }
    }

    /// A failure of the same kind with this detail, if the kind carries one.
    #[must_use]
    pub fn with_detail(self, code: u16) -> Self {
        let short = u8::try_from(code).unwrap_or(u8::MAX);
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others carry none")]
        match self {
            Self::TlsAlert(_) => Self::TlsAlert(short),
            Self::Http2Error(_) => Self::Http2Error(short),
            Self::CommandExit(_) => Self::CommandExit(short),
            Self::StatusMismatch(_) => Self::StatusMismatch(code),
            Self::GrpcHttpStatus(_) => Self::GrpcHttpStatus(code),
            Self::GrpcStatusMismatch(_) => Self::GrpcStatusMismatch(code),
            plain => plain,
        }
    }

    /// The names of this failure.
    #[must_use]
    pub fn naming(self) -> Naming {
        let naming = NAMINGS[self.kind()];
        // ALB's log tells a target's own 5xx apart from any other unexpected code.
        if matches!(self, Self::StatusMismatch(500..) | Self::GrpcHttpStatus(500..)) {
            return Naming { log_code: "TargetError", ..naming };
        }
        naming
    }

    /// The description the ELBv2 API gives with [`Naming::reason`] (docs/semantics.md, "Reasons").
    #[must_use]
    pub fn description(self) -> String {
        match (self, self.naming().reason) {
            (Self::StatusMismatch(code) | Self::GrpcHttpStatus(code) | Self::GrpcStatusMismatch(code), _) => {
                format!("Health checks failed with these codes: [{code}]")
            }
            // The sentence AWS has for its mismatch of codes, and there is none.
            (Self::GrpcStatusMissing, _) => "Health checks failed with these codes: []".to_owned(),
            (_, Reason::TargetTimeout) => "Request timed out".to_owned(),
            _ => "Health checks failed".to_owned(),
        }
    }
}

/// The one table: a row per kind, in the order of [`Failure::ALL`].
const NAMINGS: [Naming; Failure::KINDS] = [
    failed("name_not_found", "The name does not exist in DNS."),
    failed("no_address", "The name exists in DNS and has no address."),
    failed("connect_refused", "Nothing listens on this port, or a firewall rejects it."),
    failed("connect_unreachable", "The network says there is no way to this address."),
    failed("connect_reset", "The connection was reset while it was being made."),
    timed_out(
        "connect_timeout",
        "No answer to the connection attempt: a firewall or security group may drop it.",
    ),
    timed_out("tls_timeout", "The TLS handshake was not finished in time."),
    failed("tls_alert", "The target ended the TLS handshake with an alert."),
    failed("tls_not_spoken", "The port does not speak TLS: should the protocol be HTTP?"),
    failed(
        "tls_incompatible",
        "No TLS version or cipher suite in common: the target may only speak TLS 1.1 or older.",
    ),
    failed("tls_certificate", "The certificate did not pass the verification asked for."),
    failed("tls_reset", "The connection was reset during the TLS handshake."),
    failed("tls_closed", "The target closed the connection during the TLS handshake."),
    failed("send_reset", "The connection was reset while the request was being sent."),
    timed_out(
        "response_timeout",
        "Connected, but the answer was not complete in time: the application may hang.",
    ),
    failed("response_reset", "The connection was reset before the answer was complete."),
    failed("response_closed", "The target closed the connection before the answer was complete."),
    failed("response_malformed", "The answer is not a response of HTTP."),
    failed("response_tls", "The port answered a plain request with TLS: should the protocol be HTTPS?"),
    failed("response_too_large", "The response head is longer than is read."),
    wrong_code("status_mismatch", "ResponseCodeMismatch", "The status code is not in the matcher."),
    // Not a mismatch of codes, which is what AWS's reason of that name says: the code was right.
    Naming {
        log_code: "ResponseStringMismatch",
        ..failed("body_mismatch", "The body does not contain the text of `body_match` in its first 64 KiB.")
    },
    failed("tls_no_http2", "The target did not agree to HTTP/2 in the TLS handshake (ALPN `h2`)."),
    failed(
        "response_http1",
        "The target answered an HTTP/2 request over HTTP/1: should the protocol version be HTTP1?",
    ),
    failed("http2_error", "The target gave the request up with an HTTP/2 error (RST_STREAM or GOAWAY)."),
    wrong_code("grpc_http_status", "ResponseCodeMismatch", "The HTTP status of the gRPC answer is not 200."),
    wrong_code(
        "grpc_status_missing",
        "GRPCStatusHeaderEmpty",
        "The answer has no `grpc-status`, or one that is no number: is this gRPC?",
    ),
    wrong_code("grpc_status_mismatch", "GRPCUnexpectedStatus", "The `grpc-status` is not in the matcher."),
    // As of a text that is missing: the code was right, and the message says otherwise.
    Naming {
        log_code: "ResponseStringMismatch",
        ..failed("grpc_not_serving", "The gRPC health service says that the server does not serve.")
    },
    failed("command_exit", "The command of the check ended with an exit code other than 0."),
    timed_out("command_timeout", "The command of the check took longer than its timeout and was killed."),
    failed("command_not_started", "The command of the check could not be started: is it in the container?"),
];

const fn wrong_code(label: &'static str, log_code: &'static str, hint: &'static str) -> Naming {
    Naming { label, reason: Reason::TargetResponseCodeMismatch, log_code, hint }
}

const fn failed(label: &'static str, hint: &'static str) -> Naming {
    Naming { label, reason: Reason::TargetFailedHealthChecks, log_code: "ConnectionReset", hint }
}

const fn timed_out(label: &'static str, hint: &'static str) -> Naming {
    Naming { label, reason: Reason::TargetTimeout, log_code: "TimedOut", hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_row() {
        for (index, failure) in Failure::ALL.into_iter().enumerate() {
            assert_eq!(failure.kind(), index, "{failure:?}");
            assert_eq!(failure.with_detail(7).detail(), failure.detail().map(|_| 7), "{failure:?}");
        }
        let labels: std::collections::BTreeSet<_> = NAMINGS.iter().map(|naming| naming.label).collect();
        assert_eq!(labels.len(), Failure::KINDS);
    }

    #[test]
    fn every_failure_is_read_back_from_its_label_and_number() {
        let more = [Failure::TlsAlert(40), Failure::TlsAlert(u8::MAX), Failure::StatusMismatch(503)];
        for failure in Failure::ALL.into_iter().chain(more) {
            // Whatever carries something says so, or it would come back without.
            assert_eq!(format!("{failure:?}").contains('('), failure.detail().is_some(), "{failure:?}");
            let label = failure.naming().label;
            assert_eq!(Failure::from_label(label, failure.detail()), Some(failure));
            let other = if failure.detail().is_some() { None } else { Some(7) };
            assert_eq!(Failure::from_label(label, other), None, "{failure:?}");
        }
        assert_eq!(
            (Failure::from_label("", None), Failure::from_label("tls_alert", Some(256))),
            (None, None)
        );
    }

    #[test]
    fn aws_hears_only_its_three_reasons() {
        for (failure, reason, description) in [
            (
                Failure::StatusMismatch(500),
                Reason::TargetResponseCodeMismatch,
                "Health checks failed with these codes: [500]",
            ),
            (Failure::ConnectTimeout, Reason::TargetTimeout, "Request timed out"),
            (Failure::TlsTimeout, Reason::TargetTimeout, "Request timed out"),
            (Failure::ResponseTimeout, Reason::TargetTimeout, "Request timed out"),
            (Failure::ConnectRefused, Reason::TargetFailedHealthChecks, "Health checks failed"),
            (
                Failure::GrpcStatusMismatch(12),
                Reason::TargetResponseCodeMismatch,
                "Health checks failed with these codes: [12]",
            ),
            (
                Failure::GrpcStatusMissing,
                Reason::TargetResponseCodeMismatch,
                "Health checks failed with these codes: []",
            ),
            (Failure::GrpcNotServing, Reason::TargetFailedHealthChecks, "Health checks failed"),
            (Failure::BodyMismatch, Reason::TargetFailedHealthChecks, "Health checks failed"),
            (Failure::NameNotFound, Reason::TargetFailedHealthChecks, "Health checks failed"),
        ] {
            assert_eq!(
                (failure.naming().reason, failure.description().as_str()),
                (reason, description),
                "{failure:?}"
            );
        }
    }

    #[test]
    fn the_log_code_tells_a_server_error_apart() {
        assert_eq!(Failure::StatusMismatch(503).naming().log_code, "TargetError");
        assert_eq!(Failure::StatusMismatch(404).naming().log_code, "ResponseCodeMismatch");
    }
}
