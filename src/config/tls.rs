//! `[server.tls]`: the files the listener speaks TLS with.

use std::path::{Path, PathBuf};

use crate::config::problems::{Place, Problems, quote};
use crate::config::table::{Field, Table};
use crate::config::verify::Read;
use crate::model::certificates::{Identity, Part};

/// Names of PEM files. They were good when they were read; they are read again when they change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tls {
    /// The server's certificate first, then those between it and its authority.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// Where given, a client must show a certificate of one of these authorities.
    pub client_ca: Option<PathBuf>,
}

impl Tls {
    /// All the files.
    pub(super) fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.certificate, &mut self.key].into_iter().chain(&mut self.client_ca)
    }
}

/// A file that was named, with what is in it.
struct Named {
    name: String,
    place: Place,
    pem: Vec<u8>,
}

/// Reads `[server.tls]`; `None` where something was recorded.
pub(super) fn read(table: &Table<'_>, read: Read<'_>, problems: &mut Problems<'_>) -> Option<Tls> {
    let certificate = named(table, "certificate", true, read, problems);
    let key = named(table, "key", true, read, problems);
    let client_ca = named(table, "client_ca", false, read, problems);
    let wrong = matches!(client_ca, Field::Wrong);
    let (certificate, key, client_ca) = (certificate.given(), key.given(), client_ca.given());
    let pem = |file: &Option<Named>| file.as_ref().map_or_else(Vec::new, |file| file.pem.clone());
    let authorities = client_ca.as_ref().map(|file| file.pem.as_slice());
    let found = Identity::parse(&pem(&certificate), &pem(&key), authorities);
    for (part, reason) in found.err().unwrap_or_default() {
        let (file, what) = match part {
            Part::Certificate => (&certificate, "certificate"),
            Part::Key => (&key, "key"),
            Part::ClientCa => (&client_ca, "client_ca"),
        };
        // A file that is not there has been complained of.
        if let Some(Named { name, place, .. }) = file {
            problems.add(place.clone(), format!("{} {reason}; allowed: {}", quote(name), allowed(what)));
        }
    }
    let path = |file: Named| Path::new(&file.name).to_owned();
    let tls = Tls { certificate: path(certificate?), key: path(key?), client_ca: client_ca.map(path) };
    (!wrong).then_some(tls)
}

fn allowed(what: &str) -> &'static str {
    match what {
        "certificate" => "the name of a PEM file with the server's certificate",
        "key" => "the name of a PEM file with the certificate's private key",
        _ => "the name of a PEM file with the certificates of authorities",
    }
}

fn named(
    table: &Table<'_>,
    key: &str,
    required: bool,
    read: Read<'_>,
    problems: &mut Problems<'_>,
) -> Field<Named> {
    let file = table.text(key, allowed(key), problems);
    if required && let Field::Absent = file {
        table.missing(key, allowed(key), problems);
    }
    file.and_then(|name, place| match read(Path::new(name)) {
        Ok(pem) => Some(Named { name: name.to_owned(), place: place.clone(), pem }),
        Err(error) => {
            problems.add(
                place.clone(),
                format!("{} cannot be read: {error}; allowed: {}", quote(name), allowed(key)),
            );
            None
        }
    })
}
