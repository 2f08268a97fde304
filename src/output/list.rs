//! A group's targets as one JSON list, rendered while it is sent.
//!
//! A list of 20,000 targets is twelve megabytes. Rendered as a whole for each of hundreds of slow clients it would fill
//! the memory; rendered in pieces, a client that does not read holds a few pieces and a pointer to the snapshot.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

use crate::output::json::{target, time};
use crate::runtime::view::{Listing, Snapshot};

/// Targets in a piece, about 150 kilobytes.
const PIECE: usize = 256;

/// Answers with every target of a group that is registered or draining.
#[must_use]
pub fn respond(snapshot: Snapshot, listing: Arc<Listing>) -> Response {
    let pieces = Pieces { snapshot, listing, next: Some(0), first: true };
    let body = stream::iter(pieces.map(Ok::<_, Infallible>));
    ([(CONTENT_TYPE, "application/json")], Body::from_stream(body)).into_response()
}

struct Pieces {
    snapshot: Snapshot,
    listing: Arc<Listing>,
    /// The place in the listing where the next piece begins; `None` once all has been said.
    next: Option<usize>,
    /// Whether no target has been written yet.
    first: bool,
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let begin = self.next?;
        let mut text = match begin {
            0 => format!("{{\"time\":\"{}\",\"targets\":[", time(self.snapshot.now)),
            _ => String::new(),
        };
        let end = (begin + PIECE).min(self.listing.targets.len());
        for listed in &self.listing.targets[begin..end] {
            let Some(seen) = self.snapshot.target(&self.listing, listed) else { continue };
            if !std::mem::take(&mut self.first) {
                text.push(',');
            }
            // A struct of strings and numbers always has a JSON form.
            text.push_str(&serde_json::to_string(&target(&self.listing, &seen)).unwrap_or_default());
        }
        self.next = (end < self.listing.targets.len()).then_some(end);
        if self.next.is_none() {
            text.push_str("]}");
        }
        Some(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::protocol::Protocol;
    use crate::model::target::TargetDescription;
    use crate::model::target_group::{GroupName, TargetGroup};
    use crate::output::json::targets;
    use crate::runtime::view::{Clock, Key, Listed, View};

    #[test]
    fn pieces_make_the_same_list_as_one_rendering() {
        for count in [0, 1, PIECE, PIECE + 1, 3 * PIECE] {
            let group = Arc::new(TargetGroup::new(GroupName::parse("web").unwrap(), Protocol::Http, 80));
            let one = |n: u32| Listed {
                target: Arc::new(TargetDescription { id: format!("host-{n}").into(), port: 80, more: None }),
                shard: 0,
                key: Key { index: n, generation: 1 },
                registered: true,
            };
            let targets_of_it = (0..u32::try_from(count).unwrap()).map(one).collect();
            let listing = Listing { desired: true, targets: targets_of_it, group: Arc::clone(&group) };
            let view = View::new(Clock::start(), 1);
            view.publish_listings([(group.name.clone(), Arc::new(listing))].into());
            let snapshot = view.snapshot();
            let listing = Arc::clone(&snapshot.groups["web"]);
            let whole = serde_json::to_string(&targets(&snapshot, &listing)).unwrap();
            let pieces = Pieces { snapshot, listing, next: Some(0), first: true };
            let joined: Vec<u8> = pieces.flatten().collect();
            assert_eq!(String::from_utf8(joined).unwrap(), whole);
        }
    }
}
