//! Checks over TLS: what is accepted, what is refused, and what each failed handshake is called.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tgprobe::model::failure::Failure;
use tgprobe::model::health_check::{HealthCheck, HealthCheckProtocol, Verify};
use tgprobe::model::outcome::{Outcome, Report};
use tgprobe::probe::Prober;
use tgprobe::runtime::clock::Clock;

use crate::misbehaving::{Backend, Behaviour};
use crate::{LONG, OK, SHORT, check_overdue, failed, judge, within};

mod records;

/// A certificate authority of our own.
type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn params() -> CertificateParams {
    CertificateParams::new(["web.internal".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

fn key_of(pair: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(pair.serialize_der()).unwrap()
}

/// A server that shows `certificate` and signs with `key`, whether they belong together or not.
fn server(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
    versions: &[&'static SupportedProtocolVersion],
    clients_of: Option<&Authority>,
) -> Arc<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let signer = provider.key_provider.load_private_key(key_of(key)).unwrap();
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions).unwrap();
    let builder = match clients_of {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let shown = CertifiedKey::new(vec![certificate], signer);
    Arc::new(builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(shown))))
}

/// A server with a certificate that `authority` signed.
fn signed_by(authority: &Authority, params: &CertificateParams) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    server(certificate.der().clone(), &key, &[&TLS12, &TLS13], None)
}

pub(crate) fn self_signed(
    versions: &[&'static SupportedProtocolVersion],
    clients_of: Option<&Authority>,
) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let certificate = params().self_signed(&key).unwrap();
    server(certificate.der().clone(), &key, versions, clients_of)
}

fn over_tls(verify: Option<Verify>) -> HealthCheck {
    HealthCheck { protocol: HealthCheckProtocol::Https, verify, ..within(LONG) }
}

fn verify(authority: &Authority, server_name: Option<&str>) -> Option<Verify> {
    Some(Verify {
        ca_file: "ca.pem".to_owned(),
        roots: Arc::new(vec![authority.der().to_vec()]),
        server_name: server_name.map(str::to_owned),
    })
}

async fn probe(check: &HealthCheck, backend: &Backend, id: &str) -> Report {
    Prober::new(check, None).probe(backend.address(), id, &Clock::start()).await
}

fn answering(config: Arc<ServerConfig>) -> Backend {
    Backend::start(Behaviour::Tls(config, Box::new(Behaviour::Answer(OK))))
}

#[tokio::test]
async fn any_certificate_will_do_where_none_is_verified() {
    for versions in [&[&TLS12][..], &[&TLS13], &[&TLS12, &TLS13]] {
        let backend = answering(self_signed(versions, None));
        judge(&probe(&over_tls(None), &backend, "127.0.0.1").await, Outcome::Pass, "ctr");

        let mut expired = params();
        expired.not_before = date_time_ymd(2001, 1, 1);
        expired.not_after = date_time_ymd(2002, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = expired.self_signed(&key).unwrap().der().clone();
        let backend = answering(server(certificate, &key, versions, None));
        judge(&probe(&over_tls(None), &backend, "other.name").await, Outcome::Pass, "ctr");

        let backend = answering(server(CertificateDer::from(&b"no certificate"[..]), &key, versions, None));
        judge(&probe(&over_tls(None), &backend, "127.0.0.1").await, Outcome::Pass, "ctr");
    }
}

#[tokio::test]
async fn a_target_without_the_key_of_its_certificate_is_refused() {
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let certificate = params().self_signed(&key).unwrap().der().clone();
    for version in [&TLS12, &TLS13] {
        let backend = answering(server(certificate.clone(), &other, &[version], None));
        let report = probe(&over_tls(None), &backend, "127.0.0.1").await;
        judge(&report, failed(Failure::TlsIncompatible), "c");
    }
}

#[tokio::test]
async fn verification_wants_the_right_authority_name_and_time() {
    let (ours, theirs) = (authority(), authority());
    let backend = answering(signed_by(&ours, &params()));
    let refused = failed(Failure::TlsCertificate);
    for (verify, id, outcome, phases) in [
        (verify(&ours, None), "127.0.0.1", Outcome::Pass, "ctr"),
        (verify(&ours, None), "web.internal", Outcome::Pass, "ctr"),
        (verify(&ours, Some("web.internal")), "10.0.0.1", Outcome::Pass, "ctr"),
        (verify(&ours, Some("127.0.0.1")), "elsewhere", Outcome::Pass, "ctr"),
        (verify(&ours, None), "10.0.0.1", refused, "c"),
        (verify(&ours, None), "elsewhere", refused, "c"),
        (verify(&ours, None), "not a name", refused, ""),
        (verify(&ours, Some("elsewhere")), "127.0.0.1", refused, "c"),
        (verify(&theirs, None), "127.0.0.1", refused, "c"),
    ] {
        let report = probe(&over_tls(verify), &backend, id).await;
        judge(&report, outcome, phases);
    }
    let mut expired = params();
    expired.not_before = date_time_ymd(2001, 1, 1);
    expired.not_after = date_time_ymd(2002, 1, 1);
    let backend = answering(signed_by(&ours, &expired));
    judge(&probe(&over_tls(verify(&ours, None)), &backend, "127.0.0.1").await, refused, "c");
    let backend = answering(self_signed(&[&TLS13], None));
    judge(&probe(&over_tls(verify(&ours, None)), &backend, "127.0.0.1").await, refused, "c");
}

#[tokio::test]
async fn a_name_is_asked_for_and_an_address_is_not() {
    let authority = authority();
    let backend = answering(signed_by(&authority, &params()));
    for (verify, id) in [
        (None, "127.0.0.1"),
        (None, "web.internal"),
        (None, "not a name"),
        (verify(&authority, Some("web.internal")), "127.0.0.1"),
    ] {
        judge(&probe(&over_tls(verify), &backend, id).await, Outcome::Pass, "ctr");
    }
    let name = Some("web.internal".to_owned());
    let asked: Vec<_> = backend.handshakes().into_iter().map(|handshake| handshake.server_name).collect();
    assert_eq!(asked, [None, name.clone(), None, name]);
}

#[tokio::test]
async fn a_session_is_taken_up_again_only_where_that_is_asked_for() {
    for (version, tls_resumption) in [(&TLS12, false), (&TLS13, false), (&TLS12, true), (&TLS13, true)] {
        let backend = answering(self_signed(&[version], None));
        let prober = Prober::new(&HealthCheck { tls_resumption, ..over_tls(None) }, None);
        for _ in 0..3 {
            let report = prober.probe(backend.address(), "web.internal", &Clock::start()).await;
            judge(&report, Outcome::Pass, "ctr");
        }
        let resumed: Vec<_> = backend.handshakes().into_iter().map(|handshake| handshake.resumed).collect();
        assert_eq!(resumed, [false, tls_resumption, tls_resumption], "{version:?}");
    }
}

#[tokio::test]
async fn a_session_is_taken_up_only_by_the_target_it_was_made_with() {
    let (ours, theirs) = (authority(), authority());
    for version in [&TLS12, &TLS13] {
        let of = |authority: &Authority| {
            let key = KeyPair::generate().unwrap();
            let certificate = params().signed_by(&key, authority).unwrap();
            server(certificate.der().clone(), &key, &[version], None)
        };
        let good = of(&ours);
        // Another server, with another certificate, that knows the sessions of the first.
        let mut bad = Arc::unwrap_or_clone(of(&theirs));
        bad.session_storage = Arc::clone(&good.session_storage);
        let (good, bad) = (answering(good), answering(Arc::new(bad)));
        let check = HealthCheck { tls_resumption: true, ..over_tls(verify(&ours, Some("web.internal"))) };
        let prober = Prober::new(&check, None);
        for _ in 0..2 {
            let report = prober.probe(good.address(), "10.0.0.1", &Clock::start()).await;
            judge(&report, Outcome::Pass, "ctr");
            let report = prober.probe(bad.address(), "10.0.0.2", &Clock::start()).await;
            judge(&report, failed(Failure::TlsCertificate), "c");
        }
        let resumed: Vec<_> = good.handshakes().into_iter().map(|handshake| handshake.resumed).collect();
        assert_eq!(resumed, [false, true], "{version:?}");
    }
}

#[tokio::test]
async fn the_sessions_of_many_targets_are_remembered() {
    let mut config = Arc::unwrap_or_clone(self_signed(&[&TLS13], None));
    config.session_storage = ServerSessionMemoryCache::new(2_000);
    let backend = answering(Arc::new(config));
    let prober = Prober::new(&HealthCheck { tls_resumption: true, ..over_tls(None) }, None);
    for resumed in [false, true] {
        for target in 0..200 {
            let report =
                prober.probe(backend.address(), &format!("t{target}.internal"), &Clock::start()).await;
            judge(&report, Outcome::Pass, "ctr");
            let handshake = backend.handshakes().pop().unwrap();
            assert_eq!(handshake.resumed, resumed, "{target}");
        }
    }
}

#[tokio::test]
async fn the_target_hears_a_farewell() {
    for version in [&TLS12, &TLS13] {
        let backend = answering(self_signed(&[version], None));
        judge(&probe(&over_tls(None), &backend, "127.0.0.1").await, Outcome::Pass, "ctr");
        assert!(backend.farewell());
    }
}

#[tokio::test]
async fn the_request_within_tls_is_the_same() {
    let backend = answering(self_signed(&[&TLS13], None));
    judge(&probe(&over_tls(None), &backend, "web.internal").await, Outcome::Pass, "ctr");
    let expected = format!(
        "GET / HTTP/1.1\r\nHost: web.internal:{}\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\
         Accept-Encoding: gzip, compressed\r\nConnection: close\r\n\r\n",
        backend.address().port()
    );
    assert_eq!(String::from_utf8(backend.received()).unwrap(), expected);
}

#[tokio::test]
async fn misbehaviour_within_tls_has_the_same_names() {
    let config = self_signed(&[&TLS13], None);
    for (inside, outcome, phases) in [
        (Behaviour::Answer(b"HTTP/1.1 500 x\r\n\r\n"), failed(Failure::StatusMismatch(500)), "ctr"),
        (Behaviour::GigabyteBody, Outcome::Pass, "ctr"),
        (Behaviour::EndlessHeader, failed(Failure::ResponseTooLarge), "ct"),
        (Behaviour::InterimFlood, failed(Failure::ResponseTooLarge), "ct"),
        (Behaviour::Answer(b"garbage"), failed(Failure::ResponseMalformed), "ct"),
        (Behaviour::Answer(b"\x16\x03\x01"), failed(Failure::ResponseMalformed), "ct"),
        (Behaviour::AnswerAndClose(b"HTTP/1.1 2"), failed(Failure::ResponseClosed), "ct"),
        (Behaviour::AnswerAndReset(b"HTTP/1.1 2"), failed(Failure::ResponseReset), "ct"),
    ] {
        let backend = Backend::start(Behaviour::Tls(Arc::clone(&config), Box::new(inside)));
        judge(&probe(&over_tls(None), &backend, "127.0.0.1").await, outcome, phases);
    }
}

#[tokio::test]
async fn a_failed_handshake_is_named_by_what_the_target_did() {
    // A ServerHello that chooses TLS 1.1.
    const TLS_1_1: &[u8] =
        b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02abcdefghijklmnopqrstuvwxyz012345\x00\x00\x2f\x00";
    for (behaviour, failure) in [
        (Behaviour::Blurt(b"\x15\x03\x03\x00\x02\x02\x28"), Failure::TlsAlert(40)),
        (Behaviour::Blurt(b"\x15\x03\x03\x00\x02\x02\x70"), Failure::TlsAlert(112)),
        (Behaviour::Blurt(b"\x15\x03\x01\x00\x02\x02\x46"), Failure::TlsIncompatible),
        (Behaviour::Blurt(TLS_1_1), Failure::TlsIncompatible),
        (Behaviour::Blurt(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Failure::TlsNotSpoken),
        (Behaviour::Blurt(b"SSH-2.0-OpenSSH_9.9\r\n"), Failure::TlsNotSpoken),
        (Behaviour::Close, Failure::TlsClosed),
        (Behaviour::ReadAndReset, Failure::TlsReset),
    ] {
        let backend = Backend::start(behaviour);
        judge(&probe(&over_tls(None), &backend, "127.0.0.1").await, failed(failure), "c");
    }
}

#[tokio::test]
async fn a_target_that_wants_a_client_certificate_answers_with_an_alert() {
    let authority = authority();
    // TLS 1.3 says so only once our side of the handshake is done: certificate_required.
    let backend = answering(self_signed(&[&TLS13], Some(&authority)));
    for _ in 0..10 {
        judge(&probe(&over_tls(None), &backend, "127.0.0.1").await, failed(Failure::TlsAlert(116)), "ct");
    }
}

#[tokio::test]
async fn a_plain_check_of_a_tls_port_says_so() {
    let backend = answering(self_signed(&[&TLS12, &TLS13], None));
    judge(&probe(&within(LONG), &backend, "127.0.0.1").await, failed(Failure::ResponseTls), "c");
    let backend = Backend::start(Behaviour::Blurt(b"\x15\x03\x01\x00\x02\x02\x46"));
    judge(&probe(&within(LONG), &backend, "127.0.0.1").await, failed(Failure::ResponseTls), "c");
}

#[tokio::test]
async fn a_handshake_without_an_answer_is_overdue() {
    let silent = Backend::start(Behaviour::Silent);
    let check = HealthCheck { timeout: SHORT, ..over_tls(None) };
    check_overdue(check.clone(), silent.address(), Failure::TlsTimeout, "c").await;
    let inside = Behaviour::Tls(self_signed(&[&TLS13], None), Box::new(Behaviour::Silent));
    let mute = Backend::start(inside);
    check_overdue(check, mute.address(), Failure::ResponseTimeout, "ct").await;
}
