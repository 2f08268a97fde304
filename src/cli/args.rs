//! The command line: every command, every option, the examples of `--help`.

mod wait;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use crate::cli::args::wait::WaitArgs;
use crate::cli::client::Server;
use crate::config::CheckFlags;
use crate::model::credential::Secret;
use crate::model::duration;
use crate::model::target_group::GroupName;

/// The health of an AWS load-balancer target group, for any list of backends, anywhere.
#[derive(Debug, Parser)]
#[command(name = "tgprobe", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done or healthy, 1 unhealthy or the deadline passed, 2 wrong usage or \
                        configuration, 3 the server could not be reached."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check targets for as long as it runs, and show their health
    Serve(ServeArgs),
    /// Watch built-in backends become healthy, unhealthy and drained
    Demo(DemoArgs),
    /// Check URLs, or every target of a configuration, once
    Check(CheckArgs),
    /// Show target groups, or the targets of one; services and tasks
    Status(StatusArgs),
    /// Wait until targets are healthy, or a service has arrived: a gate for deploys
    Wait(WaitArgs),
    /// Run a task of a task definition until it is HEALTHY: try it before AWS does
    RunTask(RunTaskArgs),
    /// Register targets in a group
    Register(RegisterArgs),
    /// Deregister targets of a group: each drains, then it is gone
    Deregister(DeregisterArgs),
    /// Ask whether the server is ready, for container images
    Healthcheck(HealthcheckArgs),
    /// Read a configuration file or a task definition and report every error in it
    Validate(ValidateArgs),
}

/// Arguments of `serve`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tgprobe serve --config tgprobe.toml
  tgprobe serve -t http://10.0.0.5:4567/health -t http://10.0.0.6:4567/health
  tgprobe serve --target http://localhost:8080/health --interval 5s --timeout 2s --matcher 200-299")]
pub struct ServeArgs {
    /// Read target groups from this TOML file
    #[arg(short, long, value_name = "FILE", required_unless_present = "target", conflicts_with = "target")]
    pub config: Option<PathBuf>,
    /// Check this URL, in a group named `default`; may be given many times
    #[arg(short, long, value_name = "URL")]
    pub target: Vec<String>,
    /// Listen on this address instead of the one configured; port 0 takes any free port
    #[arg(short, long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Keep what must survive a restart in this directory instead of the one configured
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// How to write the log
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// The least important events to log
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: LogLevel,
    /// How the URLs are checked.
    #[command(flatten)]
    pub check: CheckFlagArgs,
}

/// The health check of targets named on the command line, as typed; what is absent has ALB's default.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Health check of the URLs")]
pub struct CheckFlagArgs {
    /// From the start of one check to the start of the next [ALB: 30s]
    #[arg(long, value_name = "DURATION", conflicts_with = "config")]
    pub interval: Option<String>,
    /// For connecting, TLS handshake and response head together [ALB: 5s]
    #[arg(long, value_name = "DURATION", conflicts_with = "config")]
    pub timeout: Option<String>,
    /// Passes in a row that make an unhealthy target healthy [ALB: 5]
    #[arg(long, value_name = "COUNT", conflicts_with = "config")]
    pub healthy_threshold: Option<String>,
    /// Failures in a row that make a target unhealthy [ALB: 2]
    #[arg(long, value_name = "COUNT", conflicts_with = "config")]
    pub unhealthy_threshold: Option<String>,
    /// Status codes that pass, such as 200, 200,204 or 200-299 [ALB: 200]
    #[arg(long, value_name = "CODES", conflicts_with = "config")]
    pub matcher: Option<String>,
}

impl CheckFlagArgs {
    /// The flags for [`config::from_urls`](crate::config::from_urls), which tells what is wrong with them.
    #[must_use]
    pub fn flags(&self) -> CheckFlags {
        CheckFlags {
            interval: self.interval.clone(),
            timeout: self.timeout.clone(),
            healthy_threshold: self.healthy_threshold.clone(),
            unhealthy_threshold: self.unhealthy_threshold.clone(),
            matcher: self.matcher.clone(),
        }
    }
}

/// Arguments of `demo`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tgprobe demo
  tgprobe demo --listen 127.0.0.1:0 --duration 20s")]
pub struct DemoArgs {
    /// Listen on this address; port 0 takes any free port
    #[arg(short, long, value_name = "ADDR", default_value = "127.0.0.1:9911")]
    pub listen: SocketAddr,
    /// Stop by itself after this long
    #[arg(short, long, value_name = "DURATION", value_parser = read_duration)]
    pub duration: Option<Duration>,
    /// The least important events to log
    #[arg(long, value_name = "LEVEL", default_value = "off")]
    pub log_level: LogLevel,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tgprobe check http://10.0.0.5:4567/api/health-check
  tgprobe check --timeout 2s --matcher 200-399 https://10.0.0.5/ https://10.0.0.6/
  tgprobe check tgprobe.toml -o json

Exits with 0 only if every check passes.")]
pub struct CheckArgs {
    /// What to check: URLs, or configuration files whose targets are all checked
    #[arg(value_name = "URL|FILE", required = true)]
    pub targets: Vec<String>,
    /// For connecting, TLS handshake and response head together, for URLs [ALB: 5s]
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// Status codes that pass, such as 200, 200,204 or 200-299, for URLs [ALB: 200]
    #[arg(long, value_name = "CODES")]
    pub matcher: Option<String>,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: TableFormat,
}

/// Where the server is.
#[derive(Args, Clone, Debug)]
pub struct ServerArgs {
    /// The server to ask
    #[arg(long, value_name = "URL", env = "TGPROBE_SERVER", hide_env_values = true)]
    #[arg(default_value = "http://127.0.0.1:9911", value_parser = Server::parse)]
    pub server: Server,
    /// The bearer token of a credential, for a server that asks for one
    #[arg(long, value_name = "TOKEN", env = "TGPROBE_TOKEN", hide_env_values = true)]
    #[arg(value_parser = read_secret)]
    pub token: Option<Secret>,
    /// PEM file with the authorities to trust for https://, instead of the system's
    #[arg(long, value_name = "FILE", env = "TGPROBE_CA_FILE", hide_env_values = true)]
    pub ca_file: Option<PathBuf>,
    /// PEM file with a certificate to show to a server that asks for one
    #[arg(long, value_name = "FILE", env = "TGPROBE_CERT_FILE", hide_env_values = true)]
    #[arg(requires = "key_file")]
    pub cert_file: Option<PathBuf>,
    /// PEM file with the private key of that certificate
    #[arg(long, value_name = "FILE", env = "TGPROBE_KEY_FILE", hide_env_values = true)]
    #[arg(requires = "cert_file")]
    pub key_file: Option<PathBuf>,
}

/// Arguments of `status`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tgprobe status
  tgprobe status web
  tgprobe status web -o wide --watch
  tgprobe status --services
  tgprobe status --service web
  tgprobe status web -o json | jq '.targets[] | select(.state != \"healthy\")'")]
pub struct StatusArgs {
    /// Show the targets of this group; without it, a line per group
    #[arg(value_name = "GROUP", value_parser = read_group)]
    pub group: Option<GroupName>,
    /// Show a line per service
    #[arg(long, conflicts_with_all = ["group", "tasks", "service"])]
    pub services: bool,
    /// Show a line per task
    #[arg(long, conflicts_with_all = ["group", "service"])]
    pub tasks: bool,
    /// Show this service, its deployments and its tasks, and what it waits for
    #[arg(long, value_name = "NAME", conflicts_with = "group")]
    pub service: Option<String>,
    /// The cluster of the service, or the only one whose services or tasks are shown
    #[arg(long, value_name = "NAME", conflicts_with = "group")]
    pub cluster: Option<String>,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: TableFormat,
    /// Keep showing what changes
    #[arg(short, long)]
    pub watch: bool,
    /// Where the server is.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `register`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tgprobe register web 10.0.0.5 10.0.0.6:8080
  tgprobe register web app.example.com:8080 --zone a

Answers once the targets are registered; `tgprobe wait` waits until they are healthy. Registering a \
registered target changes nothing. Stops at the first one that is refused.")]
pub struct RegisterArgs {
    /// The group to register them in
    #[arg(value_name = "GROUP", value_parser = read_group)]
    pub group: GroupName,
    /// `id` with the group's port, or `id:port`; an address, or a host name
    #[arg(value_name = "TARGET", required = true)]
    pub targets: Vec<String>,
    /// The availability zone of these targets
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: TableFormat,
    /// Where the server is.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `deregister`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tgprobe deregister web 10.0.0.5 10.0.0.6:8080
  tgprobe deregister web 10.0.0.5 && tgprobe wait web --targets 10.0.0.5 --for gone

Targets of the configuration file can only be removed there. Stops at the first one that is refused.")]
pub struct DeregisterArgs {
    /// The group they are registered in
    #[arg(value_name = "GROUP", value_parser = read_group)]
    pub group: GroupName,
    /// `id` with the group's port, or `id:port`
    #[arg(value_name = "TARGET", required = true)]
    pub targets: Vec<String>,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: TableFormat,
    /// Where the server is.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `run-task`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tgprobe run-task task-definition.json
  tgprobe run-task task-definition.json --timeout 2m --keep

FILE is what `aws ecs register-task-definition --cli-input-json` takes.

Exits with 0 as soon as the task is HEALTHY, after stopping it; with 1 if it is UNHEALTHY, stops, or is not \
HEALTHY in time; with 2 if the file is refused; with 3 if the Docker engine cannot be reached.")]
pub struct RunTaskArgs {
    /// The task definition, as JSON
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What runs its containers
    #[arg(long, value_name = "RUNTIME", default_value = "process")]
    pub runtime: RunTaskRuntime,
    /// Give up after this long
    #[arg(short, long, value_name = "DURATION", default_value = "5m", value_parser = read_duration)]
    pub timeout: Duration,
    /// Leave the task running once it is HEALTHY
    #[arg(long)]
    pub keep: bool,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub output: TableFormat,
    /// The least important events to log
    #[arg(long, value_name = "LEVEL", default_value = "off")]
    pub log_level: LogLevel,
}

/// What runs the containers of `run-task`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum RunTaskRuntime {
    /// Plain processes of this host; images are ignored
    Process,
    /// The Docker engine at DOCKER_HOST, a Unix socket
    Docker,
}

/// Arguments of `healthcheck`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tgprobe healthcheck
  HEALTHCHECK CMD [\"tgprobe\", \"healthcheck\"]

Exits with 0 if the server is ready, 1 if it is not, 3 if it cannot be reached.")]
pub struct HealthcheckArgs {
    /// Where the server is.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `validate`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tgprobe validate tgprobe.toml
  tgprobe validate task-definition.json

Exits with 0 for a good file, after a summary with the times to detect a failure and a recovery; with 2 for a bad one.")]
pub struct ValidateArgs {
    /// The file to read
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// How to print rows.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum TableFormat {
    /// The columns most people want
    Table,
    /// Every column
    Wide,
    /// JSON
    Json,
}

/// How to print one result.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum TextFormat {
    /// One line
    Text,
    /// One JSON object
    Json,
}

/// How to write the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// A line for people
    Text,
    /// A JSON object per line
    Json,
}

/// The least important events to log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogLevel {
    /// Nothing
    Off,
    /// An operator must act
    Error,
    /// Degraded but coping
    Warn,
    /// A state changed
    Info,
    /// Every single check
    Debug,
    /// Everything
    Trace,
}

fn read_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| format!("expected {}", duration::GRAMMAR))
}

/// Takes anything: an error here would print what was typed, and a token is not to be printed.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a result")]
fn read_secret(text: &str) -> Result<Secret, &'static str> {
    Ok(Secret::new(text))
}

fn read_group(text: &str) -> Result<GroupName, &'static str> {
    GroupName::parse_shown(text)
}
