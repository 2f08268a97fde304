//! What a TLS target sees of a check's records, and how many records of its own it can have a check read.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::sockopt;
use rustls::ServerConnection;
use tgprobe::probe::{Attempt, Interest, Kit};

use super::*;

/// Length of the message of a session ticket, as the server here makes it.
const TICKET: usize = 81;

/// Waits for a check's socket and goes on with it, by one step.
fn go_on(attempt: &mut Attempt, kit: &mut Kit, clock: &Clock) -> Option<Report> {
    let wanted = match attempt.interest() {
        Interest::Readable => PollFlags::IN,
        Interest::Writable => PollFlags::OUT,
    };
    if let Some((socket, _)) = attempt.watch() {
        poll(&mut [PollFd::new(&socket, wanted)], None).unwrap();
    }
    attempt.step("127.0.0.1", kit, clock)
}

/// Reads once, and gives the session what was read.
fn read_once(stream: &mut TcpStream, session: &mut ServerConnection) {
    let mut bytes = [0; 16_384];
    let count = stream.read(&mut bytes).unwrap();
    let mut bytes = &bytes[..count];
    while !bytes.is_empty() {
        session.read_tls(&mut bytes).unwrap();
        session.process_new_packets().unwrap();
    }
}

fn write_all(stream: &mut TcpStream, session: &mut ServerConnection) {
    while session.wants_write() {
        session.write_tls(stream).unwrap();
    }
}

/// A TLS 1.3 server that sends this many session tickets as soon as the handshake is done, in records of 16 KiB or of
/// this length.
fn with_tickets(count: usize, record: Option<usize>) -> Arc<ServerConfig> {
    let mut config = Arc::unwrap_or_clone(self_signed(&[&TLS13], None));
    config.send_tls13_tickets = count;
    config.max_fragment_size = record;
    Arc::new(config)
}

#[test]
fn the_request_comes_together_with_the_end_of_the_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (clock, mut kit) = (Clock::start(), Kit::new());
    let mut attempt = Prober::new(&over_tls(None), None).attempt(listener.local_addr().unwrap(), &clock);
    while attempt.interest() == Interest::Writable {
        assert_eq!(go_on(&mut attempt, &mut kit, &clock), None);
    }
    let (mut stream, _) = listener.accept().unwrap();
    // What has come is confirmed late, as by a target that is about to answer.
    sockopt::set_tcp_quickack(&stream, false).unwrap();
    let mut session = ServerConnection::new(with_tickets(0, None)).unwrap();
    read_once(&mut stream, &mut session);
    write_all(&mut stream, &mut session);
    assert_eq!(go_on(&mut attempt, &mut kit, &clock), None);
    // What the target sends before its answer is confirmed at once.
    let (socket, _) = attempt.watch().unwrap();
    assert!(sockopt::tcp_quickack(socket).unwrap());

    read_once(&mut stream, &mut session);
    assert!(!session.is_handshaking());
    let mut request = Vec::new();
    // Ends with what was read, and not with the session.
    _ = session.reader().read_to_end(&mut request);
    assert!(request.ends_with(b"\r\n\r\n"), "{} bytes of the request came with it", request.len());

    session.writer().write_all(OK).unwrap();
    write_all(&mut stream, &mut session);
    judge(&go_on(&mut attempt, &mut kit, &clock).unwrap(), Outcome::Pass, "ctr");
}

/// A check, step by step: what it came to, and the steps it took.
fn step_by_step(check: &HealthCheck, backend: &Backend) -> (Report, usize) {
    let (clock, mut kit) = (Clock::start(), Kit::new());
    let mut attempt = Prober::new(check, None).attempt(backend.address(), &clock);
    let mut steps = 1;
    loop {
        match go_on(&mut attempt, &mut kit, &clock) {
            Some(report) => return (report, steps),
            None => steps += 1,
        }
    }
}

#[test]
fn a_flood_of_session_tickets_is_read_by_pieces_and_up_to_a_limit() {
    // A record with its header holds one ticket, 4,000 take 400 KB, and the answer behind them is not reached.
    let backend = answering(with_tickets(4_000, Some(TICKET + 5)));
    for tls_resumption in [false, true] {
        let check = HealthCheck { tls_resumption, ..over_tls(None) };
        let (report, steps) = step_by_step(&check, &backend);
        judge(&report, failed(Failure::ResponseTooLarge), "ct");
        // 256 KiB, by no more than 32 KiB at a time.
        assert!(steps > 8, "{steps}");
    }
}

#[test]
fn tickets_that_run_on_from_record_to_record_have_a_limit() {
    let backend = answering(with_tickets(4_000, None));
    let (report, steps) = step_by_step(&over_tls(None), &backend);
    judge(&report, failed(Failure::ResponseTooLarge), "ct");
    assert!(steps > 2, "{steps}");
}

#[tokio::test]
async fn an_answer_behind_many_session_tickets_is_found() {
    let backend = answering(with_tickets(1_000, Some(TICKET + 5)));
    let report = probe(&over_tls(None), &backend, "127.0.0.1").await;
    judge(&report, Outcome::Pass, "ctr");
    assert!(report.timings.total < LONG, "{report:?}");
}

#[tokio::test]
async fn a_handshake_without_an_end_is_read_up_to_a_limit() {
    // A ServerHello of 65,535 bytes, each in a record of its own: 360 KB up to where the target ends it.
    let mut records = b"\x16\x03\x03\x00\x04\x02\x00\xff\xff".to_vec();
    for _ in 0..60_000 {
        records.extend_from_slice(b"\x16\x03\x03\x00\x01\x00");
    }
    let backend = Backend::start(Behaviour::Blurt(records.leak()));
    let report = probe(&over_tls(None), &backend, "127.0.0.1").await;
    judge(&report, failed(Failure::TlsNotSpoken), "c");
}
