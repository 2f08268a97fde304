//! One check under way: a state machine that goes on as far as it can and never waits.
//!
//! ```text
//!   Dial ──► Connect ──► (Tls) ──► Send ──► Response ──► Report
//!              │           │         │         │
//!              └───────────┴─ step() gives None: call again when the socket is ready
//! ```
//!
//! Whoever drives it waits for the socket and for the deadline; the sequence of system calls is here.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt;

use crate::model::failure::Failure;
use crate::model::health_check::Close;
use crate::model::outcome::{Cause, Outcome, Report, Timings};
use crate::probe::errno::{self, Phase};
use crate::probe::head::{Head, Verdict};
use crate::probe::http1::{Http1, Transport};
use crate::probe::kit::Kit;
use crate::probe::socket::Socket;
use crate::probe::{Stopwatch, tls};

/// Reads of one step, 32 KiB altogether; an answer takes one or two. A target that never ceases to send is not to keep
/// the thread from other checks.
const READS: u8 = 8;

/// What a check that cannot go on now waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Interest {
    /// Something to read, or the end.
    Readable,
    /// A standing connection, or room to write.
    Writable,
}

/// One check under way.
#[derive(Debug)]
pub struct Attempt {
    http1: Arc<Http1>,
    address: SocketAddr,
    socket: Option<Socket>,
    /// Boxed, so that plain checks do not carry the room a TLS session takes.
    session: Option<Box<tls::Session>>,
    phase: Phase,
    interest: Interest,
    /// Reads that this step may still make.
    reads: u8,
    /// Of the request; over TLS the session keeps count.
    sent: usize,
    /// What went wrong while sending. An answer is looked for all the same.
    unsent: Option<Outcome>,
    head: Head,
    started: Duration,
    /// The end of the last phase that was finished.
    mark: Duration,
    timings: Timings,
}

/// Why an attempt goes no further now.
enum Pause {
    /// The socket is not ready.
    Wait(Interest),
    /// It is over.
    Over(Outcome),
}

/// A step of an attempt: what it gave, or why it goes no further.
type Step<T> = Result<T, Pause>;

impl Attempt {
    pub(super) fn new(http1: Arc<Http1>, address: SocketAddr, clock: &impl Stopwatch) -> Self {
        let now = clock.elapsed();
        Self {
            http1,
            address,
            socket: None,
            session: None,
            phase: Phase::Dial,
            interest: Interest::Writable,
            reads: READS,
            sent: 0,
            unsent: None,
            head: Head::new(),
            started: now,
            mark: now,
            timings: Timings::default(),
        }
    }

    /// What to wait for before the next [`Attempt::step`].
    #[must_use]
    pub fn interest(&self) -> Interest {
        self.interest
    }

    /// Whether the last step ended with more to read perhaps, as no step reads without end. A poller that tells what is,
    /// and not what has changed, need not ask.
    pub(super) fn is_cut_short(&self) -> bool {
        self.reads == 0
    }

    /// The descriptor to watch, and whether this socket has been watched before, in an earlier check perhaps. `None`
    /// before the first step and after the last.
    pub fn watch(&mut self) -> Option<(BorrowedFd<'_>, bool)> {
        let socket = self.socket.as_mut()?;
        let before = std::mem::replace(&mut socket.watched, true);
        Some((socket.descriptor(), before))
    }

    /// Time until the deadline; zero once it has passed.
    #[must_use]
    pub fn remaining(&self, clock: &impl Stopwatch) -> Duration {
        (self.started + self.http1.timeout).saturating_sub(clock.elapsed())
    }

    /// Goes on as far as it can. `id` is the target's id as registered, an IP literal without brackets or a host name.
    /// Gives the report once there is one; not to be called again after that.
    pub fn step(&mut self, id: &str, kit: &mut Kit, clock: &impl Stopwatch) -> Option<Report> {
        self.reads = READS;
        let (outcome, status) = match self.advance(id, kit, clock) {
            Ok(status) if self.http1.matcher.contains(status) => (Outcome::Pass, Some(status)),
            Ok(status) => (Outcome::Fail(Failure::StatusMismatch(status)), Some(status)),
            Err(Pause::Over(outcome)) => (self.unless_own_echo(outcome), None),
            Err(Pause::Wait(interest)) => {
                self.interest = interest;
                return None;
            }
        };
        self.end(kit, status.is_some());
        self.timings.total = clock.elapsed().saturating_sub(self.started);
        Some(Report { outcome, status, timings: self.timings })
    }

    /// The deadline has passed. An answer that is there together with it wins.
    pub fn expire(&mut self, id: &str, kit: &mut Kit, clock: &impl Stopwatch) -> Report {
        if let Some(report) = self.step(id, kit, clock) {
            return report;
        }
        self.end(kit, false);
        self.timings.total = clock.elapsed().saturating_sub(self.started);
        let outcome = self.http1.overdue(self.phase, self.timings.total);
        Report { outcome, status: None, timings: self.timings }
    }

    /// Ends it without a verdict, for a trouble of our own.
    pub fn abandon(&mut self, cause: Cause, kit: &mut Kit, clock: &impl Stopwatch) -> Report {
        self.end(kit, false);
        self.timings.total = clock.elapsed().saturating_sub(self.started);
        Report { outcome: Outcome::Inconclusive(cause), status: None, timings: self.timings }
    }

    fn advance(&mut self, id: &str, kit: &mut Kit, clock: &impl Stopwatch) -> Step<u16> {
        if self.phase == Phase::Dial {
            self.dial(id, kit)?;
        }
        if self.phase != Phase::Response {
            match self.session {
                None => self.send_plain(id, kit, clock)?,
                Some(_) => self.send_secured(id, kit, clock)?,
            }
            // No answer can be there yet, as a rule. Where one is, it came unasked and is found with the next step.
            return Err(Pause::Wait(Interest::Readable));
        }
        self.receive(kit, clock)
    }

    fn dial(&mut self, id: &str, kit: &mut Kit) -> Step<()> {
        match &self.http1.transport {
            Transport::Plain => {}
            Transport::Tls(client) => {
                let session = client.session(id, self.address).map_err(Pause::Over)?;
                self.session = Some(Box::new(session));
            }
            Transport::Unusable => return Err(Pause::Over(Outcome::Inconclusive(Cause::Internal))),
        }
        let socket = kit.sockets.take(self.address).map_err(|errno| over(Phase::Dial, errno))?;
        let connecting = socket.connect(self.address);
        self.socket = Some(socket);
        connecting.map_err(|errno| over(Phase::Dial, errno))?;
        self.phase = Phase::Connect;
        Ok(())
    }

    /// Sends the request. The connection stands when the first byte is taken.
    fn send_plain(&mut self, id: &str, kit: &mut Kit, clock: &impl Stopwatch) -> Step<()> {
        self.http1.render(&mut kit.request, id, self.address.port());
        while self.sent < kit.request.len() {
            match self.socket()?.send(&kit.request[self.sent..]) {
                Ok(count) => {
                    self.connected(clock);
                    self.sent += count;
                }
                Err(Errno::AGAIN) => return Err(Pause::Wait(Interest::Writable)),
                Err(errno) if self.phase == Phase::Connect => return Err(over(Phase::Connect, errno)),
                Err(errno) => {
                    self.not_sent(errno::outcome(Phase::Send, errno))?;
                    break;
                }
            }
        }
        self.sent_all(clock);
        Ok(())
    }

    /// Shakes hands, then sends the request together with what ends the handshake.
    fn send_secured(&mut self, id: &str, kit: &mut Kit, clock: &impl Stopwatch) -> Step<()> {
        while matches!(self.phase, Phase::Connect | Phase::Tls) {
            let Some(session) = &mut self.session else { return Ok(()) };
            if !session.is_handshaking() {
                // Sent apart, the request would wait until the target confirms what came before (RFC 9293,
                // section 3.7.4), which may take it 40 ms.
                self.http1.render(&mut kit.request, id, self.address.port());
                session.write(&kit.request);
                self.timings.tls = Some(self.lap(clock));
                self.phase = Phase::Send;
                break;
            }
            match self.flush() {
                Ok(()) => self.connected(clock),
                Err(Errno::AGAIN) => return Err(Pause::Wait(Interest::Writable)),
                Err(errno) => return Err(over(self.phase, errno)),
            }
            self.phase = Phase::Tls;
            let count = self.take(kit)?;
            let Some(session) = &mut self.session else { return Ok(()) };
            if count == 0 {
                return Err(Pause::Over(Outcome::Fail(Failure::TlsClosed)));
            }
            if let Err(error) = session.take_in(&kit.answer[..count], &mut self.head) {
                let outcome = self.http1.handshake_outcome(&error);
                // An alert that tells the target why; lost where the socket does not take it at once.
                _ = self.flush();
                return Err(Pause::Over(outcome));
            }
        }
        if self.phase == Phase::Send {
            match self.flush() {
                Ok(()) => {}
                Err(Errno::AGAIN) => return Err(Pause::Wait(Interest::Writable)),
                Err(errno) => self.not_sent(errno::outcome(Phase::Send, errno))?,
            }
            // Session tickets come before the answer, and the answer may wait until they are confirmed. Where the
            // kernel does not do it, the check is only slower.
            _ = sockopt::set_tcp_quickack(self.socket()?.descriptor(), true);
            self.sent_all(clock);
        }
        Ok(())
    }

    /// Reads response heads up to the final one; gives its status.
    fn receive(&mut self, kit: &mut Kit, clock: &impl Stopwatch) -> Step<u16> {
        loop {
            match self.head.verdict() {
                Verdict::Incomplete => {}
                Verdict::Final { status } => {
                    self.timings.response = Some(self.lap(clock));
                    return Ok(status);
                }
                // TLS within TLS is no hint that the protocol should be HTTPS.
                Verdict::Tls if self.session.is_none() => return Err(fail(Failure::ResponseTls)),
                Verdict::Malformed | Verdict::Tls => return Err(fail(Failure::ResponseMalformed)),
                Verdict::TooLarge => return Err(fail(Failure::ResponseTooLarge)),
            }
            let count = match self.take(kit) {
                Ok(0) => {
                    return Err(Pause::Over(self.unsent.unwrap_or(Outcome::Fail(Failure::ResponseClosed))));
                }
                Ok(count) => count,
                Err(Pause::Over(outcome)) => return Err(Pause::Over(self.unsent.unwrap_or(outcome))),
                Err(wait @ Pause::Wait(_)) => return Err(wait),
            };
            let bytes = &kit.answer[..count];
            match &mut self.session {
                None => _ = self.head.feed(bytes),
                Some(session) => match session.take_in(bytes, &mut self.head) {
                    Ok(true) => {}
                    Ok(false) if self.head.verdict() == Verdict::Incomplete => {
                        return Err(Pause::Over(
                            self.unsent.unwrap_or(Outcome::Fail(Failure::ResponseClosed)),
                        ));
                    }
                    Ok(false) => {}
                    Err(_) if self.head.verdict() != Verdict::Incomplete => {}
                    Err(error) => return Err(Pause::Over(tls::exchange_outcome(&error, self.unsent))),
                },
            }
        }
    }

    /// Takes what has come into the kit's buffer.
    fn take(&mut self, kit: &mut Kit) -> Step<usize> {
        let Some(reads) = self.reads.checked_sub(1) else { return Err(Pause::Wait(Interest::Readable)) };
        self.reads = reads;
        match self.socket()?.receive(kit.answer.as_mut_slice()) {
            Ok(count) => Ok(count),
            Err(Errno::AGAIN) => Err(Pause::Wait(Interest::Readable)),
            Err(errno) => Err(over(self.phase, errno)),
        }
    }

    fn flush(&mut self) -> Result<(), Errno> {
        match (&mut self.session, &self.socket) {
            (Some(session), Some(socket)) => session.flush(socket),
            _ => Ok(()),
        }
    }

    /// A target may answer and close before it has read the request, which breaks the sending (RFC 9112, section 9.5).
    /// So an answer is looked for all the same, and only where there is none it is the sending that failed.
    fn not_sent(&mut self, outcome: Outcome) -> Step<()> {
        match outcome {
            Outcome::Fail(_) => {
                self.unsent = Some(outcome);
                Ok(())
            }
            Outcome::Pass | Outcome::Inconclusive(_) => Err(Pause::Over(outcome)),
        }
    }

    fn connected(&mut self, clock: &impl Stopwatch) {
        if self.phase == Phase::Connect {
            self.timings.connect = Some(self.lap(clock));
            self.phase = Phase::Send;
        }
    }

    fn sent_all(&mut self, clock: &impl Stopwatch) {
        _ = self.lap(clock);
        self.phase = Phase::Response;
    }

    /// Ends a phase; gives how long it took.
    fn lap(&mut self, clock: &impl Stopwatch) -> Duration {
        let before = std::mem::replace(&mut self.mark, clock.elapsed());
        self.mark.saturating_sub(before)
    }

    fn socket(&self) -> Step<&Socket> {
        // There is one from the dialling to the end.
        self.socket.as_ref().ok_or(Pause::Over(Outcome::Inconclusive(Cause::Internal)))
    }

    /// What a failure behind the connection was, if the connection led back to ourselves: nobody listens there.
    fn unless_own_echo(&mut self, outcome: Outcome) -> Outcome {
        let connected = !matches!(self.phase, Phase::Dial | Phase::Connect);
        let itself = connected
            && matches!(outcome, Outcome::Fail(_))
            && self.socket.as_ref().is_some_and(|socket| socket.is_connected_to_itself(self.address));
        if !itself {
            return outcome;
        }
        self.timings = Timings::default();
        Outcome::Fail(Failure::ConnectRefused)
    }

    /// Closes the connection. `answered`: nothing more is expected of the target.
    fn end(&mut self, kit: &mut Kit, answered: bool) {
        if let Some(session) = &mut self.session {
            session.say_farewell();
        }
        // A full socket or a broken one loses the farewell; the verdict stands.
        _ = self.flush();
        let Some(socket) = self.socket.take() else { return };
        match (self.http1.close, self.phase) {
            (Close::Reset, Phase::Response) if answered => kit.sockets.dissolve(socket, self.address),
            (Close::Reset, _) => socket.reset(),
            (Close::Orderly, _) => drop(socket),
        }
    }
}

fn over(phase: Phase, errno: Errno) -> Pause {
    Pause::Over(errno::outcome(phase, errno))
}

fn fail(failure: Failure) -> Pause {
    Pause::Over(Outcome::Fail(failure))
}
