//! The witness of `benches/versus`: every target at once, and the only one who is believed.
//!
//! One thread listens on all addresses, so that each address from 127.1.0.0 upwards is a target of its own. It
//! answers every request and writes down who was asked when. What a prober says about itself is used nowhere.
//!
//! `witness [--port N] [--control ADDRESS] [--targets N]` prints one line of JSON with the ports it has got; port 0, the
//! default, takes any free one. `control.rs` has the commands.

#![expect(clippy::print_stdout, reason = "the ports are told to whoever started the witness")]

#[path = "../clock.rs"]
mod clock;
mod control;
mod server;
mod window;

use std::io::{Error, ErrorKind, Write as _};

/// Targets unless `--targets` says otherwise.
const TARGETS: u32 = 131_072;
/// Most targets: what is left of 127.0.0.0/8 from 127.1.0.0 on.
const MOST_TARGETS: u32 = 0x00FE_0000;

/// What the command line says.
struct Options {
    port: u16,
    control: String,
    targets: u32,
}

fn options() -> Result<Options, Error> {
    let wrong = |what: String| Error::new(ErrorKind::InvalidInput, what);
    let mut options = Options { port: 0, control: "127.0.0.1:0".to_owned(), targets: TARGETS };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| wrong(format!("`{name}` needs a value")))?;
        let bad = |_| wrong(format!("`{name}` cannot be `{value}`"));
        match name.as_str() {
            "--port" => options.port = value.parse().map_err(bad)?,
            "--control" => options.control = value,
            "--targets" => options.targets = value.parse().map_err(bad)?,
            _ => {
                return Err(wrong(format!(
                    "unknown option `{name}`; there are --port, --control, --targets"
                )));
            }
        }
    }
    if !(1..=MOST_TARGETS).contains(&options.targets) {
        return Err(wrong(format!("`--targets` must be 1 to {MOST_TARGETS}")));
    }
    Ok(options)
}

fn main() -> Result<(), Error> {
    let options = options()?;
    let mut server = server::Server::new(options.port, &options.control, options.targets)?;
    println!("{}", server.ports()?);
    std::io::stdout().flush()?;
    server.run()
}
