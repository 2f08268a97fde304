//! The talk with a target: connecting, shaking hands, asking, and taking the answer in.

use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt;

use crate::model::failure::Failure;
use crate::model::outcome::{Cause, Outcome};
use crate::probe::attempt::{Attempt, Interest};
use crate::probe::errno::{self, Phase};
use crate::probe::kit::Kit;
use crate::probe::plan::{Ask, Judged, Transport};
use crate::probe::socket::Socket;
use crate::probe::{Stopwatch, tls};

/// Why an attempt goes no further now.
pub(super) enum Pause {
    /// The socket is not ready.
    Wait(Interest),
    /// It is over.
    Over(Outcome),
}

/// A step of an attempt: what it gave, or why it goes no further.
type Step<T> = Result<T, Pause>;

impl Attempt {
    pub(super) fn advance(&mut self, id: &str, kit: &mut Kit, clock: &impl Stopwatch) -> Step<Judged> {
        if self.phase == Phase::Dial {
            self.dial(id, kit)?;
        }
        if matches!(self.plan.ask, Ask::Nothing) {
            return self.stand(clock);
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
        match &self.plan.transport {
            Transport::Plain => {}
            Transport::Tls(client) => {
                let session = client.session(id, self.address).map_err(Pause::Over)?;
                self.session = Some(Box::new(session));
            }
            Transport::Unusable => return Err(Pause::Over(Outcome::Inconclusive(Cause::Internal))),
        }
        let socket = kit.sockets.take(self.address).map_err(|errno| over(Phase::Dial, errno))?;
        let connecting = socket.connect(self.address, matches!(self.plan.ask, Ask::Nothing));
        self.socket = Some(socket);
        connecting.map_err(|errno| over(Phase::Dial, errno))?;
        self.phase = Phase::Connect;
        Ok(())
    }

    /// Waits until the connection stands, and sends nothing.
    fn stand(&mut self, clock: &impl Stopwatch) -> Step<Judged> {
        // No bytes put nothing on the wire; that they are taken says that the handshake is over.
        match self.socket()?.send(&[]) {
            // A target that has reset the connection since has had one: before that, a reset is a refusal.
            Ok(_) | Err(Errno::CONNRESET | Errno::PIPE) => {
                self.connected(clock);
                Ok((Outcome::Pass, None))
            }
            Err(Errno::AGAIN) => Err(Pause::Wait(Interest::Writable)),
            Err(errno) => Err(over(Phase::Connect, errno)),
        }
    }

    /// Sends the request. The connection stands when the first byte is taken.
    fn send_plain(&mut self, id: &str, kit: &mut Kit, clock: &impl Stopwatch) -> Step<()> {
        self.plan.render(&mut kit.request, id, self.address.port());
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
                if matches!(self.plan.ask, Ask::Http2(_)) && !session.agreed_to_http2() {
                    self.timings.tls = Some(self.lap(clock));
                    return Err(Pause::Over(Outcome::Fail(Failure::TlsNoHttp2)));
                }
                // Sent apart, the request would wait until the target confirms what came before (RFC 9293,
                // section 3.7.4), which may take it 40 ms.
                self.plan.render(&mut kit.request, id, self.address.port());
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
            if let Err(error) = session.take_in(&kit.answer[..count], &mut self.answer, &self.plan) {
                let outcome = self.plan.handshake_outcome(&error);
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

    /// Reads the answer until it can be judged.
    fn receive(&mut self, kit: &mut Kit, clock: &impl Stopwatch) -> Step<Judged> {
        loop {
            if let Some(judged) = self.answer.judged(&self.plan, self.session.is_some()) {
                if judged.1.is_some() {
                    self.timings.response = Some(self.lap(clock));
                }
                return Ok(judged);
            }
            let count = match self.take(kit) {
                Ok(0) => return self.ended(clock),
                Ok(count) => count,
                Err(Pause::Over(outcome)) => return Err(Pause::Over(self.unsent.unwrap_or(outcome))),
                Err(wait @ Pause::Wait(_)) => return Err(wait),
            };
            let bytes = &kit.answer[..count];
            match &mut self.session {
                None => self.answer.feed(bytes, &self.plan, false),
                Some(session) => match session.take_in(bytes, &mut self.answer, &self.plan) {
                    Ok(false) if self.answer.is_open() => return self.ended(clock),
                    Ok(_) => {}
                    Err(_) if !self.answer.is_open() => {}
                    Err(error) => return Err(Pause::Over(tls::exchange_outcome(&error, self.unsent))),
                },
            }
            self.reply();
        }
    }

    /// Sends what the protocol wants said during an answer. A few bytes: what a full socket does not take waits for the
    /// next step. That a connection was reset the kernel tells only once, so who hears of it here remembers it: to who
    /// reads afterwards it looks closed in order.
    fn reply(&mut self) {
        let (Some(replies), Some(socket)) = (self.answer.replies(), &self.socket) else { return };
        let sent = match &mut self.session {
            Some(session) => {
                session.write(replies);
                replies.clear();
                session.flush(socket)
            }
            None => socket.send(replies).map(|sent| _ = replies.drain(..sent)),
        };
        if sent == Err(Errno::CONNRESET) && self.unsent.is_none() {
            self.unsent = Some(errno::outcome(Phase::Response, Errno::CONNRESET));
        }
    }

    /// The target has ended the connection before the answer was judged.
    fn ended(&mut self, clock: &impl Stopwatch) -> Step<Judged> {
        let Some(judged) = self.answer.end() else {
            return Err(Pause::Over(self.unsent.unwrap_or(Outcome::Fail(Failure::ResponseClosed))));
        };
        self.timings.response = Some(self.lap(clock));
        Ok(judged)
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

    pub(super) fn flush(&mut self) -> Result<(), Errno> {
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
}

fn over(phase: Phase, errno: Errno) -> Pause {
    Pause::Over(errno::outcome(phase, errno))
}
