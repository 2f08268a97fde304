//! The floor of `benches/versus`: a prober with nothing but the system calls a check needs, at an even pace.
//!
//! It is what a check costs before anybody does anything with it. It keeps no timeouts and no state of targets, and
//! looks at nothing but the status code.
//!
//! `floor --port N [--targets N] [--rate N] [--group-ms N] [--recycle] [--eager]`. Checks due within one `--group-ms`
//! start together. Without `--recycle` every check has a socket of its own, closed with a reset; with it, sockets are
//! dissolved and connected again. With `--eager` an answer is read when epoll tells of it, and otherwise at the next
//! group, when it has long come.

#![expect(clippy::print_stderr, reason = "errors are told to whoever started the floor")]

#[path = "../clock.rs"]
mod clock;
mod sockets;

use std::io::{Error, ErrorKind};
use std::time::Duration;

use rustix::event::Timespec;

use clock::monotonic;
use sockets::Sockets;

/// What the command line says.
struct Options {
    port: u16,
    targets: u32,
    rate: u32,
    group_ms: u32,
    recycle: bool,
    eager: bool,
}

fn options() -> Result<Options, Error> {
    let wrong = |what: String| Error::new(ErrorKind::InvalidInput, what);
    let mut options =
        Options { port: 0, targets: 1_000, rate: 1_000, group_ms: 1, recycle: false, eager: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--recycle" => options.recycle = true,
            "--eager" => options.eager = true,
            _ => {
                let value = arguments.next().ok_or_else(|| wrong(format!("`{name}` needs a value")))?;
                let number: u32 =
                    value.parse().map_err(|_| wrong(format!("`{name}` cannot be `{value}`")))?;
                match name.as_str() {
                    "--port" => options.port = u16::try_from(number).unwrap_or(0),
                    "--targets" => options.targets = number,
                    "--rate" => options.rate = number,
                    "--group-ms" => options.group_ms = number,
                    _ => return Err(wrong(format!("unknown option `{name}`"))),
                }
            }
        }
    }
    if [u32::from(options.port), options.targets, options.rate, options.group_ms].contains(&0) {
        return Err(wrong("--port, --targets, --rate and --group-ms must be above 0".to_owned()));
    }
    Ok(options)
}

fn main() -> Result<(), Error> {
    let options = options()?;
    let mut sockets = Sockets::new(options.port, options.recycle, options.eager)?;
    let group = u64::from(options.group_ms) * 1_000_000;
    let begin = monotonic();
    let (mut started, mut next) = (0_u64, 0_u32);
    let mut tick = begin;
    loop {
        let now = monotonic();
        if now >= tick {
            sockets.collect();
            let due = (u128::from(now - begin) * u128::from(options.rate) / 1_000_000_000)
                .try_into()
                .unwrap_or(u64::MAX);
            while started < due {
                if let Err(error) = sockets.check(next) {
                    eprintln!("floor: {error}");
                }
                started += 1;
                next = if next + 1 == options.targets { 0 } else { next + 1 };
            }
            tick = now - (now - begin) % group + group;
        }
        let wait = Duration::from_nanos(tick.saturating_sub(monotonic()));
        sockets.wait(&Timespec::try_from(wait).unwrap_or_default())?;
    }
}
