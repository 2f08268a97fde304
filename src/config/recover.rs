//! What can still be read of a text that is not TOML everywhere, so that one slip does not hide the other errors.

use std::collections::BTreeSet;

use toml::de::{DeTable, Error};

/// The parser stops at a key without a value, and what is wrong behind it shows in the next round only.
const ROUNDS: usize = 8;

/// The text without its broken parts, of the same length, so that every place in it stays true; and the errors that
/// showed only once the first ones were out of the way.
///
/// `broken` holds the numbers of the broken lines, counted from 1; `starts` the byte each line starts at. First only
/// the broken lines go. Where that leaves no TOML (a bracket or quote that is never closed), everything from the first
/// broken line on goes, and if even that fails, everything: better to say too little than to blame a key for a bracket.
pub(super) fn readable(text: &str, broken: &BTreeSet<usize>, starts: &[usize]) -> (String, Vec<Error>) {
    let mut more = Vec::new();
    let mut out = broken.clone();
    for _ in 0..ROUNDS {
        let candidate = blank_lines(text, &out, starts);
        let (_, errors) = DeTable::parse_recoverable(&candidate);
        if errors.is_empty() {
            return (candidate, more);
        }
        let before = out.len();
        let at = |error: &Error| error.span().map_or(0, |span| span.start);
        out.extend(errors.iter().map(|error| starts.partition_point(|start| *start <= at(error))));
        more.extend(errors);
        if out.len() == before {
            break;
        }
    }
    let candidate = blank_rest(text, broken, starts);
    let good = DeTable::parse(&candidate).is_ok();
    (if good { candidate } else { String::new() }, Vec::new())
}

fn blank_lines(text: &str, broken: &BTreeSet<usize>, starts: &[usize]) -> String {
    let mut readable = String::with_capacity(text.len());
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if !broken.contains(&(index + 1)) {
            readable.push_str(line);
        } else if line.trim_start().starts_with('[') {
            // After a broken header nobody knows which table a key belongs to.
            blank(&mut readable, &text[starts[index]..]);
            break;
        } else {
            blank(&mut readable, line);
        }
    }
    readable
}

fn blank_rest(text: &str, broken: &BTreeSet<usize>, starts: &[usize]) -> String {
    let from = broken.first().map_or(0, |line| starts[line - 1]);
    let mut readable = text[..from].to_owned();
    blank(&mut readable, &text[from..]);
    readable
}

fn blank(readable: &mut String, text: &str) {
    readable.extend(text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, broken: &[usize], expected: &str) {
        let starts: Vec<_> =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        assert_eq!(readable(text, &broken.iter().copied().collect(), &starts).0, expected);
    }

    #[test]
    fn a_broken_line_is_left_out() {
        check("a = 1\nb ä\nc = 3\n", &[2], "a = 1\n    \nc = 3\n");
    }

    #[test]
    fn an_error_behind_an_error_is_found() {
        check("b ä\na = 10s\nc = 3\n", &[1], "    \n       \nc = 3\n");
    }

    #[test]
    fn nothing_is_believed_after_a_broken_header() {
        check("a = 1\n[b\nc = 3\n", &[2], "a = 1\n  \n     \n");
    }

    #[test]
    fn what_is_never_closed_is_left_out_if_it_is_short() {
        check("a = 1\nb = [\n2,\nc = 3\n", &[2], "a = 1\n     \n  \nc = 3\n");
    }

    #[test]
    fn a_long_text_that_is_never_closed_takes_everything_with_it() {
        let text = format!("a = 1\nb = [\n{}", "2,\n".repeat(20));
        check(&text, &[22], "");
        check(&text, &[2], &format!("a = 1\n     \n{}", "  \n".repeat(20)));
    }
}
