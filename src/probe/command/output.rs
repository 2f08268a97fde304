//! What a command prints: the beginning is kept, the rest is read and thrown away.

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;

use crate::model::ecs::health::OUTPUT_LIMIT;

/// Bytes read at a time: half of what fits a pipe, so that a flood costs few calls.
const CHUNK: usize = 32 * 1024;

/// The output of a command, as far as it is kept.
#[derive(Debug)]
pub(super) struct Output {
    pipe: Option<Receiver>,
    kept: Vec<u8>,
    cut: bool,
    chunk: Vec<u8>,
}

impl Output {
    pub(super) fn new(pipe: Receiver) -> Self {
        Self { pipe: Some(pipe), kept: Vec::new(), cut: false, chunk: vec![0; CHUNK] }
    }

    /// Takes in what comes next. Never ends once nobody can print any more. May be dropped and called again.
    pub(super) async fn read(&mut self) {
        let Some(pipe) = &mut self.pipe else { return std::future::pending().await };
        match pipe.read(&mut self.chunk).await {
            Ok(0) | Err(_) => self.pipe = None,
            Ok(read) => self.keep(read),
        }
    }

    /// Takes in what has been printed and not been read yet, as far as it is kept: who goes on printing is not waited
    /// for.
    pub(super) fn drain(&mut self) {
        while !self.cut
            && let Some(pipe) = &self.pipe
        {
            // Past tokio, which may not have heard yet that there is something to read.
            match rustix::io::retry_on_intr(|| rustix::io::read(pipe, self.chunk.as_mut_slice())) {
                Ok(0) | Err(_) => self.pipe = None,
                Ok(read) => self.keep(read),
            }
        }
    }

    fn keep(&mut self, read: usize) {
        let room = OUTPUT_LIMIT - self.kept.len();
        self.cut |= read > room;
        self.kept.extend(self.chunk.iter().take(read.min(room)));
    }

    /// What is kept, as text.
    pub(super) fn into_text(self) -> String {
        text(&self.kept, self.cut)
    }
}

/// `bytes` as text. Where they are `cut` short, a character that is cut in two is left out.
fn text(bytes: &[u8], cut: bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        text.push_str(chunk.valid());
        let halved = cut
            && chunks.peek().is_none()
            && std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
        if !chunk.invalid().is_empty() && !halved {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    if cut {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_replaced_and_a_halved_character_left_out() {
        for (bytes, cut, expected) in [
            (b"ok\n".as_slice(), false, "ok\n"),
            (b"", false, ""),
            (b"a\xffb", false, "a\u{fffd}b"),
            (b"a\xe2\x82", false, "a\u{fffd}"),
            (b"a\xe2\x82", true, "a..."),
            (b"a\xff", true, "a\u{fffd}..."),
            ("\u{20ac}".as_bytes(), true, "\u{20ac}..."),
        ] {
            assert_eq!(text(bytes, cut), expected, "{bytes:?}");
        }
    }
}
