//! What a TLS target sees of a check's records, and how many records of its own it can have a check read.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::sockopt;
use rustls::ServerConnection;
use tgprobe::probe::{Attempt, Interest, Kit};

use super::*;

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
    let mut attempt = Prober::new(&over_tls(None)).attempt(listener.local_addr().unwrap(), &clock);
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
