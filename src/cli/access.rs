//! Who may call the server, and over what: made from the configuration and the environment when it starts.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use tracing::warn;

use crate::cli::exit::Trouble;
use crate::config::{self, Errors, Server};
use crate::model::credential::Credential;
use crate::output::guard::{Guard, Rules};
use crate::output::tls::{Files, Tls};

/// The credentials of the file, or the one of the environment where no file is named.
///
/// # Errors
/// What is wrong with the environment.
pub fn credentials(of_file: Option<Vec<Credential>>) -> Result<Option<Vec<Credential>>, Errors> {
    match of_file {
        Some(credentials) => Ok(Some(credentials)),
        None => {
            let credential = config::from_environment(|name| std::env::var_os(name))?;
            Ok(credential.map(|credential| vec![credential]))
        }
    }
}

/// The guard of a listener bound to `address`.
///
/// # Errors
/// If nobody could ever read.
pub fn guard(
    server: &Server,
    address: SocketAddr,
    credentials: Option<Vec<Credential>>,
) -> Result<Guard, Trouble> {
    let credentials = credentials.unwrap_or_default();
    if server.protect_reads && credentials.is_empty() {
        return Err(Trouble::usage(
            "`protect_reads = true` under [server] needs credentials: name a `credentials_file` there, or set \
             TGPROBE_ACCESS_KEY_ID, TGPROBE_SECRET_ACCESS_KEY and TGPROBE_BEARER_TOKEN",
        ));
    }
    if let Some(file) = &server.credentials_file {
        warn_of_readers(file);
    }
    let rules = Rules {
        listen: address,
        tls: server.tls.is_some(),
        insecure: server.insecure,
        allowed_hosts: server.allowed_hosts.clone(),
        protect_reads: server.protect_reads,
    };
    Ok(Guard::new(rules, credentials))
}

/// What the listener speaks TLS with, if it does.
///
/// # Errors
/// If the files cannot be used, though they could when the configuration was read.
pub fn tls(server: &Server) -> Result<Option<Arc<Tls>>, Trouble> {
    let Some(tls) = server.tls.clone() else { return Ok(None) };
    let files = Files { certificate: tls.certificate, key: tls.key, client_ca: tls.client_ca };
    match Tls::load(files) {
        Ok(tls) => Ok(Some(Arc::new(tls))),
        Err(reason) => Err(Trouble::usage(format!("cannot start: {reason}"))),
    }
}

/// Not a refusal: in a container the file may belong to whom it likes.
pub fn warn_of_readers(file: &Path) {
    let Ok(data) = fs::metadata(file) else { return };
    if data.mode() & 0o077 != 0 {
        warn!(
            "The credentials file {} can be read by others (mode {:o}); chmod 600 makes it yours.",
            file.display(),
            data.mode() & 0o777
        );
    }
}
