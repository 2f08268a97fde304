//! Finds the final status code in the bytes of an HTTP/1 answer (RFC 9112).
//!
//! A state machine that takes bytes as they come and keeps none of them, so memory and work are bounded however
//! a target cuts its answer: a head is judged in one pass, and a broken one is refused at its first bad byte.
//!
//! Knows nothing of sockets. How an answer is cut into pieces makes no difference to the verdict.

/// Bytes of response heads read at most, interim responses included.
pub const MAX_BYTES: usize = 16 * 1024;
/// Header fields read at most, those of interim responses included.
pub const MAX_HEADERS: usize = 128;

/// What is known of the answer so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// More bytes are needed.
    Incomplete,
    /// The head of the final response is complete. The status is 101 or from 200 to 999.
    Final {
        /// Its status code.
        status: u16,
    },
    /// These bytes are not an HTTP/1 response head.
    Malformed,
    /// The heads are longer than [`MAX_BYTES`] or have more than [`MAX_HEADERS`] fields.
    TooLarge,
    /// A TLS record (RFC 8446, section 5.1): an alert or a handshake message.
    Tls,
}

/// A reader of response heads.
#[derive(Clone, Debug)]
pub struct Head {
    verdict: Verdict,
    state: State,
    /// Bytes taken of all heads.
    bytes: usize,
    /// Header fields begun in all heads.
    headers: usize,
    /// The status code of the present head, or the digits of it seen so far.
    status: u16,
}

/// What the next byte is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// This byte of [`VERSION`].
    Version(usize),
    /// The second byte of what may be a TLS record.
    TlsVersion,
    /// The minor version. RFC 9110, section 2.5: a higher one than ours is to be taken as ours.
    Minor,
    /// The space before the status code.
    Space,
    /// This digit of the status code.
    Code(u8),
    /// What comes behind the status code. The space is required, but many servers without a reason leave it out.
    CodeEnd,
    /// A byte of the reason phrase.
    Reason,
    /// The LF behind a CR at the end of a line.
    LineFeed,
    /// The first byte of a line behind the status line; folding is possible behind a header field only.
    Line { fold: bool },
    /// A byte of a field's name.
    Name,
    /// A byte of a field's value.
    Value,
    /// The LF behind the CR of the empty line.
    End,
}

const VERSION: &[u8] = b"HTTP/1.";

impl Head {
    /// A reader that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { verdict: Verdict::Incomplete, state: State::Version(0), bytes: 0, headers: 0, status: 0 }
    }

    /// What is known so far.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Takes the next bytes. Once the verdict is not [`Verdict::Incomplete`] it stays, and further bytes, which
    /// are the body's, are not looked at.
    pub fn feed(&mut self, bytes: &[u8]) -> Verdict {
        for &byte in bytes {
            if self.verdict != Verdict::Incomplete {
                break;
            }
            self.bytes += 1;
            self.verdict = self.step(byte);
            // With the last byte allowed spent and no end in it, the end cannot come any more.
            if self.verdict == Verdict::Incomplete && self.bytes == MAX_BYTES {
                self.verdict = Verdict::TooLarge;
            }
        }
        self.verdict
    }

    fn step(&mut self, byte: u8) -> Verdict {
        let next = match (self.state, byte) {
            (State::Version(0), 0x15 | 0x16) if self.bytes == 1 => State::TlsVersion,
            (State::TlsVersion, 0x03) => return Verdict::Tls,
            (State::Version(at), _) if VERSION.get(at) == Some(&byte) => {
                if at + 1 == VERSION.len() {
                    State::Minor
                } else {
                    State::Version(at + 1)
                }
            }
            (State::Minor, b'0'..=b'9') => State::Space,
            (State::Space, b' ') => State::Code(0),
            (State::Code(at), b'0'..=b'9') => {
                self.status = self.status * 10 + u16::from(byte - b'0');
                if at == 2 { State::CodeEnd } else { State::Code(at + 1) }
            }
            // RFC 9110, section 15: there is no status below 100.
            (State::CodeEnd, _) if self.status < 100 => return Verdict::Malformed,
            (State::CodeEnd, b' ') => State::Reason,
            (State::CodeEnd | State::Reason | State::Value, b'\r') => State::LineFeed,
            (State::CodeEnd | State::Reason, b'\n') => State::Line { fold: false },
            // RFC 9112, section 2.2: a lone LF ends a line as well; a lone CR does not.
            (State::LineFeed, b'\n') => State::Line { fold: self.headers > 0 },
            (State::Value, b'\n') => State::Line { fold: true },
            (State::Reason | State::Value, _) if is_text(byte) => self.state,
            (State::Line { .. }, b'\r') => State::End,
            (State::Line { .. } | State::End, b'\n') => return self.end(),
            // RFC 9112, section 5.2: a user agent takes a folded line as a continued value.
            (State::Line { fold: true }, b' ' | b'\t') => State::Value,
            (State::Line { .. }, _) if is_token(byte) => {
                if self.headers == MAX_HEADERS {
                    return Verdict::TooLarge;
                }
                self.headers += 1;
                State::Name
            }
            (State::Name, b':') => State::Value,
            (State::Name, _) if is_token(byte) => State::Name,
            _ => return Verdict::Malformed,
        };
        self.state = next;
        Verdict::Incomplete
    }

    /// A head is complete. Interim responses are skipped (RFC 9110, section 15.2); behind a 101 no other head comes.
    fn end(&mut self) -> Verdict {
        let status = self.status;
        if status != 101 && status < 200 {
            self.state = State::Version(0);
            self.status = 0;
            return Verdict::Incomplete;
        }
        Verdict::Final { status }
    }
}

impl Default for Head {
    fn default() -> Self {
        Self::new()
    }
}

/// `tchar` (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What a field value or a reason phrase is made of (RFC 9110, section 5.5): no control characters but the tab.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Verdict {
        Head::new().feed(bytes)
    }

    #[test]
    fn the_final_status_is_found() {
        for (bytes, status) in [
            ("HTTP/1.1 200 OK\r\n\r\n", 200),
            ("HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\nbody", 404),
            ("HTTP/1.1 200\r\n\r\n", 200),
            ("HTTP/1.1 200 \r\n\r\n", 200),
            ("HTTP/1.9 200 OK\r\n\r\n", 200),
            ("HTTP/1.1 200 OK\n\n", 200),
            ("HTTP/1.1 200 OK\nA: b\r\nC: d\n\r\n", 200),
            ("HTTP/1.1 503 G\u{e4}nzlich\tweg\r\nA:\u{fc}\t\r\nB:\r\n\r\n", 503),
            ("HTTP/1.1 200 OK\r\nA: b\r\n  folded\r\n\tand again\r\n\r\n", 200),
            ("HTTP/1.1 200 OK\nA: b\n folded\n\n", 200),
            ("HTTP/1.1 999 ?\r\n\r\n", 999),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204),
            ("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 199 ?\n\nHTTP/1.1 301 x\r\n\r\n", 301),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 101),
        ] {
            assert_eq!(read(bytes.as_bytes()), Verdict::Final { status }, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_not_a_head_is_refused_at_its_first_bad_byte() {
        // The last byte is the bad one: without it more is waited for.
        for bytes in [
            "<",
            "\0",
            "\n",
            "h",
            "HE",
            "HTTP/2",
            "HTTP/1.x",
            "HTTP/1.1\t",
            "HTTP/1.1  ",
            "HTTP/1.1 +",
            "HTTP/1.1 20\r",
            "HTTP/1.1 2000",
            "HTTP/1.1 200O",
            "HTTP/1.1 099 ",
            "HTTP/1.1 000\r",
            "HTTP/1.1 200 O\0",
            "HTTP/1.1 200 OK\rx",
            "HTTP/1.1 200 OK\r\r",
            "HTTP/1.1 200 OK\r\n:",
            "HTTP/1.1 200 OK\r\n ",
            "HTTP/1.1 200 OK\n ",
            "HTTP/1.1 200 OK\r\nA ",
            "HTTP/1.1 200 OK\r\nA\r",
            "HTTP/1.1 200 OK\r\n<",
            "HTTP/1.1 200 OK\r\nA: \u{1}",
            "HTTP/1.1 200 OK\r\nA: \u{7f}",
            "HTTP/1.1 200 OK\r\nA: b\rc",
            "HTTP/1.1 200 OK\r\nA: b\r\n\rx",
            "HTTP/1.1 100 Continue\r\n\r\n\r",
            "HTTP/1.1 100 Continue\r\n\r\n\u{16}",
            "\u{16}\u{16}",
        ] {
            let bytes = bytes.as_bytes();
            let (bad, good) = bytes.split_last().unwrap();
            let mut head = Head::new();
            assert_eq!(head.feed(good), Verdict::Incomplete, "{:?}", good.escape_ascii().to_string());
            assert_eq!(head.feed(&[*bad]), Verdict::Malformed, "{:?}", bytes.escape_ascii().to_string());
            assert_eq!(head.feed(b"HTTP/1.1 200 OK\r\n\r\n"), Verdict::Malformed);
        }
    }

    #[test]
    fn a_tls_record_is_told_from_garbage() {
        assert_eq!(read(b"\x15\x03\x01\x00\x02\x02\x46"), Verdict::Tls);
        assert_eq!(read(b"\x16\x03"), Verdict::Tls);
        assert_eq!(read(b"\x16"), Verdict::Incomplete);
        assert_eq!(read(b"\x17\x03"), Verdict::Malformed);
    }

    #[test]
    fn a_head_may_have_so_many_bytes_and_not_one_more() {
        let head = |bytes: usize| {
            let (start, end) = ("HTTP/1.1 200 OK\r\nA: ", "\r\n\r\n");
            format!("{start}{}{end}body", "a".repeat(bytes - start.len() - end.len()))
        };
        assert_eq!(read(head(MAX_BYTES).as_bytes()), Verdict::Final { status: 200 });
        assert_eq!(read(head(MAX_BYTES + 1).as_bytes()), Verdict::TooLarge);
        assert_eq!(read(&head(MAX_BYTES + 1).as_bytes()[..MAX_BYTES - 1]), Verdict::Incomplete);
        // Interim responses count.
        let flood = "HTTP/1.1 100 Continue\r\n\r\n".repeat(MAX_BYTES / 25 + 1);
        assert_eq!(read(flood.as_bytes()), Verdict::TooLarge);
    }

    #[test]
    fn a_head_may_have_so_many_fields_and_not_one_more() {
        let head = |fields: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(fields));
        assert_eq!(read(head(MAX_HEADERS).as_bytes()), Verdict::Final { status: 200 });
        assert_eq!(read(head(MAX_HEADERS + 1).as_bytes()), Verdict::TooLarge);
        let interim = head(MAX_HEADERS).replace("200", "103");
        assert_eq!(read(format!("{interim}{}", head(0)).as_bytes()), Verdict::Final { status: 200 });
        assert_eq!(read(format!("{interim}{}", head(1)).as_bytes()), Verdict::TooLarge);
    }

    /// Bytes that reach deep into the reader more often than bytes by chance do.
    fn answers() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => prop::sample::select(vec![
                "HTTP/1.1 200 OK\r\n", "HTTP/1.0 500 x\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 101\r\n",
                "A: b\r\n", "Name:\n", "\r\n", "\n", " folded\r\n", "HTTP/1.", "\x16\x03", "\r", " ", ":",
            ]).prop_map(|piece| piece.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn where_the_answer_is_cut_makes_no_difference(bytes in answers(), cuts in prop::collection::vec(0..200_usize, 0..6)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            cuts.push(bytes.len());
            let mut head = Head::new();
            let mut from = 0;
            for cut in cuts {
                head.feed(&bytes[from..cut]);
                from = cut;
            }
            prop_assert_eq!(head.feed(&[]), read(&bytes));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            _ = read(&bytes);
        }

        // An independent parser as a witness. It refuses folded lines and later minor versions, skips empty lines
        // at the start and knows no TLS; those are left out.
        #[test]
        fn another_parser_finds_the_same_status(bytes in answers()) {
            let text = String::from_utf8_lossy(&bytes);
            let later = text.split("HTTP/1.").skip(1).any(|rest| rest.starts_with(|c: char| ('2'..='9').contains(&c)));
            if later || text.starts_with(['\r', '\n', '\u{15}', '\u{16}']) || text.contains("\n ") || text.contains("\n\t") {
                return Ok(());
            }
            let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut fields);
            let theirs = response.parse(&bytes);
            match (read(&bytes), theirs) {
                (Verdict::Final { status }, Ok(httparse::Status::Complete(length))) => {
                    // Theirs stops at the first head, ours at the final one.
                    let first = response.code.unwrap();
                    prop_assert!(status == first || (first < 200 && length < bytes.len()));
                }
                (Verdict::Final { .. }, theirs) => prop_assert!(false, "theirs: {theirs:?}"),
                (Verdict::Incomplete, theirs) => prop_assert!(theirs.is_ok(), "theirs: {theirs:?}"),
                (Verdict::Malformed | Verdict::TooLarge | Verdict::Tls, Ok(httparse::Status::Complete(_))) => {
                    prop_assert!(response.code.unwrap() < 200, "theirs: {response:?}");
                }
                (Verdict::Malformed | Verdict::TooLarge | Verdict::Tls, _) => {}
            }
        }
    }
}
