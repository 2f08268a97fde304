//! TLS sessions that later checks may take up, each only by the target it was made with.
//!
//! rustls remembers sessions by server name, which the targets of a group may share. One that knew the sessions of
//! another, as servers with common ticket keys do, would pass without its own certificate ever being shown. So each
//! check brings a [`Shelf`] of its own, and what lies there is found by the target's address too.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// Targets of a group and thread whose session is kept, one each. A session takes what the target sent to make it: its
/// certificates, once more its ticket, and some 500 bytes.
const PLACES: usize = 10_000;

/// A session is kept only while the target has sent no more than this. With a certificate chain from a check before,
/// it takes no more than twice as much.
const LONGEST: usize = 16 * 1024;

/// While there is no place left, one session in this many takes the place of another.
const PATIENCE: usize = 16;

/// The sessions of one group.
pub(super) type Sessions = Mutex<Places<Kept>>;

/// A session to be taken up.
#[derive(Debug)]
pub(super) enum Kept {
    Tls12(Tls12ClientSessionValue),
    Tls13(Tls13ClientSessionValue),
}

/// Where a session was made, and by which name.
type Key = (SocketAddr, Box<str>);

/// A table that never grows beyond its places.
///
/// Where there are more targets than places, each checked in turn, replacing the oldest would throw each one out right
/// before it is needed. So a newcomer rarely gets in, and as many checks find a session as there are places. That it
/// gets in at all is for the places of targets that are gone.
#[derive(Debug)]
pub(super) struct Places<T> {
    taken: BTreeMap<Key, T>,
    places: usize,
    /// Newcomers since one got in.
    refused: usize,
    /// Who was thrown out last; the next in order follows.
    hand: Option<Key>,
}

impl<T> Places<T> {
    fn new(places: usize) -> Self {
        Self { taken: BTreeMap::new(), places, refused: 0, hand: None }
    }

    fn put(&mut self, key: Key, value: T) {
        if self.taken.len() >= self.places && !self.taken.contains_key(&key) {
            self.refused += 1;
            if self.refused < PATIENCE {
                return;
            }
            self.refused = 0;
            self.throw_one_out();
        }
        self.taken.insert(key, value);
    }

    fn throw_one_out(&mut self) {
        let after = self.hand.take().map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.taken.range((after, Bound::Unbounded)).next().or_else(|| self.taken.iter().next());
        self.hand = next.map(|(key, _)| key.clone());
        if let Some(key) = &self.hand {
            self.taken.remove(key);
        }
    }
}

/// An empty table.
pub(super) fn sessions() -> Arc<Sessions> {
    Arc::new(Mutex::new(Places::new(PLACES)))
}

/// Where one check finds and leaves the session of its target.
#[derive(Debug)]
pub(super) struct Shelf {
    sessions: Arc<Sessions>,
    address: SocketAddr,
    /// Bytes the target has sent in this check, which no session can exceed.
    pub(super) taken: AtomicUsize,
}

impl Shelf {
    pub(super) fn new(sessions: &Arc<Sessions>, address: SocketAddr) -> Self {
        Self { sessions: Arc::clone(sessions), address, taken: AtomicUsize::new(0) }
    }

    fn key(&self, name: &ServerName<'_>) -> Key {
        (self.address, name.to_str().into())
    }

    fn sessions(&self) -> MutexGuard<'_, Places<Kept>> {
        // No panic leaves the table half changed.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, name: &ServerName<'_>, session: Kept) {
        if self.taken.load(Ordering::Relaxed) <= LONGEST {
            self.sessions().put(self.key(name), session);
        }
    }
}

impl ClientSessionStore for Shelf {
    /// Not kept: it spares a round trip only with targets that know none but rare groups.
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, name: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.put(&name, Kept::Tls12(session));
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        match self.sessions().taken.get(&self.key(name)) {
            Some(Kept::Tls12(session)) => Some(session.clone()),
            Some(Kept::Tls13(_)) | None => None,
        }
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        let (mut sessions, key) = (self.sessions(), self.key(name));
        if matches!(sessions.taken.get(&key), Some(Kept::Tls12(_))) {
            sessions.taken.remove(&key);
        }
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, session: Tls13ClientSessionValue) {
        self.put(&name, Kept::Tls13(session));
    }

    /// A ticket is used once (RFC 8446, appendix C.4).
    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let (mut sessions, key) = (self.sessions(), self.key(name));
        match sessions.taken.remove(&key)? {
            Kept::Tls13(session) => Some(session),
            session @ Kept::Tls12(_) => {
                sessions.taken.insert(key, session);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(target: u16) -> Key {
        (SocketAddr::from(([10, 0, 0, 1], target)), "web.internal".into())
    }

    /// Checks targets in turn, as often as `rounds` says; gives how many sessions the last round found.
    fn rounds(places: &mut Places<u16>, targets: std::ops::Range<u16>, rounds: usize) -> usize {
        let mut found = 0;
        for _ in 0..rounds {
            found = 0;
            for target in targets.clone() {
                found += usize::from(places.taken.remove(&key(target)).is_some());
                places.put(key(target), target);
                assert!(places.taken.len() <= 100);
            }
        }
        found
    }

    #[test]
    fn as_many_sessions_are_found_again_as_there_are_places() {
        let mut places = Places::new(100);
        assert_eq!(rounds(&mut places, 0..100, 2), 100);
        let found = rounds(&mut places, 0..200, 50);
        assert!((85..=100).contains(&found), "{found}");
    }

    #[test]
    fn targets_that_are_gone_leave_their_places_at_last() {
        let mut places = Places::new(100);
        rounds(&mut places, 0..100, 1);
        assert_eq!(rounds(&mut places, 100..200, 200), 100);
    }

    #[test]
    fn what_is_put_again_takes_no_second_place() {
        let mut places = Places::new(2);
        for value in 0..50 {
            places.put(key(1), value);
            places.put(key(2), value);
        }
        assert_eq!(places.taken.values().copied().collect::<Vec<_>>(), [49, 49]);
    }
}
