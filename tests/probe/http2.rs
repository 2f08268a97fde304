//! HTTP/2 and gRPC checks over sockets: what is agreed to, sent and answered, and what else a port may speak.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};
use tgprobe::model::failure::Failure;
use tgprobe::model::health_check::{HealthCheck, HealthCheckProtocol};
use tgprobe::model::matcher::Matcher;
use tgprobe::model::outcome::{Outcome, Report};
use tgprobe::model::protocol::ProtocolVersion;
use tgprobe::probe::Prober;
use tgprobe::runtime::clock::Clock;

use crate::misbehaving::{Backend, Behaviour, black_hole};
use crate::tls::self_signed;
use crate::{LONG, OK, SHORT, failed, judge_phases, within};

/// SETTINGS, and a PING that wants its answer before anything else comes.
const HELLO: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x06\0\0\0\0\0question";
/// The same without the PING.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
/// `:status: 200`, the end of the stream with it.
const STATUS_200: &[u8] = b"\0\0\x01\x01\x05\0\0\0\x01\x88";
/// What a check has to have sent before the answer: the acknowledgement of SETTINGS, and the PING's.
const ACKNOWLEDGED: &[u8] = b"\0\0\0\x04\x01\0\0\0\0\0\0\x08\x06\x01\0\0\0\0question";

async fn probe(check: &HealthCheck, version: ProtocolVersion, address: SocketAddr) -> Report {
    Prober::new(check, Some(version)).probe(address, "web.internal", &Clock::start()).await
}

fn grpc(path: &str, check: HealthCheck) -> HealthCheck {
    let matcher = Matcher::parse_within("0", &(0..=99)).unwrap();
    HealthCheck { path: path.to_owned(), matcher, ..check }
}

fn over_tls(check: HealthCheck) -> HealthCheck {
    HealthCheck { protocol: HealthCheckProtocol::Https, ..check }
}

/// A server that offers these protocols in the handshake.
fn offering(protocols: &[&str]) -> Arc<ServerConfig> {
    let mut config = Arc::unwrap_or_clone(self_signed(&[&TLS12, &TLS13], None));
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(config)
}

fn leaked(parts: &[&[u8]]) -> &'static [u8] {
    parts.concat().leak()
}

fn judge(report: &Report, outcome: Outcome, status: Option<u16>, phases: &str) {
    judge_phases(report, outcome, phases);
    assert_eq!(report.status, status, "{report:?}");
}

/// A peer that answers only once it has been acknowledged; gives all that it has read.
fn insisting() -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.write_all(HELLO).unwrap();
        let (mut received, mut piece) = (Vec::new(), [0; 1024]);
        while !received.ends_with(ACKNOWLEDGED) {
            let count = stream.read(&mut piece).unwrap();
            assert!(count > 0, "{received:x?}");
            received.extend_from_slice(&piece[..count]);
        }
        stream.write_all(STATUS_200).unwrap();
        received
    });
    (address, peer)
}

#[tokio::test]
async fn settings_and_pings_are_acknowledged_before_the_answer() {
    let (address, peer) = insisting();
    judge(&probe(&within(LONG), ProtocolVersion::Http2, address).await, Outcome::Pass, Some(200), "cr");
    let received = peer.join().unwrap();
    assert!(received.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "{received:x?}");
    let host = format!("web.internal:{}", address.port());
    assert!(received.windows(host.len()).any(|bytes| bytes == host.as_bytes()), "{received:x?}");
}

#[tokio::test]
async fn http2_is_spoken_over_tls_where_the_target_agrees() {
    let answer = leaked(&[SETTINGS, STATUS_200]);
    let check = over_tls(within(LONG));
    let answering = |protocols: &[&str]| {
        Backend::start(Behaviour::Tls(offering(protocols), Box::new(Behaviour::Answer(answer))))
    };
    for protocols in [&["h2"][..], &["http/1.1", "h2"]] {
        let backend = answering(protocols);
        let report = probe(&check, ProtocolVersion::Http2, backend.address()).await;
        judge(&report, Outcome::Pass, Some(200), "ctr");
    }
    // One that offers nothing goes on without, one that offers something else ends the handshake.
    let backend = answering(&[]);
    let report = probe(&check, ProtocolVersion::Http2, backend.address()).await;
    judge(&report, failed(Failure::TlsNoHttp2), None, "ct");
    let backend = answering(&["http/1.1"]);
    let report = probe(&check, ProtocolVersion::Http2, backend.address()).await;
    judge(&report, failed(Failure::TlsNoHttp2), None, "c");
}

#[tokio::test]
async fn a_call_is_judged_over_both_transports() {
    // `:status: 200`; a message of two bytes; `grpc-status: 0`.
    let serving = leaked(&[
        SETTINGS,
        b"\0\0\x01\x01\x04\0\0\0\x01\x88",
        b"\0\0\x07\0\0\0\0\0\x01\0\0\0\0\x02\x08\x01",
        b"\0\0\x0f\x01\x05\0\0\0\x01\0\x0bgrpc-status\x010",
    ]);
    let unimplemented = leaked(&[SETTINGS, b"\0\0\x11\x01\x05\0\0\0\x01\x88\0\x0bgrpc-status\x0212"]);
    let mismatch = failed(Failure::GrpcStatusMismatch(12));
    for (answer, outcome, code) in [(serving, Outcome::Pass, 0), (unimplemented, mismatch, 12)] {
        let check = grpc("/grpc.health.v1.Health/Check", within(LONG));
        let backend = Backend::start(Behaviour::Answer(answer));
        let report = probe(&check, ProtocolVersion::Grpc, backend.address()).await;
        judge(&report, outcome, Some(code), "cr");
        let backend = Backend::start(Behaviour::Tls(offering(&["h2"]), Box::new(Behaviour::Answer(answer))));
        let report = probe(&over_tls(check), ProtocolVersion::Grpc, backend.address()).await;
        judge(&report, outcome, Some(code), "ctr");
    }
}

#[tokio::test]
async fn what_else_a_port_may_do_has_its_name() {
    for (behaviour, failure) in [
        (Behaviour::Answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Failure::ResponseHttp1),
        (Behaviour::Blurt(b"SSH-2.0-OpenSSH_9.9\r\n"), Failure::ResponseMalformed),
        (Behaviour::Blurt(b"\x15\x03\x01\x00\x02\x02\x46"), Failure::ResponseTls),
        (
            Behaviour::Answer(leaked(&[SETTINGS, b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x02"])),
            Failure::Http2Error(2),
        ),
        (Behaviour::AnswerAndClose(SETTINGS), Failure::ResponseClosed),
        (Behaviour::AnswerAndClose(b""), Failure::ResponseClosed),
        (Behaviour::AnswerAndReset(SETTINGS), Failure::ResponseReset),
        (Behaviour::ReadAndReset, Failure::ResponseReset),
        (Behaviour::EndlessHeader, Failure::ResponseHttp1),
        // Frames of a kind that nobody knows, without end.
        (
            Behaviour::Blurt(leaked(&[SETTINGS, &b"\0\0\x01\xbe\0\0\0\0\0x".repeat(30_000)])),
            Failure::ResponseTooLarge,
        ),
    ] {
        for version in [ProtocolVersion::Http2, ProtocolVersion::Grpc] {
            let backend = Backend::start(behaviour.clone());
            let report = probe(&within(LONG), version, backend.address()).await;
            judge(&report, failed(failure), None, "c");
        }
    }
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report = probe(&within(LONG), ProtocolVersion::Http2, refusing).await;
    judge(&report, failed(Failure::ConnectRefused), None, "");
}

#[tokio::test]
async fn an_http_1_check_of_an_http2_port_is_malformed() {
    let backend = Backend::start(Behaviour::Answer(SETTINGS));
    let report =
        Prober::new(&within(LONG), None).probe(backend.address(), "web.internal", &Clock::start()).await;
    judge(&report, failed(Failure::ResponseMalformed), None, "c");
}

#[tokio::test]
async fn a_deadline_is_named_by_its_phase() {
    let (address, _kept) = black_hole();
    let report = probe(&within(SHORT), ProtocolVersion::Http2, address).await;
    judge(&report, failed(Failure::ConnectTimeout), None, "");
    let silent = Backend::start(Behaviour::Silent);
    let greeting = Backend::start(Behaviour::Answer(SETTINGS));
    for backend in [&silent, &greeting] {
        let report = probe(&within(SHORT), ProtocolVersion::Grpc, backend.address()).await;
        judge(&report, failed(Failure::ResponseTimeout), None, "c");
    }
}

#[tokio::test]
async fn a_tls_port_without_an_answer_of_http2_says_what_it_is() {
    let backend = Backend::start(Behaviour::Tls(offering(&["h2"]), Box::new(Behaviour::Answer(OK))));
    let report = probe(&over_tls(within(LONG)), ProtocolVersion::Http2, backend.address()).await;
    judge(&report, failed(Failure::ResponseHttp1), None, "ct");
}
