//! A list in pages, each of which begins behind the last member of the one before.

/// Which page of a list is asked for.
#[derive(Debug)]
pub(super) struct Page {
    list: String,
    after: Option<String>,
    size: usize,
}

impl Page {
    /// The page that `marker` leads to, the first one without. `list` tells markers of different lists apart. `None` if
    /// the marker was not given for this list.
    pub(super) fn new(list: String, marker: Option<&str>, size: u64) -> Option<Self> {
        let after = match marker.filter(|text| !text.is_empty()) {
            Some(text) => Some(decode(&list, text)?),
            None => None,
        };
        Some(Self { list, after, size: usize::try_from(size).unwrap_or(usize::MAX) })
    }

    /// The members of the page, and the marker of the next one. `members` are in the order of their keys; since a
    /// marker holds the key of the last member told, what comes and goes between two calls moves no other member.
    pub(super) fn take<T>(
        &self,
        members: impl Iterator<Item = T>,
        key: impl Fn(&T) -> &str,
    ) -> (Vec<T>, Option<String>) {
        self.behind(members, &key, |key, after| key <= after)
    }

    /// The same of `members` that are in the opposite order of their keys.
    pub(super) fn take_back<T>(
        &self,
        members: impl Iterator<Item = T>,
        key: impl Fn(&T) -> &str,
    ) -> (Vec<T>, Option<String>) {
        self.behind(members, &key, |key, after| key >= after)
    }

    fn behind<T>(
        &self,
        members: impl Iterator<Item = T>,
        key: &impl Fn(&T) -> &str,
        is_told: fn(&str, &str) -> bool,
    ) -> (Vec<T>, Option<String>) {
        let after = self.after.as_deref();
        let told = |member: &T| after.is_some_and(|after| is_told(key(member), after));
        let mut rest = members.skip_while(told).peekable();
        let page: Vec<T> = rest.by_ref().take(self.size).collect();
        let last = page.last().filter(|_| rest.peek().is_some());
        let marker = last.map(|last| encode(&self.list, key(last)));
        (page, marker)
    }
}

/// A marker is not to be made by clients, so it does not look like something to make.
pub(super) fn encode(list: &str, key: &str) -> String {
    format!("{list}/{key}").bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(list: &str, marker: &str) -> Option<String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    let bytes = marker.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>()?;
    let text = String::from_utf8(bytes).ok()?;
    Some(text.strip_prefix(list)?.strip_prefix('/')?.to_owned())
}
