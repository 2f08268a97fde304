//! What is said about a task definition that is read: what is wrong with it, and what of it is ignored.

use std::fmt;

use crate::model::excerpt::excerpt;

/// Everything that is wrong with a task definition, in the order in which it was found; never empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problems {
    list: Vec<Box<str>>,
}

impl Problems {
    /// The first one: what the ECS API tells, as AWS tells one at a time.
    #[must_use]
    pub fn first(&self) -> &str {
        self.list.first().map_or("", |first| first)
    }

    /// All of them, a sentence each, in AWS's style: `Invalid setting for container 'NAME'.` and what must be.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.list.iter().map(|problem| &**problem)
    }
}

impl fmt::Display for Problems {
    /// One line for each problem, without a final newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            write!(f, "{}{problem}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What has been found out so far.
#[derive(Debug, Default)]
pub(super) struct Notes {
    problems: Vec<Box<str>>,
    pub(super) warnings: Vec<Box<str>>,
}

impl Notes {
    /// A value is not allowed: `what` says what it must be, as the end of a sentence without the period.
    pub(super) fn problem(&mut self, scope: &Scope<'_>, what: impl fmt::Display) {
        let sentence = scope.sentence(&what);
        let end = if sentence.ends_with('?') { "" } else { "." };
        self.problems.push((sentence + end).into());
    }

    /// A sentence that names no field, in AWS's own words.
    pub(super) fn sentence(&mut self, sentence: impl Into<Box<str>>) {
        self.problems.push(sentence.into());
    }

    /// A value is taken, and may surprise.
    pub(super) fn warning(&mut self, scope: &Scope<'_>, what: impl fmt::Display) {
        let sentence = match scope.container() {
            Some(container) => format!("container {container}: {}{what}", scope.path()),
            None => format!("{}{what}", scope.path()),
        };
        self.warnings.push(sentence.into());
    }

    /// All that was said; the warnings, where nothing is wrong.
    pub(super) fn finish(self) -> Result<Vec<Box<str>>, Problems> {
        if self.problems.is_empty() { Ok(self.warnings) } else { Err(Problems { list: self.problems }) }
    }
}

/// Where in the definition a value stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    above: Option<&'a Self>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    /// The definition itself.
    Top,
    /// A container by its name, or by its place where it has none.
    Container(Result<&'a str, usize>),
    Field(&'a str),
    Item(usize),
}

impl<'a> Scope<'a> {
    pub(super) const TOP: Self = Self { above: None, step: Step::Top };

    pub(super) fn in_container(name: Option<&'a str>, index: usize) -> Self {
        Self { above: None, step: Step::Container(name.filter(|name| !name.is_empty()).ok_or(index)) }
    }

    pub(super) fn field(&'a self, name: &'a str) -> Self {
        Self { above: Some(self), step: Step::Field(name) }
    }

    pub(super) fn item(&'a self, index: usize) -> Self {
        Self { above: Some(self), step: Step::Item(index) }
    }

    /// Whether it is the list of containers.
    pub(super) fn is_containers(&self) -> bool {
        matches!(
            (self.step, self.above),
            (Step::Field("containerDefinitions"), Some(Scope { step: Step::Top, .. }))
        )
    }

    /// The container, quoted, if it is within one.
    fn container(&self) -> Option<String> {
        match (self.step, self.above) {
            (Step::Container(Ok(name)), _) => Some(quote(name)),
            (Step::Container(Err(index)), _) => Some(format!("number {}", index + 1)),
            (Step::Top | Step::Field(_) | Step::Item(_), above) => above.and_then(Self::container),
        }
    }

    /// The path of the field below the container or the top with a space behind it, empty for these themselves.
    fn path(&self) -> String {
        let mut steps = Vec::new();
        let mut at = Some(self);
        while let Some(scope) = at {
            steps.push(scope.step);
            at = scope.above;
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Top | Step::Container(_) => {}
                Step::Field(name) => {
                    path += if path.is_empty() { "" } else { "." };
                    path += &excerpt(name).escape_debug().to_string();
                }
                Step::Item(index) => path += &format!("[{index}]"),
            }
        }
        if !path.is_empty() {
            path.push(' ');
        }
        path
    }

    fn sentence(&self, what: &dyn fmt::Display) -> String {
        let path = self.path();
        match self.container() {
            Some(container) => format!("Invalid setting for container {container}. {path}{what}"),
            None => format!("{path}{what}"),
        }
    }
}

/// A text from outside as it may stand in a sentence: quoted as AWS does it, escaped, and not endless.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", excerpt(text).escape_debug())
}

/// Words as the end of a sentence: `A, B or C`.
pub(super) fn one_of(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some(_) | None => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_say_where() {
        let web = Scope::in_container(Some("web"), 0);
        let ports = web.field("portMappings");
        let port = ports.item(2);
        let mut notes = Notes::default();
        notes.problem(&port.field("protocol"), "must be tcp or udp");
        notes.problem(&Scope::in_container(None, 1).field("cpu"), "must be a whole number");
        notes.problem(&Scope::TOP.field("fam\u{1b}ily"), "is unknown");
        notes.warning(&web.field("links"), "is ignored");
        let problems = notes.finish().unwrap_err();
        assert_eq!(
            problems.iter().collect::<Vec<_>>(),
            [
                "Invalid setting for container 'web'. portMappings[2].protocol must be tcp or udp.",
                "Invalid setting for container number 2. cpu must be a whole number.",
                "fam\\u{1b}ily is unknown.",
            ]
        );
        assert_eq!(problems.first(), problems.to_string().lines().next().unwrap());
    }
}
