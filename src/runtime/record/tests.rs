//! Nothing written is lost on the way to a reader, and nothing is read by halves.

use std::thread;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const KEY: Key = Key { index: 3, generation: 7 };

fn tick() -> impl Strategy<Value = Tick> {
    prop_oneof![0..100_u64, any::<u64>().prop_map(|tick| tick.min(u64::MAX - 1))].prop_map(Tick)
}

fn failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        select(Failure::ALL.to_vec()),
        any::<u8>().prop_map(Failure::TlsAlert),
        any::<u16>().prop_map(Failure::StatusMismatch),
        any::<u8>().prop_map(Failure::Http2Error),
        any::<u16>().prop_map(Failure::GrpcHttpStatus),
        any::<u16>().prop_map(Failure::GrpcStatusMismatch),
    ]
}

fn micros() -> impl Strategy<Value = Duration> {
    any::<u32>().prop_map(|micros| Duration::from_micros(micros.into()))
}

fn state() -> impl Strategy<Value = State> {
    select(State::ALL.to_vec())
}

fn status() -> impl Strategy<Value = Status> {
    let health = (state(), option::of(select(Reason::ALL.to_vec())), option::of(failure()))
        .prop_map(|(state, reason, failure)| TargetHealth { state, reason, failure });
    let streak = (any::<bool>(), any::<u32>())
        .prop_map(|(fails, count)| if fails { Streak::Fails(count) } else { Streak::Passes(count) });
    (health, tick(), streak, state(), 0..4, tick()).prop_map(
        |(health, since, streak, conclusive_state, kind, moment)| {
            let ahead = |which| (kind == which).then_some(moment);
            let (next_check, check_after, drain_ends) = (ahead(1), ahead(2), ahead(3));
            Status { health, since, streak, conclusive_state, next_check, check_after, drain_ends }
        },
    )
}

fn report() -> impl Strategy<Value = Report> {
    let outcome = prop_oneof![
        Just(Outcome::Pass),
        failure().prop_map(Outcome::Fail),
        select(Cause::ALL.to_vec()).prop_map(Outcome::Inconclusive),
    ];
    let phase = || option::of(micros());
    (outcome, option::of(any::<u16>()), phase(), phase(), phase(), micros()).prop_map(
        |(outcome, status, connect, tls, response, total)| {
            let timings = Timings { connect, tls, response, total };
            Report { outcome, status, timings }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        status in status(),
        address in option::of(any::<IpAddr>()),
        checks in proptest::collection::vec((tick(), report()), 0..4),
    ) {
        let slot = Slot::default();
        let mut expected = Record { key: KEY, status, address, last_check: None, last_conclusive: None };
        slot.tell(KEY, &status, address, None);
        prop_assert_eq!(slot.record(KEY), Lookup::Found(expected));
        for (started, report) in checks {
            slot.tell(KEY, &status, address, Some((started, &report)));
            expected.last_check = Some((started, report));
            if !matches!(report.outcome, Outcome::Inconclusive(_)) {
                expected.last_conclusive = Some(started);
            }
            prop_assert_eq!(slot.record(KEY), Lookup::Found(expected));
            // What is not about a check keeps the latest one.
            slot.tell(KEY, &status, address, None);
            prop_assert_eq!(slot.record(KEY), Lookup::Found(expected));
        }
        prop_assert_eq!(slot.health(KEY), Lookup::Found(status.health));
    }
}

const INITIAL: Status = Status {
    health: TargetHealth::because(State::Initial, Reason::ElbRegistrationInProgress),
    since: Tick(1),
    streak: Streak::Passes(0),
    conclusive_state: State::Initial,
    next_check: None,
    check_after: None,
    drain_ends: None,
};

fn timed(total: Duration) -> Report {
    Report { outcome: Outcome::Pass, status: None, timings: Timings { total, ..Timings::default() } }
}

#[test]
fn a_time_that_does_not_fit_is_the_longest_there_is() {
    let slot = Slot::default();
    slot.tell(KEY, &INITIAL, None, Some((Tick(1), &timed(Duration::from_secs(86_400)))));
    let Lookup::Found(record) = slot.record(KEY) else { panic!("it was told") };
    let (_, report) = record.last_check.unwrap();
    assert_eq!(report.timings.total, Duration::from_micros(u32::MAX.into()));
}

#[test]
fn a_registration_is_found_from_its_first_record_to_its_end() {
    let later = |generation| Key { generation, ..KEY };
    let slot = Slot::default();
    for generation in [1, 7, u32::MAX] {
        assert_eq!(slot.health(later(generation)), Lookup::Unpublished);
    }
    slot.tell(KEY, &INITIAL, None, Some((Tick(1), &timed(Duration::ZERO))));
    assert_eq!(slot.health(later(6)), Lookup::Forgotten);
    assert_eq!(slot.health(later(7)), Lookup::Found(INITIAL.health));
    assert_eq!(slot.health(later(8)), Lookup::Unpublished);
    slot.forget(later(6));
    assert_eq!(slot.health(later(7)), Lookup::Found(INITIAL.health));
    slot.forget(KEY);
    assert_eq!(slot.health(later(6)), Lookup::Forgotten);
    assert_eq!(slot.health(later(7)), Lookup::Forgotten);
    assert_eq!(slot.health(later(8)), Lookup::Unpublished);
}

#[test]
fn a_new_registration_inherits_no_check() {
    let slot = Slot::default();
    slot.tell(KEY, &INITIAL, None, Some((Tick(1), &timed(Duration::ZERO))));
    let next = Key { generation: 8, ..KEY };
    slot.tell(next, &INITIAL, None, None);
    let Lookup::Found(record) = slot.record(next) else { panic!("it was told") };
    assert_eq!((record.last_check, record.last_conclusive), (None, None));
}

/// A record all of whose fields follow from one number.
fn nth(number: u32) -> Record {
    let wide = u64::from(number);
    let status = Status {
        health: TargetHealth {
            state: State::ALL[usize_of(wide % 7)],
            reason: Some(Reason::ALL[usize_of(wide % 12)]),
            failure: Some(Failure::StatusMismatch(u16_of(wide % 60_000))),
        },
        since: Tick(wide),
        streak: Streak::Fails(number),
        conclusive_state: State::ALL[usize_of(wide % 5)],
        next_check: Some(Tick(wide * 3)),
        check_after: None,
        drain_ends: None,
    };
    let phase = |factor| Duration::from_micros(wide * factor);
    let timings =
        Timings { connect: Some(phase(1)), tls: Some(phase(2)), response: Some(phase(3)), total: phase(4) };
    let outcome = Outcome::Fail(Failure::StatusMismatch(u16_of(wide % 50_000)));
    let report = Report { outcome, status: Some(u16_of(wide % 40_000)), timings };
    Record {
        key: KEY,
        status,
        address: Some(IpAddr::V6(Ipv6Addr::from_bits(u128::from(number) * 0x1_0000_0000_0000_0001))),
        last_check: Some((Tick(wide * 5), report)),
        last_conclusive: Some(Tick(wide * 5)),
    }
}

#[test]
fn no_reader_sees_half_of_a_record() {
    const CHANGES: usize = 20_000;
    let slot = Slot::default();
    let write = |number| {
        let Record { status, address, last_check, .. } = nth(number);
        slot.tell(KEY, &status, address, last_check.as_ref().map(|(started, report)| (*started, report)));
    };
    let read = || {
        let (mut last, mut changes) = (Tick(0), 0);
        while changes < CHANGES {
            let Lookup::Found(record) = slot.record(KEY) else { panic!("it was told") };
            assert_eq!(record, nth(u32::try_from(record.status.since.0).unwrap()));
            // Nor an older one after a newer one.
            assert!(last <= record.status.since);
            changes += usize::from(last != record.status.since);
            last = record.status.since;
        }
    };
    write(0);
    thread::scope(|scope| {
        let readers = [scope.spawn(read), scope.spawn(read), scope.spawn(read)];
        // As long as any reader wants more: they must meet the writer, not only what it wrote.
        for number in 1.. {
            if readers.iter().all(thread::ScopedJoinHandle::is_finished) {
                break;
            }
            write(number);
        }
    });
}
