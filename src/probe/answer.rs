//! The answer to a check, as it comes: which reader takes its bytes, and what it has come to.

use crate::probe::head::{Head, Verdict};
use crate::probe::plan::{Ask, Judged, Plan};
use crate::probe::text::Text;

/// Bytes a target may send over TLS, up to the end of its answer's head: a long handshake, the longest head, and as much
/// again. Messages of TLS itself have no end of their own (RFC 8446, section 4.6.1).
const HEAD_OVER_TLS: usize = 256 * 1024;

/// The same where a body is read too: as much as is read of it in records of a few bytes.
const BODY_OVER_TLS: usize = 1024 * 1024;

/// An answer that comes.
#[derive(Debug)]
pub(super) enum Answer {
    /// Over HTTP/1, judged by its head.
    Head(Head),
    /// Over HTTP/1, judged by its body too. Boxed, so that plain checks do not carry the room it takes.
    Text(Box<Text>),
}

impl Answer {
    /// The reader for what `plan` asks.
    pub(super) fn new(plan: &Plan) -> Self {
        match &plan.ask {
            Ask::Http1(_) if plan.needle.is_some() => Self::Text(Box::default()),
            Ask::Http1(_) | Ask::Nothing => Self::Head(Head::new()),
        }
    }

    /// Takes the next bytes. Once it has come to something, further ones are not looked at. `secured`: they came over
    /// TLS.
    pub(super) fn feed(&mut self, bytes: &[u8], plan: &Plan, secured: bool) {
        match (self, &plan.needle) {
            (Self::Head(head), _) => _ = head.feed(bytes),
            (Self::Text(text), Some(needle)) => text.feed(bytes, needle, plan, secured),
            // No such reader is made without a text to find.
            (Self::Text(_), None) => {}
        }
    }

    /// What it has come to, once it has.
    pub(super) fn judged(&self, plan: &Plan, secured: bool) -> Option<Judged> {
        match self {
            Self::Head(head) => plan.judge_head(head.verdict(), secured),
            Self::Text(text) => text.judged(),
        }
    }

    /// Whether more bytes may be needed.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Head(head) => head.verdict() == Verdict::Incomplete,
            Self::Text(text) => text.judged().is_none(),
        }
    }

    /// What the end of the connection makes of it, if anything but an answer that was cut off.
    pub(super) fn end(&self) -> Option<Judged> {
        match self {
            Self::Head(_) => None,
            Self::Text(text) => text.end(),
        }
    }

    /// Bytes a target may send over TLS until it has come to something.
    pub(super) fn most_over_tls(&self) -> usize {
        match self {
            Self::Head(_) => HEAD_OVER_TLS,
            Self::Text(_) => BODY_OVER_TLS,
        }
    }
}
