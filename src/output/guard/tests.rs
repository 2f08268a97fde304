//! Who is let in, and who is told what.

use super::*;
use crate::model::credential::Secret;

fn rules(listen: &str) -> Rules {
    Rules {
        listen: listen.parse().unwrap(),
        tls: false,
        insecure: false,
        allowed_hosts: Vec::new(),
        protect_reads: false,
    }
}

fn guard(rules: Rules, credentials: &[Credential]) -> Guard {
    Guard::new(rules, credentials.to_vec())
}

/// A writer, a reader, and one that has no token.
fn known() -> Vec<Credential> {
    let credential = |token: Option<&str>, access| Credential {
        access_key_id: "AKID".into(),
        secret_access_key: Secret::new("hush"),
        session_token: None,
        bearer_token: token.map(Secret::new),
        access,
    };
    vec![
        credential(Some("writer"), Access::ReadWrite),
        credential(Some("reader"), Access::ReadOnly),
        credential(None, Access::ReadWrite),
    ]
}

fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in all {
        map.append(*name, value.parse().unwrap());
    }
    map
}

fn parts(method: &str, uri: &str, all: &[(&'static str, &str)]) -> Parts {
    let mut request = axum::http::Request::builder().method(method).uri(uri).body(()).unwrap();
    *request.headers_mut() = headers(all);
    request.into_parts().0
}

/// What `Authorization` must say, and the status of the answer; 200 where it is admitted.
const TOKENS: [(&[&str], u16, u16); 11] = [
    // to read, to write
    (&[], 401, 401),
    (&["Bearer writer"], 200, 200),
    (&["bEARER  writer "], 200, 200),
    (&["Bearer reader"], 200, 403),
    (&["Bearer nobody"], 401, 401),
    (&["Bearer "], 401, 401),
    (&["Bearer"], 401, 401),
    (&["Bearer writerx"], 401, 401),
    (&["Basic writer"], 401, 401),
    (&["Bearer writer", "Bearer writer"], 401, 401),
    (&["Bearer hush"], 401, 401),
];

#[test]
fn with_credentials_writing_needs_the_token_of_a_writer_everywhere() {
    for listen in ["127.0.0.1:1", "0.0.0.0:1"] {
        for insecure in [false, true] {
            let guard = guard(Rules { insecure, ..rules(listen) }, &known());
            for (sent, _, status) in TOKENS {
                let sent: Vec<_> = sent.iter().map(|value| ("authorization", *value)).collect();
                let found = guard.admit_write(&headers(&sent)).err();
                assert_eq!(found.map_or(200, |(found, _, _)| found.as_u16()), status, "{sent:?}");
            }
        }
    }
}

#[test]
fn reading_needs_a_token_where_it_is_protected() {
    let open = guard(rules("0.0.0.0:1"), &known());
    let protected = guard(Rules { protect_reads: true, ..rules("127.0.0.1:1") }, &known());
    for (sent, status, _) in TOKENS {
        let sent: Vec<_> = sent.iter().map(|value| ("authorization", *value)).collect();
        let read = |guard: &Guard| {
            let found =
                guard.admit_read(&Method::GET, &Uri::from_static("/metrics"), &headers(&sent), Tick(0));
            found.err().map_or(200, |(found, _, _)| found.as_u16())
        };
        assert_eq!((read(&open), read(&protected)), (200, status), "{sent:?}");
    }
    let signed = headers(&[("authorization", "AWS4-HMAC-SHA256 Credential=x")]);
    for (method, code) in [(Method::GET, "signature_refused"), (Method::POST, "unauthorized")] {
        let found = protected.admit_read(&method, &Uri::from_static("/metrics"), &signed, Tick(0));
        assert_eq!(found.unwrap_err().1, code);
    }
}

#[test]
fn credentials_can_be_replaced() {
    let guard = guard(rules("127.0.0.1:1"), &known());
    let clone = guard.clone();
    let writer = headers(&[("authorization", "Bearer writer")]);
    assert!(clone.admit_write(&writer).is_ok());
    guard.replace(known().split_off(1));
    assert_eq!(clone.admit_write(&writer).unwrap_err().1, "unauthorized");
}

#[test]
fn an_aws_call_needs_a_signature_loopback_or_an_explicit_word() {
    let call = parts("POST", "/", &[]);
    let code = |guard: &Guard, parts: &Parts| guard.admit_aws(parts, b"", Tick(0)).err().map(|e| e.code());
    assert_eq!(code(&guard(rules("127.0.0.1:1"), &[]), &call), None);
    assert_eq!(code(&guard(Rules { insecure: true, ..rules("0.0.0.0:1") }, &[]), &call), None);
    assert_eq!(code(&guard(rules("0.0.0.0:1"), &[]), &call), Some("AccessDenied"));
    for listen in ["127.0.0.1:1", "0.0.0.0:1"] {
        let guard = guard(Rules { insecure: true, ..rules(listen) }, &known());
        assert_eq!(code(&guard, &call), Some("MissingAuthenticationToken"));
        let bearer = parts("POST", "/", &[("authorization", "Bearer writer")]);
        assert_eq!(code(&guard, &bearer), Some("IncompleteSignature"));
    }
}

#[test]
fn without_credentials_the_scope_still_names_the_region() {
    let guard = guard(rules("127.0.0.1:1"), &[]);
    let signature = "0".repeat(64);
    let value = format!(
        "AWS4-HMAC-SHA256 Credential=any/20260102/eu-west-1/ecs/aws4_request, SignedHeaders=host, Signature={signature}"
    );
    for (value, region) in [(value.as_str(), Some("eu-west-1")), ("AWS4-HMAC-SHA256 junk", None)] {
        let call = parts("POST", "/", &[("authorization", value), ("x-amz-date", "20260102T030405Z")]);
        let caller = guard.admit_aws(&call, b"", Tick(0)).unwrap();
        assert_eq!((caller.access, caller.region.as_deref()), (Access::ReadWrite, region));
    }
}

#[test]
fn a_link_on_a_foreign_page_is_no_aws_call() {
    let guard = guard(rules("127.0.0.1:1"), &[]);
    for (site, good) in [("cross-site", false), ("same-site", false), ("same-origin", true), ("none", true)] {
        let call = parts("GET", "/?Action=DeleteTargetGroup", &[("sec-fetch-site", site)]);
        assert_eq!(guard.admit_aws(&call, b"", Tick(0)).is_ok(), good, "{site}");
    }
}

#[test]
fn a_foreign_page_writes_nothing_where_nobody_needs_a_credential() {
    let open = guard(rules("127.0.0.1:1"), &[]);
    for (site, good) in [("cross-site", false), ("same-site", false), ("same-origin", true), ("none", true)] {
        let found = open.admit_write(&headers(&[("sec-fetch-site", site)]));
        assert_eq!(found.err().map(|(_, code, _)| code), (!good).then_some("origin_not_allowed"), "{site}");
    }
}

#[test]
fn aws_calls_are_told_from_the_console() {
    for (method, uri, expected) in [
        ("POST", "/", true),
        ("POST", "/?x", true),
        ("GET", "/?Version=1&Action=A", true),
        ("GET", "/?Action", true),
        ("GET", "/", false),
        ("GET", "/?action=A&x=Action", false),
        ("POST", "/-/reload", false),
        ("GET", "/metrics?Action=A", false),
    ] {
        assert_eq!(is_aws_call(&method.parse().unwrap(), &uri.parse().unwrap()), expected, "{method} {uri}");
    }
}

#[test]
fn over_tls_only_a_page_over_tls_is_ours() {
    for (tls, origin, good) in [
        (false, "http://a:1", true),
        (false, "https://a:1", true),
        (true, "http://a:1", false),
        (true, "https://a:1", true),
        (true, "https://b:1", false),
    ] {
        let guard = guard(Rules { tls, ..rules("0.0.0.0:1") }, &[]);
        let found = guard.admit(&headers(&[("host", "a:1"), ("origin", origin)]));
        assert_eq!(found.is_ok(), good, "{tls} {origin}");
    }
}

#[track_caller]
fn check(listen: &str, headers: &[(&'static str, &str)], expected: Option<&str>) {
    let guard = guard(Rules { allowed_hosts: vec!["probe.internal".into()], ..rules(listen) }, &[]);
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().unwrap());
    }
    assert_eq!(guard.admit(&map).err().map(|(_, code, _)| code), expected, "{headers:?}");
}

#[test]
fn a_loopback_listener_answers_only_to_its_own_names() {
    for host in ["127.0.0.1:9911", "localhost", "LOCALHOST:1", "[::1]:9911", "127.9.9.9", "probe.internal:80"]
    {
        check("127.0.0.1:9911", &[("host", host)], None);
    }
    for host in ["evil.example", "evil.example:9911", "10.0.0.1", "localhost.evil.example", ""] {
        check("127.0.0.1:9911", &[("host", host)], Some("host_not_allowed"));
    }
    check("127.0.0.1:9911", &[], None);
    check("127.0.0.1:9911", &[("host", "localhost"), ("host", "evil.example")], Some("host_ambiguous"));
    check("0.0.0.0:9911", &[("host", "anything.example")], None);
}

#[test]
fn a_foreign_origin_is_refused_everywhere() {
    let host = ("host", "127.0.0.1:9911");
    check("127.0.0.1:9911", &[host, ("origin", "http://127.0.0.1:9911")], None);
    for origin in ["http://evil.example", "null", "http://127.0.0.1:80", "http://127.0.0.1", "127.0.0.1:9911"]
    {
        check("127.0.0.1:9911", &[host, ("origin", origin)], Some("origin_not_allowed"));
    }
    check("0.0.0.0:9911", &[("host", "a:1"), ("origin", "http://b:1")], Some("origin_not_allowed"));
    check("0.0.0.0:9911", &[("origin", "http://b:1")], Some("origin_not_allowed"));
}

#[test]
fn writing_needs_loopback_or_an_explicit_word() {
    for (listen, insecure, allowed) in [
        ("127.0.0.1:1", false, true),
        ("[::1]:1", false, true),
        ("[::ffff:127.0.0.1]:1", false, true),
        ("0.0.0.0:1", false, false),
        ("[::]:1", false, false),
        ("10.0.0.1:1", false, false),
        ("0.0.0.0:1", true, true),
    ] {
        let guard = guard(Rules { insecure, ..rules(listen) }, &[]);
        let found = guard.admit_write(&HeaderMap::new());
        assert_eq!(found.is_ok(), allowed, "{listen} {insecure}");
        for word in ["credentials_file", "TGPROBE_ACCESS_KEY_ID", "insecure = true"] {
            assert!(allowed || found.as_ref().is_err_and(|(_, _, message)| message.contains(word)), "{word}");
        }
    }
}
