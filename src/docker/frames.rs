//! What a command in a container prints: two streams in one, in frames, and as much of it as is kept.

/// Bytes before each frame: which stream it is of, three zeros, and its length.
const HEAD: usize = 8;

/// The beginning of what a command prints on both streams, in the order in which it came.
#[derive(Clone, Debug)]
pub struct Output {
    head: [u8; HEAD],
    /// Bytes of `head` that are there.
    headed: usize,
    /// Bytes of the frame that are still to come.
    left: usize,
    kept: Vec<u8>,
    limit: usize,
    more: bool,
}

impl Output {
    /// Keeps the first `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { head: [0; HEAD], headed: 0, left: 0, kept: Vec::new(), limit, more: false }
    }

    /// Takes in a piece of what the engine sends, cut wherever it was cut.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left == 0 {
                let taken = bytes.len().min(HEAD - self.headed);
                self.head[self.headed..self.headed + taken].copy_from_slice(&bytes[..taken]);
                self.headed += taken;
                bytes = &bytes[taken..];
                if self.headed == HEAD {
                    let [_, _, _, _, a, b, c, d] = self.head;
                    self.left = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
                    self.headed = 0;
                }
                continue;
            }
            let (frame, rest) = bytes.split_at(bytes.len().min(self.left));
            self.left -= frame.len();
            bytes = rest;
            let room = self.limit - self.kept.len();
            self.kept.extend_from_slice(&frame[..frame.len().min(room)]);
            self.more |= frame.len() > room;
        }
    }

    /// What was kept, with `...` behind it where there was more. What is no UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        // A character that was cut in two by the limit is left out.
        let end = match std::str::from_utf8(&self.kept) {
            Err(error) if self.more && error.error_len().is_none() => error.valid_up_to(),
            _ => self.kept.len(),
        };
        let mut text = String::from_utf8_lossy(&self.kept[..end]).into_owned();
        if self.more {
            text.push_str("...");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(stream: u8, text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        [&[stream, 0, 0, 0][..], &length, text.as_bytes()].concat()
    }

    #[test]
    fn both_streams_are_read_in_order_however_they_are_cut() {
        let sent = [frame(1, "one "), frame(2, ""), frame(2, "two "), frame(1, "three")].concat();
        for cut in 1..=sent.len() {
            let mut output = Output::new(4_096);
            sent.chunks(cut).for_each(|piece| output.feed(piece));
            assert_eq!(output.text(), "one two three", "{cut}");
        }
    }

    #[test]
    fn the_first_bytes_are_kept() {
        for (text, expected) in [
            ("12345678", "12345678"),
            ("123456789", "12345678..."),
            ("1234567ä", "1234567..."),
            ("123456ä9", "123456ä..."),
        ] {
            let mut output = Output::new(8);
            output.feed(&frame(1, text));
            assert_eq!(output.text(), expected);
        }
    }

    #[test]
    fn what_is_no_text_is_replaced_and_nothing_is_held_for_a_length_that_is_only_told() {
        let mut output = Output::new(8);
        output.feed(&[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xc3, 0x28]);
        assert_eq!(output.text(), "\u{fffd}(");
        assert!(output.kept.capacity() < 64);
    }
}
