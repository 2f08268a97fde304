//! Finds the final status code in the bytes of an HTTP/1 answer (RFC 9112).
//!
//! A state machine that takes bytes as they come and keeps none of them, so memory and work are bounded however
//! a target cuts its answer: a head is judged in one pass, and a broken one is refused at its first bad byte.
//!
//! `Head::step` says what each byte means. A line that came whole and has nothing unusual in it is taken at once,
//! to the same effect and for about a tenth of the cost; every head consists of such lines as a rule.
//!
//! Knows nothing of sockets. How an answer is cut into pieces makes no difference to the verdict.

use crate::probe::head::line::{VERSION, field_line, is_text, is_token, status_line};

mod line;

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
    /// The LF behind a CR at the end of a line; `fold` as in [`State::Line`].
    LineFeed { fold: bool },
    /// The first byte of a line behind the status line; folding is possible behind a header field only.
    Line { fold: bool },
    /// A byte of a field's name.
    Name,
    /// A byte of a field's value.
    Value,
    /// The LF behind the CR of the empty line.
    End,
}

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

    /// How many bytes the heads have so far; once the verdict is [`Verdict::Final`], all of them.
    #[must_use]
    pub fn length(&self) -> usize {
        self.bytes
    }

    /// Takes the next bytes. Once the verdict is not [`Verdict::Incomplete`] it stays, and further bytes, which
    /// are the body's, are not looked at.
    pub fn feed(&mut self, bytes: &[u8]) -> Verdict {
        let mut rest = bytes;
        while self.verdict == Verdict::Incomplete {
            let taken = self.lines(rest);
            self.bytes += taken;
            let Some((&byte, behind)) = rest[taken..].split_first() else { break };
            rest = behind;
            self.bytes += 1;
            self.verdict = self.step(byte);
            // With the last byte allowed spent and no end in it, the end cannot come any more.
            if self.verdict == Verdict::Incomplete && self.bytes == MAX_BYTES {
                self.verdict = Verdict::TooLarge;
            }
        }
        self.verdict
    }

    /// Takes the plain lines these bytes begin with, and says how many bytes that were. None of them ends a head, and
    /// the last byte allowed is left to [`Head::step`]. A line is looked at here once, at its first byte.
    fn lines(&mut self, bytes: &[u8]) -> usize {
        let bytes = &bytes[..bytes.len().min(MAX_BYTES - 1 - self.bytes)];
        let mut taken = 0;
        if self.state == State::Version(0)
            && let Some((status, length)) = status_line(bytes)
        {
            self.status = status;
            self.state = State::Line { fold: false };
            taken = length;
        }
        if let State::Line { .. } = self.state {
            while self.headers < MAX_HEADERS
                && let Some(length) = field_line(&bytes[taken..])
            {
                self.headers += 1;
                self.state = State::Line { fold: true };
                taken += length;
            }
        }
        taken
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
            (State::CodeEnd | State::Reason, b'\r') => State::LineFeed { fold: false },
            (State::CodeEnd | State::Reason, b'\n') => State::Line { fold: false },
            (State::Value, b'\r') => State::LineFeed { fold: true },
            // RFC 9112, section 2.2: a lone LF ends a line as well; a lone CR does not.
            (State::LineFeed { fold }, b'\n') => State::Line { fold },
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

#[cfg(test)]
mod tests;
