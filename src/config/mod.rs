//! From text to a configuration that cannot be wrong.
//!
//! Two steps: what was typed (`table` and the modules that read one table each, every value right in itself), then
//! what is meant (defaults, rules between fields, canonical forms). Every error of the text is found in one go, each
//! with line, column and key. No clock, no network; the only disk is the one file and the certificates it names.

mod account;
mod attributes;
mod check;
mod container_check;
mod credentials;
pub mod definition;
mod docker;
mod ecs;
mod errors;
mod group;
mod instances;
mod journal;
mod keys;
mod kind;
mod meaning;
mod names;
mod problems;
mod recover;
mod request;
mod server;
mod service;
mod table;
mod tags;
mod targets;
mod tls;
mod urls;
mod values;
mod verify;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

pub use crate::config::credentials::from_environment;
pub use crate::config::errors::{Error, Errors};
pub use crate::config::journal::Journal;
pub use crate::config::keys::known as known_keys;
pub use crate::config::server::Server;
pub use crate::config::tls::Tls;
pub use crate::config::urls::{CheckFlags, from_urls};

use crate::config::problems::{Place, Problems};
use crate::config::table::Table;
use crate::config::verify::Authorities;
use crate::model::credential::Credential;
use crate::model::desired::Desired;
use crate::model::ecs::service::FileService;
use crate::model::ecs::settings::Settings;
use crate::model::ecs::watch::DockerWatch;

/// Longest configuration read, in bytes: about a million targets.
const FILE_LIMIT: u64 = 64 << 20;
/// Longest file of certificates, credentials or a task definition read, in bytes: twenty times the certificates an operating system trusts.
const SMALL_LIMIT: u64 = 4 << 20;

/// A complete, valid configuration.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Config {
    /// Settings of the process.
    pub server: Server,
    /// The groups and targets that should exist, in the order of the file.
    pub desired: Desired,
    /// Who may call, where a credentials file is named; then at least one.
    pub credentials: Option<Vec<Credential>>,
    /// How tasks are run; `None` runs none, as the file has neither `[ecs]` nor a service.
    pub ecs: Option<Settings>,
    /// The services that should exist, in the order of the file.
    pub services: Vec<FileService>,
    /// The containers that are only watched, in the order of the file.
    pub watches: Vec<DockerWatch>,
}

/// Reads a configuration file of at most 64 MiB, and the files it names, relative to its own folder. Paths of the
/// server's own files come back with that folder before them.
///
/// # Errors
/// Everything that is wrong with the file, or why it cannot be read.
pub fn load(path: &Path) -> Result<Config, Errors> {
    let file = path.display().to_string();
    let bytes =
        read(path, FILE_LIMIT).map_err(|error| Errors::of_file(&file, format!("cannot be read: {error}")))?;
    let text = match str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            return Err(Errors::of_file(
                &file,
                format!("not UTF-8 in line {line}; allowed: a TOML file in UTF-8"),
            ));
        }
    };
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut config = parse(text, &file, &|path| read(&folder.join(path), SMALL_LIMIT))?;
    config.server.settle(folder);
    let folder = self::folder(path)?;
    for service in &mut config.services {
        service.blueprint.settle(&folder);
    }
    Ok(config)
}

/// Reads a configuration from `text`. Errors call it `file`; `read` is asked for the files it names.
///
/// # Errors
/// Everything that is wrong with the text, sorted by place.
pub fn parse(text: &str, file: &str, read: &dyn Fn(&Path) -> io::Result<Vec<u8>>) -> Result<Config, Errors> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    let mut problems = Problems::new(text, file);
    for error in &syntax {
        problems.syntax(error);
    }
    let readable = problems.readable();
    let document = readable.as_deref().map_or(document, |text| DeTable::parse_recoverable(text).0);
    let place = Place { key: String::new(), span: Some(0..0) };
    let root = Table::open(document.get_ref(), place, &keys::ROOT, &mut problems);
    let server = root.table("server", &keys::SERVER, &mut problems).given();
    let credentials = server.as_ref().and_then(|table| credentials::read(table, read, &mut problems));
    let server = server.map(|table| server::read(&table, read, &mut problems)).unwrap_or_default();
    let instances = instances::read(&root, &mut problems);
    let groups = group::read_all(&root, &server.account, &mut Authorities::new(read), &mut problems);
    let settings = ecs::read(&root, &mut problems);
    let services = service::read_all(&root, read, &mut problems);
    let watches = docker::read_all(&root, &mut problems);
    let ecs = settings.or_else(|| (!services.is_empty()).then(Settings::default));
    let desired = Desired { groups, instances };
    match problems.finish() {
        None => Ok(Config { server, desired, credentials, ecs, services, watches }),
        Some(errors) => Err(errors),
    }
}

/// The folder of a file, from the root on: what a task definition says is kept beyond this run of the program, which may
/// be started elsewhere the next time.
fn folder(file: &Path) -> Result<PathBuf, Errors> {
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    std::path::absolute(folder.join(".")).map_err(|error| {
        Errors::of_file(&file.display().to_string(), format!("its folder cannot be found: {error}"))
    })
}

fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file at the limit from one above it, and ends even a file without end.
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("it is longer than {} MiB", limit >> 20)));
    }
    Ok(bytes)
}
