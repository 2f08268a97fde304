//! `healthCheck` of a container definition, and the forms its command may have (docs/semantics.md, "Container checks").

use std::num::NonZeroU8;
use std::time::Duration;

use serde_json::Value;

use crate::model::ecs::check::{CheckCommand, ContainerCheck};
use crate::model::ecs::definition::notes::{Notes, quote};
use crate::model::ecs::definition::values::Object;

/// Defaults.
pub(super) const INTERVAL: Duration = Duration::from_secs(30);
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
pub(super) const RETRIES: NonZeroU8 = NonZeroU8::new(3).expect("three is not zero");

/// What a command must be.
const FORMS: &str =
    "must be CMD, a program and its arguments, or CMD-SHELL and a line for the shell, or NONE";

/// Reads a health check; `None` where there is none or it is not right.
pub(super) fn read(check: &Object<'_>, notes: &mut Notes) -> Option<ContainerCheck> {
    let at = check.scope.field("command");
    let read = check.map.get("command").and_then(|command| {
        let read = words(command).and_then(|words| CheckCommand::parse(&words).map(|parsed| (words, parsed)));
        read.map_err(|what| notes.problem(&at, what)).ok()
    });
    let interval = check.seconds("interval", &(5..=300), notes).unwrap_or(INTERVAL);
    let timeout = check.seconds("timeout", &(2..=60), notes).unwrap_or(TIMEOUT);
    let retries = check.number("retries", &(1..=10), notes).and_then(NonZeroU8::new);
    let start_period = check.seconds("startPeriod", &(0..=300), notes).unwrap_or_default();
    if timeout >= interval {
        notes.warning(
            &check.scope,
            "has a timeout that is not below its interval: a hanging command is noticed late",
        );
    }
    let (words, Some(command)) = read? else { return None };
    if let CheckCommand::Shell(shell) = &command
        && shell.len() > 1
    {
        let line = quote(&shell[0]);
        notes.warning(
            &at,
            format_args!(
                "has {} words behind CMD-SHELL: the shell runs {line} alone and calls the others $0, $1 and so on",
                words.len() - 1
            ),
        );
    }
    let retries = retries.unwrap_or(RETRIES);
    Some(ContainerCheck { command, interval, timeout, retries, start_period })
}

/// The words of a command: those of a list, or of the console's form, which is one text.
///
/// # Errors
/// What the text must be, as the end of a sentence.
pub(super) fn words(command: &Value) -> Result<Vec<Box<str>>, String> {
    match command {
        Value::Array(items) => Ok(items.iter().filter_map(Value::as_str).map(Box::from).collect()),
        Value::String(text) => CheckCommand::split(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err(FORMS.to_owned()),
    }
}

impl CheckCommand {
    /// Takes the console's form apart: words with commas between them, or a list in JSON. What is behind `CMD-SHELL,` is
    /// one word, so that a line of the shell may have commas; elsewhere `\,` is a comma within a word.
    ///
    /// # Errors
    /// What the text must be, as the end of a sentence.
    pub fn split(text: &str) -> Result<Vec<Box<str>>, String> {
        let text = text.trim();
        if text.starts_with('[') {
            let words: Result<Vec<Box<str>>, _> = serde_json::from_str(text);
            return match words {
                Ok(words) if words.iter().any(|word| word.contains('\0')) => {
                    Err("must not contain the character NUL".to_owned())
                }
                Ok(words) => Ok(words),
                Err(_) => Err("begins with [ and must then be a list of texts in JSON".to_owned()),
            };
        }
        if let Some((first, line)) = text.split_once(',')
            && unquoted(first) == "CMD-SHELL"
        {
            return Ok(vec!["CMD-SHELL".into(), unquoted(line).into()]);
        }
        let mut words = vec![String::new()];
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match (letter, words.last_mut()) {
                (',', _) => words.push(String::new()),
                ('\\', Some(word)) if letters.next_if_eq(&',').is_some() => word.push(','),
                (letter, Some(word)) => word.push(letter),
                (_, None) => {}
            }
        }
        Ok(words.iter().map(|word| unquoted(word).into()).collect())
    }

    /// What a command's words mean; `Ok(None)` is no check at all.
    ///
    /// # Errors
    /// What they must be, as the end of a sentence.
    pub fn parse(words: &[Box<str>]) -> Result<Option<Self>, String> {
        let Some((first, rest)) = words.split_first() else {
            return Err(format!("must not be an empty list: it {FORMS}"));
        };
        match (&**first, rest.first().map(|word| &**word)) {
            ("NONE", None) => Ok(None),
            ("NONE", Some(_)) => Err("must have nothing behind NONE".to_owned()),
            ("CMD" | "CMD-SHELL", None | Some("")) => Err(format!("must have a command behind {first}")),
            ("CMD", Some(_)) => Ok(Some(Self::Exec(rest.into()))),
            ("CMD-SHELL", Some(_)) => Ok(Some(Self::Shell(rest.into()))),
            (other, _) => Err(format!("{FORMS}, and begins with {}", quote(other))),
        }
    }
}

/// The word without the space around it and the double quotes around that.
fn unquoted(word: &str) -> &str {
    let word = word.trim();
    word.strip_prefix('"').and_then(|word| word.strip_suffix('"')).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exec(words: &[&str]) -> CheckCommand {
        CheckCommand::Exec(words.iter().map(|word| Box::from(*word)).collect())
    }

    fn shell(words: &[&str]) -> CheckCommand {
        CheckCommand::Shell(words.iter().map(|word| Box::from(*word)).collect())
    }

    #[track_caller]
    fn check(text: &str, expected: Result<Option<CheckCommand>, &str>) {
        let read = CheckCommand::split(text).and_then(|words| CheckCommand::parse(&words));
        match (read, expected) {
            (Err(error), Err(part)) => assert!(error.contains(part), "{text}: {error}"),
            (read, expected) => assert_eq!(read, expected.map_err(str::to_owned), "{text}"),
        }
    }

    #[test]
    fn the_form_of_the_console_is_taken_apart() {
        let line = "curl -f http://localhost:8000/randomUser || exit 1";
        check(&format!("CMD-SHELL,{line}"), Ok(Some(shell(&[line]))));
        check(&format!("CMD-SHELL, {line}"), Ok(Some(shell(&[line]))));
        check("CMD-SHELL,test -e a,b && echo \"c, d\"", Ok(Some(shell(&["test -e a,b && echo \"c, d\""]))));
        check(
            "\"CMD-SHELL\", \"curl -f http://localhost/ || exit 1\"",
            Ok(Some(shell(&["curl -f http://localhost/ || exit 1"]))),
        );
        check("CMD,curl,-f, http://localhost/", Ok(Some(exec(&["curl", "-f", "http://localhost/"]))));
        check("CMD,echo,a\\,b,\\c,", Ok(Some(exec(&["echo", "a,b", "\\c", ""]))));
        check("[\"CMD\", \"echo\", \"a,b\"]", Ok(Some(exec(&["echo", "a,b"]))));
        check(" NONE ", Ok(None));
    }

    #[test]
    fn what_an_engine_would_misunderstand_is_refused() {
        check("", Err("begins with ''"));
        check("[]", Err("must not be an empty list"));
        check("CMD", Err("must have a command behind CMD"));
        check("CMD-SHELL", Err("must have a command behind CMD-SHELL"));
        check("CMD-SHELL,", Err("must have a command behind CMD-SHELL"));
        check("CMD,,a", Err("must have a command behind CMD"));
        check("curl -f http://localhost/", Err("begins with 'curl -f http://localhost/'"));
        check("cmd-shell,true", Err("begins with 'cmd-shell'"));
        check("NONE,a", Err("nothing behind NONE"));
        check("[\"CMD\", 1]", Err("a list of texts in JSON"));
        check("[\"CMD\", \"a\\u0000\"]", Err("NUL"));
        check("[", Err("a list of texts in JSON"));
    }
}
