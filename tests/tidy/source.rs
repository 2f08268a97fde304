//! Rust sources taken apart, as far as the rules need it.

/// A Rust source taken apart.
#[derive(Default)]
pub(crate) struct Source {
    /// The text with comments removed and the inside of every string and character literal emptied.
    pub(crate) code: String,
    /// The inside of every string literal, as typed.
    pub(crate) strings: Vec<String>,
}

/// Tells code, comments and literals apart, as far as the rules here need it.
pub(crate) fn split(text: &str) -> Source {
    let mut source = Source::default();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some((inside, length)) = string(rest, source.code.chars().next_back()) {
            source.strings.push(inside.to_owned());
            source.code.push_str("\"\"");
            length
        } else if let Some(length) = character(rest) {
            source.code.push_str("' '");
            length
        } else {
            source.code.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    source
}

/// The inside and the whole length of the string literal, plain or raw, that `rest` begins with.
fn string(rest: &str, before: Option<char>) -> Option<(&str, usize)> {
    if let Some(body) = rest.strip_prefix('"') {
        let mut escaped = false;
        let end = body.find(|c: char| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        })?;
        return Some((&body[..end], end + 2));
    }
    let marks = rest.strip_prefix('r')?;
    let hashes = marks.len() - marks.trim_start_matches('#').len();
    let body = marks[hashes..].strip_prefix('"')?;
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') && before != Some('b') {
        return None;
    }
    let end = body.find(&format!("\"{}", "#".repeat(hashes)))?;
    Some((&body[..end], 1 + hashes + 1 + end + 1 + hashes))
}

/// The length of the character literal that `rest` begins with; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    let escape = usize::from(body.starts_with('\\'));
    let first = body[escape..].chars().next()?;
    let after = escape + first.len_utf8();
    if escape == 1 {
        return body[after..].find('\'').map(|end| 1 + after + end + 1);
    }
    body[after..].starts_with('\'').then_some(after + 2)
}

/// The first two segments of every path that begins with `crate::`, groups in braces taken apart.
pub(crate) fn crate_paths(code: &str) -> Vec<String> {
    fn tree<'a>(rest: &'a str, prefix: &str, found: &mut Vec<String>) -> &'a str {
        let rest = rest.trim_start();
        if let Some(mut inside) = rest.strip_prefix('{') {
            loop {
                inside = inside.trim_start().trim_start_matches(',').trim_start();
                if let Some(after) = inside.strip_prefix('}') {
                    return after;
                }
                let before = inside.len();
                inside = tree(inside, prefix, found);
                if inside.len() == before {
                    return inside;
                }
            }
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*').unwrap_or(rest.len());
        let path =
            if prefix.is_empty() { rest[..end].to_owned() } else { format!("{prefix}::{}", &rest[..end]) };
        if let Some(after) = rest[end..].strip_prefix("::") {
            return tree(after, &path, found);
        }
        found.push(path);
        &rest[end..]
    }
    let mut found = Vec::new();
    for (at, word) in code.match_indices("crate::") {
        tree(&code[at + word.len()..], "", &mut found);
    }
    found
}
