//! Texts from outside as errors repeat them.

use std::borrow::Cow;

/// The longest text that an error repeats, in characters.
const LONGEST: usize = 256;

/// The text, or its first 256 characters and three dots.
#[must_use]
pub fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_text_is_cut() {
        let fits = "é".repeat(256);
        assert_eq!((excerpt(""), excerpt(&fits)), ("".into(), fits.as_str().into()));
        assert_eq!(excerpt(&format!("{fits}é")), format!("{fits}..."));
    }
}
