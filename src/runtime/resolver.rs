//! Host names to addresses, by the system's resolver, off the probing threads.
//!
//! Names are looked up again while running. A lookup may hang for as long as the system allows: each runs on a thread
//! of its own, and until it ends the name keeps the answer it had.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::engine::shard::Key;
use crate::model::tick::Tick;
use crate::runtime::clock::Clock;
use crate::runtime::mailbox::Mailbox;
use crate::runtime::shard_loop::Message;

/// Lookups at once. Each holds a thread while a name server is silent, usually ten seconds.
pub const LOOKUPS: usize = 64;

/// A name that could not be looked up is tried again this soon.
const RETRY: Duration = Duration::from_secs(5);

/// What is known of a name's address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Resolution {
    /// The first lookup has not ended.
    Pending,
    /// The address to check.
    Address(IpAddr),
    /// The name does not exist: the target's failure.
    NotFound,
    /// The name exists and has no address: the target's failure.
    NoAddress,
    /// The resolver failed or timed out: our own trouble.
    Trouble,
}

/// Looks a name up; blocks.
///
/// Of several addresses `current` is kept while it is among them, else the lowest IPv4 address is taken, else the
/// lowest IPv6 address (docs/semantics.md, "Names").
#[must_use]
pub fn resolve(name: &str, current: Option<IpAddr>) -> Resolution {
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = match getaddrinfo(Some(name), None, Some(hints)) {
        Ok(found) => found,
        Err(error) => {
            return match error.kind() {
                LookupErrorKind::NoName => Resolution::NotFound,
                LookupErrorKind::NoData => Resolution::NoAddress,
                LookupErrorKind::Again
                | LookupErrorKind::Badflags
                | LookupErrorKind::Fail
                | LookupErrorKind::Family
                | LookupErrorKind::IO
                | LookupErrorKind::Memory
                | LookupErrorKind::Service
                | LookupErrorKind::Socktype
                | LookupErrorKind::System
                | LookupErrorKind::Unknown => Resolution::Trouble,
            };
        }
    };
    choose(found.flatten().map(|info| info.sockaddr.ip()), current)
}

fn choose(found: impl Iterator<Item = IpAddr>, current: Option<IpAddr>) -> Resolution {
    // An IPv4 address written as an IPv6 one is checked over IPv4, so it is one of the IPv4 addresses here too.
    let addresses: BTreeSet<IpAddr> = found.map(|address| address.to_canonical()).collect();
    match current.filter(|current| addresses.contains(current)).or_else(|| addresses.first().copied()) {
        Some(address) => Resolution::Address(address),
        None => Resolution::NoAddress,
    }
}

/// What the resolver is asked.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Keep a target's shard informed of a name's address.
    Follow(Box<str>, (u16, Key)),
    /// No longer.
    Forget(Box<str>, (u16, Key)),
}

#[derive(Debug)]
struct Name {
    /// Places in the shards' tables, and which registration is there now.
    followers: BTreeMap<(u16, u32), u32>,
    resolution: Resolution,
    /// The address of the latest answer. A resolver that fails answers nothing, so this stays.
    current: Option<IpAddr>,
    /// When it is looked up next; `None` while a lookup is running.
    next: Option<Tick>,
}

/// Follows names until `asks` closes, telling shards what their targets resolve to.
pub async fn run(mut asks: mpsc::Receiver<Vec<Ask>>, shards: Vec<Mailbox>, clock: Clock, interval: Duration) {
    let mut names: BTreeMap<Box<str>, Name> = BTreeMap::new();
    // Names by when they are looked up next, so that a turn costs the same for ten names and for 100,000. An entry
    // whose name has moved since is passed over when its moment comes.
    let mut queue: BTreeSet<(Tick, Box<str>)> = BTreeSet::new();
    let mut running: JoinSet<(Box<str>, Resolution)> = JoinSet::new();
    loop {
        let now = clock.now();
        // Names wait in the queue and not as lookups: who is no longer followed when its turn comes is not looked up.
        while running.len() < LOOKUPS
            && let Some((at, text)) = pop_due(&mut queue, now)
        {
            let Some(name) = names.get_mut(&text).filter(|name| name.next == Some(at)) else { continue };
            name.next = None;
            running.spawn(look_up(text, name.current));
        }
        let wake = queue.first().map(|(at, _)| *at).filter(|_| running.len() < LOOKUPS);
        tokio::select! {
            ask = asks.recv() => {
                let Some(batch) = ask else { return };
                for ask in batch {
                    let (Ask::Follow(text, _) | Ask::Forget(text, _)) = ask.clone();
                    let before = names.get(&text).and_then(|name| name.next);
                    let told = on_ask(&mut names, ask, now);
                    if let Some(at) = before.filter(|_| !names.contains_key(&text)) {
                        queue.remove(&(at, text.clone()));
                    }
                    enqueue(&mut queue, &names, text);
                    tell(&shards, told).await;
                }
            }
            Some(done) = running.join_next() => {
                // `look_up` turns a lookup that panicked into trouble, so only a runtime that stops ends up here.
                let Ok((text, resolution)) = done else { return };
                let told = on_answer(&mut names, &text, resolution, clock.now(), interval);
                enqueue(&mut queue, &names, text);
                tell(&shards, told).await;
            }
            () = clock.sleep_until(wake.unwrap_or(now)), if wake.is_some() => (),
        }
    }
}

fn pop_due(queue: &mut BTreeSet<(Tick, Box<str>)>, now: Tick) -> Option<(Tick, Box<str>)> {
    if queue.first()?.0 <= now { queue.pop_first() } else { None }
}

fn enqueue(queue: &mut BTreeSet<(Tick, Box<str>)>, names: &BTreeMap<Box<str>, Name>, text: Box<str>) {
    if let Some(at) = names.get(&text).and_then(|name| name.next) {
        queue.insert((at, text));
    }
}

/// Runs one lookup on a thread of its own. One that panics is trouble of ours.
async fn look_up(name: Box<str>, current: Option<IpAddr>) -> (Box<str>, Resolution) {
    let asked = name.clone();
    let answer = tokio::task::spawn_blocking(move || resolve(&asked, current)).await;
    (name, answer.unwrap_or(Resolution::Trouble))
}

/// What to tell whom: shards' targets and what they resolve to.
type Told = Vec<(u16, Key, Resolution)>;

fn on_ask(names: &mut BTreeMap<Box<str>, Name>, ask: Ask, now: Tick) -> Told {
    match ask {
        Ask::Follow(text, (shard, key)) => {
            let name = names.entry(text).or_insert_with(|| Name {
                followers: BTreeMap::new(),
                resolution: Resolution::Pending,
                current: None,
                next: Some(now),
            });
            name.followers.insert((shard, key.index), key.generation);
            if name.resolution == Resolution::Pending {
                Told::new()
            } else {
                vec![(shard, key, name.resolution)]
            }
        }
        Ask::Forget(text, (shard, key)) => {
            if let Some(name) = names.get_mut(&text) {
                let place = (shard, key.index);
                // A target that came back meanwhile follows with a new generation.
                if name.followers.get(&place) == Some(&key.generation) {
                    name.followers.remove(&place);
                }
                // One that is being looked up stays until that ends, so that it is never looked up twice at once.
                if name.followers.is_empty() && name.next.is_some() {
                    names.remove(&text);
                }
            }
            Told::new()
        }
    }
}

fn on_answer(
    names: &mut BTreeMap<Box<str>, Name>,
    text: &str,
    resolution: Resolution,
    now: Tick,
    interval: Duration,
) -> Told {
    let Some(name) = names.get_mut(text) else { return Told::new() };
    if name.followers.is_empty() {
        names.remove(text);
        return Told::new();
    }
    name.current = match resolution {
        Resolution::Address(address) => Some(address),
        Resolution::NotFound | Resolution::NoAddress => None,
        Resolution::Pending | Resolution::Trouble => name.current,
    };
    let good = matches!(resolution, Resolution::Address(_));
    name.next = Some(now + if good { interval } else { RETRY.min(interval) });
    let changed = name.resolution != resolution;
    name.resolution = resolution;
    let followers = name.followers.iter().filter(|_| changed);
    let told = followers.map(|(&(shard, index), &generation)| (shard, Key { index, generation }, resolution));
    told.collect()
}

async fn tell(shards: &[Mailbox], told: Told) {
    for (shard, key, resolution) in told {
        if let Some(shard) = shards.get(usize::from(shard)) {
            // A shard that is gone is stopping with everything else.
            shard.send(Message::Resolved(key, resolution)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Resolution = Resolution::Address(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    const FOLLOWER: (u16, Key) = (0, Key { index: 1, generation: 1 });

    #[test]
    fn the_system_resolver_knows_localhost_and_keeps_the_current_address() {
        assert_eq!(resolve("localhost", None), ADDRESS);
        let elsewhere = "192.0.2.1".parse().ok();
        assert_eq!(resolve("localhost", elsewhere), ADDRESS);
    }

    #[test]
    fn an_ipv4_address_is_one_however_the_answer_writes_it() {
        let found = ["fd00::1", "::ffff:192.0.2.9", "192.0.2.9"].map(|text| text.parse().unwrap());
        let [new, written, old] = found;
        assert_eq!(choose([new, written].into_iter(), None), Resolution::Address(old));
        assert_eq!(choose([new, written].into_iter(), Some(old)), Resolution::Address(old));
        assert_eq!(choose([new].into_iter(), Some(old)), Resolution::Address(new));
        assert_eq!(choose([].into_iter(), Some(old)), Resolution::NoAddress);
    }

    #[test]
    fn followers_hear_of_changes_only() {
        let mut names = BTreeMap::new();
        let interval = Duration::from_secs(30);
        assert!(on_ask(&mut names, Ask::Follow("web".into(), FOLLOWER), Tick(0)).is_empty());
        assert_eq!(on_answer(&mut names, "web", ADDRESS, Tick(5), interval), [(0, FOLLOWER.1, ADDRESS)]);
        assert_eq!(on_answer(&mut names, "web", ADDRESS, Tick(9), interval), []);
        assert_eq!(names["web"].next, Some(Tick(30_009)));
        let late = (1, Key { index: 2, generation: 2 });
        assert_eq!(on_ask(&mut names, Ask::Follow("web".into(), late), Tick(10)), [(1, late.1, ADDRESS)]);
        let told = on_answer(&mut names, "web", Resolution::Trouble, Tick(20), interval);
        assert_eq!(told.len(), 2);
        assert_eq!(names["web"].next, Some(Tick(5_020)), "trouble is retried sooner");
    }

    #[test]
    fn an_address_stays_in_use_while_the_resolver_fails() {
        let mut names = BTreeMap::new();
        _ = on_ask(&mut names, Ask::Follow("web".into(), FOLLOWER), Tick(0));
        let found = ["192.0.2.3", "192.0.2.9"].map(|text| text.parse::<IpAddr>().unwrap());
        let mut answer = |resolution| {
            _ = on_answer(&mut names, "web", resolution, Tick(5), Duration::from_secs(30));
            // What the next good lookup makes of the same answers.
            choose(found.into_iter(), names["web"].current)
        };
        let [low, high] = found.map(Resolution::Address);
        for (answered, next) in [
            (high, high),
            (Resolution::Trouble, high),
            (Resolution::Trouble, high),
            // An answer without it: the address is no longer among the answers.
            (Resolution::NotFound, low),
            (high, high),
            (Resolution::NoAddress, low),
        ] {
            assert_eq!(answer(answered), next, "after {answered:?}");
        }
    }

    #[test]
    fn a_name_is_taken_when_it_is_due_and_not_before() {
        let (mut names, mut queue) = (BTreeMap::new(), BTreeSet::new());
        _ = on_ask(&mut names, Ask::Follow("web".into(), FOLLOWER), Tick(5));
        // Asked for twice, or forgotten, a name stands in the queue once, or not at all.
        enqueue(&mut queue, &names, "web".into());
        enqueue(&mut queue, &names, "web".into());
        enqueue(&mut queue, &names, "gone".into());
        assert_eq!(pop_due(&mut queue, Tick(4)), None);
        assert_eq!(pop_due(&mut queue, Tick(5)), Some((Tick(5), "web".into())));
        assert_eq!(pop_due(&mut queue, Tick(99)), None);
    }

    #[test]
    fn a_name_that_comes_and_goes_is_looked_up_once_at_a_time() {
        let mut names = BTreeMap::new();
        let interval = Duration::from_secs(30);
        _ = on_ask(&mut names, Ask::Follow("web".into(), FOLLOWER), Tick(0));
        for generation in 2..5 {
            // A lookup is running.
            names.get_mut("web").unwrap().next = None;
            let before = (0, Key { index: 1, generation: generation - 1 });
            _ = on_ask(&mut names, Ask::Forget("web".into(), before), Tick(1));
            _ = on_ask(&mut names, Ask::Follow("web".into(), (0, Key { index: 1, generation })), Tick(2));
            assert_eq!(names["web"].next, None, "no other is begun");
        }
        let last = (0, Key { index: 1, generation: 4 });
        assert_eq!(on_answer(&mut names, "web", ADDRESS, Tick(3), interval), [(0, last.1, ADDRESS)]);
        // Nobody is left when the next one ends.
        names.get_mut("web").unwrap().next = None;
        _ = on_ask(&mut names, Ask::Forget("web".into(), last), Tick(4));
        assert!(on_answer(&mut names, "web", ADDRESS, Tick(5), interval).is_empty());
        assert!(names.is_empty());
    }

    #[test]
    fn a_name_nobody_follows_is_forgotten() {
        let mut names = BTreeMap::new();
        _ = on_ask(&mut names, Ask::Follow("web".into(), FOLLOWER), Tick(0));
        _ = on_ask(&mut names, Ask::Forget("web".into(), FOLLOWER), Tick(1));
        assert!(names.is_empty());
        assert!(on_answer(&mut names, "web", ADDRESS, Tick(2), Duration::from_secs(1)).is_empty());
    }
}
