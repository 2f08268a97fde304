//! Checks that look for a text in the body: where a body begins and ends, and how much of it is read.

use std::sync::Arc;

use rustls::version::{TLS12, TLS13};
use tgprobe::model::failure::Failure;
use tgprobe::model::health_check::{HealthCheck, HealthCheckProtocol};
use tgprobe::model::outcome::{Outcome, Report};

use crate::misbehaving::{Backend, Behaviour};
use crate::tls::self_signed;
use crate::{LONG, SHORT, check_overdue, failed, judge_phases, probe, within};

fn containing(text: &str, check: HealthCheck) -> HealthCheck {
    HealthCheck { body_match: Some(text.into()), ..check }
}

/// Checks a backend for `"status":"UP"`, plain and over both versions of TLS.
async fn check(behaviour: Behaviour, outcome: Outcome, status: Option<u16>) {
    let looking = containing(r#""status":"UP""#, within(LONG));
    let answered = if status.is_some() { "r" } else { "" };
    let judge = |report: &Report, phases: &str| {
        judge_phases(report, outcome, &format!("{phases}{answered}"));
        assert_eq!(report.status, status, "{report:?} of {behaviour:?}");
    };
    let plain = Backend::start(behaviour.clone());
    judge(&probe(&looking, plain.address()).await, "c");
    for version in [&TLS12, &TLS13] {
        let inside = Box::new(behaviour.clone());
        let secured = Backend::start(Behaviour::Tls(self_signed(&[version], None), inside));
        let looking = HealthCheck { protocol: HealthCheckProtocol::Https, ..looking.clone() };
        judge(&probe(&looking, secured.address()).await, "ct");
    }
}

/// An answer of this head, but for its empty line, and body.
fn answer(head: &str, body: &str) -> &'static [u8] {
    format!("HTTP/1.1 {head}\r\n\r\n{body}").into_bytes().leak()
}

const UP: &str = r#"{"status":"UP"}"#;

#[tokio::test]
async fn a_body_passes_by_its_text_however_its_end_is_told() {
    let chunked = "6;a=b\r\n{\"stat\r\n8\r\nus\":\"UP\"\r\n1\r\n}\r\n0\r\n\r\n";
    for bytes in [
        answer("200 OK\r\nContent-Length: 15", UP),
        answer("200 OK\r\nTransfer-Encoding: chunked", chunked),
        answer("200 OK", UP),
        answer("103 Early Hints\r\nContent-Length: 3\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 15", UP),
        // The text is enough; nothing of what should follow is waited for.
        answer("200 OK\r\nContent-Length: 1000000", UP),
        answer("200 OK\r\nTransfer-Encoding: chunked", "ffff\r\n{\"status\":\"UP\""),
    ] {
        check(Behaviour::Answer(bytes), Outcome::Pass, Some(200)).await;
        check(Behaviour::AnswerAndClose(bytes), Outcome::Pass, Some(200)).await;
    }
}

#[tokio::test]
async fn a_body_that_ends_without_the_text_does_not_match() {
    let mismatch = failed(Failure::BodyMismatch);
    for bytes in [
        answer("200 OK\r\nContent-Length: 0", ""),
        answer("200 OK\r\nContent-Length: 15", r#"{"status":"UQ"}"#),
        // What lies behind the end, or in the head, is not the body.
        answer("200 OK\r\nContent-Length: 13", UP),
        answer("200 OK\r\nX: \"status\":\"UP\"\r\nContent-Length: 1", "x"),
        answer("200 OK\r\nTransfer-Encoding: chunked", "1\r\nx\r\n0\r\n\"status\":\"UP\"\r\n\r\n"),
        answer(
            "200 OK\r\nTransfer-Encoding: chunked",
            "8\r\n\"status\"\r\n1\r\n.\r\n5\r\n:\"UP\"\r\n0\r\n\r\n",
        ),
    ] {
        check(Behaviour::Answer(bytes), mismatch, Some(200)).await;
    }
    check(Behaviour::AnswerAndClose(answer("200 OK", "down")), mismatch, Some(200)).await;
}

#[tokio::test]
async fn a_status_that_does_not_match_is_judged_without_the_body() {
    let bytes = answer("503 Oh\r\nContent-Length: 1000", UP);
    check(Behaviour::Answer(bytes), failed(Failure::StatusMismatch(503)), Some(503)).await;
}

#[tokio::test]
async fn an_answer_that_has_no_body_does_not_match() {
    let matcher = tgprobe::model::matcher::Matcher::parse("204").unwrap();
    let looking = containing("x", HealthCheck { matcher, ..within(LONG) });
    let backend = Backend::start(Behaviour::Answer(b"HTTP/1.1 204 No Content\r\n\r\nx"));
    assert_eq!(probe(&looking, backend.address()).await.outcome, failed(Failure::BodyMismatch));
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_no_whole_answer() {
    for bytes in [
        answer("200 OK\r\nContent-Length: 100", "down"),
        answer("200 OK\r\nTransfer-Encoding: chunked", "4\r\ndown\r\n"),
    ] {
        check(Behaviour::AnswerAndClose(bytes), failed(Failure::ResponseClosed), None).await;
        check(Behaviour::AnswerAndReset(bytes), failed(Failure::ResponseReset), None).await;
    }
}

#[tokio::test]
async fn a_body_whose_end_cannot_be_told_is_malformed() {
    let malformed = failed(Failure::ResponseMalformed);
    for bytes in [
        answer("200 OK\r\nContent-Length: 15\r\nContent-Length: 16", UP),
        answer("200 OK\r\nContent-Length: many", UP),
    ] {
        check(Behaviour::Answer(bytes), malformed, None).await;
    }
    let bytes = answer("200 OK\r\nTransfer-Encoding: chunked", "not hexadecimal\r\n");
    check(Behaviour::Answer(bytes), malformed, Some(200)).await;
}

#[tokio::test]
async fn only_so_much_of_a_body_is_read() {
    check(Behaviour::GigabyteBody, failed(Failure::BodyMismatch), Some(200)).await;
    let late = format!("{}{UP}", " ".repeat(64 * 1024 - UP.len()));
    let bytes = answer("200 OK", &late);
    check(Behaviour::Answer(bytes), Outcome::Pass, Some(200)).await;
    let later = answer("200 OK", &format!("  {late}"));
    check(Behaviour::Answer(later), failed(Failure::BodyMismatch), Some(200)).await;
    let crumbs = answer("200 OK\r\nTransfer-Encoding: chunked", &"1\r\nx\r\n".repeat(100_000));
    check(Behaviour::Answer(crumbs), failed(Failure::ResponseTooLarge), Some(200)).await;
}

#[tokio::test]
async fn a_head_is_read_as_strictly_as_without_a_body() {
    for (bytes, failure) in [
        (&b"SSH-2.0-OpenSSH_9.9\r\n"[..], Failure::ResponseMalformed),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Failure::ResponseMalformed),
    ] {
        check(Behaviour::Answer(bytes), failed(failure), None).await;
    }
    check(Behaviour::EndlessHeaders, failed(Failure::ResponseTooLarge), None).await;
    let backend = Backend::start(Behaviour::Blurt(b"\x15\x03\x01\x00\x02\x02\x46"));
    let report = probe(&containing("x", within(LONG)), backend.address()).await;
    assert_eq!(report.outcome, failed(Failure::ResponseTls));
}

#[tokio::test]
async fn a_body_without_an_end_is_overdue() {
    for bytes in [answer("200 OK", "x"), answer("200 OK\r\nContent-Length: 100", "x")] {
        let backend = Backend::start(Behaviour::Answer(bytes));
        let looking = containing("UP", within(SHORT));
        check_overdue(looking.clone(), backend.address(), Failure::ResponseTimeout, "c").await;
        let config = self_signed(&[&TLS13], None);
        let secured = Backend::start(Behaviour::Tls(Arc::clone(&config), Box::new(Behaviour::Answer(bytes))));
        let looking = HealthCheck { protocol: HealthCheckProtocol::Https, ..looking };
        check_overdue(looking, secured.address(), Failure::ResponseTimeout, "ct").await;
    }
}
