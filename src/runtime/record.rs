//! What is told of one target, and the place where its shard writes it while anyone may read it.
//!
//! A place is eleven words of atomics under a sequence counter (a "seqlock"). The one writer makes the counter odd,
//! writes, and makes it even again; a reader that finds it odd, or changed after it has read, reads once more. So the
//! writer never waits, a check costs it a dozen stores, and no reader ever takes half of a record for a whole one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};
use std::time::Duration;

use crate::engine::machine::Streak;
use crate::engine::shard::{Key, Status};
use crate::model::failure::Failure;
use crate::model::health::{Reason, State, TargetHealth};
use crate::model::outcome::{Cause, Outcome, Report, Timings};
use crate::model::tick::Tick;

/// What is told of one target beside its registration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Record {
    /// Which registration it is about.
    pub key: Key,
    /// What the rules say. At most one of its three moments ahead is told: the end of a drain, else the next check.
    pub status: Status,
    /// The address checked; unknown while a host name is not resolved.
    pub address: Option<IpAddr>,
    /// The latest check that ended, and when it started. Its times are whole microseconds, at most 71 minutes.
    pub last_check: Option<(Tick, Report)>,
    /// When the latest check that was conclusive started.
    pub last_conclusive: Option<Tick>,
}

/// What a reader finds where a registration should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lookup<T> {
    /// Its shard has not heard of it yet.
    Unpublished,
    /// This.
    Found(T),
    /// It ended; its place is empty, or another registration's.
    Forgotten,
}

impl<T> Lookup<T> {
    /// The same of a part of what was found.
    #[must_use]
    pub fn map<U>(self, part: impl FnOnce(T) -> U) -> Lookup<U> {
        match self {
            Self::Unpublished => Lookup::Unpublished,
            Self::Found(found) => Lookup::Found(part(found)),
            Self::Forgotten => Lookup::Forgotten,
        }
    }

    /// What was found, if anything.
    #[must_use]
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(found) => Some(found),
            Self::Unpublished | Self::Forgotten => None,
        }
    }
}

/// Words that tell of the target itself, then words that tell of its checks.
const STATUS_WORDS: usize = 6;
const CHECK_WORDS: usize = 5;

type StatusWords = [u64; STATUS_WORDS];
type CheckWords = [u64; CHECK_WORDS];

/// Looks at a place that is being written before the reader lets other threads run: the writer needs some
/// nanoseconds, unless the kernel has put it aside in the midst.
const SPINS: u32 = 64;

/// The place of one target. Written by the thread of its shard only.
#[derive(Debug, Default)]
pub struct Slot {
    /// Odd while the slot is being written.
    sequence: AtomicU32,
    generation: AtomicU32,
    status: [AtomicU64; STATUS_WORDS],
    check: [AtomicU64; CHECK_WORDS],
}

impl Slot {
    /// Writes what is known of a registration. Without `check` the latest check of this registration stays.
    pub fn tell(&self, key: Key, status: &Status, address: Option<IpAddr>, check: Option<(Tick, &Report)>) {
        let words = encode_status(status, address);
        let known = self.generation.load(Relaxed) == key.generation && self.is_occupied();
        let before =
            if known { self.check.each_ref().map(|word| word.load(Relaxed)) } else { [0; CHECK_WORDS] };
        let check = check.map(|(started, report)| encode_check(started, report, before[CONCLUSIVE]));
        let check = check.or_else(|| (!known).then_some(before));
        self.write(|slot| {
            slot.generation.store(key.generation, Relaxed);
            store(&slot.status, words);
            if let Some(check) = check {
                store(&slot.check, check);
            }
        });
    }

    /// Empties the place. It remembers whose it was, so that a reader with an old list knows that this one is gone.
    /// That of a later registration stays.
    pub fn forget(&self, key: Key) {
        if self.generation.load(Relaxed) == key.generation {
            self.write(|slot| slot.status[0].store(FORGOTTEN, Relaxed));
        }
    }

    /// The record of a registration.
    #[must_use]
    pub fn record(&self, key: Key) -> Lookup<Record> {
        let (generation, status, check) = self.read(|slot| {
            let status = slot.status.each_ref().map(|word| word.load(Relaxed));
            (slot.generation.load(Relaxed), status, slot.check.each_ref().map(|word| word.load(Relaxed)))
        });
        lookup(key, generation, status[0], || decode(key, status, check))
    }

    /// State, reason and failure of a registration: a part of its record, for those who count.
    #[must_use]
    pub fn health(&self, key: Key) -> Lookup<TargetHealth> {
        let (generation, word) =
            self.read(|slot| (slot.generation.load(Relaxed), slot.status[0].load(Relaxed)));
        lookup(key, generation, word, || decode_health(&mut Unpacker(word >> TAG_BITS)))
    }

    fn is_occupied(&self) -> bool {
        Unpacker(self.status[0].load(Relaxed)).take(TAG_BITS) == OCCUPIED
    }

    fn write(&self, write: impl FnOnce(&Self)) {
        let sequence = self.sequence.load(Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Relaxed);
        // A reader that sees any word written below also sees the odd number above.
        fence(Release);
        write(self);
        self.sequence.store(sequence.wrapping_add(2), Release);
    }

    fn read<T>(&self, read: impl Fn(&Self) -> T) -> T {
        let mut tries = 0;
        loop {
            let before = self.sequence.load(Acquire);
            if before.is_multiple_of(2) {
                let value = read(self);
                // Pairs with the fence of the writer: what was read is older than the number read next.
                fence(Acquire);
                if self.sequence.load(Relaxed) == before {
                    return value;
                }
            }
            tries = (tries + 1) % SPINS;
            if tries == 0 { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
    }
}

fn store<const N: usize>(words: &[AtomicU64; N], values: [u64; N]) {
    words.iter().zip(values).for_each(|(word, value)| word.store(value, Relaxed));
}

/// The lowest bits of the first word: whether the place was ever used, is, or was. All zero is a place never used.
const TAG_BITS: u32 = 2;
const OCCUPIED: u64 = 1;
const FORGOTTEN: u64 = 2;

fn lookup<T>(key: Key, generation: u32, word: u64, found: impl FnOnce() -> T) -> Lookup<T> {
    let tag = Unpacker(word).take(TAG_BITS);
    // Generations grow and may wrap: whatever lies up to half their number ahead is later.
    let ahead = generation.wrapping_sub(key.generation);
    if tag == OCCUPIED && ahead == 0 {
        Lookup::Found(found())
    } else if tag != 0 && ahead <= u32::MAX / 2 {
        Lookup::Forgotten
    } else {
        Lookup::Unpublished
    }
}

/// Places within [`CheckWords`].
const STARTED: usize = 0;
const VERDICT: usize = 1;
const TOTAL_AND_CONNECT: usize = 2;
const TLS_AND_RESPONSE: usize = 3;
const CONCLUSIVE: usize = 4;

fn encode_status(status: &Status, address: Option<IpAddr>) -> StatusWords {
    let Status { health, since, streak, conclusive_state, next_check, check_after, drain_ends } = *status;
    let moments = [(3, drain_ends), (1, next_check), (2, check_after)];
    let ahead = moments.into_iter().find_map(|(kind, moment)| Some((kind, moment?)));
    let (fails, count) = match streak {
        Streak::Passes(count) => (0, count),
        Streak::Fails(count) => (1, count),
    };
    let (family, [high, low]) = match address {
        None => (0, [0; 2]),
        Some(IpAddr::V4(ip)) => (1, [0, u64::from(ip.to_bits())]),
        Some(IpAddr::V6(ip)) => (2, halves(ip.to_bits())),
    };
    let mut word = Packer::default();
    word.put(TAG_BITS, OCCUPIED);
    word.put(3, index(health.state.index()));
    word.put(4, health.reason.map_or(0, |reason| index(reason.index()) + 1));
    put_failure(&mut word, health.failure);
    word.put(3, index(conclusive_state.index()));
    word.put(1, fails);
    word.put(2, ahead.map_or(0, |(kind, _)| kind));
    word.put(2, family);
    [word.word, since.0, encode_tick(ahead.map(|(_, moment)| moment)), u64::from(count), high, low]
}

fn encode_check(started: Tick, report: &Report, conclusive: u64) -> CheckWords {
    let Report { outcome, status, timings } = report;
    let mut word = Packer::default();
    let (kind, failure, cause) = match *outcome {
        Outcome::Pass => (0, None, 0),
        Outcome::Fail(failure) => (1, Some(failure), 0),
        Outcome::Inconclusive(cause) => (2, None, index(cause.kind())),
    };
    word.put(2, kind);
    put_failure(&mut word, failure);
    word.put(3, cause);
    word.put(1, u64::from(status.is_some()));
    word.put(16, status.map_or(0, u64::from));
    let Timings { connect, tls, response, total } = *timings;
    for phase in [connect, tls, response] {
        word.put(1, u64::from(phase.is_some()));
    }
    let started = encode_tick(Some(started));
    [
        started,
        word.word,
        pair(micros(Some(total)), micros(connect)),
        pair(micros(tls), micros(response)),
        if kind == 2 { conclusive } else { started },
    ]
}

fn decode(key: Key, status: StatusWords, check: CheckWords) -> Record {
    let [word, since, moment, count, high, low] = status;
    let mut word = Unpacker(word >> TAG_BITS);
    let health = decode_health(&mut word);
    let conclusive_state = state(word.take(3));
    let fails = word.take(1) == 1;
    let (kind, moment) = (word.take(2), decode_tick(moment));
    let ahead = |which| moment.filter(|_| kind == which);
    let address = match word.take(2) {
        0 => None,
        1 => Some(IpAddr::V4(Ipv4Addr::from_bits(half(low)))),
        _ => Some(IpAddr::V6(Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low)))),
    };
    let status = Status {
        health,
        since: Tick(since),
        streak: if fails { Streak::Fails(half(count)) } else { Streak::Passes(half(count)) },
        conclusive_state,
        next_check: ahead(1),
        check_after: ahead(2),
        drain_ends: ahead(3),
    };
    let last_check = decode_tick(check[STARTED]).map(|started| (started, decode_report(check)));
    Record { key, status, address, last_check, last_conclusive: decode_tick(check[CONCLUSIVE]) }
}

fn decode_health(word: &mut Unpacker) -> TargetHealth {
    let state = state(word.take(3));
    let reason = word.take(4).checked_sub(1).and_then(|index| Reason::ALL.get(usize_of(index))).copied();
    TargetHealth { state, reason, failure: take_failure(word) }
}

fn decode_report(check: CheckWords) -> Report {
    let mut word = Unpacker(check[VERDICT]);
    let kind = word.take(2);
    let failure = take_failure(&mut word);
    let cause = Cause::ALL.get(usize_of(word.take(3))).copied().unwrap_or(Cause::Internal);
    let outcome = match (kind, failure) {
        (0, _) => Outcome::Pass,
        (1, Some(failure)) => Outcome::Fail(failure),
        _ => Outcome::Inconclusive(cause),
    };
    let (has_status, status) = (word.take(1) == 1, u16_of(word.take(16)));
    let [total, connect] = split(check[TOTAL_AND_CONNECT]);
    let [tls, response] = split(check[TLS_AND_RESPONSE]);
    let mut phase = |duration: Duration| (word.take(1) == 1).then_some(duration);
    let timings = Timings { connect: phase(connect), tls: phase(tls), response: phase(response), total };
    Report { outcome, status: has_status.then_some(status), timings }
}

/// A kind, 0 for no failure, and the code that a failure of this kind carries.
fn put_failure(word: &mut Packer, failure: Option<Failure>) {
    word.put(6, failure.map_or(0, |failure| index(failure.kind()) + 1));
    word.put(16, failure.and_then(Failure::detail).map_or(0, u64::from));
}

fn take_failure(word: &mut Unpacker) -> Option<Failure> {
    let (kind, code) = (word.take(6), u16_of(word.take(16)));
    Failure::ALL.get(usize_of(kind.checked_sub(1)?)).map(|failure| failure.with_detail(code))
}

/// 0 for no moment; the last millisecond there is cannot be told, and no clock reaches it.
fn encode_tick(tick: Option<Tick>) -> u64 {
    tick.map_or(0, |tick| tick.0.saturating_add(1))
}

fn decode_tick(word: u64) -> Option<Tick> {
    word.checked_sub(1).map(Tick)
}

fn micros(duration: Option<Duration>) -> u32 {
    duration.map_or(0, |duration| u32::try_from(duration.as_micros()).unwrap_or(u32::MAX))
}

fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn split(word: u64) -> [Duration; 2] {
    [word >> 32, word & u64::from(u32::MAX)].map(Duration::from_micros)
}

fn halves(bits: u128) -> [u64; 2] {
    [bits >> 64, bits & u128::from(u64::MAX)].map(|half| u64::try_from(half).unwrap_or(u64::MAX))
}

fn half(word: u64) -> u32 {
    u32::try_from(word & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

fn state(index: u64) -> State {
    State::ALL.get(usize_of(index)).copied().unwrap_or(State::Unavailable)
}

fn index(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX)
}

fn usize_of(index: u64) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn u16_of(value: u64) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

/// Puts small numbers into one word, from the lowest bits up.
#[derive(Default)]
struct Packer {
    word: u64,
    used: u32,
}

impl Packer {
    fn put(&mut self, bits: u32, value: u64) {
        debug_assert!(
            value >> bits == 0 && self.used + bits <= u64::BITS,
            "{value} has more than {bits} bits"
        );
        self.word |= value << self.used;
        self.used += bits;
    }
}

/// Takes them out again in the same order.
struct Unpacker(u64);

impl Unpacker {
    fn take(&mut self, bits: u32) -> u64 {
        let value = self.0 & ((1 << bits) - 1);
        self.0 >>= bits;
        value
    }
}

#[cfg(test)]
mod tests;
