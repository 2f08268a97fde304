//! Finds a text in a body that comes in pieces.
//!
//! The search by Knuth, Morris and Pratt: every byte is looked at about once, whatever text and body are, and nothing
//! of the body is kept.

/// Bytes of a body looked at (docs/semantics.md, "What a check sends").
pub(super) const MOST: usize = 64 * 1024;

/// The text that a group's checks look for.
#[derive(Debug)]
pub(super) struct Needle {
    text: Box<[u8]>,
    /// Of each start of the text: how long the longest shorter start is that it also ends with.
    fallback: Box<[usize]>,
}

impl Needle {
    /// Prepares the search for `text`, which has at least one byte.
    pub(super) fn new(text: &str) -> Self {
        let text: Box<[u8]> = text.as_bytes().into();
        let mut fallback = vec![0; text.len()];
        let mut matched = 0;
        for at in 1..text.len() {
            matched = next(&text, &fallback, matched, text[at]);
            fallback[at] = matched;
        }
        Self { text, fallback: fallback.into() }
    }
}

/// How much of the text is matched behind `byte`, where `matched` bytes of it, not all, were before.
fn next(text: &[u8], fallback: &[usize], mut matched: usize, byte: u8) -> usize {
    loop {
        if text.get(matched) == Some(&byte) {
            return matched + 1;
        }
        if matched == 0 {
            return 0;
        }
        matched = fallback[matched - 1];
    }
}

/// A search under way.
#[derive(Debug, Default)]
pub(super) struct Search {
    matched: usize,
    looked_at: usize,
}

/// What a search has come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// The text is there.
    Yes,
    /// Not yet.
    NotYet,
    /// Not in the bytes that are looked at.
    No,
}

impl Search {
    /// Looks at the next bytes. Not to be called again once the text is found.
    pub(super) fn feed(&mut self, needle: &Needle, bytes: &[u8]) -> Found {
        let bytes = &bytes[..bytes.len().min(MOST - self.looked_at)];
        for &byte in bytes {
            self.matched = next(&needle.text, &needle.fallback, self.matched, byte);
            if self.matched == needle.text.len() {
                return Found::Yes;
            }
        }
        self.looked_at += bytes.len();
        if self.looked_at == MOST { Found::No } else { Found::NotYet }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_so_many_bytes_are_looked_at() {
        let needle = Needle::new("end");
        let body = [&vec![b'e'; MOST - 3][..], b"end"].concat();
        assert_eq!(Search::default().feed(&needle, &body), Found::Yes);
        assert_eq!(Search::default().feed(&needle, &[b"e", &body[..]].concat()), Found::No);
        let mut search = Search::default();
        assert_eq!(search.feed(&needle, &body[..MOST - 1]), Found::NotYet);
        assert_eq!(search.feed(&needle, b"x"), Found::No);
        assert_eq!(search.feed(&needle, b"end"), Found::No);
    }

    proptest! {
        #[test]
        fn it_finds_what_is_there_however_it_is_cut(
            text in "[ab]{1,6}", body in "[ab]{0,40}", cut in 0..40_usize,
        ) {
            let (needle, mut search) = (Needle::new(&text), Search::default());
            let (first, second) = body.as_bytes().split_at(cut.min(body.len()));
            let mut found = search.feed(&needle, first);
            if found == Found::NotYet {
                found = search.feed(&needle, second);
            }
            let expected = if body.contains(&text) { Found::Yes } else { Found::NotYet };
            prop_assert_eq!(found, expected);
        }
    }
}
