//! Collects problems while the text is read and turns them into sorted, placed errors at the end.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use crate::config::errors::{Error, Errors, Excerpt, SHOWN};
use crate::config::recover;

/// Characters of a source line shown at most, and how many of them before the error.
const EXCERPT: usize = 110;
const BEFORE: usize = 60;

/// Where a value stands: its key or flag and, in a file, its bytes.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) key: String,
    pub(super) span: Option<Range<usize>>,
}

impl Place {
    /// A flag of the command line.
    pub(super) fn flag(name: &str) -> Self {
        Self { key: name.to_owned(), span: None }
    }

    /// A value within the table that stands here.
    pub(super) fn below(&self, key: &str, span: Range<usize>) -> Self {
        let key = if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) };
        Self { key, span: Some(span) }
    }

    /// An item of the array that stands here.
    pub(super) fn item(&self, index: usize, span: Range<usize>) -> Self {
        Self { key: format!("{}[{index}]", self.key), span: Some(span) }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Syntax,
    Missing,
    Relation,
    Value,
}

#[derive(Debug)]
struct Problem {
    place: Place,
    message: String,
    kind: Kind,
}

/// The problems found so far in one text.
#[derive(Debug)]
pub(super) struct Problems<'t> {
    text: &'t str,
    file: Arc<str>,
    /// The byte at which each line starts.
    lines: Vec<usize>,
    /// Lines with an error of syntax, counted from 1.
    broken: BTreeSet<usize>,
    list: Vec<Problem>,
    /// Lines that may hold secrets, counted from 1.
    hidden: BTreeSet<usize>,
    /// Whether lines of the text may be shown.
    shown: bool,
    /// Errors of files that this one names.
    others: Vec<Error>,
}

impl<'t> Problems<'t> {
    /// For a file with this text; both empty for the command line.
    pub(super) fn new(text: &'t str, file: &str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self {
            text,
            file: file.into(),
            lines,
            broken: BTreeSet::new(),
            hidden: BTreeSet::new(),
            list: Vec::new(),
            shown: true,
            others: Vec::new(),
        }
    }

    /// For a file that holds secrets: its errors have a place and show nothing of its text.
    pub(super) fn secret(text: &'t str, file: &str) -> Self {
        Self { shown: false, ..Self::new(text, file) }
    }

    /// What is wrong with a file that this one names.
    pub(super) fn elsewhere(&mut self, errors: Errors) {
        self.others.extend(errors.list);
    }

    /// The text is not TOML here. The first error of a line stands for those that follow from it.
    pub(super) fn syntax(&mut self, error: &toml::de::Error) {
        let span = error.span();
        if self.broken.insert(self.line(span.as_ref().map_or(0, |span| span.start))) {
            let place = Place { key: String::new(), span };
            self.list.push(Problem {
                place,
                message: format!("not TOML: {}", error.message()),
                kind: Kind::Syntax,
            });
        }
    }

    /// A required key is not there.
    pub(super) fn missing(&mut self, table: &Place, key: &str, allowed: &str) {
        let place = table.below(key, table.span.clone().unwrap_or_default());
        self.list.push(Problem {
            place,
            message: format!("missing; required: {allowed}"),
            kind: Kind::Missing,
        });
    }

    /// A value is wrong.
    pub(super) fn add(&mut self, place: Place, message: String) {
        self.list.push(Problem { place, message, kind: Kind::Value });
    }

    /// What stands here may be a secret: errors in its lines show nothing of them.
    pub(super) fn hide(&mut self, place: &Place) {
        if let Some(span) = &place.span {
            let last = span.end.saturating_sub(1).max(span.start);
            self.hidden.extend(self.line(span.start)..=self.line(last));
        }
    }

    /// Two values, each right in itself, do not go together.
    pub(super) fn clash(&mut self, place: Place, message: String) {
        self.list.push(Problem { place, message, kind: Kind::Relation });
    }

    /// The text as far as it is TOML; `None` if all of it is. Records the errors hidden behind those known.
    pub(super) fn readable(&mut self) -> Option<String> {
        if self.broken.is_empty() {
            return None;
        }
        let (readable, more) = recover::readable(self.text, &self.broken, &self.lines);
        for error in &more {
            self.syntax(error);
        }
        Some(readable)
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at)
    }

    /// All problems as errors in the order of the file, or `None` if there are none.
    pub(super) fn finish(mut self) -> Option<Errors> {
        let mut list = std::mem::take(&mut self.list);
        // Where the syntax is broken, what could not be read is neither missing nor at its default.
        if !self.broken.is_empty() {
            list.retain(|problem| matches!(problem.kind, Kind::Syntax | Kind::Value));
        }
        list.sort_by_key(|problem| problem.place.span.as_ref().map_or(0, |span| span.start));
        let mut errors = Vec::with_capacity(list.len());
        // Columns are counted from the error before on the same line, so that a file on one line costs no more.
        let (mut last_line, mut last_at, mut last_column) = (0, 0, 0);
        for Problem { place, message, kind: _ } in list {
            let Some(span) = place.span else {
                errors.push(self.error(0, 0, place.key, message, None));
                continue;
            };
            let at = self.boundary(span.start);
            let line = self.line(at);
            if line != last_line {
                (last_line, last_at, last_column) = (line, self.lines[line - 1], 1);
            }
            last_column += self.text[last_at..at].chars().count();
            last_at = at;
            let shown = self.shown && errors.len() < SHOWN && !self.hidden.contains(&line);
            let excerpt = shown.then(|| self.excerpt(line, at, span.end));
            errors.push(self.error(line, last_column, place.key, message, excerpt));
        }
        errors.dedup();
        errors.append(&mut self.others);
        (!errors.is_empty()).then_some(Errors { list: errors })
    }

    fn error(
        &self,
        line: usize,
        column: usize,
        key: String,
        message: String,
        excerpt: Option<Excerpt>,
    ) -> Error {
        Error { line, column, key, message, file: Arc::clone(&self.file), excerpt }
    }

    /// The nearest start of a character at or before `at`.
    fn boundary(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    fn excerpt(&self, line: usize, at: usize, end: usize) -> Excerpt {
        let start = self.lines[line - 1];
        let stop = self.lines.get(line).map_or(self.text.len(), |next| next - 1);
        let before: Vec<char> = self.text[start..at].chars().rev().take(BEFORE + 1).collect();
        let cut = before.len() > BEFORE;
        let mut text: String = before.into_iter().take(BEFORE).rev().map(visible).collect();
        if cut {
            text.insert(0, '…');
        }
        let indent = text.chars().count();
        let rest = self.text[at..stop.max(at)].trim_end();
        let mut after = rest.chars();
        text.extend(after.by_ref().take(EXCERPT - BEFORE).map(visible));
        if after.next().is_some() {
            text.push('…');
        }
        let inside = rest.char_indices().take(EXCERPT - BEFORE).filter(|(offset, _)| at + offset < end);
        Excerpt { text: text.trim_end().to_owned(), indent, width: inside.count().max(1) }
    }
}

/// A control character would move the caret, or worse, the cursor.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// A text from outside as it may stand in a message: quoted, escaped, and not longer than a line.
pub(super) fn quote(text: &str) -> String {
    let (short, dots) = shorten(text);
    format!("\"{}{dots}\"", short.escape_debug())
}

/// A name from outside, such as an unknown key or a URL: escaped, and not longer than a line.
pub(super) fn name(text: &str) -> String {
    let (short, dots) = shorten(text);
    format!("{}{dots}", short.escape_debug())
}

fn shorten(text: &str) -> (&str, &'static str) {
    match text.char_indices().nth(80) {
        Some((at, _)) => (&text[..at], "…"),
        None => (text, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, span: Range<usize>, expected: &str) {
        let mut problems = Problems::new(text, "a.toml");
        problems.add(Place { key: "k".to_owned(), span: Some(span) }, "no".to_owned());
        assert_eq!(problems.finish().unwrap().to_string(), expected);
    }

    #[test]
    fn columns_count_characters_and_the_caret_stands_under_the_error() {
        check(
            "a = 1\nkey = 'äö' # x\n",
            6 + 6..6 + 12,
            "a.toml:2:7: `k`: no\n  2 | key = 'äö' # x\n    |       ^^^^",
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        check("\ta\u{1b}[31m", 1..2, "a.toml:1:2: `k`: no\n  1 |  a\u{fffd}[31m\n    |  ^");
    }

    #[test]
    fn the_end_of_the_file_is_a_place() {
        check("", 0..0, "a.toml:1:1: `k`: no\n  1 | \n    | ^");
        check("a\n", 2..2, "a.toml:2:1: `k`: no\n  2 | \n    | ^");
    }

    #[test]
    fn a_long_line_is_cut_on_both_sides() {
        let text = "x".repeat(10_000);
        let mut problems = Problems::new(&text, "a.toml");
        problems.add(Place { key: "k".to_owned(), span: Some(5_000..9_000) }, "no".to_owned());
        let errors = problems.finish().unwrap();
        assert_eq!((errors.list[0].line, errors.list[0].column), (1, 5_001));
        assert!(errors.to_string().lines().all(|line| line.chars().count() < 130), "{errors}");
    }

    #[test]
    fn nothing_is_missing_where_the_syntax_is_broken() {
        let mut problems = Problems::new("a =\nb = 1\n", "a.toml");
        let root = Place { key: String::new(), span: Some(0..0) };
        problems.missing(&root, "c", "a number");
        problems.clash(root.below("a", 0..1), "too small beside the default of d".to_owned());
        problems.add(root.below("b", 8..9), "wrong".to_owned());
        problems.syntax(&toml::de::DeTable::parse("a =\n").unwrap_err());
        let keys: Vec<_> = problems.finish().unwrap().iter().map(|error| error.key.clone()).collect();
        assert_eq!(keys, ["", "b"]);
    }
}
