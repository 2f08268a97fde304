//! The TLS side of a check: what is offered, what is accepted, and what a failed handshake means.
//!
//! TLS 1.2 and 1.3, no resumption unless asked for, no early data, no client certificate. Like ALB, by default any certificate will
//! do: self-signed, expired, for another name.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::io::Errno;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error,
    RootCertStore, SignatureScheme,
};

use crate::model::failure::Failure;
use crate::model::health_check::Verify;
use crate::model::outcome::{Cause, Outcome};
use crate::probe::answer::Answer;
use crate::probe::plan::Plan;
use crate::probe::sessions::{self, Sessions, Shelf};
use crate::probe::socket::Socket;

/// What HTTP/2 is called in a handshake (RFC 9113, section 3.1).
const HTTP2: &[u8] = b"h2";

/// What handshakes with the targets of one group are made with.
pub(super) struct Client {
    config: Arc<ClientConfig>,
    /// Where they may be taken up again.
    sessions: Option<Arc<Sessions>>,
    verified: bool,
    server_name: Option<String>,
}

impl Client {
    /// Prepares handshakes, verified where `verify` is given. With `resumption` earlier sessions are taken up again; with
    /// `http2` that is what the target is asked to agree to.
    ///
    /// # Errors
    /// No usable root certificate, which whoever made `verify` has ruled out.
    pub(super) fn new(verify: Option<&Verify>, resumption: bool, http2: bool) -> Result<Self, Error> {
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
        // Each check is to find what a new client would find, unless the operator would rather have it cheap.
        config.resumption = Resumption::disabled();
        config.alpn_protocols.extend(http2.then(|| HTTP2.to_vec()));
        Ok(Self {
            config: Arc::new(config),
            sessions: resumption.then(sessions::sessions),
            verified: verify.is_some(),
            server_name: verify.and_then(|verify| verify.server_name.clone()),
        })
    }

    /// The name to ask for and, where it is verified, to find in the certificate. An IP address is not sent as SNI
    /// (RFC 6066, section 3).
    ///
    /// `None` where the name is one that no certificate can carry and it is to be verified.
    fn name(&self, id: &str, address: IpAddr) -> Option<ServerName<'static>> {
        let name = self.server_name.as_deref().unwrap_or(id);
        match ServerName::try_from(name) {
            Ok(name) => Some(name.to_owned()),
            Err(_) if self.verified => None,
            Err(_) => Some(ServerName::from(address)),
        }
    }

    /// Begins a session with the target `id` at `address`.
    ///
    /// # Errors
    /// What the check has come to where no session can be begun.
    pub(super) fn session(&self, id: &str, address: SocketAddr) -> Result<Session, Outcome> {
        let name = self.name(id, address.ip()).ok_or(Outcome::Fail(Failure::TlsCertificate))?;
        let shelf = self.sessions.as_ref().map(|sessions| Arc::new(Shelf::new(sessions, address)));
        let config = match &shelf {
            None => Arc::clone(&self.config),
            Some(shelf) => {
                let mut config = ClientConfig::clone(&self.config);
                config.resumption = Resumption::store(Arc::<Shelf>::clone(shelf));
                Arc::new(config)
            }
        };
        let connection =
            ClientConnection::new(config, name).map_err(|error| self.handshake_outcome(&error))?;
        Ok(Session { connection, shelf, outgoing: Vec::new(), sent: 0, taken: 0 })
    }

    /// What an error of the handshake means.
    pub(super) fn handshake_outcome(&self, error: &Error) -> Outcome {
        handshake_failure(error, self.verified).map_or(Outcome::Inconclusive(Cause::Internal), Outcome::Fail)
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
        Error::AlertReceived(AlertDescription::NoApplicationProtocol) => Failure::TlsNoHttp2,
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

/// What an error behind the handshake means; `unsent` says what had gone wrong before, and only an alert tells more
/// than that. A target that misses a client certificate says so only behind the handshake (RFC 8446, section 4.4.2.4).
pub(super) fn exchange_outcome(error: &Error, unsent: Option<Outcome>) -> Outcome {
    match (error, unsent) {
        (Error::AlertReceived(alert), _) => Outcome::Fail(Failure::TlsAlert(u8::from(*alert))),
        (_, Some(unsent)) => unsent,
        (Error::PeerSentOversizedRecord, None) => Outcome::Fail(Failure::ResponseTooLarge),
        // The records are broken, or a message came that must not come.
        (error, None) => handshake_failure(error, false)
            .map_or(Outcome::Inconclusive(Cause::Internal), |_| Outcome::Fail(Failure::ResponseMalformed)),
    }
}

/// One TLS connection, between the bytes of the socket and those of the exchange.
#[derive(Debug)]
pub(super) struct Session {
    connection: ClientConnection,
    shelf: Option<Arc<Shelf>>,
    /// Records on their way to the socket, and how many of their bytes it has taken.
    outgoing: Vec<u8>,
    sent: usize,
    /// Bytes of the socket taken in.
    taken: usize,
}

impl Session {
    pub(super) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Whether the target agreed to HTTP/2 in the handshake.
    pub(super) fn agreed_to_http2(&self) -> bool {
        self.connection.alpn_protocol() == Some(HTTP2)
    }

    /// Queues what is to be sent inside.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        // A buffer of the library's, which takes 64 KiB by default; a request is a few hundred bytes.
        _ = self.connection.writer().write_all(bytes);
    }

    /// Queues the end of the connection.
    pub(super) fn say_farewell(&mut self) {
        self.connection.send_close_notify();
    }

    /// Sends what is queued.
    ///
    /// # Errors
    /// `EAGAIN` where the socket takes no more now; the rest stays queued.
    pub(super) fn flush(&mut self, socket: &Socket) -> Result<(), Errno> {
        while self.connection.wants_write() {
            // Writing to a `Vec` cannot fail.
            _ = self.connection.write_tls(&mut self.outgoing);
        }
        while self.sent < self.outgoing.len() {
            self.sent += socket.send(&self.outgoing[self.sent..])?;
        }
        self.outgoing.clear();
        self.sent = 0;
        Ok(())
    }

    /// Takes in bytes of the socket, and feeds `answer` with what they hold. False once the target has ended the session.
    ///
    /// # Errors
    /// What makes them no TLS, an alert, or too many. What came before that has been fed.
    pub(super) fn take_in(
        &mut self,
        mut bytes: &[u8],
        answer: &mut Answer,
        plan: &Plan,
    ) -> Result<bool, Error> {
        let mut open = true;
        self.taken += bytes.len();
        if let Some(shelf) = &self.shelf {
            shelf.taken.store(self.taken, Ordering::Relaxed);
        }
        while !bytes.is_empty() && open && answer.is_open() {
            // Its only error here is one message, or a row of messages with no record that ends with one, of 64 KiB.
            if self.connection.read_tls(&mut bytes).is_err() {
                return Err(Error::PeerSentOversizedRecord);
            }
            let processed = self.connection.process_new_packets();
            open = self.drain(answer, plan);
            processed?;
        }
        if self.taken > answer.most_over_tls() && answer.is_open() {
            return Err(Error::PeerSentOversizedRecord);
        }
        Ok(open)
    }

    fn drain(&mut self, answer: &mut Answer, plan: &Plan) -> bool {
        let mut plain = [0; 1024];
        loop {
            match self.connection.reader().read(&mut plain) {
                Ok(0) => return false,
                Ok(count) => answer.feed(&plain[..count], plan, true),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_tells_more_than_a_request_that_was_not_sent() {
        let sending = Some(Outcome::Fail(Failure::SendReset));
        let broken = Error::DecryptError;
        assert_eq!(exchange_outcome(&broken, sending), Outcome::Fail(Failure::SendReset));
        assert_eq!(exchange_outcome(&broken, None), Outcome::Fail(Failure::ResponseMalformed));
        let long = Error::PeerSentOversizedRecord;
        assert_eq!(exchange_outcome(&long, sending), Outcome::Fail(Failure::SendReset));
        assert_eq!(exchange_outcome(&long, None), Outcome::Fail(Failure::ResponseTooLarge));
        let alert = Error::AlertReceived(AlertDescription::CertificateRequired);
        assert_eq!(exchange_outcome(&alert, sending), Outcome::Fail(Failure::TlsAlert(116)));
        assert_eq!(exchange_outcome(&alert, None), Outcome::Fail(Failure::TlsAlert(116)));
    }
}
