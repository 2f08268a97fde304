//! One exchange from the client's side: takes the peer's bytes, answers what has to be answered, and says what the
//! check has come to.
//!
//! Everything is bounded: bytes taken, header blocks, their fields, and what is answered.

use crate::model::failure::Failure;
use crate::model::outcome::Outcome;
use crate::probe::head::{MAX_BYTES, MAX_HEADERS};
use crate::probe::http2::frame::{
    self, ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING, PUSH_PROMISE,
    RST_STREAM, SETTINGS,
};
use crate::probe::http2::hpack::Decoder;
use crate::probe::http2::response::{Fields, Response};
use crate::probe::http2::{Fault, Http2};
use crate::probe::plan::{Judged, Plan};

/// Bytes of the peer taken at most: a head, what is looked at of a body, and four times as much.
const MOST: usize = 256 * 1024;

/// SETTINGS and PINGs that are answered; nobody needs so many.
const REPLIES: u8 = 100;

/// A reader of one answer.
#[derive(Debug)]
pub(in crate::probe) struct Exchange {
    /// The start of a frame that is not complete.
    held: Vec<u8>,
    taken: usize,
    /// Whether the peer's first frame has come.
    greeted: bool,
    decoder: Decoder,
    /// A header block that is not complete, and whether the stream ends with it.
    block: Option<(Vec<u8>, bool)>,
    /// Bytes of all header blocks, and their fields.
    blocks: usize,
    fields: usize,
    /// To be sent.
    replies: Vec<u8>,
    replied: u8,
    response: Response,
    judged: Option<Judged>,
}

/// What one frame has come to, if the check ends with it.
type Step = Result<Option<Judged>, Fault>;

impl Exchange {
    pub(in crate::probe) fn new() -> Self {
        Self {
            held: Vec::new(),
            taken: 0,
            greeted: false,
            decoder: Decoder::new(),
            block: None,
            blocks: 0,
            fields: 0,
            replies: Vec::new(),
            replied: 0,
            response: Response::default(),
            judged: None,
        }
    }

    /// What it has come to, once it has.
    pub(in crate::probe) fn judged(&self) -> Option<Judged> {
        self.judged
    }

    /// What is to be sent; to be emptied as far as it has been.
    pub(in crate::probe) fn replies(&mut self) -> &mut Vec<u8> {
        &mut self.replies
    }

    /// Takes the next bytes. `secured`: they came over TLS.
    pub(in crate::probe) fn feed(&mut self, bytes: &[u8], http2: &Http2, plan: &Plan, secured: bool) {
        if self.judged.is_some() {
            return;
        }
        self.taken += bytes.len();
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(bytes);
        let mut rest = &held[..];
        let mut step = if self.greeted { Ok(None) } else { Ok(no_http2(rest, secured)) };
        while let Ok(None) = step {
            step = match frame::first(rest) {
                Ok(Some(frame)) => {
                    rest = &rest[frame.length()..];
                    self.take(frame, http2, plan)
                }
                Ok(None) if self.taken > MOST => Err(Fault::TooLarge),
                Ok(None) => break,
                Err(fault) => Err(fault),
            };
        }
        self.held = rest.to_vec();
        self.judged = step.unwrap_or_else(|fault| {
            let failure = match fault {
                Fault::Malformed => Failure::ResponseMalformed,
                Fault::TooLarge => Failure::ResponseTooLarge,
            };
            Some((Outcome::Fail(failure), None))
        });
    }

    fn take(&mut self, frame: Frame<'_>, http2: &Http2, plan: &Plan) -> Step {
        // The first frame of a server is its settings (RFC 9113, section 3.4).
        let greets = frame.kind == SETTINGS && !frame.has(ACK);
        // Nothing else may come between the frames of a header block.
        if !self.greeted && !greets || self.block.is_some() != (frame.kind == CONTINUATION) {
            return Err(Fault::Malformed);
        }
        self.greeted = true;
        let on_stream = matches!(frame.kind, DATA | HEADERS | RST_STREAM | CONTINUATION);
        let on_connection = matches!(frame.kind, SETTINGS | PING | GOAWAY);
        // There is one stream, ours.
        if on_stream && frame.stream != 1 || on_connection && frame.stream != 0 {
            return Err(Fault::Malformed);
        }
        match frame.kind {
            DATA => self.response.data(frame.content()?, frame.has(END_STREAM), http2.call, plan),
            HEADERS => {
                self.block = Some((Vec::new(), frame.has(END_STREAM)));
                self.headers(frame.content()?, frame.has(END_HEADERS), http2, plan)
            }
            CONTINUATION => self.headers(frame.payload, frame.has(END_HEADERS), http2, plan),
            SETTINGS if frame.has(ACK) => {
                if frame.payload.is_empty() {
                    Ok(None)
                } else {
                    Err(Fault::Malformed)
                }
            }
            // What they say concerns larger requests than ours, or tables that we do not use.
            SETTINGS if frame.payload.len().is_multiple_of(6) => self.reply(SETTINGS, &[]),
            PING if frame.payload.len() != 8 => Err(Fault::Malformed),
            PING if frame.has(ACK) => Ok(None),
            PING => self.reply(PING, frame.payload),
            RST_STREAM if frame.payload.len() == 4 => Ok(frame.number(0).map(given_up)),
            GOAWAY => match (frame.number(0), frame.number(4)) {
                // A server that only takes no further requests still answers this one.
                (Some(last), Some(0)) if last & 0x7fff_ffff >= 1 => Ok(None),
                (_, code) => code.map(|code| Some(given_up(code))).ok_or(Fault::Malformed),
            },
            SETTINGS | RST_STREAM | PUSH_PROMISE => Err(Fault::Malformed),
            // Priorities and windows, which are of no use once all is sent, and kinds that nobody knows (RFC 9113,
            // section 5.5).
            _ => Ok(None),
        }
    }

    /// Takes a part of a header block, and the fields once it is whole.
    fn headers(&mut self, part: &[u8], whole: bool, http2: &Http2, plan: &Plan) -> Step {
        self.blocks += part.len();
        if self.blocks > MAX_BYTES {
            return Err(Fault::TooLarge);
        }
        if let Some((block, _)) = &mut self.block {
            block.extend_from_slice(part);
        }
        let Some((block, ends)) = self.block.take_if(|_| whole) else { return Ok(None) };
        let (mut fields, count) = (Fields::default(), &mut self.fields);
        self.decoder.decode(&block, |name, value| {
            *count += 1;
            if *count > MAX_HEADERS { Err(Fault::TooLarge) } else { fields.take(name, value) }
        })?;
        self.response.fields(&fields, ends, http2.call, plan)
    }

    fn reply(&mut self, kind: u8, payload: &[u8]) -> Step {
        self.replied += 1;
        if self.replied > REPLIES {
            return Err(Fault::TooLarge);
        }
        frame::put(&mut self.replies, kind, ACK, 0, payload);
        Ok(None)
    }
}

/// The peer has given the request up, for the reason with this number (RFC 9113, section 7).
fn given_up(code: u32) -> Judged {
    (Outcome::Fail(Failure::Http2Error(u8::try_from(code).unwrap_or(u8::MAX))), None)
}

/// What the first bytes are if they are something else that is known.
fn no_http2(bytes: &[u8], secured: bool) -> Option<Judged> {
    let failure = match bytes {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', ..] => Failure::ResponseHttp1,
        // A first frame of such a length is none.
        [0x15 | 0x16, 0x03, ..] if !secured => Failure::ResponseTls,
        _ => return None,
    };
    Some((Outcome::Fail(failure), None))
}
