//! Certificates and keys as they stand in PEM files, proved usable before anybody relies on them.

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{Error, RootCertStore};

/// Reads the certificates of authorities to trust; at least one.
///
/// # Errors
/// What is wrong, as the end of a sentence that begins with the file's name.
pub fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut roots = Vec::new();
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let number = roots.len() + 1;
        let certificate =
            certificate.map_err(|error| format!("is not PEM in certificate {number}: {error}"))?;
        store.add(certificate.clone()).map_err(|error| {
            format!("has a certificate, number {number}, that cannot be trusted: {error}")
        })?;
        roots.push(certificate);
    }
    if roots.is_empty() { Err("holds no certificate".to_owned()) } else { Ok(roots) }
}

/// One of the files of an [`Identity`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The server's certificate, and those between it and its authority.
    Certificate,
    /// Its private key.
    Key,
    /// The authorities of clients.
    ClientCa,
}

/// What a TLS server shows of itself and asks of its clients.
#[derive(Debug, Eq, PartialEq)]
pub struct Identity {
    /// Its certificate first, then those between it and its authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first certificate.
    pub key: PrivateKeyDer<'static>,
    /// Where there are any, a client must show a certificate of one of these authorities.
    pub client_roots: Option<Vec<CertificateDer<'static>>>,
}

impl Identity {
    /// Reads the contents of the files.
    ///
    /// # Errors
    /// Every file that is wrong, and what is wrong with it as the end of a sentence that begins with the file's name;
    /// nothing of a key is ever in there.
    pub fn parse(
        certificate: &[u8],
        key: &[u8],
        client_ca: Option<&[u8]>,
    ) -> Result<Self, Vec<(Part, String)>> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = match chain {
            Ok(chain) if chain.is_empty() => Err("holds no certificate".to_owned()),
            Ok(chain) => match ParsedCertificate::try_from(&chain[0]) {
                Ok(_) => Ok(chain),
                Err(error) => Err(format!("has a first certificate that cannot be read: {error}")),
            },
            Err(error) => Err(format!("is not PEM: {error}")),
        };
        // The parser's own error may quote a line of the file.
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| "holds no private key in PEM".to_owned());
        let client_roots = client_ca.map(authorities).transpose();
        match (chain, key, client_roots) {
            (Ok(chain), Ok(key), Ok(client_roots)) => {
                fit(&chain, &key).map_err(|wrong| vec![wrong])?;
                Ok(Self { chain, key, client_roots })
            }
            (chain, key, client_roots) => {
                let wrong = [
                    chain.err().map(|reason| (Part::Certificate, reason)),
                    key.err().map(|reason| (Part::Key, reason)),
                    client_roots.err().map(|reason| (Part::ClientCa, reason)),
                ];
                Err(wrong.into_iter().flatten().collect())
            }
        }
    }
}

/// Whether a certificate can be shown with a key.
fn fit(chain: &[CertificateDer<'static>], key: &PrivateKeyDer<'static>) -> Result<(), (Part, String)> {
    match CertifiedKey::from_der(chain.to_vec(), key.clone_key(), &ring::default_provider()) {
        Ok(_) => Ok(()),
        Err(Error::InconsistentKeys(_)) => Err((Part::Key, "is not the key of the certificate".to_owned())),
        Err(_) => Err((Part::Key, "is of a kind that is not supported".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(certificate: &str, key: &str, client_ca: Option<&str>, expected: &[(Part, &str)]) {
        let found = Identity::parse(certificate.as_bytes(), key.as_bytes(), client_ca.map(str::as_bytes));
        let wrong = found.err().unwrap_or_default();
        assert_eq!(wrong.len(), expected.len(), "{wrong:?}");
        for ((part, reason), (wanted, word)) in wrong.iter().zip(expected) {
            assert!(part == wanted && reason.contains(word), "{part:?} {reason}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_told_by_file() {
        let one = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(vec!["b.example".to_owned()]).unwrap();
        let (certificate, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        check(&certificate, &key, None, &[]);
        check(&format!("{key}{certificate}"), &format!("{certificate}{key}"), Some(&other.cert.pem()), &[]);
        check(&certificate, &other.signing_key.serialize_pem(), None, &[(Part::Key, "not the key")]);
        check(
            "",
            "secret",
            Some("x"),
            &[
                (Part::Certificate, "no certificate"),
                (Part::Key, "no private key"),
                (Part::ClientCa, "no certificate"),
            ],
        );
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        check(broken, &key, None, &[(Part::Certificate, "cannot be read")]);
        let broken = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
        check(&certificate, broken, None, &[(Part::Key, "not supported")]);
    }
}
