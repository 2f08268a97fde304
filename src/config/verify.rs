//! Certificates to trust: PEM files read once each, every certificate proved usable before a check needs it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;

use crate::config::problems::{Problems, quote};
use crate::config::table::{Field, Table};
use crate::config::values;
use crate::model::certificates;
use crate::model::health_check::Verify;

type Roots = Arc<Vec<Vec<u8>>>;

/// Reads a file named in the configuration.
pub(super) type Read<'r> = &'r dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// The certificate files of one configuration; many groups may name the same one.
pub(super) struct Authorities<'r> {
    read: Read<'r>,
    files: BTreeMap<String, Result<Roots, String>>,
}

impl fmt::Debug for Authorities<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorities").field("files", &self.files.keys()).finish_non_exhaustive()
    }
}

impl<'r> Authorities<'r> {
    pub(super) fn new(read: Read<'r>) -> Self {
        Self { read, files: BTreeMap::new() }
    }

    fn roots(&mut self, file: &str) -> Result<Roots, String> {
        if let Some(known) = self.files.get(file) {
            return known.clone();
        }
        let roots = (self.read)(Path::new(file))
            .map_err(|error| format!("cannot be read: {error}"))
            .and_then(|pem| certificates::authorities(&pem))
            .map(|roots| Arc::new(roots.iter().map(|root| root.to_vec()).collect()));
        self.files.insert(file.to_owned(), roots.clone());
        roots
    }
}

/// Reads `verify`; `None` where something was recorded.
pub(super) fn read(
    table: &Table<'_>,
    authorities: &mut Authorities<'_>,
    problems: &mut Problems<'_>,
) -> Option<Verify> {
    const FILE: &str = "the name of a PEM file with the certificates to trust";
    const NAME: &str = "a DNS name or an IP address";
    let server_name = table.text("server_name", NAME, problems).and_then(|name, place| {
        let good = ServerName::try_from(name).is_ok();
        if !good {
            problems.add(place.clone(), values::refuse(&quote(name), NAME));
        }
        good.then(|| name.to_owned())
    });
    let ca_file = table.text("ca_file", FILE, problems);
    if let Field::Absent = ca_file {
        table.missing("ca_file", FILE, problems);
    }
    let ca_file = ca_file.and_then(|file, place| match authorities.roots(file) {
        Ok(roots) => Some((file.to_owned(), roots)),
        Err(reason) => {
            problems.add(place.clone(), format!("{} {reason}; allowed: {FILE}", quote(file)));
            None
        }
    });
    let (ca_file, roots) = ca_file.given()?;
    Some(Verify { ca_file, roots, server_name: server_name.given() })
}
