//! One check under way: a state machine that goes on as far as it can and never waits.
//!
//! ```text
//!   Dial ──► Connect ──► (Tls) ──► Send ──► Response ──► Report
//!              │           │         │         │
//!              └───────────┴─ step() gives None: call again when the socket is ready
//! ```
//!
//! A check that asks nothing ends where it would begin to send.
//!
//! Whoever drives it waits for the socket and for the deadline; the sequence of system calls is here.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use crate::model::failure::Failure;
use crate::model::health_check::Close;
use crate::model::outcome::{Cause, Outcome, Report, Timings};
use crate::probe::answer::Answer;
use crate::probe::attempt::talk::Pause;
use crate::probe::errno::Phase;
use crate::probe::kit::Kit;
use crate::probe::plan::Plan;
use crate::probe::socket::Socket;
use crate::probe::{Stopwatch, tls};

mod talk;

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
    plan: Arc<Plan>,
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
    answer: Answer,
    started: Duration,
    /// The end of the last phase that was finished.
    mark: Duration,
    timings: Timings,
}

impl Attempt {
    pub(super) fn new(plan: Arc<Plan>, address: SocketAddr, clock: &impl Stopwatch) -> Self {
        let (now, answer) = (clock.elapsed(), Answer::new(&plan));
        Self {
            plan,
            address,
            socket: None,
            session: None,
            phase: Phase::Dial,
            interest: Interest::Writable,
            reads: READS,
            sent: 0,
            unsent: None,
            answer,
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
        (self.started + self.plan.timeout).saturating_sub(clock.elapsed())
    }

    /// Goes on as far as it can. `id` is the target's id as registered, an IP literal without brackets or a host name.
    /// Gives the report once there is one; not to be called again after that.
    pub fn step(&mut self, id: &str, kit: &mut Kit, clock: &impl Stopwatch) -> Option<Report> {
        self.reads = READS;
        let (outcome, status) = match self.advance(id, kit, clock) {
            Ok((outcome, None)) | Err(Pause::Over(outcome)) => (self.unless_own_echo(outcome), None),
            Ok(judged) => judged,
            Err(Pause::Wait(interest)) => {
                self.interest = interest;
                return None;
            }
        };
        self.end(kit, status.is_some() || outcome == Outcome::Pass);
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
        let outcome = self.plan.overdue(self.phase, self.timings.total);
        Report { outcome, status: None, timings: self.timings }
    }

    /// Ends it without a verdict, for a trouble of our own.
    pub fn abandon(&mut self, cause: Cause, kit: &mut Kit, clock: &impl Stopwatch) -> Report {
        self.end(kit, false);
        self.timings.total = clock.elapsed().saturating_sub(self.started);
        Report { outcome: Outcome::Inconclusive(cause), status: None, timings: self.timings }
    }

    /// What came of a connection that gave no status, if it led back to ourselves: nobody listens there.
    fn unless_own_echo(&mut self, outcome: Outcome) -> Outcome {
        let connected = !matches!(self.phase, Phase::Dial | Phase::Connect);
        let itself = connected
            && !matches!(outcome, Outcome::Inconclusive(_))
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
        match (self.plan.close, self.phase) {
            (Close::Reset, Phase::Send | Phase::Response) if answered => {
                kit.sockets.dissolve(socket, self.address)
            }
            (Close::Reset, _) => socket.reset(),
            (Close::Orderly, _) => drop(socket),
        }
    }
}
