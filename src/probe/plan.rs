//! What the checks of one target group have in common: what they ask, over what, and what answer passes.

use std::time::Duration;

use crate::model::failure::Failure;
use crate::model::health_check::{Close, HealthCheck, HealthCheckProtocol};
use crate::model::matcher::Matcher;
use crate::model::outcome::{Cause, Outcome};
use crate::model::protocol::ProtocolVersion;
use crate::probe::errno::{self, Phase};
use crate::probe::head::Verdict;
use crate::probe::http1::Http1;
use crate::probe::http2::Http2;
use crate::probe::search::Needle;
use crate::probe::tls;

/// A deadline noticed later than this was missed by us, however long the timeout.
const LATE: Duration = Duration::from_millis(100);

/// Timers are this coarse anyway.
const COARSE: Duration = Duration::from_millis(20);

/// How late we may be ourselves before a missed deadline of this timeout proves nothing (docs/semantics.md, "What an
/// answer means").
#[must_use]
pub fn tolerance(timeout: Duration) -> Duration {
    COARSE.max(timeout / 10)
}

/// The checks of one target group.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) timeout: Duration,
    pub(super) matcher: Matcher,
    pub(super) transport: Transport,
    pub(super) close: Close,
    pub(super) ask: Ask,
    /// What the body of an answer has to contain.
    pub(super) needle: Option<Needle>,
}

/// What goes over the connection.
#[derive(Debug)]
pub(super) enum Transport {
    Plain,
    Tls(tls::Client),
    /// No handshake can be made; see [`tls::Client::new`].
    Unusable,
}

/// What is asked once the connection stands.
#[derive(Debug)]
pub(super) enum Ask {
    /// Nothing: that it stands is the answer.
    Nothing,
    /// `GET` over HTTP/1.1.
    Http1(Http1),
    /// `GET` or a call of gRPC over HTTP/2.
    Http2(Http2),
}

/// What a check has come to, and the code that was held against the matcher.
pub(super) type Judged = (Outcome, Option<u16>);

impl Plan {
    /// Prepares the checks that `check` describes, over this version of HTTP.
    pub(super) fn new(check: &HealthCheck, version: Option<ProtocolVersion>) -> Self {
        let ask = match (check.protocol, version) {
            (HealthCheckProtocol::Tcp, _) => Ask::Nothing,
            (_, None | Some(ProtocolVersion::Http1)) => Ask::Http1(Http1::new(check)),
            (_, Some(ProtocolVersion::Http2)) => Ask::Http2(Http2::new(check, false)),
            (_, Some(ProtocolVersion::Grpc)) => Ask::Http2(Http2::new(check, true)),
        };
        let http2 = matches!(ask, Ask::Http2(_));
        let transport = match check.protocol {
            HealthCheckProtocol::Http | HealthCheckProtocol::Tcp => Transport::Plain,
            HealthCheckProtocol::Https => {
                tls::Client::new(check.verify.as_ref(), check.tls_resumption, http2)
                    .map_or(Transport::Unusable, Transport::Tls)
            }
        };
        Self {
            timeout: check.timeout,
            matcher: check.matcher.clone(),
            transport,
            close: check.close,
            ask,
            needle: check.body_match.as_deref().filter(|text| !text.is_empty()).map(Needle::new),
        }
    }

    /// Writes the request to the target `id` (as for [`Prober::probe`](super::Prober::probe)) and `port` into `buffer`,
    /// in place of what was there.
    pub(super) fn render(&self, buffer: &mut Vec<u8>, id: &str, port: u16) {
        match &self.ask {
            Ask::Nothing => buffer.clear(),
            Ask::Http1(http1) => http1.render(buffer, id, port),
            Ask::Http2(http2) => http2.render(buffer, id, port),
        }
    }

    /// What an answer with this status has come to.
    pub(super) fn judge(&self, status: u16) -> Judged {
        let passes = self.matcher.contains(status);
        (if passes { Outcome::Pass } else { Outcome::Fail(Failure::StatusMismatch(status)) }, Some(status))
    }

    /// What an HTTP/1 answer with this head has come to, if it is judged by that. `secured`: it came over TLS.
    pub(super) fn judge_head(&self, verdict: Verdict, secured: bool) -> Option<Judged> {
        let failure = match verdict {
            Verdict::Incomplete => return None,
            Verdict::Final { status } => return Some(self.judge(status)),
            // TLS within TLS is no hint that the protocol should be HTTPS.
            Verdict::Tls if !secured => Failure::ResponseTls,
            Verdict::Malformed | Verdict::Tls => Failure::ResponseMalformed,
            Verdict::TooLarge => Failure::ResponseTooLarge,
        };
        Some((Outcome::Fail(failure), None))
    }

    /// The deadline passed. Where we noticed that late, we may have been as late to send or to listen.
    pub(super) fn overdue(&self, phase: Phase, total: Duration) -> Outcome {
        if total.saturating_sub(self.timeout) > tolerance(self.timeout).min(LATE) {
            return Outcome::Inconclusive(Cause::Overload);
        }
        Outcome::Fail(errno::timed_out(phase))
    }

    /// What an error of the handshake means.
    pub(super) fn handshake_outcome(&self, error: &rustls::Error) -> Outcome {
        match &self.transport {
            Transport::Tls(client) => client.handshake_outcome(error),
            Transport::Plain | Transport::Unusable => Outcome::Inconclusive(Cause::Internal),
        }
    }
}
