//! What differs from one run to the next, by names that do not.

use std::collections::BTreeMap;

use serde_json::Value;

/// What was told under which name.
#[derive(Default)]
pub(super) struct Names {
    named: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, u32>,
}

impl Names {
    /// Parameters with what the names stand for.
    pub(super) fn given(&self, parameters: &str) -> String {
        self.named.iter().fold(parameters.to_owned(), |text, (what, name)| text.replace(name, what))
    }

    /// An answer with names in it.
    pub(super) fn told(&mut self, answer: Value) -> Value {
        match answer {
            Value::Object(fields) => {
                let told = fields.into_iter().map(|(key, value)| {
                    let told = match value {
                        Value::Number(_) if key.ends_with("At") => Value::from("{time}"),
                        Value::String(text) if key == "nextToken" => self.name("token", text).into(),
                        other => self.told(other),
                    };
                    (key, told)
                });
                Value::Object(told.collect())
            }
            Value::Array(values) => values.into_iter().map(|value| self.told(value)).collect(),
            Value::String(text) => self.text(&text).into(),
            other => other,
        }
    }

    /// A text in which every id of a task, a deployment or a container is named.
    fn text(&mut self, text: &str) -> String {
        let mut words: Vec<String> = Vec::new();
        for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
            let end = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-').len();
            let (word, rest) = word.split_at(end);
            let hex = |word: &str| word.bytes().all(|byte| byte.is_ascii_hexdigit());
            let uuid = word.len() == 36 && word.matches('-').count() == 4 && hex(&word.replace('-', ""));
            let number = words.last().is_some_and(|before| before == "ecs-svc/");
            let named = match word {
                _ if uuid => self.name("uuid", word.to_owned()),
                _ if word.len() == 32 && hex(word) => self.name("id", word.to_owned()),
                _ if number && word.bytes().all(|byte| byte.is_ascii_digit()) && !word.is_empty() => {
                    self.name("deployment", word.to_owned())
                }
                _ => word.to_owned(),
            };
            words.push(named + rest);
        }
        words.concat()
    }

    fn name(&mut self, kind: &'static str, what: String) -> String {
        let counts = &mut self.counts;
        let named = self.named.entry(what).or_insert_with(|| {
            let count = counts.entry(kind).or_default();
            *count += 1;
            format!("{{{kind}:{count}}}")
        });
        named.clone()
    }
}
