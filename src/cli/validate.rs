//! `tgprobe validate FILE`: every error of a file, or what the file means and how fast it notices trouble.

mod definition;
pub(in crate::cli) mod services;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use crate::config::{self, Config};
use crate::engine::catalog::Catalog;
use crate::model::desired::DesiredGroup;
use crate::model::detection::{self, Delay};
use crate::model::duration::print;
use crate::model::ecs::definition::Reading;
use crate::model::health_check::{HealthCheck, HealthCheckPort, HealthCheckProtocol};
use crate::model::protocol::{Protocol, ProtocolVersion, TargetType};
use crate::model::target::TargetDescription;
use crate::model::target_group::TargetGroup;

/// Validates the file at `path`, a configuration or a task definition: the summary goes to standard output, errors to standard error.
///
/// Returns the exit code: 0 for a valid file, 2 for any other.
#[must_use]
pub fn run(path: &Path) -> u8 {
    if begins_a_definition(path) {
        return run_definition(path);
    }
    match config::load(path) {
        Ok(config) => {
            let groups = config.desired.groups.len();
            let targets = config.desired.groups.iter().map(|group| group.targets.len()).sum();
            let services = match config.services.len() {
                0 => String::new(),
                services => format!(", {}", count(services, "service")),
            };
            let line = format!(
                "{}: {}, {}{services}: valid",
                path.display(),
                count(groups, "target group"),
                count(targets, "target")
            );
            let note = if config.server.data_dir.is_none() {
                "note: no `data_dir` in `[server]`: unless `serve` has --data-dir, what the API makes and registers, \
                 and every state, is forgotten at a restart\n"
            } else {
                ""
            };
            // A reader that has gone away, such as `head`, does not make the file invalid.
            _ = writeln!(std::io::stdout().lock(), "{}{note}{line}", summary(&config));
            0
        }
        Err(errors) => {
            let line = format!("{}: {}", path.display(), count(errors.len(), "error"));
            _ = writeln!(std::io::stderr().lock(), "{errors}\n{line}");
            2
        }
    }
}

/// Whether the file begins as JSON does; what cannot be read is said by who reads it whole.
fn begins_a_definition(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4_096).read_to_end(&mut start));
    read.is_ok() && config::definition::is_definition(&start)
}

fn run_definition(path: &Path) -> u8 {
    match config::definition::load(path) {
        Ok(reading) => {
            let line = format!("{}: task definition {}: valid", path.display(), reading.blueprint.family);
            _ = writeln!(std::io::stdout().lock(), "{}{line}", definition_summary(&reading));
            0
        }
        Err(errors) => {
            let line = format!("{}: {}", path.display(), count(errors.len(), "error"));
            _ = writeln!(std::io::stderr().lock(), "{errors}\n{line}");
            2
        }
    }
}

/// What a task definition means, and what may surprise its writer; ends with an empty line.
#[must_use]
pub fn definition_summary(reading: &Reading) -> String {
    let blueprint = &reading.blueprint;
    let mut text = String::new();
    let containers = count(blueprint.containers.len(), "container");
    let mode = blueprint.network_mode.as_str();
    // Writing to a `String` cannot fail.
    _ = writeln!(text, "{}: {containers}, network mode {mode}", blueprint.family);
    _ = definition::containers(&mut text, blueprint);
    for warning in definition::warnings(&reading.warnings, blueprint) {
        _ = writeln!(text, "  warning       {warning}");
    }
    text.push('\n');
    text
}

/// What each group of a configuration means: its check, its delays, and what may surprise its operator.
///
/// Ends with an empty line after each group; empty where there is nothing to say.
#[must_use]
pub fn summary(config: &Config) -> String {
    // Writing to a `String` cannot fail.
    let mut text = String::new();
    if let Some(warning) = exposure(config) {
        _ = write!(text, "server: {}\n  warning       {warning}\n\n", config.server.listen);
    }
    // The catalog knows where each target is checked.
    let mut catalog = Catalog::default();
    _ = catalog.apply_file(config.desired.clone());
    for group in &config.desired.groups {
        let group = catalog.desired(&group.group.name).unwrap_or_else(|| group.clone());
        let served = services::registers_in(config, group.group.name.as_str());
        _ = describe(&mut text, &group, served);
    }
    _ = services::describe(&mut text, config);
    text
}

fn describe(text: &mut String, group: &DesiredGroup, served: bool) -> std::fmt::Result {
    let check = &group.group.health_check;
    writeln!(text, "{}: {}", group.group.name, count(group.targets.len(), "target"))?;
    if let Some(kind) = kind(&group.group) {
        writeln!(text, "  kind          {kind}")?;
    }
    if check.enabled && group.group.target_type != TargetType::Lambda {
        let every = format!("{} {}", check.protocol, check.port);
        let [interval, timeout] = [check.interval, check.timeout].map(print);
        match check.protocol {
            HealthCheckProtocol::Tcp => {
                writeln!(text, "  check         {every}, every {interval}, timeout {timeout}")?;
            }
            HealthCheckProtocol::Http | HealthCheckProtocol::Https => writeln!(
                text,
                "  check         {every} {}, every {interval}, timeout {timeout}, matcher {}",
                check.path, check.matcher
            )?,
        }
        if let Some(request) = request(check) {
            writeln!(text, "  request       {request}")?;
        }
        if let Some(body) = &check.body_match {
            writeln!(text, "  body          contains \"{}\"", body.escape_debug())?;
        }
        let start = if check.start_period.is_zero() {
            String::new()
        } else {
            format!(", start period {}", print(check.start_period))
        };
        writeln!(
            text,
            "  thresholds    healthy {}, unhealthy {}, initial healthy {}{start}",
            check.healthy_threshold, check.unhealthy_threshold, check.initial_healthy_threshold
        )?;
        writeln!(text, "  to unhealthy  {}", spread(detection::to_unhealthy(check)))?;
        writeln!(text, "  to healthy    {}", spread(detection::to_healthy(check)))?;
    }
    for warning in warnings(group, served) {
        writeln!(text, "  warning       {warning}")?;
    }
    writeln!(text)
}

/// What kind of group it is; `None` for the plain one, addresses behind HTTP or HTTPS.
fn kind(group: &TargetGroup) -> Option<String> {
    let version = group.protocol_version.filter(|version| *version != ProtocolVersion::Http1);
    let plain = group.target_type == TargetType::Ip && group.is_application() && version.is_none();
    let words = [
        Some(group.target_type.as_str()),
        group.protocol.map(Protocol::as_str),
        version.map(ProtocolVersion::as_str),
    ];
    (!plain).then(|| words.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// What is added to the request; of header fields the names only, as a value may be a secret.
fn request(check: &HealthCheck) -> Option<String> {
    let host = check.host.iter().map(|host| format!("Host {host}"));
    let names: Vec<&str> = check.headers.iter().map(|(name, _)| &**name).collect();
    let headers = (!names.is_empty()).then(|| format!("with {}", names.join(", ")));
    let parts: Vec<String> = host.chain(headers).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn spread(delay: Delay) -> String {
    format!("best {}, typical {}, worst {}", print(delay.best), print(delay.typical), print(delay.worst))
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Legal settings that often mean something else than their writer thinks. `served`: services or watches register
/// targets.
fn warnings(group: &DesiredGroup, served: bool) -> Vec<String> {
    let check = &group.group.health_check;
    if group.group.target_type == TargetType::Lambda {
        return vec![
            "Lambda functions are behind no address: targets are unavailable and not checked".to_owned(),
        ];
    }
    if !group.group.attributes.in_use {
        return vec!["`in_use = false`: targets are unused and not checked".to_owned()];
    }
    if !check.enabled {
        return vec!["`enabled = false`: targets are unavailable and not checked".to_owned()];
    }
    let mut warnings = placement(group, served);
    if plain_to_tls_port(group, check) {
        warnings.push(
            "the group is HTTPS and its check HTTP, as AWS defaults: set `protocol = \"HTTPS\"` in the health check \
             unless the port answers plain HTTP"
                .to_owned(),
        );
    }
    warnings.extend(answers(&group.group));
    let by_address = group.targets.iter().any(|target| target.ip().is_some());
    if by_address && check.verify.as_ref().is_some_and(|verify| verify.server_name.is_none()) {
        warnings.push(
            "`verify` without `server_name`: each certificate must name its target's IP address".to_owned(),
        );
    }
    warnings
}

/// What may surprise about where the targets are.
fn placement(group: &DesiredGroup, served: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if group.targets.is_empty() && !served {
        warnings.push("no targets: the group is never healthy".to_owned());
    }
    let nowhere = group.targets.iter().filter(|target| target.host().is_none()).count();
    if nowhere > 0 {
        let nowhere = count(nowhere, "target");
        warnings.push(format!("{nowhere} without an address in `[instances]`: unavailable and not checked"));
    }
    let by_name = |target: &&Arc<TargetDescription>| target.host().is_some() && target.ip().is_none();
    let names = group.targets.iter().filter(by_name).count();
    if names > 0 {
        let names = count(names, "host name");
        warnings.push(format!("{names}: resolved at run time, and one that does not exist is unhealthy"));
    }
    warnings
}

/// What may surprise about the answers that pass.
fn answers(group: &TargetGroup) -> Vec<String> {
    let check = &group.health_check;
    let usual =
        HealthCheck::of_kind(group.target_type, group.protocol, group.protocol_version, Some(check.protocol));
    let mut warnings = Vec::new();
    // Network load balancers take redirects for success by default.
    if check.protocol == HealthCheckProtocol::Tcp || check.matcher == usual.matcher {
        return warnings;
    }
    if (300..400).any(|code| check.matcher.contains(code)) {
        warnings.push(
            "the matcher takes a redirect for success: no redirect is followed, so what lies behind it is not checked"
                .to_owned(),
        );
    }
    if group.is_application() && (500..600).any(|code| check.matcher.contains(code)) {
        warnings.push("the matcher takes a 5xx for success, which an ALB would not".to_owned());
    }
    warnings
}

/// What follows from a listener that other machines may reach.
fn exposure(config: &Config) -> Option<&'static str> {
    let Config { server, credentials, .. } = config;
    if server.listen.ip().to_canonical().is_loopback() {
        return None;
    }
    match (credentials.is_some(), server.insecure, server.tls.is_some()) {
        (false, false, _) => Some(
            "not loopback: readable by whoever reaches it; without credentials in the environment, writes, such as \
             reload, are refused",
        ),
        (false, true, _) => Some(
            "not loopback, and `insecure = true`: without credentials in the environment, whoever reaches it may write",
        ),
        (true, _, false) => Some("not loopback, and no TLS: bearer tokens can be read on their way"),
        (true, _, true) if server.protect_reads => None,
        (true, _, true) => {
            Some("not loopback: readable by whoever reaches it; `protect_reads = true` asks for a credential")
        }
    }
}

fn plain_to_tls_port(group: &DesiredGroup, check: &HealthCheck) -> bool {
    group.group.protocol == Some(Protocol::Https)
        && check.protocol == HealthCheckProtocol::Http
        && check.port == HealthCheckPort::TrafficPort
}
