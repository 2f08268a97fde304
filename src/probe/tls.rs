//! The TLS side of a check: what is offered, what is accepted, and what a failed handshake means.
//!
//! TLS 1.2 and 1.3, no resumption, no early data, no client certificate. Like ALB, by default any certificate will
//! do: self-signed, expired, for another name.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use tokio_rustls::TlsConnector;

use crate::model::failure::Failure;
use crate::model::health_check::Verify;
use crate::model::outcome::{Cause, Outcome};
use crate::probe::errno::{self, Phase};

/// What handshakes with the targets of one group are made with.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) connector: TlsConnector,
    verified: bool,
    server_name: Option<String>,
}

impl Client {
    /// Prepares handshakes, verified where `verify` is given.
    ///
    /// # Errors
    /// No usable root certificate, which whoever made `verify` has ruled out.
    pub(super) fn new(verify: Option<&Verify>) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match verify {
            None => Arc::new(AnyCertificate(provider.signature_verification_algorithms)),
            Some(verify) => chain(verify, Arc::clone(&provider))?,
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        // Each check is to find what a new client would find, and tickets of 100,000 targets would only take memory.
        config.resumption = Resumption::disabled();
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            verified: verify.is_some(),
            server_name: verify.and_then(|verify| verify.server_name.clone()),
        })
    }

    /// The name to ask for and, where it is verified, to find in the certificate. An IP address is not sent as SNI
    /// (RFC 6066, section 3).
    ///
    /// `None` where the name is one that no certificate can carry and it is to be verified.
    pub(super) fn name(&self, id: &str, address: IpAddr) -> Option<ServerName<'static>> {
        let name = self.server_name.as_deref().unwrap_or(id);
        match ServerName::try_from(name) {
            Ok(name) => Some(name.to_owned()),
            Err(_) if self.verified => None,
            Err(_) => Some(ServerName::from(address)),
        }
    }

    /// What an error of [`Client::connector`] means.
    pub(super) fn handshake_outcome(&self, error: &io::Error) -> Outcome {
        match inner(error) {
            None => errno::outcome(Phase::Tls, error),
            Some(error) => handshake_failure(error, self.verified)
                .map_or(Outcome::Inconclusive(Cause::Internal), Outcome::Fail),
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("verified", &self.verified)
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

fn chain(verify: &Verify, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    for root in verify.roots.iter() {
        roots.add(CertificateDer::from(root.as_slice()))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| Error::General(error.to_string()))?;
    Ok(verifier)
}

/// Accepts any certificate, and has the target prove that it holds the certificate's key.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        lenient(verify_tls12_signature(message, cert, dss, &self.0))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        lenient(verify_tls13_signature(message, cert, dss, &self.0))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Lets a certificate pass whose key cannot be read, such as one of X.509 version 1: where any certificate will do, a
/// target gains nothing by it. A signature that is wrong, by a key that can be read, is a broken target.
fn lenient(verdict: Result<HandshakeSignatureValid, Error>) -> Result<HandshakeSignatureValid, Error> {
    match verdict {
        Err(Error::InvalidCertificate(CertificateError::BadSignature)) => verdict,
        Err(Error::InvalidCertificate(_)) => Ok(HandshakeSignatureValid::assertion()),
        _ => verdict,
    }
}

/// What an error of the handshake means. `verified`: a certificate that is refused did not pass `verify`.
///
/// An alert the target sent stays [`Failure::TlsAlert`], also `handshake_failure` (40), which has many causes. Only
/// `protocol_version` (70), which has one, is [`Failure::TlsIncompatible`]. So is what a target that does speak TLS
/// chose without having been offered it.
fn handshake_failure(error: &Error, verified: bool) -> Option<Failure> {
    Some(match error {
        Error::AlertReceived(AlertDescription::ProtocolVersion) => Failure::TlsIncompatible,
        Error::AlertReceived(alert) => Failure::TlsAlert(u8::from(*alert)),
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented if verified => Failure::TlsCertificate,
        Error::InvalidCertificate(_)
        | Error::NoCertificatesPresented
        | Error::PeerIncompatible(_)
        | Error::PeerMisbehaved(_)
        | Error::NoApplicationProtocol => Failure::TlsIncompatible,
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::DecryptError
        | Error::PeerSentOversizedRecord => Failure::TlsNotSpoken,
        // Ours: no randomness, no clock, or a use of the library that we do not make.
        Error::InvalidEncryptedClientHello(_)
        | Error::UnsupportedNameType
        | Error::EncryptError
        | Error::InvalidCertRevocationList(_)
        | Error::General(_)
        | Error::FailedToGetCurrentTime
        | Error::FailedToGetRandomBytes
        | Error::HandshakeNotComplete
        | Error::BadMaxFragmentSize
        | Error::InconsistentKeys(_)
        | Error::Other(_)
        | _ => return None,
    })
}

/// What an error behind the handshake, or on a plain connection, means. A target that misses a client certificate
/// says so only behind the handshake (RFC 8446, section 4.4.2.4).
pub(super) fn exchange_outcome(phase: Phase, error: &io::Error) -> Outcome {
    match inner(error) {
        None => errno::outcome(phase, error),
        Some(Error::AlertReceived(alert)) => Outcome::Fail(Failure::TlsAlert(u8::from(*alert))),
        // The records are broken, or a message came that must not come.
        Some(error) => handshake_failure(error, false)
            .map_or(Outcome::Inconclusive(Cause::Internal), |_| Outcome::Fail(Failure::ResponseMalformed)),
    }
}

/// The TLS error within an I/O error; none where the connection itself failed.
fn inner(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}
