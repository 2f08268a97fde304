//! An HTTP/1 answer that is to contain a text: its head, and then its body up to the text or its end.

use crate::model::failure::Failure;
use crate::model::outcome::Outcome;
use crate::probe::head::{Head, Verdict};
use crate::probe::plan::{Judged, Plan};
use crate::probe::search::{Found, Needle, Search};
use crate::probe::text::framing::{Framing, Malformed};

mod framing;

/// Bytes of a body with its chunks' sizes at most: what is searched, in chunks of two bytes each.
const MOST: usize = 256 * 1024;

/// A reader of one answer.
#[derive(Debug, Default)]
pub(super) struct Text {
    head: Head,
    /// The bytes of the heads, until they are complete.
    kept: Vec<u8>,
    body: Option<Body>,
    judged: Option<Judged>,
}

#[derive(Debug)]
struct Body {
    status: u16,
    framing: Framing,
    search: Search,
    taken: usize,
}

impl Text {
    /// What it has come to, once it has.
    pub(super) fn judged(&self) -> Option<Judged> {
        self.judged
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], needle: &Needle, plan: &Plan, secured: bool) {
        if self.judged.is_none() {
            self.judged = match &mut self.body {
                Some(body) => body.feed(bytes, needle),
                None => self.heads(bytes, needle, plan, secured),
            };
        }
    }

    /// The target has ended the connection: where that ends the body, the text is not in it.
    pub(super) fn end(&self) -> Option<Judged> {
        let body = self.body.as_ref().filter(|body| body.framing == Framing::Close)?;
        Some((Outcome::Fail(Failure::BodyMismatch), Some(body.status)))
    }

    fn heads(&mut self, bytes: &[u8], needle: &Needle, plan: &Plan, secured: bool) -> Option<Judged> {
        self.kept.extend_from_slice(bytes);
        let verdict = self.head.feed(bytes);
        let Verdict::Final { status } = verdict else { return plan.judge_head(verdict, secured) };
        let judged = plan.judge(status);
        if judged.0 != Outcome::Pass {
            return Some(judged);
        }
        let kept = std::mem::take(&mut self.kept);
        let (heads, rest) = kept.split_at(self.head.length().min(kept.len()));
        let Ok(framing) = Framing::of(heads, status) else {
            return Some((Outcome::Fail(Failure::ResponseMalformed), None));
        };
        let body = self.body.insert(Body { status, framing, search: Search::default(), taken: 0 });
        body.feed(rest, needle)
    }
}

impl Body {
    fn feed(&mut self, bytes: &[u8], needle: &Needle) -> Option<Judged> {
        self.taken += bytes.len();
        let judged = match self.look(bytes, needle) {
            Ok(Found::NotYet) if self.taken > MOST => Outcome::Fail(Failure::ResponseTooLarge),
            Ok(Found::NotYet) => return None,
            Ok(Found::Yes) => Outcome::Pass,
            Ok(Found::No) => Outcome::Fail(Failure::BodyMismatch),
            Err(Malformed) => Outcome::Fail(Failure::ResponseMalformed),
        };
        Some((judged, Some(self.status)))
    }

    /// Looks for the text in the next bytes; a body that has ended without it does not have it.
    fn look(&mut self, mut bytes: &[u8], needle: &Needle) -> Result<Found, Malformed> {
        match &mut self.framing {
            Framing::Close => Ok(self.search.feed(needle, bytes)),
            Framing::Length(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= u64::try_from(count).unwrap_or(u64::MAX);
                let found = self.search.feed(needle, &bytes[..count]);
                Ok(if found == Found::NotYet && *left == 0 { Found::No } else { found })
            }
            Framing::Chunked(chunks) => loop {
                let Some(content) = chunks.content(&mut bytes)? else { return Ok(Found::No) };
                let found = self.search.feed(needle, content);
                if found != Found::NotYet || bytes.is_empty() {
                    return Ok(found);
                }
            },
        }
    }
}
