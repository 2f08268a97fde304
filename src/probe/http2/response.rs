//! What the fields and the body of an answer make of a check.

use crate::model::failure::Failure;
use crate::model::outcome::Outcome;
use crate::probe::http2::{Call, Fault, grpc};
use crate::probe::plan::{Judged, Plan};
use crate::probe::search::{Found, Search};

/// Bytes of a gRPC message kept; the one that is read has two, and fields that nobody knows yet.
const MESSAGE: usize = 4096;

/// The fields of a header block that matter.
#[derive(Debug, Default)]
pub(super) struct Fields {
    status: Option<u16>,
    grpc_status: Option<GrpcStatus>,
}

/// What `grpc-status` says; `None` where it is no number.
type GrpcStatus = Option<u16>;

impl Fields {
    pub(super) fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        match name {
            b":status" => match *value {
                [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] if self.status.is_none() => {
                    self.status = number(&[a, b, c]);
                }
                _ => return Err(Fault::Malformed),
            },
            // Of an answer no other pseudo-field is known (RFC 9113, section 8.3.2).
            [b':', ..] => return Err(Fault::Malformed),
            b"grpc-status" => self.grpc_status = Some(number(value)),
            _ => {}
        }
        Ok(())
    }
}

fn number(digits: &[u8]) -> Option<u16> {
    let plain = digits.iter().all(u8::is_ascii_digit);
    str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()
}

/// The answer so far.
#[derive(Debug, Default)]
pub(super) struct Response {
    /// Of the final head, once that has come.
    status: Option<u16>,
    grpc_status: Option<GrpcStatus>,
    search: Search,
    found: bool,
    message: Vec<u8>,
}

/// What a part has come to, if the check ends with it.
type Step = Result<Option<Judged>, Fault>;

impl Response {
    /// Takes the fields of a header block: of an interim answer, of the final head, or behind the body. `ends`: nothing
    /// follows.
    pub(super) fn fields(&mut self, fields: &Fields, ends: bool, call: Call, plan: &Plan) -> Step {
        let trailers = self.status.is_some();
        // Trailers have no status and nothing behind them; every head has one.
        if trailers != fields.status.is_none() || trailers && !ends {
            return Err(Fault::Malformed);
        }
        self.grpc_status = fields.grpc_status.or(self.grpc_status);
        let Some(status) = fields.status else { return Ok(Some(self.end(call, plan))) };
        if status < 200 {
            // RFC 9113, section 8.6: there is no 101.
            return if ends || status == 101 { Err(Fault::Malformed) } else { Ok(None) };
        }
        self.status = Some(status);
        Ok(match call {
            Call::Get => {
                let judged = plan.judge(status);
                let is_enough = judged.0 != Outcome::Pass || plan.needle.is_none();
                if is_enough { Some(judged) } else { ends.then(|| self.end(call, plan)) }
            }
            Call::Grpc { .. } if status != 200 => {
                Some((Outcome::Fail(Failure::GrpcHttpStatus(status)), Some(status)))
            }
            Call::Grpc { .. } => ends.then(|| self.end(call, plan)),
        })
    }

    /// Takes a part of the body.
    pub(super) fn data(&mut self, data: &[u8], ends: bool, call: Call, plan: &Plan) -> Step {
        if self.status.is_none() {
            return Err(Fault::Malformed);
        }
        let mut hopeless = false;
        if let Some(needle) = plan.needle.as_ref().filter(|_| !self.found) {
            let found = self.search.feed(needle, data);
            self.found = found == Found::Yes;
            hopeless = found == Found::No;
        }
        if call == Call::Get {
            return Ok((self.found || hopeless || ends).then(|| self.end(call, plan)));
        }
        if (call == Call::Grpc { health: true }) {
            self.message.extend_from_slice(data);
            if self.message.len() > MESSAGE {
                return Err(Fault::TooLarge);
            }
        }
        Ok(ends.then(|| self.end(call, plan)))
    }

    /// All has come that is to be judged.
    fn end(&self, call: Call, plan: &Plan) -> Judged {
        let misses_text = plan.needle.is_some() && !self.found;
        let judged = |failure: Option<Failure>, code: u16| {
            let failure = failure.or_else(|| misses_text.then_some(Failure::BodyMismatch));
            (failure.map_or(Outcome::Pass, Outcome::Fail), Some(code))
        };
        let (health, code) = match (call, self.grpc_status.flatten()) {
            (Call::Get, _) => return judged(None, self.status.unwrap_or_default()),
            (Call::Grpc { .. }, None) => return (Outcome::Fail(Failure::GrpcStatusMissing), None),
            (Call::Grpc { health }, Some(code)) => (health, code),
        };
        if !plan.matcher.contains(code) {
            return (Outcome::Fail(Failure::GrpcStatusMismatch(code)), Some(code));
        }
        // A call that failed, which the matcher may want, has no message.
        if !health || code != 0 {
            return judged(None, code);
        }
        match grpc::is_serving(&self.message) {
            Ok(true) => judged(None, code),
            Ok(false) => judged(Some(Failure::GrpcNotServing), code),
            Err(_) => judged(Some(Failure::ResponseMalformed), code),
        }
    }
}
