//! What the HTTP/2 and gRPC checks of one group have in common: their request, and what they ask of the answer.
//!
//! ```text
//! request: preface · SETTINGS · (WINDOW_UPDATE) · HEADERS · (DATA)    all at once, before the peer has said anything
//! answer:  frames → header blocks → fields → status, grpc-status, body → verdict
//! ```
//!
//! Nothing in here knows of sockets. Over cleartext HTTP/2 is spoken by prior knowledge (RFC 9113, section 3.3), over
//! TLS where the target agrees to `h2`.

use crate::model::health_check::{HealthCheck, HealthCheckProtocol};
use crate::probe::request::{USER_AGENT, accept_encoding, further, write_host};

mod exchange;
mod frame;
mod grpc;
mod hpack;
mod response;

pub(super) use exchange::Exchange;

use frame::{DATA, END_HEADERS, END_STREAM, HEADERS, SETTINGS, WINDOW_UPDATE};

/// What every connection of a client begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Settings of ours (RFC 9113, section 6.5.2): no pushes. Where a body is read, a window larger than what is read of it,
/// so that none of ours keeps the target from sending.
const NO_PUSH: [u8; 6] = [0, 2, 0, 0, 0, 0];
const WINDOW: u32 = 1024 * 1024;
const STREAM_WINDOW: u16 = 4;
/// The window there is without asking.
const FIRST_WINDOW: u32 = 65_535;

/// An empty message: not compressed, no bytes.
const EMPTY_MESSAGE: [u8; 5] = [0; 5];

/// The method whose answer says whether the service serves (`grpc.health.v1`). An empty message asks it for the server
/// as a whole.
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// Fields that belong to one connection of HTTP/1 (RFC 9113, section 8.2.2), or that a gRPC call has of its own.
const NOT_SENT: [&str; 5] = ["keep-alive", "proxy-connection", "upgrade", "te", "http2-settings"];

/// What is not an answer that HTTP/2 allows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    Malformed,
    /// More than is read.
    TooLarge,
}

/// What is asked over HTTP/2.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Call {
    /// `GET`, judged by its status.
    Get,
    /// A gRPC method, judged by its `grpc-status`.
    Grpc {
        /// Whether it is [`HEALTH`], whose message is judged too.
        health: bool,
    },
}

/// The request of one target group's checks over HTTP/2.
#[derive(Debug)]
pub(super) struct Http2 {
    call: Call,
    /// What comes before the headers.
    opening: Vec<u8>,
    /// The header block up to `:authority`, and behind it.
    before: Vec<u8>,
    after: Vec<u8>,
    host: Option<Box<str>>,
}

impl Http2 {
    /// Prepares the request that `check` describes: a call of gRPC, or `GET`.
    pub(super) fn new(check: &HealthCheck, grpc: bool) -> Self {
        let call = if grpc { Call::Grpc { health: check.path == HEALTH } } else { Call::Get };
        let field = |block: &mut Vec<u8>, name: &str, value: &str| {
            hpack::put_field(block, name.to_ascii_lowercase().as_bytes(), value.as_bytes());
        };
        let secured = check.protocol == HealthCheckProtocol::Https;
        let mut before = Vec::new();
        field(&mut before, ":method", if grpc { "POST" } else { "GET" });
        field(&mut before, ":scheme", if secured { "https" } else { "http" });
        field(&mut before, ":path", &check.path);
        let mut after = Vec::new();
        field(&mut after, "user-agent", USER_AGENT);
        if grpc {
            field(&mut after, "content-type", "application/grpc");
            field(&mut after, "te", "trailers");
        } else if let Some(encodings) = accept_encoding(check) {
            field(&mut after, "accept-encoding", encodings);
        }
        for (name, value) in further(check) {
            let ours = NOT_SENT.iter().any(|field| field.eq_ignore_ascii_case(name))
                || grpc && name.eq_ignore_ascii_case("content-type");
            if !ours {
                field(&mut after, name, value);
            }
        }
        let opening = opening(grpc || check.body_match.is_some());
        Self { call, opening, before, after, host: check.host.clone() }
    }

    /// Writes all that is sent to the target `id` (as for [`Prober::probe`](super::Prober::probe)) and `port` into
    /// `buffer`, in place of what was there.
    pub(super) fn render(&self, buffer: &mut Vec<u8>, id: &str, port: u16) {
        let mut block = self.before.clone();
        match &self.host {
            Some(host) => hpack::put_field(&mut block, b":authority", host.as_bytes()),
            None => {
                let mut host = Vec::new();
                write_host(&mut host, id, port);
                hpack::put_field(&mut block, b":authority", &host);
            }
        }
        block.extend_from_slice(&self.after);
        buffer.clear();
        buffer.extend_from_slice(&self.opening);
        let ends = if self.call == Call::Get { END_STREAM } else { 0 };
        // Every peer takes frames of this size (RFC 9113, section 4.2); settings keep a block well below it.
        let mut parts = block.chunks(frame::LARGEST).peekable();
        let (mut kind, mut flags) = (HEADERS, ends);
        while let Some(part) = parts.next() {
            let last = if parts.peek().is_none() { END_HEADERS } else { 0 };
            frame::put(buffer, kind, flags | last, 1, part);
            (kind, flags) = (frame::CONTINUATION, 0);
        }
        if self.call != Call::Get {
            // Smaller than the window that every stream begins with, so it need not wait for the peer's settings.
            frame::put(buffer, DATA, END_STREAM, 1, &EMPTY_MESSAGE);
        }
    }
}

/// What comes before the headers. `reads_body`: the target is to send more than a head.
fn opening(reads_body: bool) -> Vec<u8> {
    let mut opening = PREFACE.to_vec();
    let mut settings = NO_PUSH.to_vec();
    if reads_body {
        settings.extend(STREAM_WINDOW.to_be_bytes());
        settings.extend(WINDOW.to_be_bytes());
    }
    frame::put(&mut opening, SETTINGS, 0, 0, &settings);
    if reads_body {
        frame::put(&mut opening, WINDOW_UPDATE, 0, 0, &(WINDOW - FIRST_WINDOW).to_be_bytes());
    }
    opening
}

#[cfg(test)]
mod tests;
