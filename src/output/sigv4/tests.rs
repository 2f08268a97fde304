//! Signatures made by stock clients, and what becomes of them when anything is changed.

mod calls;

use proptest::prelude::*;

use super::*;
use calls::{Call, NOW, cli, presigned, reading};

#[test]
fn signatures_of_stock_clients_are_good() {
    let signed = |region: &str, id: &str| {
        Ok(Signed { access: Access::ReadWrite, region: region.to_owned(), access_key_id: id.to_owned() })
    };
    assert_eq!(cli().at(NOW), signed("us-east-1", "AKID"));
    assert_eq!(presigned().at(NOW), signed("eu-west-1", "AKIDEXAMPLE"));
    assert_eq!(reading().at(NOW), signed("eu-west-1", "AKIDEXAMPLE"));
}

#[test]
fn the_canonical_request_of_a_stock_client_is_the_one_it_made() {
    let hash = cli().with(|request| {
        let claim = Claim::read(request).unwrap();
        let payload = payload_hash(request, &claim).unwrap();
        assert_eq!(payload, "ed75f98751605491e65e45bea490cbf56a9a909635865319bb23c4525715e0fa");
        hex(digest::digest(&digest::SHA256, &canonical::request(request, &claim, &payload).unwrap()).as_ref())
    });
    assert_eq!(hash, "5b7a83e9e8f0be50e6a1d7a066633ce479ba80dce6cce702f277e8a77eda2658");
}

#[test]
fn the_access_is_that_of_the_key() {
    let mut call = cli();
    call.change("authorization", "Credential=AKID/", "Credential=AKIDREADER/");
    assert_eq!(call.at(NOW).unwrap().access, Access::ReadOnly);
}

#[test]
fn no_byte_of_what_is_signed_can_be_changed() {
    for call in [cli(), presigned(), reading()] {
        let mut changed = Vec::new();
        for at in 0..call.body.len() {
            let mut other = call.clone();
            other.body[at] ^= 1;
            changed.push(other);
        }
        for (index, (name, value)) in call.headers.iter().enumerate() {
            let start = if name == "authorization" {
                value.windows(9).position(|part| part == b"Signature").unwrap() + "Signature=".len()
            } else {
                0
            };
            for at in (start..value.len()).filter(|_| name != "user-agent") {
                let mut other = call.clone();
                // A blank stays one of several, or becomes a letter.
                other.headers[index].1[at] = if value[at] == b'q' { b'x' } else { b'q' };
                changed.push(other);
            }
        }
        for at in 0..call.query.len() {
            let mut other = call.clone();
            let to = if &call.query[at..=at] == "q" { "x" } else { "q" };
            other.query.replace_range(at..=at, to);
            changed.push(other);
        }
        let other = Call { method: "PUT", ..call.clone() };
        changed.push(other);
        let other = Call { path: format!("{}x", call.path), ..call.clone() };
        changed.push(other);
        assert!(changed.len() > 100);
        for other in changed {
            assert!(other.at(NOW).is_err(), "{other:?}");
        }
    }
}

#[test]
fn a_signature_in_a_header_is_good_for_fifteen_minutes_either_way() {
    for (moment, code) in [
        ("20261121T074455Z", None),
        ("20261121T074454Z", Some("RequestExpired")),
        ("20261121T081455Z", None),
        ("20261121T081456Z", Some("RequestExpired")),
    ] {
        let found = cli().at(moment).err();
        assert_eq!(found.as_ref().map(Error::code), code, "{moment}");
    }
}

#[test]
fn a_signature_in_the_query_is_good_for_as_long_as_it_says() {
    for (moment, code) in [
        ("20261121T074455Z", None),
        ("20261121T074454Z", Some("RequestExpired")),
        ("20261121T080955Z", None),
        ("20261121T080956Z", Some("RequestExpired")),
    ] {
        let found = presigned().at(moment).err();
        assert_eq!(found.as_ref().map(Error::code), code, "{moment}");
    }
    for expires in ["0", "604801", "-1", "+600", "", "99999999999999999999", "x"] {
        let mut call = presigned();
        call.query = call.query.replace("Expires=600", &format!("Expires={expires}"));
        call.refused("IncompleteSignature");
    }
}

#[test]
fn what_cannot_be_read_is_incomplete() {
    for (from, to) in [
        ("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA1 "),
        ("AWS4-HMAC-SHA256 ", "Bearer "),
        ("Signature=0778", "Signature=0Z78"),
        ("Signature=0778", "Signature="),
        (", Signature=", ", Sign="),
        ("SignedHeaders=content-type;host;x-amz-date", "SignedHeaders=host;content-type;x-amz-date"),
        ("SignedHeaders=content-type;host;x-amz-date", "SignedHeaders=host;host"),
        ("SignedHeaders=content-type;host;x-amz-date", "SignedHeaders="),
        ("SignedHeaders=", "Signature="),
        ("/aws4_request", "/aws4"),
        ("/aws4_request", "/aws4_request/x"),
        ("/20261121/", "/2026112/"),
    ] {
        let mut call = cli();
        call.change("authorization", from, to);
        call.refused("IncompleteSignature");
    }
    let mut twice = cli();
    twice.headers.push(("authorization".to_owned(), b"x".to_vec()));
    twice.refused("IncompleteSignature");
    let mut both = cli();
    both.query = presigned().query;
    both.refused("IncompleteSignature");
    let mut undated = cli();
    undated.headers.retain(|(name, _)| name != "x-amz-date");
    undated.refused("IncompleteSignature");
    let mut odd = cli();
    odd.headers.retain(|(name, _)| name != "authorization");
    odd.headers.push(("authorization".to_owned(), b"AWS4-HMAC-SHA256 \xff".to_vec()));
    odd.refused("IncompleteSignature");
    let mut repeated = presigned();
    repeated.query += "&X-Amz-Expires=700";
    repeated.refused("IncompleteSignature");
}

#[test]
fn who_is_not_known_is_told_so() {
    let mut call = cli();
    call.change("authorization", "Credential=AKID/", "Credential=NOBODY/");
    call.refused("InvalidClientTokenId");
    call.headers.retain(|(name, _)| name != "authorization");
    call.refused("MissingAuthenticationToken");
}

#[test]
fn the_scope_must_be_ours() {
    for (scope, code) in [
        ("20261121/us-east-1/ecs/aws4_request", None),
        ("20261121/mars-9/ecs/aws4_request", None),
        ("20261121/us-east-1/s3/aws4_request", Some("SignatureDoesNotMatch")),
        ("20261121/us-east-1/elbv2/aws4_request", Some("SignatureDoesNotMatch")),
        ("20261121/US-EAST-1/ecs/aws4_request", Some("SignatureDoesNotMatch")),
        ("20261121//ecs/aws4_request", Some("SignatureDoesNotMatch")),
        ("20261121/us east/ecs/aws4_request", Some("SignatureDoesNotMatch")),
        ("20261122/us-east-1/ecs/aws4_request", Some("SignatureDoesNotMatch")),
    ] {
        let mut call = cli();
        call.sign(scope, "content-type;host;x-amz-date");
        let found = call.at(NOW).err();
        assert_eq!(found.as_ref().map(Error::code), code, "{scope}");
    }
}

#[test]
fn host_time_and_everything_of_amazons_must_be_signed() {
    let scope = "20261121/us-east-1/ecs/aws4_request";
    let good = "host;x-amz-date;x-amz-target";
    let mut call = cli();
    call.set("x-amz-target", "AmazonEC2ContainerServiceV20141113.ListServices");
    call.sign(scope, good);
    assert!(call.at(NOW).is_ok());
    for headers in
        ["host;x-amz-date", "x-amz-date;x-amz-target", "host;x-amz-target", "host;x-amz-date;x-amz-gone"]
    {
        let mut call = call.clone();
        call.change("authorization", good, headers);
        call.refused("SignatureDoesNotMatch");
    }
}

#[test]
fn the_session_token_must_be_the_one_of_the_key() {
    let scope = "20261121/us-east-1/ecs/aws4_request";
    let mut call = cli();
    call.set("x-amz-security-token", "anything");
    call.sign(scope, "host;x-amz-date;x-amz-security-token");
    call.refused("InvalidClientTokenId");
    call.change("authorization", "AKID", "AKIDEXAMPLE");
    call.refused("InvalidClientTokenId");
    let mut call = cli();
    call.change("authorization", "AKID", "AKIDEXAMPLE");
    call.refused("InvalidClientTokenId");
}

#[test]
fn a_hash_of_the_body_must_be_true() {
    let scope = "20261121/us-east-1/ecs/aws4_request";
    let headers = "host;x-amz-content-sha256;x-amz-date";
    for (hash, good) in [
        ("ed75f98751605491e65e45bea490cbf56a9a909635865319bb23c4525715e0fa", true),
        ("ed75f98751605491e65e45bea490cbf56a9a909635865319bb23c4525715e0fb", false),
        ("UNSIGNED-PAYLOAD", false),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", false),
    ] {
        let mut call = cli();
        call.set("x-amz-content-sha256", hash);
        call.sign(scope, headers);
        assert_eq!(call.at(NOW).is_ok(), good, "{hash}");
    }
}

#[test]
fn blanks_in_headers_and_around_the_parts_do_not_matter() {
    let mut call = cli();
    call.change("content-type", "; ", ";  \t ");
    call.change("authorization", ", ", " ,");
    assert!(call.at(NOW).is_ok());
}

#[test]
fn the_region_is_read_without_a_check() {
    let read = |call: &Call| call.with(region);
    let mut call = cli();
    call.change("authorization", "us-east-1", "mars-9");
    assert_eq!(read(&call).as_deref(), Some("mars-9"));
    assert_eq!(read(&presigned()).as_deref(), Some("eu-west-1"));
    call.change("authorization", "mars-9", "MARS");
    assert_eq!(read(&call), None);
    assert_eq!(read(&Call::new("GET", "/", &[("authorization", "Basic eDp5")], "")), None);
    assert_eq!(read(&Call::new("GET", "/", &[], "")), None);
}

#[test]
fn a_refusal_repeats_no_more_than_a_line_of_what_was_sent() {
    let long = "g".repeat(2_000);
    let mut unsent = cli();
    unsent.change("authorization", "content-type;", &format!("content-type;{long};"));
    let mut unsigned = cli();
    unsigned.set(&format!("x-amz-{long}"), "");
    let mut undated = cli();
    undated.set("x-amz-date", &long);
    for call in [unsent, unsigned, undated] {
        let error = call.at(NOW).unwrap_err();
        assert_eq!(error.code(), "SignatureDoesNotMatch");
        assert!(error.message().contains("ggg...") && error.message().len() < 400, "{error}");
    }
}

/// Pieces that, put together at random, are often nearly a signature.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let words: [&[u8]; 18] = [
        b"AWS4-HMAC-SHA256 ",
        b"Credential=",
        b"AKID/20261121/us-east-1/ecs/aws4_request",
        b"SignedHeaders=",
        b"host;x-amz-date",
        b"Signature=",
        b"077820c747712cb5e4feec44659ad46d60e981e6c13fa1a6310480552375ed2a",
        b",",
        b"=",
        b"/",
        b";",
        b" ",
        b"%",
        b"&",
        b"X-Amz-Algorithm=AWS4-HMAC-SHA256&",
        b"X-Amz-Expires=9&",
        b"\xff",
        b"\t",
    ];
    let word = prop_oneof![
        proptest::sample::select(words.to_vec()).prop_map(<[u8]>::to_vec),
        proptest::collection::vec(32u8..=255, 0..4)
    ];
    proptest::collection::vec(word, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_header_or_query_panics_or_passes(
        authorization in pieces(),
        stamp in prop_oneof![Just(NOW.as_bytes().to_vec()), pieces()],
        query in prop_oneof![pieces(), proptest::collection::vec(any::<u8>(), 0..64)],
        path in "\\PC*",
        body in proptest::collection::vec(any::<u8>(), 0..16),
        signed in any::<bool>(),
    ) {
        let mut call = cli();
        call.query = String::from_utf8_lossy(&query).into_owned();
        call.path = path;
        call.body = body;
        call.headers.retain(|(name, _)| name != "authorization" && name != "x-amz-date");
        let clean = |value: Vec<u8>| value.into_iter().filter(|byte| *byte != 127).collect::<Vec<_>>();
        if signed {
            call.headers.push(("authorization".to_owned(), clean(authorization)));
        }
        call.headers.push(("x-amz-date".to_owned(), clean(stamp)));
        prop_assert!(call.at(NOW).is_err());
        call.with(region);
    }
}
