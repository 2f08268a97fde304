//! `[ecs]`: how tasks are run, whatever they are.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::keys;
use crate::config::problems::{Problems, quote};
use crate::config::table::{Field, Table};
use crate::config::values;
use crate::model::duration;
use crate::model::ecs::settings::{Rollup, RuntimeKind, Settings};

const WAITS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);
const START_INTERVALS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(300);
const KEPT: RangeInclusive<Duration> = Duration::from_secs(3_600)..=Duration::from_secs(30 * 86_400);
const ADDRESSES: &str = "a network within 127.0.0.0/8 with 8 to 30 leading bits, such as \"127.0.0.0/16\", and no bits behind them";

/// Reads `[ecs]`; `None` where it is not there.
pub(super) fn read(root: &Table<'_>, problems: &mut Problems<'_>) -> Option<Settings> {
    let table = match root.table("ecs", &keys::ECS, problems) {
        Field::Given(found) => found.value,
        Field::Absent | Field::Wrong => return None,
    };
    let default = Settings::default();
    let addresses = table.text("task_addresses", ADDRESSES, problems).and_then(|text, place| {
        let network = network(text);
        if network.is_none() {
            problems.add(place.clone(), values::refuse(&quote(text), ADDRESSES));
        }
        network
    });
    let (first_wait, longest_wait) =
        waits(&table, &WAITS, (default.first_wait, default.longest_wait), problems);
    Some(Settings {
        runtime: table.word("runtime", &RuntimeKind::ALL, RuntimeKind::as_str, problems).or(default.runtime),
        docker_socket: socket(&table, "docker_socket", problems).unwrap_or(default.docker_socket),
        native_checks: table.boolean("native_checks", problems).or(default.native_checks),
        rollup: table.word("rollup", &Rollup::ALL, Rollup::as_str, problems).or(default.rollup),
        task_addresses: addresses.or(default.task_addresses),
        start_interval: table.duration("start_interval", &START_INTERVALS, problems).given(),
        first_wait,
        longest_wait,
        keep_stopped: table.duration("keep_stopped", &KEPT, problems).or(default.keep_stopped),
    })
}

/// Reads `first_wait` and `longest_wait`, of which the second may not be below the first.
pub(super) fn waits(
    table: &Table<'_>,
    range: &RangeInclusive<Duration>,
    default: (Duration, Duration),
    problems: &mut Problems<'_>,
) -> (Duration, Duration) {
    let first = table.duration("first_wait", range, problems);
    let longest = table.duration("longest_wait", range, problems);
    if let (Some((first, place)), Some((longest, longest_place))) =
        (first.known(default.0), longest.known(default.1))
        && first > longest
        && let Some(place) = longest_place.or(place)
    {
        let [first, longest] = [first, longest].map(duration::print);
        problems.clash(
            place.clone(),
            format!("`longest_wait` is {longest}; allowed: not below `first_wait`, which is {first}"),
        );
    }
    (first.or(default.0), longest.or(default.1))
}

/// Reads the path of a Unix socket.
pub(super) fn socket(table: &Table<'_>, key: &str, problems: &mut Problems<'_>) -> Option<PathBuf> {
    // The kernel takes no longer one.
    const LONGEST: usize = 107;
    const SOCKET: &str = "the path of a Unix socket that begins with `/`, at most 107 bytes";
    let path = table.text(key, SOCKET, problems).and_then(|text, place| {
        let good = text.starts_with('/') && text.len() <= LONGEST && !text.contains('\0');
        if !good {
            problems.add(place.clone(), values::refuse(&quote(text), SOCKET));
        }
        good.then(|| PathBuf::from(text))
    });
    path.given()
}

/// A network that begins with loopback's byte.
fn network(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (address, bits) = text.split_once('/')?;
    let (address, bits): (Ipv4Addr, u8) = (address.parse().ok()?, bits.parse().ok()?);
    let behind = u32::MAX.checked_shr(bits.into()).unwrap_or(0);
    let good = address.is_loopback() && (8..=30).contains(&bits) && address.to_bits() & behind == 0;
    good.then_some((address, bits))
}
