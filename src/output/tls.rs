//! TLS on the listener: what it shows and asks for, read again when the files change.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use tracing::{error, info};

use crate::model::certificates::{Identity, Part};
use crate::runtime::view::View;

/// The files are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Longest file read, in bytes.
const LIMIT: u64 = 4 << 20;

/// Names of PEM files.
#[derive(Clone, Debug)]
pub struct Files {
    /// The server's certificate first, then those between it and its authority.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// Where given, a client must show a certificate of one of these authorities.
    pub client_ca: Option<PathBuf>,
}

/// What was in the files. Small enough to be kept and compared whole, so that no clock of a file system has to be
/// trusted; or why they cannot be read.
type Contents = Result<(Vec<u8>, Vec<u8>, Option<Vec<u8>>), String>;

/// What handshakes are made with at present.
pub struct Tls {
    files: Files,
    config: ArcSwap<ServerConfig>,
    first: Contents,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with which of them.
    pub fn load(files: Files) -> Result<Self, String> {
        let first = files.read();
        let config = files.understand(&first)?;
        Ok(Self { files, config: ArcSwap::new(config), first })
    }

    /// What the next handshake is made with.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load_full())
    }

    /// Takes in what changes in the files until the server stops. What cannot be used is logged once and changes
    /// nothing.
    pub async fn follow(self: Arc<Self>, view: Arc<View>) {
        let (mut taken, mut seen) = (self.first.clone(), self.first.clone());
        loop {
            tokio::select! {
                () = view.stopped() => return,
                () = view.clock.sleep(LOOK_EVERY) => (),
            }
            let tls = Arc::clone(&self);
            let Ok(now) = tokio::task::spawn_blocking(move || tls.files.read()).await else { continue };
            // Certificate and key are seldom replaced at once: only what has not changed for a while is taken.
            let settled = now == seen;
            if settled && now != taken {
                match self.files.understand(&now) {
                    Ok(config) => {
                        self.config.store(config);
                        info!("The certificates of the listener were replaced.");
                    }
                    Err(reason) => {
                        error!(
                            "The certificates of the listener cannot be replaced, the old ones stay: {reason}"
                        );
                    }
                }
                taken.clone_from(&now);
            }
            seen = now;
        }
    }
}

impl Files {
    fn read(&self) -> Contents {
        let read =
            |path: &Path| read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()));
        Ok((read(&self.certificate)?, read(&self.key)?, self.client_ca.as_deref().map(read).transpose()?))
    }

    fn understand(&self, contents: &Contents) -> Result<Arc<ServerConfig>, String> {
        let (certificate, key, client_ca) = contents.as_ref().map_err(Clone::clone)?;
        let identity = Identity::parse(certificate, key, client_ca.as_deref()).map_err(|wrong| {
            let name = |part| match part {
                Part::Certificate => Some(&self.certificate),
                Part::Key => Some(&self.key),
                Part::ClientCa => self.client_ca.as_ref(),
            };
            let wrong = wrong.iter().map(|(part, reason)| {
                format!(
                    "{} {reason}",
                    name(*part).map_or_else(String::new, |path| path.display().to_string())
                )
            });
            wrong.collect::<Vec<_>>().join("; ")
        })?;
        configure(identity).map_err(|error| error.to_string())
    }
}

/// TLS 1.2 and 1.3, and HTTP/1.1 over it. Sessions that can be taken up again are those of this configuration only,
/// so that a client of an authority that is no longer trusted does not come in by an old one.
fn configure(identity: Identity) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match identity.client_roots {
        None => builder.with_no_client_auth(),
        Some(roots) => {
            let mut store = RootCertStore::empty();
            for root in roots {
                store.add(root)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider)
                .build()
                .map_err(|error| rustls::Error::General(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(identity.chain, identity.key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::other(format!("it is longer than {} MiB", LIMIT >> 20)));
    }
    Ok(bytes)
}
