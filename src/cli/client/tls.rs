//! TLS to the server: whom to trust, and what to show where it asks for a certificate.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::cli::args::ServerArgs;
use crate::cli::exit::Trouble;
use crate::model::certificates::{Identity, authorities};

/// Where systems keep the authorities they trust: Debian, Fedora, SUSE, Alpine and the BSDs.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
];

/// Longest file read, in bytes.
const LIMIT: u64 = 4 << 20;

/// What handshakes with one server are made with.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Tls {
    /// For the server called `host`, with the files named by `args`.
    pub(super) fn new(args: &ServerArgs, host: &str) -> Result<Self, Trouble> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Trouble::usage(format!("`{host}` is no name that a certificate can carry")))?;
        let roots = match &args.ca_file {
            Some(file) => named(file)?,
            None => of_system()?,
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Trouble::usage_of)?
            .with_root_certificates(roots);
        let config = match (&args.cert_file, &args.key_file) {
            (Some(certificate), Some(key)) => {
                let wrong = |wrong: Vec<(_, String)>| {
                    let wrong: Vec<_> = wrong.into_iter().map(|(_, reason)| reason).collect();
                    let files = format!("{} and {}", certificate.display(), key.display());
                    Trouble::usage(format!("{files}: {}", wrong.join("; ")))
                };
                let identity = Identity::parse(&read(certificate)?, &read(key)?, None).map_err(wrong)?;
                builder.with_client_auth_cert(identity.chain, identity.key).map_err(Trouble::usage_of)?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

fn named(file: &Path) -> Result<RootCertStore, Trouble> {
    let mut store = RootCertStore::empty();
    let certificates =
        authorities(&read(file)?).map_err(|reason| Trouble::usage(format!("{} {reason}", file.display())))?;
    for certificate in certificates {
        store.add(certificate).map_err(Trouble::usage_of)?;
    }
    Ok(store)
}

/// What the system trusts, in the file that its other programs read, too.
fn of_system() -> Result<RootCertStore, Trouble> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    for file in named.into_iter().chain(BUNDLES.map(PathBuf::from)).filter(|file| file.is_file()) {
        let pem = read(&file)?;
        let mut store = RootCertStore::empty();
        // A system's list has now and then an old one that nobody can read any more.
        store.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
        if !store.is_empty() {
            return Ok(store);
        }
    }
    Err(Trouble::usage("the system has no list of authorities; name the server's with --ca-file"))
}

fn read(file: &Path) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(LIMIT).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Trouble::usage(format!("{} cannot be read: {error}", file.display()))),
    }
}
