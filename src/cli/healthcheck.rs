//! `tgprobe healthcheck`: is the server ready? For container images, which have no other client.

use hyper::StatusCode;

use crate::cli::args::HealthcheckArgs;
use crate::cli::client::{Client, block_on};
use crate::cli::exit::{Exit, Trouble};
use crate::cli::term;
use crate::runtime::clock::Clock;

/// Runs the command.
#[must_use]
pub fn run(args: &HealthcheckArgs) -> Exit {
    term::end(block_on(async {
        let client = Client::new(&args.server, Clock::start())?;
        match client.status("/-/ready").await? {
            StatusCode::OK => Ok(Exit::Done),
            StatusCode::UNAUTHORIZED => {
                Err(Trouble::usage("the server wants to know who asks: give --token or set TGPROBE_TOKEN"))
            }
            status => {
                let server = &args.server.server;
                Err(Trouble::new(Exit::Unhealthy, format!("the server {server} is not ready: {status}")))
            }
        }
    }))
}
