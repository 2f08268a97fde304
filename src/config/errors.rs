//! What is wrong with a configuration: every error, in the order of the file, each with its place and source line.

use std::fmt;
use std::sync::Arc;

/// Errors printed by [`Errors`]; the rest are counted. Nobody reads more, and a log line stays a log line.
pub(super) const SHOWN: usize = 100;

/// Everything that is wrong with one configuration; never empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Errors {
    pub(super) list: Vec<Error>,
}

/// One error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    /// Counted from 1; 0 where the error has no line: a flag, or a file that cannot be read.
    pub line: usize,
    /// Counted from 1, in characters; 0 where the error has no line.
    pub column: usize,
    /// The path of the key, such as `target_group[0].port`, or the flag; empty for errors of syntax.
    pub key: String,
    /// What was found, what is allowed, and perhaps what was meant.
    pub message: String,
    /// The file's name; empty for flags.
    pub(super) file: Arc<str>,
    pub(super) excerpt: Option<Excerpt>,
}

/// The line an error is in, or the part of it around the error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Excerpt {
    /// Without control characters, so that a terminal shows exactly this.
    pub(super) text: String,
    /// Characters of `text` before the error.
    pub(super) indent: usize,
    /// Characters of `text` in the error; at least 1.
    pub(super) width: usize,
}

impl Errors {
    /// A single error without a place inside the file.
    pub(super) fn of_file(file: &str, message: String) -> Self {
        let error =
            Error { line: 0, column: 0, key: String::new(), message, file: file.into(), excerpt: None };
        Self { list: vec![error] }
    }

    /// How many errors there are, those not printed included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is no error; never true of a value returned by this module.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every error, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Error> {
        self.list.iter()
    }
}

impl<'a> IntoIterator for &'a Errors {
    type Item = &'a Error;
    type IntoIter = std::slice::Iter<'a, Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Errors {
    /// One block per error, without a final newline; the first hundred, then how many more there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.list.iter().take(SHOWN).enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        match self.list.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Errors {}

impl fmt::Display for Error {
    /// `file:line:column: key: message`, then the source line with a caret under the error; no final newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
            if self.line > 0 {
                write!(f, "{}:{}:", self.line, self.column)?;
            }
            write!(f, " ")?;
        }
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        write!(f, "{}", self.message)?;
        let Some(Excerpt { text, indent, width }) = &self.excerpt else {
            return Ok(());
        };
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        write!(f, "\n  {number} | {text}\n  {gutter} | {}{}", " ".repeat(*indent), "^".repeat(*width))
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hundred_are_printed_and_all_are_counted() {
        let one = Errors::of_file("a.toml", "no".to_owned()).list.remove(0);
        let errors = Errors { list: vec![one; 250] };
        assert_eq!(errors.len(), 250);
        let text = errors.to_string();
        assert_eq!(text.lines().count(), 101);
        assert!(text.ends_with("a.toml: no\nand 150 more"), "{text}");
    }
}
