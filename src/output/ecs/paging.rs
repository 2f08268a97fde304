//! `nextToken` and `maxResults`. A token leads on in the list of the same question, and in no other.

use serde_json::{Value, json};

use crate::model::hash::stable;
use crate::output::ecs::action::Asked;
use crate::output::ecs::error::ApiError;
use crate::output::marker;

/// Members of a page at most.
const MOST: u32 = 100;

/// Which page of a list is asked for.
#[derive(Debug)]
pub(super) struct Page {
    page: marker::Page,
    backwards: bool,
}

impl Page {
    /// Reads the two parameters. `size` is how many members there are unless the call says otherwise, `question` whatever
    /// decides what is in the list.
    pub(super) fn read(asked: &Asked<'_>, size: u32, question: &[&str]) -> Result<Self, ApiError> {
        let size = asked.input.number("maxResults", &(1..=MOST))?.unwrap_or(size);
        let bytes = question.iter().flat_map(|part| part.bytes().chain([0]));
        let list = format!("{}/{:016x}", asked.action, stable(bytes));
        let page = marker::Page::new(list, asked.input.text("nextToken")?, size.into());
        let page = page.ok_or_else(|| ApiError::invalid_parameter("Invalid token"))?;
        Ok(Self { page, backwards: false })
    }

    /// The list goes from the last key to the first one.
    pub(super) fn backwards(self, backwards: bool) -> Self {
        Self { backwards, ..self }
    }

    /// The answer, which is the texts of the page in a list of this name, and the next token. `members` are keys and
    /// texts in the order of the keys.
    pub(super) fn of(&self, name: &str, members: Vec<(String, String)>) -> Value {
        let (page, next) = if self.backwards {
            self.page.take_back(members.into_iter().rev(), |(key, _)| key)
        } else {
            self.page.take(members.into_iter(), |(key, _)| key)
        };
        let texts: Vec<_> = page.into_iter().map(|(_, text)| text).collect();
        match next {
            Some(next) => json!({ name: texts, "nextToken": next }),
            None => json!({ name: texts }),
        }
    }
}
