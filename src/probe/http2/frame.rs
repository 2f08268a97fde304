//! Frames: cut out of the bytes of a connection, and written (RFC 9113, sections 4.1 and 6).

use crate::probe::http2::Fault;

/// The octets in front of a frame's payload.
pub(super) const HEADER: usize = 9;
/// The largest payload, of ours and of the peer's, as neither asks for larger ones (RFC 9113, section 4.2).
pub(super) const LARGEST: usize = 16_384;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const ACK: u8 = 0x1;
pub(super) const END_STREAM: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const WITH_PRIORITY: u8 = 0x20;

/// One frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: &'a [u8],
}

/// The frame that `bytes` begin with, once it is complete.
pub(super) fn first(bytes: &[u8]) -> Result<Option<Frame<'_>>, Fault> {
    let Some((&[high, middle, low, kind, flags, a, b, c, d], rest)) = bytes.split_first_chunk::<HEADER>()
    else {
        return Ok(None);
    };
    let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    if length > LARGEST {
        return Err(Fault::Malformed);
    }
    // The first bit is reserved, and nobody reads it.
    let stream = u32::from_be_bytes([a & 0x7f, b, c, d]);
    Ok(rest.get(..length).map(|payload| Frame { kind, flags, stream, payload }))
}

impl<'a> Frame<'a> {
    /// How many bytes it took.
    pub(super) fn length(&self) -> usize {
        HEADER + self.payload.len()
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// What a DATA or HEADERS frame carries, without padding and priority.
    pub(super) fn content(&self) -> Result<&'a [u8], Fault> {
        let mut content = self.payload;
        if self.has(PADDED) {
            let (&padding, rest) = content.split_first().ok_or(Fault::Malformed)?;
            let end = rest.len().checked_sub(usize::from(padding)).ok_or(Fault::Malformed)?;
            content = &rest[..end];
        }
        if self.kind == HEADERS && self.has(WITH_PRIORITY) {
            content = content.get(5..).ok_or(Fault::Malformed)?;
        }
        Ok(content)
    }

    /// The number of four octets `at` this place of the payload.
    pub(super) fn number(&self, at: usize) -> Option<u32> {
        let octets = self.payload.get(at..)?.first_chunk()?;
        Some(u32::from_be_bytes(*octets))
    }
}

/// Writes a frame. The payload is no longer than [`LARGEST`].
pub(super) fn put(buffer: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    debug_assert!(payload.len() <= LARGEST, "{} bytes in a frame", payload.len());
    let [.., high, middle, low] = payload.len().to_be_bytes();
    buffer.extend([high, middle, low, kind, flags]);
    buffer.extend(stream.to_be_bytes());
    buffer.extend_from_slice(payload);
}
