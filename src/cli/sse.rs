//! Server-sent events, as bytes come in (WHATWG HTML, "Server-sent events").
//!
//! Pure: no socket, no clock. Whatever the bytes are, memory stays below [`LIMIT`] and nothing panics.

use std::mem;

/// Bytes one line, and the data of one event, may have: as many as any other answer we accept.
pub const LIMIT: usize = 64 * 1024 * 1024;

/// One event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Its type; `message` where the server names none.
    pub event: String,
    /// Its data, lines joined by `\n`.
    pub data: String,
    /// The last id the stream has named, empty if none.
    pub id: String,
}

/// More than [`LIMIT`] bytes without an end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooLong;

/// Turns bytes into events.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    line: Vec<u8>,
    /// The byte before was a carriage return, so a line feed now belongs to the same line end.
    after_return: bool,
    first_line: bool,
    event: String,
    data: Option<String>,
    id: String,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::with_limit(LIMIT)
    }
}

impl Decoder {
    /// A decoder that gives up after `limit` bytes in one line or event.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            after_return: false,
            first_line: true,
            event: String::new(),
            data: None,
            id: String::new(),
        }
    }

    /// Takes the next bytes and gives the events they complete, oldest first.
    ///
    /// # Errors
    /// A line or an event is longer than the limit; the decoder is of no use afterwards.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<Vec<Message>, TooLong> {
        let mut messages = Vec::new();
        if mem::take(&mut self.after_return) {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.extend(&bytes[..end])?;
            let returned = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if returned {
                self.after_return = bytes.is_empty();
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
            messages.extend(self.end_line()?);
        }
        self.extend(bytes)?;
        Ok(messages)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len().saturating_add(bytes.len()) > self.limit {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self) -> Result<Option<Message>, TooLong> {
        let line = mem::take(&mut self.line);
        let mut line = line.as_slice();
        if mem::take(&mut self.first_line) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.end_event());
        }
        let text = String::from_utf8_lossy(line);
        let (field, value) = text.split_once(':').unwrap_or((&text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                let data = match self.data.take() {
                    Some(mut data) => {
                        data.push('\n');
                        data.push_str(value);
                        data
                    }
                    None => value.to_owned(),
                };
                if data.len() > self.limit {
                    return Err(TooLong);
                }
                self.data = Some(data);
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            // Comments, `retry` and what we do not know.
            _ => {}
        }
        Ok(None)
    }

    fn end_event(&mut self) -> Option<Message> {
        let event = mem::take(&mut self.event);
        let data = self.data.take()?;
        let event = if event.is_empty() { "message".to_owned() } else { event };
        Some(Message { event, data, id: self.id.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds `text` whole and byte by byte; both must give `expected` as `event|data|id` lines.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let show = |messages: Vec<Message>| {
            messages.iter().map(|m| format!("{}|{}|{}", m.event, m.data, m.id)).collect::<Vec<_>>()
        };
        assert_eq!(show(Decoder::default().feed(text.as_bytes()).unwrap()), expected, "whole: {text:?}");
        let mut decoder = Decoder::default();
        let mut messages = Vec::new();
        for byte in text.as_bytes() {
            messages.extend(decoder.feed(&[*byte]).unwrap());
        }
        assert_eq!(show(messages), expected, "byte by byte: {text:?}");
    }

    #[test]
    fn events_end_with_an_empty_line() {
        check("event: sync\ndata: {}\n\n", &["sync|{}|"]);
        check("event: sync\ndata: {}\n", &[]);
        check("data: 1\n\ndata: 2\n\n", &["message|1|", "message|2|"]);
    }

    #[test]
    fn every_line_end_of_the_standard_is_one() {
        check("event: a\r\ndata: 1\r\n\r\nevent: b\rdata: 2\r\r", &["a|1|", "b|2|"]);
        check("data: 1\r\n\n", &["message|1|"]);
    }

    #[test]
    fn data_lines_are_joined() {
        check("data: 1\ndata\ndata:2\n\n", &["message|1\n\n2|"]);
    }

    #[test]
    fn an_event_without_data_is_none() {
        check("event: a\n\ndata: 1\n\n", &["message|1|"]);
    }

    #[test]
    fn comments_and_unknown_fields_say_nothing() {
        check(": keep-alive\n\nretry: 5\nfoo: bar\nbaz\n: x\ndata: 1\n\n", &["message|1|"]);
    }

    #[test]
    fn the_id_stays_until_it_is_replaced() {
        check(
            "id: 7\ndata: 1\n\ndata: 2\n\nid: 8\0\ndata: 3\n\n",
            &["message|1|7", "message|2|7", "message|3|7"],
        );
    }

    #[test]
    fn a_byte_order_mark_is_skipped_once() {
        check("\u{feff}data: 1\n\n\u{feff}data: 2\n\ndata: 3\n\n", &["message|1|", "message|3|"]);
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let mut decoder = Decoder::with_limit(8);
        assert_eq!(decoder.feed(b"data: 12"), Ok(vec![]));
        assert_eq!(decoder.feed(b"3"), Err(TooLong));
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        let mut decoder = Decoder::with_limit(8);
        assert_eq!(decoder.feed(b"data: 1\ndata: 2\ndata: 3\ndata: 4\n"), Ok(vec![]));
        assert_eq!(decoder.feed(b"data: 5\n"), Err(TooLong));
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_does_not_matter(
            bytes in prop::collection::vec(prop::sample::select(b"data: idevnt\r\n\0\xff".to_vec()), 0..200),
            cut in 0..200_usize,
        ) {
            let whole = Decoder::default().feed(&bytes).unwrap();
            let mut decoder = Decoder::default();
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            let mut parts = decoder.feed(head).unwrap();
            parts.extend(decoder.feed(tail).unwrap());
            prop_assert_eq!(parts, whole);
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            _ = Decoder::default().feed(&bytes);
        }
    }
}
