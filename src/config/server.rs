//! `[server]`: where to listen, how much to do at once.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::account;
use crate::config::credentials;
use crate::config::journal::{self, Journal};
use crate::config::keys;
use crate::config::problems::{Problems, quote};
use crate::config::table::{Field, Found, Table, describe, item};
use crate::config::tls::{self, Tls};
use crate::config::values;
use crate::config::verify::Read;
use crate::model::arn::Account;
use crate::model::target;

const SHARDS: RangeInclusive<u32> = 1..=1_024;
const CHECKS: RangeInclusive<u32> = 1..=1_000_000;
const SERIES: RangeInclusive<u32> = 0..=1_000_000;
const TARGETS: RangeInclusive<u32> = 1..=100_000;
const RESOLVE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);

/// Settings of the process, not of any group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Server {
    /// The address of the one listener, 127.0.0.1:9911 by default; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Whether writing without credentials is allowed on a listener that is not loopback; not by default.
    pub insecure: bool,
    /// Further names accepted in `Host` on a loopback listener, in canonical form and without a port.
    pub allowed_hosts: Vec<String>,
    /// The file with the credentials, if one is named.
    pub credentials_file: Option<PathBuf>,
    /// Whether reading needs a credential, too; not by default.
    pub protect_reads: bool,
    /// What the listener speaks TLS with; without it, it does not.
    pub tls: Option<Tls>,
    /// Probing threads, 1 to 1,024; `None` is one per core.
    pub shards: Option<NonZeroUsize>,
    /// Checks in flight at once in the whole process, 1 to 1,000,000; `None` follows from `RLIMIT_NOFILE`.
    pub max_checks_in_flight: Option<NonZeroU32>,
    /// How often host names are resolved again, 1 s to 1 h, 30 s by default.
    pub resolve_interval: Duration,
    /// Targets that get metric series of their own, 0 to 1,000,000, 10,000 by default.
    pub metrics_target_limit: u32,
    /// Whose groups they are, and the region of those from the file.
    pub account: Account,
    /// Where what must survive a restart is kept; `None` keeps it in memory only.
    pub data_dir: Option<PathBuf>,
    /// Targets registered through the API that a group may have, 1 to 100,000, 1,000 by default.
    pub targets_per_target_group: u32,
    /// How much of the journal of transitions is kept.
    pub journal: Journal,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9911)),
            insecure: false,
            allowed_hosts: Vec::new(),
            credentials_file: None,
            protect_reads: false,
            tls: None,
            shards: None,
            max_checks_in_flight: None,
            resolve_interval: Duration::from_secs(30),
            metrics_target_limit: 10_000,
            account: Account::default(),
            data_dir: None,
            targets_per_target_group: 1_000,
            journal: Journal::default(),
        }
    }
}

impl Server {
    /// Puts `folder` before the names of files and folders.
    pub(super) fn settle(&mut self, folder: &Path) {
        let tls = self.tls.iter_mut().flat_map(Tls::files_mut);
        for file in self.credentials_file.iter_mut().chain(&mut self.data_dir).chain(tls) {
            *file = folder.join(&*file);
        }
    }
}

/// Reads `[server]`, all but what is in the credentials file.
pub(super) fn read(table: &Table<'_>, read: Read<'_>, problems: &mut Problems<'_>) -> Server {
    const LISTEN: &str = "an IP address and a port, such as \"127.0.0.1:9911\" or \"[::1]:0\"";
    let default = Server::default();
    let listen = table.text("listen", LISTEN, problems).and_then(|text, place| {
        let address = text.parse().ok();
        if address.is_none() {
            problems.add(place.clone(), values::refuse(&quote(text), LISTEN));
        }
        address
    });
    let shards = table.number("shards", SHARDS, problems).given();
    Server {
        listen: listen.or(default.listen),
        insecure: table.boolean("insecure", problems).or(default.insecure),
        allowed_hosts: allowed_hosts(table, problems),
        credentials_file: credentials::file(table, problems).given().map(PathBuf::from),
        protect_reads: table.boolean("protect_reads", problems).or(default.protect_reads),
        tls: table
            .table("tls", &keys::TLS, problems)
            .given()
            .and_then(|table| tls::read(&table, read, problems)),
        shards: shards.and_then(|shards| usize::try_from(shards).ok()).and_then(NonZeroUsize::new),
        max_checks_in_flight: table
            .number("max_checks_in_flight", CHECKS, problems)
            .given()
            .and_then(NonZeroU32::new),
        resolve_interval: table.duration("resolve_interval", &RESOLVE, problems).or(default.resolve_interval),
        metrics_target_limit: table
            .number("metrics_target_limit", SERIES, problems)
            .or(default.metrics_target_limit),
        account: account::read(table, problems),
        data_dir: data_dir(table, problems),
        targets_per_target_group: table
            .number("targets_per_target_group", TARGETS, problems)
            .or(default.targets_per_target_group),
        journal: journal::read(table, problems),
    }
}

fn allowed_hosts(table: &Table<'_>, problems: &mut Problems<'_>) -> Vec<String> {
    const HOST: &str = "a host name or an IP address, without a port";
    let Field::Given(Found { value: items, place }) =
        table.array("allowed_hosts", "an array of host names, without ports", problems)
    else {
        return Vec::new();
    };
    let mut hosts = Vec::new();
    for (index, value) in items.iter().enumerate() {
        match value.get_ref().as_str().map(target::parse) {
            Some(Ok((host, None))) => hosts.push(host.into()),
            Some(Ok((_, Some(_))) | Err(_)) | None => {
                let message = values::refuse(&describe(value.get_ref()), HOST);
                problems.add(item(&place, index, value), message);
            }
        }
    }
    hosts
}

fn data_dir(table: &Table<'_>, problems: &mut Problems<'_>) -> Option<PathBuf> {
    const FOLDER: &str =
        "the path of a folder, made if missing; a relative one is looked for beside this file";
    let path = table.text("data_dir", FOLDER, problems).and_then(|text, place| {
        let good = !text.is_empty() && !text.contains('\0');
        if !good {
            problems.add(place.clone(), values::refuse(&quote(text), FOLDER));
        }
        good.then(|| PathBuf::from(text))
    });
    path.given()
}
