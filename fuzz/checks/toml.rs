//! Configurations: the input is the file; behind a line `--- credentials.toml ---` the file of that name follows. No
//! other file is there.

use std::collections::BTreeSet;
use std::io;

use tgprobe::config::{Config, Errors, parse};
use tgprobe::model::credential::Credential;
use tgprobe::model::matcher::Matcher;
use tgprobe::model::target_group::GroupName;

use super::cut;

/// What stands between the two files.
const MARK: &[u8] = b"\n--- credentials.toml ---\n";

/// A configuration is refused with the place of every error, or is one that everyone else may rely on.
pub fn check(input: &[u8]) -> bool {
    let (text, credentials) = cut(input, MARK);
    let Ok(text) = str::from_utf8(text) else { return false };
    let read = |text: &str| {
        parse(text, "a.toml", &|path| match path.to_str() {
            Some("credentials.toml") => Ok(credentials.to_vec()),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such file")),
        })
    };
    let first = read(text);
    assert_eq!(first, read(text), "read again");
    match &first {
        Err(errors) => explains(errors, text),
        Ok(config) => {
            // A comment at the end is no part of it.
            assert_eq!(read(&format!("{text}\n# the end")).as_ref(), Ok(config));
            sound(config);
        }
    }
    first.is_ok()
}

fn explains(errors: &Errors, text: &str) {
    assert!(!errors.is_empty() && errors.len() == errors.iter().count());
    let shown = errors.to_string();
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    // A block of three lines for each of a hundred errors, and how many more there are.
    assert!(shown.lines().count() <= 301, "{shown}");
    let lines: Vec<&str> = text.split('\n').collect();
    let mut last = (0, 0);
    for error in errors {
        assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error:?}");
        // Errors of the other file come behind, with places of their own and without its lines, which hold secrets.
        if !error.to_string().starts_with("a.toml:") {
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
            continue;
        }
        assert!(last <= (error.line, error.column), "not in order: {shown}");
        last = (error.line, error.column);
        if error.line > 0 {
            let line = lines.get(error.line - 1);
            let width = line.map(|line| line.chars().count());
            assert!(
                width.is_some_and(|width| (1..=width + 1).contains(&error.column)),
                "{error:?}: {line:?}"
            );
        }
    }
}

fn sound(config: &Config) {
    let mut names = BTreeSet::new();
    for wanted in &config.desired.groups {
        let group = &wanted.group;
        assert!(names.insert(group.name.as_str()), "{} twice", group.name);
        assert_eq!(GroupName::parse_shown(group.name.as_str()).as_ref(), Ok(&group.name));
        let check = &group.health_check;
        assert!(!check.timeout.is_zero() && check.timeout <= check.interval, "{check:?}");
        assert!(check.stale_after >= check.interval * 2 + check.timeout, "{check:?}");
        assert!(check.path.starts_with('/'), "{}", check.path);
        assert!(Matcher::parse_within(check.matcher.as_str(), &(0..=599)).is_ok(), "{}", check.matcher);
        let mut targets = BTreeSet::new();
        for target in &wanted.targets {
            assert!(targets.insert((&*target.id, target.port)), "{} twice", target.id);
        }
    }
    if let Some(credentials) = &config.credentials {
        assert!(!credentials.is_empty());
        let mut ids = BTreeSet::new();
        for credential in credentials {
            let Credential { access_key_id, secret_access_key, session_token, bearer_token, .. } = credential;
            assert!(Credential::is_access_key_id(access_key_id) && ids.insert(access_key_id));
            assert!(Credential::is_secret(secret_access_key.reveal()));
            assert!(session_token.as_ref().is_none_or(|token| Credential::is_secret(token.reveal())));
            assert!(bearer_token.as_ref().is_none_or(|token| Credential::is_bearer_token(token.reveal())));
        }
    }
}
