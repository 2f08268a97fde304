//! What the checks of one thread share.

use crate::probe::socket::Sockets;

/// Bytes taken from a socket at a time: an answer's head as a rule, and no more than a flooding target is owed.
const CHUNK: usize = 4096;

/// What all checks of a thread share: their buffers, and the sockets between two checks.
#[derive(Debug)]
pub struct Kit {
    pub(super) sockets: Sockets,
    pub(super) request: Vec<u8>,
    pub(super) answer: Box<[u8; CHUNK]>,
}

impl Kit {
    /// Empty buffers and no sockets.
    #[must_use]
    pub fn new() -> Self {
        Self { sockets: Sockets::default(), request: Vec::new(), answer: Box::new([0; CHUNK]) }
    }
}

impl Default for Kit {
    fn default() -> Self {
        Self::new()
    }
}
