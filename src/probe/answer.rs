//! The answer to a check, as it comes: which reader takes its bytes, and what it has come to.

use crate::probe::head::{Head, Verdict};
use crate::probe::http2::Exchange;
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
    /// Over HTTP/2.
    Http2(Box<Exchange>),
}

impl Answer {
    /// The reader for what `plan` asks.
    pub(super) fn new(plan: &Plan) -> Self {
        match &plan.ask {
            Ask::Http1(_) if plan.needle.is_some() => Self::Text(Box::default()),
            Ask::Http1(_) | Ask::Nothing => Self::Head(Head::new()),
            Ask::Http2(_) => Self::Http2(Box::new(Exchange::new())),
        }
    }

    /// Takes the next bytes. Once it has come to something, further ones are not looked at. `secured`: they came over
    /// TLS.
    pub(super) fn feed(&mut self, bytes: &[u8], plan: &Plan, secured: bool) {
        match (self, &plan.needle, &plan.ask) {
            (Self::Head(head), ..) => _ = head.feed(bytes),
            (Self::Text(text), Some(needle), _) => text.feed(bytes, needle, plan, secured),
            (Self::Http2(exchange), _, Ask::Http2(http2)) => exchange.feed(bytes, http2, plan, secured),
            // A reader is made for what is asked; see `new`.
            (Self::Text(_) | Self::Http2(_), ..) => {}
        }
    }

    /// What it has come to, once it has.
    pub(super) fn judged(&self, plan: &Plan, secured: bool) -> Option<Judged> {
        match self {
            Self::Head(head) => plan.judge_head(head.verdict(), secured),
            Self::Text(text) => text.judged(),
            Self::Http2(exchange) => exchange.judged(),
        }
    }

    /// Whether more bytes may be needed.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Head(head) => head.verdict() == Verdict::Incomplete,
            Self::Text(text) => text.judged().is_none(),
            Self::Http2(exchange) => exchange.judged().is_none(),
        }
    }

    /// What the end of the connection makes of it, if anything but an answer that was cut off.
    pub(super) fn end(&self) -> Option<Judged> {
        match self {
            Self::Head(_) | Self::Http2(_) => None,
            Self::Text(text) => text.end(),
        }
    }

    /// What the target is to be told while it answers; to be emptied as far as it has been sent.
    pub(super) fn replies(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Self::Head(_) | Self::Text(_) => None,
            Self::Http2(exchange) => Some(exchange.replies()).filter(|replies| !replies.is_empty()),
        }
    }

    /// Bytes a target may send over TLS until it has come to something.
    pub(super) fn most_over_tls(&self) -> usize {
        match self {
            Self::Head(_) => HEAD_OVER_TLS,
            Self::Text(_) | Self::Http2(_) => BODY_OVER_TLS,
        }
    }
}
