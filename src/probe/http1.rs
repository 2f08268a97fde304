//! One HTTP/1.1 health check over TCP or TLS, from the connection to the verdict, in a straight line.
//!
//! The verdict falls with the end of the response head. No redirect is followed and the body is not read, save what
//! arrived together with the head (docs/semantics.md, "What a check sends").

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::model::failure::Failure;
use crate::model::health_check::{HealthCheck, Protocol};
use crate::model::matcher::Matcher;
use crate::model::outcome::{Cause, Outcome, Report, Timings};
use crate::probe::connect::connect;
use crate::probe::errno::{self, Phase};
use crate::probe::head::{Head, Verdict};
use crate::probe::{Stopwatch, tls};

/// Bytes read at a time. One buffer of this size is all that a check in flight holds for the answer.
const CHUNK: usize = 1024;

/// A deadline noticed this much too late, or later, was missed by us.
const LATE: Duration = Duration::from_millis(100);

/// What follows the host. The encodings are those ALB is said to send (docs/semantics.md, "What a check sends").
const CLOSING: &str = "\r\nUser-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\
                       Connection: close\r\n\r\n";

/// The checks of one target group over HTTP/1.1.
#[derive(Debug)]
pub struct Http1 {
    timeout: Duration,
    matcher: Matcher,
    /// The request up to the host.
    opening: String,
    transport: Transport,
}

#[derive(Debug)]
enum Transport {
    Plain,
    Tls(tls::Client),
    /// No handshake can be made; see [`tls::Client::new`].
    Unusable,
}

/// What is known of an attempt while it runs; it outlives the attempt when the deadline cuts that off.
struct Progress {
    phase: Phase,
    /// The end of the last phase that was finished.
    mark: Duration,
    timings: Timings,
}

impl Progress {
    /// Ends a phase; gives how long it took.
    fn lap(&mut self, clock: &impl Stopwatch) -> Option<Duration> {
        let before = std::mem::replace(&mut self.mark, clock.elapsed());
        Some(self.mark.saturating_sub(before))
    }
}

/// A step of an attempt: what it gave, or the outcome with which the attempt is over already.
type Step<T> = Result<T, Outcome>;

impl Http1 {
    pub(super) fn new(check: &HealthCheck) -> Self {
        let transport = match check.protocol {
            Protocol::Http => Transport::Plain,
            Protocol::Https => {
                tls::Client::new(check.verify.as_ref()).map_or(Transport::Unusable, Transport::Tls)
            }
        };
        Self {
            timeout: check.timeout,
            matcher: check.matcher.clone(),
            opening: format!("GET {} HTTP/1.1\r\nHost: ", check.path),
            transport,
        }
    }

    pub(super) async fn probe(&self, address: SocketAddr, id: &str, clock: &impl Stopwatch) -> Report {
        let start = clock.elapsed();
        let mut progress = Progress { phase: Phase::Dial, mark: start, timings: Timings::default() };
        // An answer that is there together with the deadline wins: the timeout looks at the attempt first.
        let attempt =
            tokio::time::timeout(self.timeout, self.attempt(address, id, clock, &mut progress)).await;
        let total = clock.elapsed().saturating_sub(start);
        let (outcome, status) = match attempt {
            Ok(Ok(status)) if self.matcher.contains(status) => (Outcome::Pass, Some(status)),
            Ok(Ok(status)) => (Outcome::Fail(Failure::StatusMismatch(status)), Some(status)),
            Ok(Err(outcome)) => (outcome, None),
            Err(_) => (self.overdue(progress.phase, total), None),
        };
        Report { outcome, status, timings: Timings { total, ..progress.timings } }
    }

    /// The deadline passed. Where we noticed that late, we may have been as late to send or to listen.
    fn overdue(&self, phase: Phase, total: Duration) -> Outcome {
        if total.saturating_sub(self.timeout) >= LATE.min(self.timeout) {
            return Outcome::Inconclusive(Cause::Overload);
        }
        Outcome::Fail(errno::timed_out(phase))
    }

    async fn attempt(
        &self,
        address: SocketAddr,
        id: &str,
        clock: &impl Stopwatch,
        progress: &mut Progress,
    ) -> Step<u16> {
        let connected = connect(address, &mut progress.phase).await;
        let mut tcp = connected.map_err(|error| errno::outcome(progress.phase, &error))?;
        progress.timings.connect = progress.lap(clock);
        let mut buffer = self.request(id, address.port());
        match &self.transport {
            Transport::Plain => exchange(&mut tcp, &mut buffer, clock, progress).await,
            // Boxed, so that plain checks do not carry the room a TLS session takes.
            Transport::Tls(client) => {
                Box::pin(secured(client, tcp, address, id, buffer, clock, progress)).await
            }
            Transport::Unusable => Err(Outcome::Inconclusive(Cause::Internal)),
        }
    }

    /// The request, in a buffer that has room for the answer.
    fn request(&self, id: &str, port: u16) -> Vec<u8> {
        let length = self.opening.len() + id.len() + "[]:65535".len() + CLOSING.len();
        let mut request = String::with_capacity(length.max(CHUNK));
        request.push_str(&self.opening);
        // The port is always written, as ALB writes it; an IPv6 address stands in brackets (RFC 3986, section 3.2.2).
        // Writing to a `String` cannot fail.
        _ = if id.contains(':') { write!(request, "[{id}]:{port}") } else { write!(request, "{id}:{port}") };
        request.push_str(CLOSING);
        request.into_bytes()
    }
}

/// The handshake, the exchange inside it, and a farewell that is not waited for.
async fn secured(
    client: &tls::Client,
    tcp: TcpStream,
    address: SocketAddr,
    id: &str,
    mut buffer: Vec<u8>,
    clock: &impl Stopwatch,
    progress: &mut Progress,
) -> Step<u16> {
    progress.phase = Phase::Tls;
    let name = client.name(id, address.ip()).ok_or(Outcome::Fail(Failure::TlsCertificate))?;
    let mut stream =
        client.connector.connect(name, tcp).await.map_err(|error| client.handshake_outcome(&error))?;
    progress.timings.tls = progress.lap(clock);
    let verdict = exchange(&mut stream, &mut buffer, clock, progress).await;
    let (tcp, session) = stream.get_mut();
    session.send_close_notify();
    buffer.clear();
    if session.write_tls(&mut buffer).is_ok() {
        // A full socket or a broken one loses the farewell; the verdict stands.
        _ = tcp.try_write(&buffer);
    }
    match verdict {
        // TLS within TLS is no hint that the protocol should be HTTPS.
        Err(Outcome::Fail(Failure::ResponseTls)) => Err(Outcome::Fail(Failure::ResponseMalformed)),
        _ => verdict,
    }
}

/// Sends the request in `buffer` and reads response heads up to the final one; gives its status.
async fn exchange<S>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    clock: &impl Stopwatch,
    progress: &mut Progress,
) -> Step<u16>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    progress.phase = Phase::Send;
    let sent = match stream.write_all(buffer).await {
        Ok(()) => stream.flush().await,
        Err(error) => Err(error),
    };
    // A target may answer and close before it has read the request, which breaks the sending (RFC 9112, section 9.5).
    // So an answer is looked for all the same, and only where there is none it is the sending that failed.
    let unsent = match sent.map_err(|error| tls::exchange_outcome(Phase::Send, &error)) {
        Ok(()) => None,
        Err(outcome @ Outcome::Fail(_)) => Some(outcome),
        Err(outcome) => return Err(outcome),
    };
    progress.phase = Phase::Response;
    _ = progress.lap(clock);
    buffer.clear();
    buffer.resize(CHUNK, 0);
    let mut head = Head::new();
    loop {
        let count = match stream.read(buffer).await {
            Ok(0) => return Err(unsent.unwrap_or(Outcome::Fail(Failure::ResponseClosed))),
            Ok(count) => count,
            Err(error) => return Err(unanswered(unsent, &error)),
        };
        match head.feed(&buffer[..count]) {
            Verdict::Incomplete => {}
            Verdict::Final { status } => {
                progress.timings.response = progress.lap(clock);
                return Ok(status);
            }
            Verdict::Malformed => return Err(Outcome::Fail(Failure::ResponseMalformed)),
            Verdict::TooLarge => return Err(Outcome::Fail(Failure::ResponseTooLarge)),
            Verdict::Tls => return Err(Outcome::Fail(Failure::ResponseTls)),
        }
    }
}

/// No answer came because of `error`, and `unsent` says what had gone wrong before. Only an alert tells more than that.
fn unanswered(unsent: Option<Outcome>, error: &io::Error) -> Outcome {
    match (tls::exchange_outcome(Phase::Response, error), unsent) {
        (outcome @ Outcome::Fail(Failure::TlsAlert(_)), _) | (outcome, None) => outcome,
        (_, Some(unsent)) => unsent,
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use rustix::io::Errno;
    use tokio::io::ReadBuf;

    use super::*;

    struct Still;

    impl Stopwatch for Still {
        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }
    }

    /// A connection that takes no request, and may hold an answer all the same.
    struct Deaf {
        error: Errno,
        answer: &'static [u8],
    }

    impl AsyncWrite for Deaf {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(self.error.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncRead for Deaf {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            buf.put_slice(std::mem::take(&mut self.answer));
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn where_sending_fails_the_answer_counts_and_without_one_the_sending() {
        let answer = b"HTTP/1.1 503 Busy\r\n\r\n";
        let reset = Outcome::Fail(Failure::SendReset);
        let ours = Outcome::Inconclusive(Cause::NoBuffers);
        for (error, answer, expected) in [
            (Errno::PIPE, &answer[..], Ok(503)),
            (Errno::CONNRESET, &answer[..], Ok(503)),
            (Errno::PIPE, &b""[..], Err(reset)),
            (Errno::CONNRESET, &b"HTTP/1.1 5"[..], Err(reset)),
            (Errno::NOBUFS, &answer[..], Err(ours)),
        ] {
            let mut progress =
                Progress { phase: Phase::Connect, mark: Duration::ZERO, timings: Timings::default() };
            let mut buffer = b"GET / HTTP/1.1\r\n\r\n".to_vec();
            let step = exchange(&mut Deaf { error, answer }, &mut buffer, &Still, &mut progress).await;
            assert_eq!(step, expected, "{error:?}");
        }
    }

    #[test]
    fn an_alert_tells_more_than_a_request_that_was_not_sent() {
        let sending = Some(Outcome::Fail(Failure::SendReset));
        let reset = io::Error::from(Errno::CONNRESET);
        assert_eq!(unanswered(sending, &reset), Outcome::Fail(Failure::SendReset));
        assert_eq!(unanswered(None, &reset), Outcome::Fail(Failure::ResponseReset));
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
        let alert = io::Error::new(io::ErrorKind::InvalidData, alert);
        assert_eq!(unanswered(sending, &alert), Outcome::Fail(Failure::TlsAlert(116)));
        assert_eq!(unanswered(None, &alert), Outcome::Fail(Failure::TlsAlert(116)));
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets_and_the_port_is_always_written() {
        let http1 = Http1::new(&HealthCheck::default());
        for (id, port, host) in [
            ("10.0.0.1", 80, "\r\nHost: 10.0.0.1:80\r\n"),
            ("fd00::1", 4567, "\r\nHost: [fd00::1]:4567\r\n"),
            ("web.internal", 443, "\r\nHost: web.internal:443\r\n"),
        ] {
            let request = String::from_utf8(http1.request(id, port)).unwrap();
            assert!(request.contains(host), "{request}");
        }
    }
}
