//! The subcommands; the only place that prints to a terminal.
//!
//! A command gets its parsed arguments and ends with an [`exit::Exit`]. Data goes to standard output, messages go to
//! standard error, both through [`term`].

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::args::{Cli, Command};

pub mod access;
pub mod args;
pub mod check;
pub mod client;
pub mod demo;
pub mod exit;
pub mod follow;
pub mod gate;
pub mod healthcheck;
pub mod keep;
pub mod logging;
pub mod progress;
pub mod register;
pub mod rollout;
pub mod run_task;
pub mod serve;
mod services;
pub mod sse;
pub mod status;
pub mod term;
pub mod validate;
pub mod wait;
pub mod watch;
pub mod wire;

/// Parses the command line, runs the command and gives the process's exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that hung up does not want the help any more.
            _ = error.print();
            let wrong = error.use_stderr();
            return if wrong { exit::Exit::Usage } else { exit::Exit::Done }.into();
        }
    };
    match cli.command {
        Command::Serve(args) => serve::run(&args).into(),
        Command::Demo(args) => demo::run(&args).into(),
        Command::Check(args) => check::run(&args).into(),
        Command::Status(args) => status::run(&args).into(),
        Command::Wait(args) => wait::run(&args).into(),
        Command::RunTask(args) => run_task::run(&args).into(),
        Command::Register(args) => register::register(&args).into(),
        Command::Deregister(args) => register::deregister(&args).into(),
        Command::Healthcheck(args) => healthcheck::run(&args).into(),
        Command::Validate(args) => ExitCode::from(validate::run(&args.file)),
    }
}
