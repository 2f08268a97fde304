//! Where the body of an HTTP/1 answer ends (RFC 9112, section 6.3), and the chunks it may come in.

/// The longest line in front of a chunk: its size, and extensions that nobody reads.
const LONGEST_LINE: usize = 1024;

/// How the end of a body is told.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Framing {
    /// After so many bytes more.
    Length(u64),
    /// By the last chunk.
    Chunked(Chunks),
    /// By the end of the connection.
    Close,
}

/// The answer says where its body ends, but not in a way that is understood.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Malformed;

impl Framing {
    /// What the heads of an answer say of its body. They have been found well formed; the last one counts.
    pub(super) fn of(heads: &[u8], status: u16) -> Result<Self, Malformed> {
        let (mut length, mut codings) = (None, None);
        let mut field = None;
        for line in last_head(heads).split(|&byte| byte == b'\n').skip(1) {
            // A folded line goes on with the value of the one before.
            let value = match line.iter().position(|&byte| byte == b':') {
                _ if line.starts_with(b" ") || line.starts_with(b"\t") => line,
                Some(colon) => {
                    field = Some(line[..colon].to_ascii_lowercase());
                    &line[colon + 1..]
                }
                None => continue,
            };
            match field.as_deref() {
                Some(b"content-length") => length = Some(read_length(length, value)?),
                Some(b"transfer-encoding") => codings = last_item(value).or(codings),
                _ => {}
            }
        }
        Ok(match (length, codings) {
            // Answers without a body, whatever they say of it.
            _ if matches!(status, 101 | 204 | 304) => Self::Length(0),
            (_, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Self::Chunked(Chunks::new()),
            (_, Some(_)) | (None, None) => Self::Close,
            (Some(length), None) => Self::Length(length),
        })
    }
}

/// The last of several heads in a row.
fn last_head(mut heads: &[u8]) -> &[u8] {
    loop {
        let end = heads.windows(2).position(|two| two == b"\n\n").map(|at| at + 2);
        let other = heads.windows(3).position(|three| three == b"\n\r\n").map(|at| at + 3);
        match [end, other].into_iter().flatten().min() {
            Some(end) if end < heads.len() => heads = &heads[end..],
            _ => return heads,
        }
    }
}

/// The last item of a list, without the parameters it may have.
fn last_item(list: &[u8]) -> Option<&[u8]> {
    let mut items = list.split(|&byte| byte == b',').rev().map(<[u8]>::trim_ascii);
    let item = items.find(|item| !item.is_empty())?;
    item.split(|&byte| byte == b';').next().map(<[u8]>::trim_ascii)
}

/// A length that is told more than once has to be the same each time (RFC 9112, section 6.3, rule 5).
fn read_length(mut known: Option<u64>, value: &[u8]) -> Result<u64, Malformed> {
    for item in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
        if item.is_empty() || !item.iter().all(u8::is_ascii_digit) {
            return Err(Malformed);
        }
        let digits = item.iter().map(|digit| u64::from(digit - b'0'));
        // A body that long has no end that anyone would see.
        let length = digits.fold(0, |length: u64, digit| length.saturating_mul(10).saturating_add(digit));
        if known.is_some_and(|known| known != length) {
            return Err(Malformed);
        }
        known = Some(length);
    }
    known.ok_or(Malformed)
}

/// A reader of chunks (RFC 9112, section 7.1). A lone LF ends a line, as in heads.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Chunks {
    state: State,
    /// Of the line in front of the present chunk.
    line: usize,
    /// The size of the present chunk, and then what is left of it.
    left: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The first digit of a size.
    Size,
    /// More digits of it.
    Digits,
    /// The rest of the line.
    Extension,
    /// A byte of the chunk.
    Data,
    /// The line end behind it.
    DataEnd,
    /// The last chunk has come. What follows are fields that nobody reads.
    Over,
}

impl Chunks {
    fn new() -> Self {
        Self { state: State::Size, line: 0, left: 0 }
    }

    /// Takes the next piece of content off the front of `bytes`; an empty one if there is none in them. `None` behind
    /// the last chunk.
    pub(super) fn content<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
        loop {
            if self.state == State::Over {
                return Ok(None);
            }
            if self.state == State::Data {
                let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                let (content, rest) = bytes.split_at(count);
                *bytes = rest;
                self.left -= u64::try_from(count).unwrap_or(u64::MAX);
                if self.left == 0 {
                    self.state = State::DataEnd;
                }
                return Ok(Some(content));
            }
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(Some(&[])) };
            *bytes = rest;
            self.step(byte)?;
        }
    }

    fn step(&mut self, byte: u8) -> Result<(), Malformed> {
        self.line += 1;
        if self.line > LONGEST_LINE {
            return Err(Malformed);
        }
        self.state = match (self.state, byte) {
            (State::Size | State::Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                self.left = self.left.checked_mul(16).ok_or(Malformed)? + digit;
                State::Digits
            }
            (State::Digits | State::Extension, b'\n') => {
                self.line = 0;
                if self.left == 0 { State::Over } else { State::Data }
            }
            (State::Digits, b'\r' | b';' | b' ' | b'\t') => State::Extension,
            (State::Extension, _) => State::Extension,
            (State::DataEnd, b'\r') if self.line == 1 => State::DataEnd,
            (State::DataEnd, b'\n') => {
                self.line = 0;
                State::Size
            }
            _ => return Err(Malformed),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, expected: Result<Framing, Malformed>) {
        let heads = format!("HTTP/1.1 103 Early\r\nContent-Length: 7\r\n\r\nHTTP/1.1 200 OK\r\n{head}\r\n");
        assert_eq!(Framing::of(heads.as_bytes(), 200), expected, "{head}");
        let bare = heads.replace('\r', "");
        assert_eq!(Framing::of(bare.as_bytes(), 200), expected, "{head} with bare line feeds");
    }

    #[test]
    fn the_last_head_says_where_the_body_ends() {
        check("", Ok(Framing::Close));
        check("Content-Length: 5\r\n", Ok(Framing::Length(5)));
        check("A: b\r\ncontent-length:5 , 5\r\nContent-Length: 5\r\n", Ok(Framing::Length(5)));
        check("Content-Length: 99999999999999999999\r\n", Ok(Framing::Length(u64::MAX)));
        check("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Ok(Framing::Chunked(Chunks::new())));
        check(
            "Transfer-Encoding: gzip\r\nTRANSFER-encoding: , Chunked;x ,\r\n",
            Ok(Framing::Chunked(Chunks::new())),
        );
        check("Transfer-Encoding: gzip,\r\n chunked\r\n", Ok(Framing::Chunked(Chunks::new())));
        check("Transfer-Encoding: chunked, gzip\r\nContent-Length: 5\r\n", Ok(Framing::Close));
        check("X: Content-Length: 5\r\n Content-Length: 5\r\n", Ok(Framing::Close));
        for wrong in ["x", "", "-1", "+5", "5, 6", "0x5", "5 5"] {
            check(&format!("Content-Length: {wrong}\r\n"), Err(Malformed));
        }
        check("Content-Length: 5\r\nContent-Length: 6\r\n", Err(Malformed));
    }

    #[test]
    fn some_answers_have_no_body() {
        for status in [101, 204, 304] {
            let heads = format!("HTTP/1.1 {status} x\r\nContent-Length: 5\r\n\r\n");
            assert_eq!(Framing::of(heads.as_bytes(), status), Ok(Framing::Length(0)));
        }
    }

    /// The content of chunks that come in pieces of `size` bytes, and whether the last one was among them.
    fn content(bytes: &str, size: usize) -> Result<(String, bool), Malformed> {
        let (mut chunks, mut content) = (Chunks::new(), Vec::new());
        for mut piece in bytes.as_bytes().chunks(size) {
            loop {
                match chunks.content(&mut piece)? {
                    None => return Ok((String::from_utf8(content).unwrap(), true)),
                    Some(part) => content.extend_from_slice(part),
                }
                if piece.is_empty() {
                    break;
                }
            }
        }
        let over = chunks.content(&mut &[][..])?.is_none();
        Ok((String::from_utf8(content).unwrap(), over))
    }

    #[test]
    fn chunks_are_read_however_they_are_cut() {
        let long = format!("1{}\r\nx", ";a=b".repeat(200));
        for (bytes, expected) in [
            ("5\r\nhello\r\n0\r\n\r\n", Ok(("hello", true))),
            ("5\r\nhello\r\n00;last\r\nTrailer: x\r\n\r\n", Ok(("hello", true))),
            ("1\nh\n4 ; ext=\"x\"\nello\n0\n\n", Ok(("hello", true))),
            ("A\r\nhellohello\r\n", Ok(("hellohello", false))),
            ("5\r\nhel", Ok(("hel", false))),
            (&*long, Ok(("x", false))),
            ("", Ok(("", false))),
            ("5\r\nhello!\r\n", Err(Malformed)),
            ("5\r\nhello\r\r\n", Err(Malformed)),
            ("\r\nhello", Err(Malformed)),
            ("x\r\n", Err(Malformed)),
            ("-1\r\n", Err(Malformed)),
            ("ffffffffffffffffff\r\n", Err(Malformed)),
            (&*format!("1{}", " ".repeat(LONGEST_LINE)), Err(Malformed)),
        ] {
            for size in [1, 2, 3, 1_000_000] {
                let expected = expected.map(|(content, over)| (content.to_owned(), over));
                assert_eq!(content(bytes, size), expected, "{bytes:?} by {size}");
            }
        }
    }
}
