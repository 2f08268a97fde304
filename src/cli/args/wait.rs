//! The arguments of `wait`.

use std::time::Duration;

use clap::{ArgGroup, Args};

use crate::cli::args::{ServerArgs, TextFormat, read_duration, read_group};
use crate::cli::gate::goal::{Aim, Minimum, Name};
use crate::model::target_group::GroupName;

/// Arguments of `wait`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).args(["group", "service"]))]
#[command(after_help = "Examples:
  tgprobe wait web
  tgprobe wait web --min-healthy 80% --stable-for 30s --timeout 10m
  tgprobe wait web --targets 10.0.0.5,10.0.0.6:8080
  tgprobe wait web --targets 10.0.0.5 --for gone
  tgprobe wait --service web --timeout 15m
  tgprobe wait --service web --deployment ecs-svc/123 --old-tasks-stopped

Without --min-healthy every registered, not draining target must be healthy, and at least one.
A target counts only by a check that started after this command did, unless --accept-current is
given. A service has arrived when its newest deployment is complete and every task of it is HEALTHY,
or RUNNING if it has no check, and healthy in all its target groups; it never will once that
deployment has failed or another one has taken its place, as a rollback does. Exits with 0 once the
goal is reached, 1 if it is out of reach or the timeout passes, 2 for an unknown group or service,
3 if the server cannot be reached.")]
pub struct WaitArgs {
    /// The group to wait for
    #[arg(value_name = "GROUP", value_parser = read_group)]
    pub group: Option<GroupName>,
    /// The service to wait for, instead of a group
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// The cluster of the service
    #[arg(long, value_name = "NAME", default_value = "default", conflicts_with = "group")]
    pub cluster: String,
    /// The service must arrive at this deployment, not at the newest there is at the start
    #[arg(long, value_name = "ID", conflicts_with = "group")]
    pub deployment: Option<String>,
    /// Every task of earlier deployments must have stopped, too
    #[arg(long, conflicts_with = "group")]
    pub old_tasks_stopped: bool,
    /// Be content with so many healthy targets, or this share of the registered, not draining ones
    #[arg(long, value_name = "N|P%", value_parser = Minimum::parse, conflicts_with = "service")]
    pub min_healthy: Option<Minimum>,
    /// Look at these targets only: `id` or `id:port`; one not yet registered is waited for
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = Name::parse)]
    #[arg(conflicts_with = "service")]
    pub targets: Vec<Name>,
    /// What to wait for
    #[arg(long = "for", value_name = "GOAL", default_value = "healthy", conflicts_with = "service")]
    pub aim: Aim,
    /// The goal must hold this long without interruption
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = read_duration)]
    pub stable_for: Duration,
    /// Give up after this long
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = read_duration)]
    pub timeout: Duration,
    /// Let verdicts from before this command count
    #[arg(long, conflicts_with = "service")]
    pub accept_current: bool,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: TextFormat,
    /// Where the server is.
    #[command(flatten)]
    pub server: ServerArgs,
}
