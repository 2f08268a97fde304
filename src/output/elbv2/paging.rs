//! `Marker` and `PageSize`: a list in pages, each of which begins behind the last member of the one before.

use std::ops::RangeInclusive;

use crate::model::excerpt::excerpt;
use crate::output::elbv2::error::ApiError;
use crate::output::elbv2::form::Params;
use crate::output::marker;

/// Members of a page, and how many there are unless the call says otherwise.
const SIZES: RangeInclusive<u64> = 1..=400;

/// Which page of a list is asked for.
#[derive(Debug)]
pub(super) struct Page(marker::Page);

impl Page {
    /// Reads `Marker` and `PageSize`. `list` tells markers of different lists apart.
    pub(super) fn read(params: &Params, list: &'static str) -> Result<Self, ApiError> {
        let size = match params.get("PageSize") {
            Some(text) => number(text, "pageSize", &SIZES)?,
            None => *SIZES.end(),
        };
        let text = params.get("Marker");
        let page = marker::Page::new(list.to_owned(), text, size).ok_or_else(|| {
            let text = excerpt(text.unwrap_or_default());
            ApiError::validation(format!("'{text}' is not a marker that was given for this list"))
        })?;
        Ok(Self(page))
    }

    /// The members of the page, and the marker of the next one. `members` are in the order of their keys.
    pub(super) fn take<T>(
        &self,
        members: impl Iterator<Item = T>,
        key: impl Fn(&T) -> &str,
    ) -> (Vec<T>, Option<String>) {
        self.0.take(members, key)
    }
}

/// Reads a whole number. `place` is where the API's model has it, as in `pageSize`.
pub(super) fn number(text: &str, place: &str, allowed: &RangeInclusive<u64>) -> Result<u64, ApiError> {
    let wrong = |what: String| {
        let text = excerpt(text);
        Err(ApiError::validation(format!(
            "1 validation error detected: Value '{text}' at '{place}' failed to satisfy constraint: Member must {what}"
        )))
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return wrong("be a whole number".to_owned());
    }
    // Whatever is beyond the type is beyond the range, too.
    let number = if digits.len() < text.len() { 0 } else { text.parse().unwrap_or(u64::MAX) };
    match number {
        number if number < *allowed.start() => {
            wrong(format!("have value greater than or equal to {}", allowed.start()))
        }
        number if number > *allowed.end() => {
            wrong(format!("have value less than or equal to {}", allowed.end()))
        }
        number => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::marker::encode;

    fn page(query: &str) -> Result<Page, ApiError> {
        Page::read(&Params::read(query.as_bytes(), b"").unwrap(), "names")
    }

    #[test]
    fn pages_make_the_whole_list_even_if_the_last_member_told_has_gone() {
        let (first, marker) = page("PageSize=2").unwrap().take(["a", "b", "c", "d"].into_iter(), |name| name);
        assert_eq!(first, ["a", "b"]);
        let query = format!("PageSize=2&Marker={}", marker.unwrap());
        let (second, marker) = page(&query).unwrap().take(["0", "a", "c", "d"].into_iter(), |name| name);
        assert_eq!((second, marker), (vec!["c", "d"], None));
        let (none, marker) = page(&query).unwrap().take(["a"].into_iter(), |name| name);
        assert_eq!((none.len(), marker), (0, None));
    }

    #[test]
    fn sizes_and_markers_out_of_range_are_refused() {
        for (query, message) in [
            (
                "PageSize=0",
                "1 validation error detected: Value '0' at 'pageSize' failed to satisfy constraint: Member must have value greater than or equal to 1",
            ),
            (
                "PageSize=401",
                "1 validation error detected: Value '401' at 'pageSize' failed to satisfy constraint: Member must have value less than or equal to 400",
            ),
            (
                "PageSize=x",
                "1 validation error detected: Value 'x' at 'pageSize' failed to satisfy constraint: Member must be a whole number",
            ),
            (
                "PageSize=-1",
                "1 validation error detected: Value '-1' at 'pageSize' failed to satisfy constraint: Member must have value greater than or equal to 1",
            ),
            (
                "PageSize=%2B5",
                "1 validation error detected: Value '+5' at 'pageSize' failed to satisfy constraint: Member must be a whole number",
            ),
            (
                "PageSize=18446744073709551616",
                "1 validation error detected: Value '18446744073709551616' at 'pageSize' failed to satisfy constraint: Member must have value less than or equal to 400",
            ),
            ("Marker=web", "'web' is not a marker that was given for this list"),
            ("Marker=7", "'7' is not a marker that was given for this list"),
            (
                &format!("Marker={}", encode("limits", "a")),
                "'6c696d6974732f61' is not a marker that was given for this list",
            ),
        ] {
            let error = page(query).unwrap_err();
            assert_eq!((error.code, error.message.as_str()), ("ValidationError", message));
        }
    }
}
