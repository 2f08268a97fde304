//! What is sent, and what whatever comes back is judged as, however it is cut.

use proptest::prelude::*;

use super::frame::{ACK, CONTINUATION, GOAWAY, PING, PUSH_PROMISE, RST_STREAM};
use super::*;
use crate::model::failure::Failure;
use crate::model::matcher::Matcher;
use crate::model::outcome::Outcome;
use crate::model::protocol::ProtocolVersion;
use crate::probe::plan::{Ask, Judged, Plan};

/// A frame nobody reads any more.
const PRIORITY: u8 = 2;
/// PADDED and PRIORITY of a HEADERS frame.
const WITH_ALL: u8 = 0x28;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame::put(&mut frame, kind, flags, stream, payload);
    frame
}

fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        hpack::put_field(&mut block, name.as_bytes(), value.as_bytes());
    }
    block
}

fn headers(flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, flags | END_HEADERS, 1, &block(fields))
}

fn data(flags: u8, bytes: &[u8]) -> Vec<u8> {
    frame(DATA, flags, 1, bytes)
}

fn hello() -> Vec<u8> {
    [frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 128]), frame(SETTINGS, ACK, 0, &[])].concat()
}

fn grpc() -> HealthCheck {
    let matcher = Matcher::parse_within("0-1", &(0..=99)).unwrap();
    HealthCheck { matcher, path: "/my.Service/Method".to_owned(), ..HealthCheck::default() }
}

/// What an answer is judged as, in pieces of `size`, and what is replied to it.
fn judge(
    check: &HealthCheck,
    version: ProtocolVersion,
    answer: &[u8],
    size: usize,
) -> (Option<Judged>, Vec<u8>) {
    let plan = Plan::new(check, Some(version));
    let Ask::Http2(http2) = &plan.ask else { panic!("{version} is spoken over HTTP/2") };
    let mut exchange = Exchange::new();
    for piece in answer.chunks(size) {
        exchange.feed(piece, http2, &plan, false);
    }
    (exchange.judged(), std::mem::take(exchange.replies()))
}

#[track_caller]
fn check(check: &HealthCheck, version: ProtocolVersion, answer: &[Vec<u8>], expected: Option<Judged>) {
    let bytes = answer.concat();
    let at_once = judge(check, version, &bytes, bytes.len().max(1));
    assert_eq!(at_once.0, expected);
    for size in [1, 2, 7, 1000] {
        assert_eq!(judge(check, version, &bytes, size).0, expected, "by {size}");
    }
}

fn get(answer: &[Vec<u8>], expected: Option<Judged>) {
    check(&HealthCheck::default(), ProtocolVersion::Http2, &[&[hello()], answer].concat(), expected);
}

fn call(answer: &[Vec<u8>], expected: Option<Judged>) {
    check(&grpc(), ProtocolVersion::Grpc, &[&[hello()], answer].concat(), expected);
}

fn passed(code: u16) -> Option<Judged> {
    Some((Outcome::Pass, Some(code)))
}

fn failed(failure: Failure, code: Option<u16>) -> Option<Judged> {
    Some((Outcome::Fail(failure), code))
}

fn malformed() -> Option<Judged> {
    failed(Failure::ResponseMalformed, None)
}

/// The frames of a request, with the fields of its headers as text.
fn sent(check: &HealthCheck, grpc: bool) -> (Vec<(u8, u8)>, String) {
    let mut buffer = Vec::new();
    Http2::new(check, grpc).render(&mut buffer, "fd00::1", 8080);
    let mut rest = buffer.strip_prefix(PREFACE).unwrap();
    let (mut frames, mut whole) = (Vec::new(), Vec::new());
    while let Some(frame) = frame::first(rest).unwrap() {
        frames.push((frame.kind, frame.flags));
        if matches!(frame.kind, HEADERS | CONTINUATION) {
            whole.extend_from_slice(frame.payload);
        }
        rest = &rest[frame.length()..];
    }
    assert_eq!(rest, b"");
    let mut fields = String::new();
    let decoded = hpack::Decoder::new().decode(&whole, |name, value| {
        fields.push_str(&format!("{}: {}\n", String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        Ok(())
    });
    assert_eq!(decoded, Ok(()));
    (frames, fields)
}

#[test]
fn a_request_is_one_header_block_of_what_http_1_says() {
    let headers = [("X-Api-Key", "Secret"), ("TE", "gzip"), ("Connection", "close"), ("Keep-Alive", "1")];
    let headers: Vec<_> = headers.map(|(name, value)| (name.into(), value.into())).into();
    let check =
        HealthCheck { path: "/up?deep=1".to_owned(), headers: headers.clone(), ..HealthCheck::default() };
    let (frames, fields) = sent(&check, false);
    assert_eq!(frames, [(SETTINGS, 0), (HEADERS, END_HEADERS | END_STREAM)]);
    assert_eq!(
        fields,
        ":method: GET\n:scheme: http\n:path: /up?deep=1\n:authority: [fd00::1]:8080\n\
         user-agent: ELB-HealthChecker/2.0\naccept-encoding: gzip, compressed\nx-api-key: Secret\n"
    );
    let protocol = HealthCheckProtocol::Https;
    let host = Some("app.test".into());
    let (frames, fields) = sent(&HealthCheck { protocol, host, headers, ..grpc() }, true);
    let (end, whole) = (END_STREAM, END_HEADERS);
    assert_eq!(frames, [(SETTINGS, 0), (WINDOW_UPDATE, 0), (HEADERS, whole), (DATA, end)]);
    assert_eq!(
        fields,
        ":method: POST\n:scheme: https\n:path: /my.Service/Method\n:authority: app.test\n\
         user-agent: ELB-HealthChecker/2.0\ncontent-type: application/grpc\nte: trailers\nx-api-key: Secret\n"
    );
}

#[test]
fn headers_longer_than_a_frame_go_on_in_the_next() {
    let headers = vec![("x".into(), "y".repeat(20_000).into())];
    let (frames, fields) = sent(&HealthCheck { headers, ..HealthCheck::default() }, false);
    assert_eq!(frames, [(SETTINGS, 0), (HEADERS, END_STREAM), (CONTINUATION, END_HEADERS)]);
    assert!(fields.len() > 20_000);
}

#[test]
fn a_status_passes_by_the_matcher() {
    get(&[headers(0, &[(":status", "200"), ("server", "x")])], passed(200));
    get(&[headers(END_STREAM, &[(":status", "503")])], failed(Failure::StatusMismatch(503), Some(503)));
    let early = headers(0, &[(":status", "103"), ("link", "a")]);
    get(&[early.clone(), early, headers(0, &[(":status", "200")])], passed(200));
    get(&[headers(0, &[(":status", "100")])], None);
    get(&[], None);
}

#[test]
fn padding_priorities_continued_blocks_and_unknown_frames_are_taken() {
    let fields = block(&[(":status", "200"), ("a", "b")]);
    let padded = [&[3][..], &[0, 0, 0, 0, 9], &fields, &[0; 3]].concat();
    get(&[frame(HEADERS, WITH_ALL | END_HEADERS, 1, &padded)], passed(200));
    let (first, second) = fields.split_at(2);
    let parts = [
        frame(HEADERS, 0, 1, first),
        frame(CONTINUATION, 0, 1, &[]),
        frame(CONTINUATION, END_HEADERS, 1, second),
    ];
    get(&parts, passed(200));
    let others = [
        frame(0xbe, 0xff, 7, b"grease"),
        frame(PRIORITY, 0, 3, &[0; 5]),
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]),
        frame(GOAWAY, 0, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
        headers(0, &[(":status", "200")]),
    ];
    get(&others, passed(200));
}

#[test]
fn settings_and_pings_are_answered_up_to_a_limit() {
    let ping = frame(PING, 0, 0, b"12345678");
    let (judged, replies) =
        judge(&HealthCheck::default(), ProtocolVersion::Http2, &[hello(), ping.clone()].concat(), 5);
    assert_eq!(judged, None);
    assert_eq!(replies, [frame(SETTINGS, ACK, 0, &[]), frame(PING, ACK, 0, b"12345678")].concat());
    get(&[frame(PING, ACK, 0, b"12345678")], None);
    get(&vec![ping; 100], failed(Failure::ResponseTooLarge, None));
}

#[test]
fn a_request_that_is_given_up_says_why() {
    get(&[frame(RST_STREAM, 0, 1, &[0, 0, 0, 7])], failed(Failure::Http2Error(7), None));
    get(&[frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0])], failed(Failure::Http2Error(0), None));
    get(&[frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 13, b'x'])], failed(Failure::Http2Error(13), None));
    get(&[frame(RST_STREAM, 0, 1, &[1, 0, 0, 0])], failed(Failure::Http2Error(255), None));
}

#[test]
fn another_protocol_is_told_from_garbage() {
    let version = ProtocolVersion::Http2;
    let plain = HealthCheck::default();
    for (bytes, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], failed(Failure::ResponseHttp1, None)),
        (b"\x15\x03\x01\x00\x02\x02\x46", failed(Failure::ResponseTls, None)),
        (b"HTTP/1", None),
        (b"SSH-2.0-OpenSSH_9.9\r\n", malformed()),
        (PREFACE, malformed()),
    ] {
        check(&plain, version, &[bytes.to_vec()], expected);
    }
    check(&plain, version, &[headers(0, &[(":status", "200")])], malformed());
    check(&plain, version, &[frame(SETTINGS, ACK, 0, &[])], malformed());
}

#[test]
fn what_breaks_the_rules_is_malformed() {
    let ok = headers(0, &[(":status", "200")]);
    for wrong in [
        vec![frame(SETTINGS, 0, 1, &[])],
        vec![frame(SETTINGS, 0, 0, &[0; 5])],
        vec![frame(SETTINGS, ACK, 0, &[0; 6])],
        vec![frame(PING, 0, 0, &[0; 7])],
        vec![frame(PING, 0, 1, &[0; 8])],
        vec![frame(RST_STREAM, 0, 1, &[0; 3])],
        vec![frame(RST_STREAM, 0, 3, &[0; 4])],
        vec![frame(GOAWAY, 0, 0, &[0; 7])],
        vec![frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])],
        vec![data(0, b"x"), ok.clone()],
        vec![frame(HEADERS, END_HEADERS, 2, &block(&[(":status", "200")]))],
        vec![frame(HEADERS, END_HEADERS | WITH_ALL, 1, &[9, 1, 2])],
        vec![frame(HEADERS, 0, 1, &block(&[(":status", "200")])), ok],
        vec![frame(HEADERS, 0, 1, &block(&[(":status", "200")])), frame(PING, 0, 0, &[0; 8])],
        vec![frame(CONTINUATION, END_HEADERS, 1, &block(&[(":status", "200")]))],
        vec![frame(HEADERS, END_HEADERS, 1, &[0xff, 0xff, 0xff, 0xff])],
        vec![headers(0, &[("server", "x")])],
        vec![headers(0, &[(":status", "99")])],
        vec![headers(0, &[(":status", "2000")])],
        vec![headers(0, &[(":status", "101")])],
        vec![headers(END_STREAM, &[(":status", "100")])],
        vec![headers(0, &[(":status", "200"), (":status", "200")])],
        vec![headers(0, &[(":status", "200"), (":path", "/")])],
        vec![vec![0, 0x40, 1, 0, 0, 0, 0, 0, 1]],
    ] {
        get(&wrong, malformed());
    }
}

#[test]
fn everything_has_a_limit() {
    let too_large = failed(Failure::ResponseTooLarge, None);
    let part = block(&[("a", &"b".repeat(1000))]);
    let mut parts = vec![frame(HEADERS, 0, 1, &part)];
    parts.extend((0..17).map(|_| frame(CONTINUATION, 0, 1, &part)));
    get(&parts, too_large);
    get(&[headers(0, &[("a", "b"); 129])], too_large);
    let interim = headers(0, &[(":status", "103"), ("a", "b"), ("c", "d")]);
    get(&vec![interim; 43], too_large);
    get(&vec![frame(0xbe, 0, 0, &[0; 16_000]); 20], too_large);
    let head = headers(0, &[(":status", "200")]);
    call(&[vec![head], vec![data(0, &[0; 16_000]); 20]].concat(), too_large);
}

#[test]
fn a_body_is_searched() {
    let looking = HealthCheck { body_match: Some("\"UP\"".into()), ..HealthCheck::default() };
    let head = headers(0, &[(":status", "200")]);
    let padded = [&[2][..], b"status\":\"U", &[0; 2]].concat();
    let (end, padding) = (END_STREAM, 0x8);
    for (parts, expected) in [
        (vec![data(padding, &padded), data(0, b"P\"")], passed(200)),
        (vec![data(end, b"down")], failed(Failure::BodyMismatch, Some(200))),
        (vec![data(0, b"down"), headers(end, &[("x", "\"UP\"")])], failed(Failure::BodyMismatch, Some(200))),
        (vec![data(0, &[b' '; 16_000]); 5], failed(Failure::BodyMismatch, Some(200))),
        (vec![data(0, b"\"U")], None),
        (vec![data(padding, &[5, 0, 0, 0, 0])], malformed()),
        (vec![data(padding, &[])], malformed()),
        (vec![headers(0, &[("x", "y")])], malformed()),
    ] {
        let answer = [vec![hello(), head.clone()], parts].concat();
        check(&looking, ProtocolVersion::Http2, &answer, expected);
    }
    let empty = [hello(), headers(end, &[(":status", "200")])];
    check(&looking, ProtocolVersion::Http2, &empty, failed(Failure::BodyMismatch, Some(200)));
    let other = [hello(), headers(0, &[(":status", "500")])];
    check(&looking, ProtocolVersion::Http2, &other, failed(Failure::StatusMismatch(500), Some(500)));
}

#[test]
fn a_call_is_judged_by_its_grpc_status() {
    let head = headers(0, &[(":status", "200"), ("content-type", "application/grpc")]);
    let message = data(0, &[0, 0, 0, 0, 0]);
    let trailers = |status: &str| headers(END_STREAM, &[("grpc-status", status), ("grpc-message", "x")]);
    call(&[head.clone(), message.clone(), trailers("0")], passed(0));
    call(&[head.clone(), trailers("1")], passed(1));
    call(&[head.clone(), trailers("2")], failed(Failure::GrpcStatusMismatch(2), Some(2)));
    call(
        &[headers(END_STREAM, &[(":status", "200"), ("grpc-status", "12")])],
        failed(Failure::GrpcStatusMismatch(12), Some(12)),
    );
    call(&[headers(END_STREAM, &[(":status", "200"), ("grpc-status", "0")])], passed(0));
    for missing in ["", "x", "-1", "+0", " 0", "99999"] {
        call(&[head.clone(), trailers(missing)], failed(Failure::GrpcStatusMissing, None));
    }
    call(&[headers(END_STREAM, &[(":status", "200")])], failed(Failure::GrpcStatusMissing, None));
    call(&[head.clone(), data(END_STREAM, b"<html>")], failed(Failure::GrpcStatusMissing, None));
    call(&[headers(0, &[(":status", "404")])], failed(Failure::GrpcHttpStatus(404), Some(404)));
    call(
        &[headers(END_STREAM, &[(":status", "503"), ("grpc-status", "0")])],
        failed(Failure::GrpcHttpStatus(503), Some(503)),
    );
    call(&[head, message], None);
}

#[test]
fn a_health_service_has_to_say_that_it_serves() {
    let health = HealthCheck { path: HEALTH.to_owned(), ..grpc() };
    let head = headers(0, &[(":status", "200")]);
    let trailers = |status: &str| headers(END_STREAM, &[("grpc-status", status)]);
    for (parts, expected) in [
        (vec![data(0, &[0, 0, 0]), data(0, &[0, 2, 8, 1]), trailers("0")], passed(0)),
        (vec![data(0, &[0, 0, 0, 0, 2, 8, 2]), trailers("0")], failed(Failure::GrpcNotServing, Some(0))),
        (vec![data(0, &[0, 0, 0, 0, 0]), trailers("0")], failed(Failure::GrpcNotServing, Some(0))),
        (vec![trailers("0")], failed(Failure::ResponseMalformed, Some(0))),
        (vec![trailers("1")], passed(1)),
        (vec![trailers("12")], failed(Failure::GrpcStatusMismatch(12), Some(12))),
        (vec![data(0, &[0; 5000])], failed(Failure::ResponseTooLarge, None)),
    ] {
        let answer = [vec![hello(), head.clone()], parts].concat();
        check(&health, ProtocolVersion::Grpc, &answer, expected);
    }
    let looking = HealthCheck { body_match: Some("up".into()), ..grpc() };
    let answer = |text: &[u8]| [hello(), head.clone(), data(0, text), trailers("0")];
    check(&looking, ProtocolVersion::Grpc, &answer(b"\0\0\0\0\x02up"), passed(0));
    check(
        &looking,
        ProtocolVersion::Grpc,
        &answer(b"\0\0\0\0\x02no"),
        failed(Failure::BodyMismatch, Some(0)),
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, greeted: bool, is_call: bool) {
        let (check, version) =
            if is_call { (grpc(), ProtocolVersion::Grpc) } else { (HealthCheck::default(), ProtocolVersion::Http2) };
        let bytes = if greeted { [hello(), bytes].concat() } else { bytes };
        judge(&check, version, &bytes, 10);
    }

    #[test]
    fn no_frames_panic(frames in prop::collection::vec((0..11_u8, any::<u8>(), 0..2_u32, prop::collection::vec(any::<u8>(), 0..20)), 0..8)) {
        let frames: Vec<_> = frames.iter().map(|(kind, flags, stream, payload)| frame(*kind, *flags, *stream, payload)).collect();
        judge(&grpc(), ProtocolVersion::Grpc, &[hello(), frames.concat()].concat(), 1000);
    }
}
