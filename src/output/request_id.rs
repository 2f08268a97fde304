//! The ids that answers of AWS's APIs carry.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::http::header::HeaderName;

use crate::model::tick::Tick;

/// The header that carries the id.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Makes the ids of requests, in the form of random UUIDs (RFC 9562, section 5.4).
///
/// They are to be told apart, not to be unguessable, so they are a counter mixed with the moment the process started.
#[derive(Debug)]
pub(super) struct RequestIds {
    seed: u64,
    count: AtomicU64,
}

impl RequestIds {
    pub(super) fn new(started: Tick) -> Self {
        Self { seed: mix(started.0), count: AtomicU64::new(0) }
    }

    /// Another one.
    pub(super) fn next(&self) -> String {
        let count = mix(self.seed ^ self.count.fetch_add(1, Relaxed));
        let (high, low) = (mix(count ^ self.seed), count);
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }
}

/// Spreads the bits of a number over all of another, one to one (Steele, Lea and Flood's SplitMix64).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_differ_and_look_like_random_uuids() {
        let ids = RequestIds::new(Tick(1));
        let many: BTreeSet<_> = (0..1_000).map(|_| ids.next()).collect();
        assert_eq!(many.len(), 1_000);
        for id in &many {
            let parts: Vec<_> = id.split('-').collect();
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
            assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{id}");
        }
        assert_ne!(RequestIds::new(Tick(2)).next(), RequestIds::new(Tick(1)).next());
    }
}
