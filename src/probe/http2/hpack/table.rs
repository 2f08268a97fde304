//! The tables that header fields are named from (RFC 7541, section 2.3).

use std::collections::VecDeque;

/// Fields that both sides know (RFC 7541, appendix A); the first has the index 1.
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// Octets that an entry counts beside its name and its value (RFC 7541, section 4.1).
const ENTRY: usize = 32;

/// The largest table there is unless we ask for another (RFC 9113, section 6.5.2), which we do not.
pub(super) const LARGEST: usize = 4096;

/// A name and a value.
type Entry = (Box<[u8]>, Box<[u8]>);

/// The dynamic table behind the static one.
#[derive(Debug)]
pub(super) struct Table {
    /// The newest first.
    entries: VecDeque<Entry>,
    size: usize,
    limit: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { entries: VecDeque::new(), size: 0, limit: LARGEST }
    }

    /// The field with this index, counted from 1 over both tables.
    pub(super) fn field(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let at = index.checked_sub(1)?;
        match STATIC.get(at) {
            Some((name, value)) => Some((name.as_bytes(), value.as_bytes())),
            None => self.entries.get(at - STATIC.len()).map(|(name, value)| (&**name, &**value)),
        }
    }

    /// Puts a field in, and out what it takes the room of. One that is larger than the table empties it.
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8]) {
        let size = name.len() + value.len() + ENTRY;
        self.make_room(size);
        if size <= self.limit {
            self.entries.push_front((name.into(), value.into()));
            self.size += size;
        }
    }

    /// Changes how large it may be, up to [`LARGEST`].
    pub(super) fn resize(&mut self, limit: usize) {
        self.limit = limit;
        self.make_room(0);
    }

    fn make_room(&mut self, size: usize) {
        while self.size + size > self.limit
            && let Some((name, value)) = self.entries.pop_back()
        {
            self.size -= name.len() + value.len() + ENTRY;
        }
    }
}

/// The index of a name in the static table, if it has one.
pub(super) fn index_of(name: &[u8]) -> Option<usize> {
    STATIC.iter().position(|(known, _)| known.as_bytes() == name).map(|at| at + 1)
}

/// The index of a whole field in the static table, if it has one.
pub(super) fn index_of_field(name: &[u8], value: &[u8]) -> Option<usize> {
    STATIC.iter().position(|&(a, b)| (a.as_bytes(), b.as_bytes()) == (name, value)).map(|at| at + 1)
}
