//! A configuration without a file: URLs and a few flags make one group named `default`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::check::{self, INTERVALS, THRESHOLDS, TIMEOUTS};
use crate::config::kind::Kind;
use crate::config::problems::{Place, Problems, name, quote};
use crate::config::table::{Field, Found};
use crate::config::{Config, Errors, Server, group, values};
use crate::model::desired::{Desired, DesiredGroup};
use crate::model::health_check::HealthCheckProtocol;
use crate::model::protocol::Protocol;
use crate::model::target::{self, TargetDescription};
use crate::model::target_group::{GroupName, TargetGroup};

const URL: &str = "http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH]";

/// The flags of a health check, as typed on the command line; `None` where a flag was not used.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CheckFlags {
    /// `--interval`, a duration from 10 ms to 24 h.
    pub interval: Option<String>,
    /// `--timeout`, a duration from 1 ms to 1 h, below the interval.
    pub timeout: Option<String>,
    /// `--healthy-threshold`, 1 to 100.
    pub healthy_threshold: Option<String>,
    /// `--unhealthy-threshold`, 1 to 100.
    pub unhealthy_threshold: Option<String>,
    /// `--matcher`, codes from 200 to 599.
    pub matcher: Option<String>,
}

/// One URL, taken apart.
struct Url<'u> {
    text: &'u str,
    protocol: HealthCheckProtocol,
    id: Box<str>,
    port: u16,
    path: String,
}

/// Makes one group named `default` of URLs such as `http://10.0.0.5:4567/api/health-check`.
///
/// Protocol and path are the same for all; the group's port is that of the first URL.
///
/// # Errors
/// Everything that is wrong with the URLs and the flags, each under the name of its flag or the URL itself.
pub fn from_urls(urls: &[String], flags: &CheckFlags) -> Result<Config, Errors> {
    let mut problems = Problems::new("", "");
    let read: Vec<Url<'_>> = urls.iter().filter_map(|text| parse(text, &mut problems)).collect();
    if urls.is_empty() {
        problems.add(Place::flag("--target"), format!("missing; required: {URL}"));
    }
    let typed = typed(flags, &mut problems);
    let targets = targets(&read, &mut problems);
    let first = read.first().map(|url| (url.protocol, url.port, url.path.clone()));
    let (protocol, port, path) = first.unwrap_or_else(|| (HealthCheckProtocol::Http, 80, "/".to_owned()));
    let traffic = Protocol::parse(protocol.as_str()).unwrap_or(Protocol::Http);
    let mut health_check = typed.meant(Kind::application(traffic), &mut problems);
    health_check.protocol = protocol;
    health_check.path = path;
    if let Some(errors) = problems.finish() {
        return Err(errors);
    }
    let name = GroupName::parse("default").map_err(|reason| Errors::of_file("default", reason.to_owned()))?;
    let group = TargetGroup { health_check, ..TargetGroup::new(name, traffic, port) };
    let server = Server::default();
    let group = group::described(group, &server.account, BTreeMap::new());
    let groups =
        vec![DesiredGroup { group: Arc::new(group), targets: targets.into_iter().map(Arc::new).collect() }];
    Ok(Config { server, desired: Desired { groups, ..Desired::default() }, ..Config::default() })
}

fn typed(flags: &CheckFlags, problems: &mut Problems<'_>) -> check::Typed {
    check::Typed {
        interval: flag("--interval", flags.interval.as_ref())
            .and_then(|text, place| values::duration(text, place, &INTERVALS, problems)),
        timeout: flag("--timeout", flags.timeout.as_ref())
            .and_then(|text, place| values::duration(text, place, &TIMEOUTS, problems)),
        healthy_threshold: flag("--healthy-threshold", flags.healthy_threshold.as_ref()).and_then(
            |text, place| values::number(text, place, &THRESHOLDS, problems).and_then(check::count),
        ),
        unhealthy_threshold: flag("--unhealthy-threshold", flags.unhealthy_threshold.as_ref()).and_then(
            |text, place| values::number(text, place, &THRESHOLDS, problems).and_then(check::count),
        ),
        matcher: flag("--matcher", flags.matcher.as_ref())
            .and_then(|text, place| values::matcher(text, place, &values::HTTP_CODES, problems)),
        dashes: "--",
        ..check::Typed::default()
    }
}

fn flag<'f>(name: &str, text: Option<&'f String>) -> Field<&'f str> {
    text.map_or(Field::Absent, |text| Field::Given(Found { value: text, place: Place::flag(name) }))
}

/// The targets of all URLs, which must agree on protocol and path and differ in address.
fn targets(urls: &[Url<'_>], problems: &mut Problems<'_>) -> Vec<TargetDescription> {
    let mut seen = BTreeSet::new();
    let mut targets = Vec::with_capacity(urls.len());
    for url in urls {
        let place = || Place::flag(&shown(url.text));
        if let Some(first) = urls.first().filter(|first| first.protocol != url.protocol) {
            let other = shown(first.text);
            problems.add(
                place(),
                format!(
                    "the protocol is {} and that of `{other}` is {}; allowed: one protocol for all URLs",
                    url.protocol, first.protocol
                ),
            );
        }
        if let Some(first) = urls.first().filter(|first| first.path != url.path) {
            let other = shown(first.text);
            problems.add(
                place(),
                format!(
                    "the path is {} and that of `{other}` is {}; allowed: one path for all URLs",
                    quote(&url.path),
                    quote(&first.path)
                ),
            );
        }
        let target = TargetDescription::new(&url.id, url.port);
        if !seen.insert((&url.id, url.port)) {
            problems.add(place(), format!("the target {target} a second time; allowed: each target once"));
        }
        targets.push(target);
    }
    targets
}

/// A URL as a message may show it. A password typed by mistake is not repeated to a terminal or a log.
fn shown(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return name(text);
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => name(&format!("{scheme}://…{}", &rest[at..])),
        None => name(text),
    }
}

fn parse<'u>(text: &'u str, problems: &mut Problems<'_>) -> Option<Url<'u>> {
    let place = Place::flag(&shown(text));
    let mut wrong = |reason: &str| problems.add(place.clone(), format!("{reason}; allowed: {URL}"));
    let Some((scheme, rest)) = text.split_once("://") else {
        wrong("no protocol before `://`");
        return None;
    };
    let Some(protocol) = [HealthCheckProtocol::Http, HealthCheckProtocol::Https]
        .into_iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(scheme))
    else {
        wrong("the protocol is neither http nor https");
        return None;
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // RFC 3986, sections 3.2.1 and 3.5: neither part is sent to a target, so silence would hide a mistake.
    if authority.contains('@') {
        wrong("a user name or password cannot be sent");
        return None;
    }
    if path.contains('#') {
        wrong("a fragment (`#`) cannot be sent");
        return None;
    }
    let (id, port) = match target::parse(authority).and_then(|read| target::usable(&read.0).map(|()| read)) {
        Ok(read) => read,
        Err(reason) => {
            wrong(reason);
            return None;
        }
    };
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let path = values::path(&path, &place, problems)?;
    Some(Url { text, protocol, id, port: port.unwrap_or_else(|| protocol.default_port()), path })
}
