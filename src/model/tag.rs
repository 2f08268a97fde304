//! What the tags of a group may say (docs/semantics.md, "Tags").

/// The most tags a group may have.
pub const MOST: usize = 50;

/// Characters of a key: 1 to this many.
pub const KEY: usize = 128;

/// Characters of a value: up to this many.
pub const VALUE: usize = 256;

/// Whether all of a text may stand in a tag: letters, separators, numbers and `_.:/=+-@`. Marks that belong to letters
/// of some scripts count as letters.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    let separator = |c: char| c.is_whitespace() && !c.is_control();
    text.chars().all(|c| c.is_alphabetic() || c.is_numeric() || separator(c) || "_.:/=+-@".contains(c))
}

/// Whether a key is AWS's own, in whatever capitals.
#[must_use]
pub fn is_reserved(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_every_script_may_stand_in_a_tag() {
        for (text, good) in [
            ("", true),
            ("Env:team/web=+-@._ 1", true),
            ("größe 大きさ आकार", true),
            ("a\u{a0}b\u{2028}", true),
            ("a\tb", false),
            ("a\nb", false),
            ("a&b", false),
            ("🐙", false),
        ] {
            assert_eq!(is_plain(text), good, "{text:?}");
        }
    }

    #[test]
    fn what_begins_like_a_key_of_aws_is_reserved() {
        for (key, reserved) in
            [("aws:a", true), ("AwS:", true), ("aws", false), ("my-aws:a", false), ("äöü", false)]
        {
            assert_eq!(is_reserved(key), reserved, "{key}");
        }
    }
}
