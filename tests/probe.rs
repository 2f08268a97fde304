//! Checks over real sockets on loopback, plain HTTP: what is sent, and what each way to misbehave is called.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use misbehaving::{Backend, Behaviour, black_hole};
use tgprobe::model::failure::Failure;
use tgprobe::model::health_check::{Close, HealthCheck};
use tgprobe::model::matcher::Matcher;
use tgprobe::model::outcome::{Cause, Outcome, Report};
use tgprobe::probe::{Kit, Prober, Stopwatch};
use tgprobe::runtime::clock::Clock;

#[path = "probe/body.rs"]
mod body;
#[path = "probe/http2.rs"]
mod http2;
#[path = "support/misbehaving.rs"]
mod misbehaving;
#[path = "probe/tcp.rs"]
mod tcp;
#[path = "probe/tls.rs"]
mod tls;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
/// Never reached by a check that ends by itself.
const LONG: Duration = Duration::from_secs(15);
/// Long enough for loopback, short enough to wait for.
const SHORT: Duration = Duration::from_millis(400);

fn within(timeout: Duration) -> HealthCheck {
    HealthCheck { timeout, ..HealthCheck::default() }
}

fn prober(check: &HealthCheck) -> Prober {
    Prober::new(check, None)
}

async fn probe(check: &HealthCheck, address: SocketAddr) -> Report {
    prober(check).probe(address, &address.ip().to_string(), &Clock::start()).await
}

/// Checks a backend once and holds the outcome and the phases finished (`c`onnect, `t`ls, `r`esponse) against what
/// is expected.
#[track_caller]
fn judge(report: &Report, outcome: Outcome, phases: &str) {
    judge_phases(report, outcome, phases);
    match outcome {
        Outcome::Fail(Failure::StatusMismatch(status)) => assert_eq!(report.status, Some(status)),
        Outcome::Pass => assert_eq!(report.status, Some(200)),
        Outcome::Fail(_) | Outcome::Inconclusive(_) => assert_eq!(report.status, None),
    }
}

/// The same of a check that knows no status.
#[track_caller]
fn judge_without_status(report: &Report, outcome: Outcome, phases: &str) {
    judge_phases(report, outcome, phases);
    assert_eq!(report.status, None);
}

#[track_caller]
fn judge_phases(report: &Report, outcome: Outcome, phases: &str) {
    let timings = report.timings;
    assert_eq!(report.outcome, outcome, "{report:?}");
    let finished: String = [('c', timings.connect), ('t', timings.tls), ('r', timings.response)]
        .into_iter()
        .filter_map(|(phase, took)| took.map(|_| phase))
        .collect();
    assert_eq!(finished, phases, "{report:?}");
    let sum: Duration = [timings.connect, timings.tls, timings.response].into_iter().flatten().sum();
    assert!(sum <= timings.total, "{report:?}");
}

/// A check that ends by itself, long before its deadline.
async fn check(behaviour: Behaviour, outcome: Outcome, phases: &str) -> Backend {
    let backend = Backend::start(behaviour);
    let report = probe(&within(LONG), backend.address()).await;
    judge(&report, outcome, phases);
    assert!(report.timings.total < LONG, "{report:?}");
    backend
}

/// A check that the deadline ends.
async fn check_overdue(check: HealthCheck, address: SocketAddr, failure: Failure, phases: &str) {
    let report = probe(&check, address).await;
    judge(&report, Outcome::Fail(failure), phases);
    assert!(report.timings.total >= check.timeout, "{report:?}");
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Fail(failure)
}

#[tokio::test]
async fn the_request_is_the_one_alb_sends() {
    let backend = Backend::start(Behaviour::Answer(OK));
    let path = "/api/health-check?deep=1".to_owned();
    let check = HealthCheck { path, ..within(LONG) };
    judge(&probe(&check, backend.address()).await, Outcome::Pass, "cr");
    let expected = format!(
        "GET /api/health-check?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\
         Accept-Encoding: gzip, compressed\r\nConnection: close\r\n\r\n",
        backend.address().port()
    );
    assert_eq!(String::from_utf8(backend.received()).unwrap(), expected);
}

#[tokio::test]
async fn every_check_has_its_own_connection() {
    let backend = Backend::start(Behaviour::Answer(OK));
    let prober = prober(&within(LONG));
    for _ in 0..3 {
        let report = prober.probe(backend.address(), "web.internal", &Clock::start()).await;
        judge(&report, Outcome::Pass, "cr");
    }
    assert_eq!(backend.connections(), 3);
    let host = format!("\r\nHost: web.internal:{}\r\n", backend.address().port());
    assert_eq!(String::from_utf8(backend.received()).unwrap().matches(&host).count(), 3);
}

#[tokio::test]
async fn a_connection_ends_by_a_reset_or_in_turn() {
    for (close, in_turn) in [(Close::Reset, false), (Close::Orderly, true)] {
        let backend = Backend::start(Behaviour::Answer(OK));
        let check = HealthCheck { close, ..within(LONG) };
        judge(&probe(&check, backend.address()).await, Outcome::Pass, "cr");
        assert_eq!(backend.farewell(), in_turn, "{close:?}");
    }
}

/// One check with the sockets and buffers of `kit`, as a shard makes it.
fn probe_from(kit: &mut Kit, prober: &Prober, address: SocketAddr, clock: &Clock) -> Report {
    let (id, mut attempt) = (address.ip().to_string(), prober.attempt(address, clock));
    loop {
        if let Some(report) = attempt.step(&id, kit, clock) {
            return report;
        }
        if attempt.remaining(clock).is_zero() {
            return attempt.expire(&id, kit, clock);
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_socket_that_is_used_again_makes_a_connection_of_its_own() {
    let good = Backend::start(Behaviour::Answer(OK));
    let bad = Backend::start(Behaviour::Answer(b"HTTP/1.1 500 Oh\r\n\r\n"));
    let gone = Backend::start(Behaviour::AnswerAndReset(OK));
    let (clock, mut kit) = (Clock::start(), Kit::new());
    let prober = prober(&within(LONG));
    for _ in 0..20 {
        for (backend, status) in [(&good, 200), (&bad, 500), (&gone, 200), (&bad, 500)] {
            let report = probe_from(&mut kit, &prober, backend.address(), &clock);
            assert_eq!(report.status, Some(status), "{report:?}");
        }
    }
    assert_eq!((good.connections(), bad.connections(), gone.connections()), (20, 40, 20));
}

#[test]
fn an_ipv4_address_written_as_ipv6_is_checked_over_ipv4_and_spoils_no_socket() {
    let (clock, mut kit) = (Clock::start(), Kit::new());
    let prober = prober(&within(SHORT));
    let old = Backend::start(Behaviour::Answer(OK));
    let mapped = SocketAddr::new("::ffff:127.0.0.1".parse().unwrap(), old.address().port());
    judge(&probe_from(&mut kit, &prober, mapped, &clock), Outcome::Pass, "cr");
    let host = format!("\r\nHost: [::ffff:127.0.0.1]:{}\r\n", mapped.port());
    assert!(String::from_utf8(old.received()).unwrap().contains(&host));
    if TcpListener::bind("[::1]:0").is_ok() {
        let new = Backend::listen("[::1]:0", Behaviour::Answer(OK));
        judge(&probe_from(&mut kit, &prober, new.address(), &clock), Outcome::Pass, "cr");
    }
    judge(&probe_from(&mut kit, &prober, old.address(), &clock), Outcome::Pass, "cr");
}

#[tokio::test]
async fn ipv6_is_checked_where_the_machine_has_it() {
    if TcpListener::bind("[::1]:0").is_err() {
        let report = probe(&within(LONG), SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 9))).await;
        assert!(matches!(report.outcome, Outcome::Inconclusive(_)), "{report:?}");
        return;
    }
    let backend = Backend::listen("[::1]:0", Behaviour::Answer(OK));
    judge(&probe(&within(LONG), backend.address()).await, Outcome::Pass, "cr");
    let host = format!("\r\nHost: [::1]:{}\r\n", backend.address().port());
    assert!(String::from_utf8(backend.received()).unwrap().contains(&host));
}

#[tokio::test]
async fn an_answer_passes_or_fails_by_its_status() {
    for answer in [
        OK,
        b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\nbody",
        b"HTTP/1.1 200 OK\nBare: line feeds\n\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        check(Behaviour::Answer(answer), Outcome::Pass, "cr").await;
        check(Behaviour::AnswerAndClose(answer), Outcome::Pass, "cr").await;
        check(Behaviour::AnswerAndReset(answer), Outcome::Pass, "cr").await;
    }
    for (answer, status) in [
        (&b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"[..], 500),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 101),
        (b"HTTP/1.1 777 Lucky\r\n\r\n", 777),
    ] {
        check(Behaviour::Answer(answer), failed(Failure::StatusMismatch(status)), "cr").await;
    }
}

#[tokio::test]
async fn the_matcher_decides_which_status_passes() {
    let backend = Backend::start(Behaviour::Answer(b"HTTP/1.1 404 Not Found\r\n\r\n"));
    let matcher = Matcher::parse("200,404").unwrap();
    let report = probe(&HealthCheck { matcher, ..within(LONG) }, backend.address()).await;
    assert_eq!((report.outcome, report.status), (Outcome::Pass, Some(404)));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let answer = b"HTTP/1.1 301 Moved Permanently\r\nLocation: /elsewhere\r\n\r\n";
    let backend = check(Behaviour::Answer(answer), failed(Failure::StatusMismatch(301)), "cr").await;
    assert_eq!(backend.connections(), 1);
}

#[tokio::test]
async fn what_is_not_http_1_is_malformed() {
    for answer in [
        &b"\x00\x01\x02garbage"[..],
        b"<html>an HTTP/0.9 answer</html>\n",
        b"HTTP/2 200\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
    ] {
        check(Behaviour::Answer(answer), failed(Failure::ResponseMalformed), "c").await;
        check(Behaviour::Blurt(answer), failed(Failure::ResponseMalformed), "c").await;
    }
}

#[tokio::test]
async fn a_head_without_an_end_is_too_large() {
    for behaviour in [Behaviour::EndlessHeader, Behaviour::EndlessHeaders, Behaviour::InterimFlood] {
        check(behaviour, failed(Failure::ResponseTooLarge), "c").await;
    }
}

#[tokio::test]
async fn a_gigabyte_of_body_is_not_read() {
    let backend = check(Behaviour::GigabyteBody, Outcome::Pass, "cr").await;
    // What the socket buffers took in, not what we read.
    assert!(backend.written() < 64 << 20, "{} bytes left the backend", backend.written());
}

#[tokio::test]
async fn a_connection_given_up_is_named_by_how_and_when() {
    for (behaviour, failure) in [
        (Behaviour::AnswerAndClose(b""), Failure::ResponseClosed),
        (Behaviour::AnswerAndClose(b"HTTP/1.1 200 OK\r\nContent-"), Failure::ResponseClosed),
        (Behaviour::AnswerAndClose(b"HTTP/1.1 100 Continue\r\n\r\n"), Failure::ResponseClosed),
        (Behaviour::Close, Failure::ResponseClosed),
        (Behaviour::AnswerAndReset(b""), Failure::ResponseReset),
        (Behaviour::AnswerAndReset(b"HTTP/1.1 200 OK\r\nContent-"), Failure::ResponseReset),
        (Behaviour::ReadAndReset, Failure::ResponseReset),
    ] {
        check(behaviour, failed(failure), "c").await;
    }
}

#[tokio::test]
async fn a_reset_after_accept_is_a_reset_wherever_it_meets_the_check() {
    let backend = Backend::start(Behaviour::Reset);
    for _ in 0..20 {
        let report = probe(&within(LONG), backend.address()).await;
        let Outcome::Fail(failure) = report.outcome else { panic!("{report:?}") };
        assert!(
            matches!(failure, Failure::ConnectReset | Failure::SendReset | Failure::ResponseReset),
            "{report:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_counts_even_if_the_request_was_not_read() {
    let answer = b"HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n";
    for _ in 0..20 {
        check(Behaviour::BlurtAndLeave(answer), failed(Failure::StatusMismatch(503)), "cr").await;
    }
}

#[tokio::test]
async fn a_port_without_a_listener_is_refused() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report = probe(&within(LONG), address).await;
    judge(&report, failed(Failure::ConnectRefused), "");
}

#[tokio::test]
async fn a_deadline_is_named_by_the_phase_it_fell_in() {
    let (address, _kept) = black_hole();
    check_overdue(within(SHORT), address, Failure::ConnectTimeout, "").await;
    let silent = Backend::start(Behaviour::Silent);
    check_overdue(within(SHORT), silent.address(), Failure::ResponseTimeout, "c").await;
    let unfinished = Backend::start(Behaviour::Answer(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
    check_overdue(within(SHORT), unfinished.address(), Failure::ResponseTimeout, "c").await;
}

#[tokio::test]
async fn bytes_that_trickle_in_do_not_move_the_deadline() {
    let slow = Backend::start(Behaviour::Trickle(Duration::from_secs(1)));
    check_overdue(within(SHORT), slow.address(), Failure::ResponseTimeout, "c").await;
    let quick = Backend::start(Behaviour::Trickle(Duration::from_millis(1)));
    judge(&probe(&within(LONG), quick.address()).await, Outcome::Pass, "cr");
}

#[tokio::test]
async fn one_stuck_check_does_not_delay_another() {
    let (stuck, good) = (Backend::start(Behaviour::Silent), Backend::start(Behaviour::Answer(OK)));
    let (stuck_check, good_check) = (within(Duration::from_secs(1)), within(LONG));
    let (late, early) =
        tokio::join!(probe(&stuck_check, stuck.address()), probe(&good_check, good.address()));
    assert_eq!((late.outcome, early.outcome), (failed(Failure::ResponseTimeout), Outcome::Pass));
    assert!(early.timings.total < late.timings.total, "{early:?} {late:?}");
}

/// A clock that holds the thread up at one of its readings, as an overloaded machine would.
struct Stalling {
    clock: Clock,
    readings: AtomicUsize,
    at: usize,
}

impl Stopwatch for Stalling {
    fn elapsed(&self) -> Duration {
        if self.readings.fetch_add(1, Ordering::SeqCst) == self.at {
            #[expect(clippy::disallowed_methods, reason = "the thread being held up is what is tested")]
            std::thread::sleep(SHORT * 2);
        }
        self.clock.elapsed()
    }
}

/// Checks with a thread held up past the deadline once the request is sent: the start, the connection and the
/// request are one reading each.
async fn held_up(behaviour: Behaviour) -> Report {
    let backend = Backend::start(behaviour);
    let clock = Stalling { clock: Clock::start(), readings: AtomicUsize::new(0), at: 2 };
    prober(&within(SHORT)).probe(backend.address(), "127.0.0.1", &clock).await
}

#[tokio::test]
async fn an_answer_that_is_there_when_the_deadline_is_noticed_wins() {
    judge(&held_up(Behaviour::Answer(OK)).await, Outcome::Pass, "cr");
}

#[tokio::test]
async fn a_deadline_noticed_late_is_not_the_targets_fault() {
    judge(&held_up(Behaviour::Silent).await, Outcome::Inconclusive(Cause::Overload), "c");
}

#[tokio::test]
async fn a_check_in_flight_is_small_and_may_change_threads() {
    fn size_of_sendable<T: Send>(value: &T) -> usize {
        size_of_val(value)
    }
    let prober = prober(&within(LONG));
    let clock = Clock::start();
    let size = size_of_sendable(&prober.probe(SocketAddr::from(([127, 0, 0, 1], 9)), "127.0.0.1", &clock));
    assert!(size <= 1024, "{size} bytes");
}
