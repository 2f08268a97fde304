//! The ELBv2 API, word for word: the conversations of `tests/golden/elbv2`, held over a view without checks.
//!
//! A line `> ` is a call, whose `Version` need not be written; the lines behind it are the answer, a line for each
//! element. `{arn:NAME}` is the ARN of a group that the conversation has made, `{id}` the id of the request. Before a
//! call may stand `@REGION` for the region of its signature, `!` for a caller that may only read, and `GET`.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use tgprobe::engine::registry::Registry;
use tgprobe::model::arn::Account;
use tgprobe::model::change::Change;
use tgprobe::model::description::{Description, Origin};
use tgprobe::model::desired::{Desired, DesiredGroup};
use tgprobe::model::protocol::{IpAddressType, Protocol};
use tgprobe::model::target::TargetDescription;
use tgprobe::model::target_group::{GroupName, TargetGroup};
use tgprobe::model::tick::Tick;
use tgprobe::output::elbv2::error::ApiError;
use tgprobe::output::elbv2::{self, Api, Call, Caller, TARGETS_PER_TARGET_GROUP};
use tgprobe::runtime::clock::Clock;
use tgprobe::runtime::fleet::Apply;
use tgprobe::runtime::view::View;
use tgprobe::runtime::writer::{Catalog, Keeper, Writer};
use tokio::sync::mpsc;

/// A disk that fails once it is told to.
#[derive(Clone, Default)]
struct Disk(Arc<AtomicBool>);

impl Keeper for Disk {
    async fn keep(&self, _: Vec<Change>) -> Result<(), String> {
        if self.0.load(Relaxed) { Err("no space left on device".to_owned()) } else { Ok(()) }
    }
}

/// Shows what is registered, as the fleet does, and checks nothing: targets stay in registration, drains do not end.
async fn stand_in(view: Arc<View>, mut applies: mpsc::Receiver<Apply>) {
    let mut registry = Registry::new(1);
    while let Some(apply) = applies.recv().await {
        apply.deleted.iter().for_each(|name| registry.delete(name));
        let changes = registry.apply_some(apply.groups, &apply.gone);
        registry.take_commands();
        view.publish_listings(registry.listings());
        _ = apply.done.send(changes);
    }
}

fn from_file(name: &str, targets: &[TargetDescription], set: impl Fn(&mut TargetGroup)) -> DesiredGroup {
    let name = GroupName::parse(name).unwrap();
    let arn = Account::default().arn("us-east-1", &name, Tick(0));
    let mut group = TargetGroup::new(name, Protocol::Http, 80);
    set(&mut group);
    group.description = Arc::new(Description {
        arn,
        region: "us-east-1".into(),
        ip_address_type: Some(IpAddressType::Ipv4),
        health_check: group.health_check.clone(),
        tags: BTreeMap::from([("team".into(), "web & <shop>".into())]),
        ..Description::default()
    });
    DesiredGroup { group: Arc::new(group), targets: targets.iter().cloned().map(Arc::new).collect() }
}

fn target(id: &str, port: u16, zone: Option<&str>) -> TargetDescription {
    TargetDescription { zone: zone.map(Box::from), ..TargetDescription::new(id, port) }
}

struct Server {
    api: Api,
    view: Arc<View>,
    disk: Disk,
    fleet: tokio::task::JoinHandle<()>,
}

impl Server {
    /// A server with three groups from the file.
    async fn start() -> Self {
        let view = View::new(Clock::start(), 1);
        let (applies, applied) = mpsc::channel(1);
        let fleet = tokio::spawn(stand_in(Arc::clone(&view), applied));
        let disk = Disk::default();
        let writer = Writer::start(Account::default(), Catalog::default(), disk.clone(), view.clock, applies);
        let targets = [target("10.0.0.1", 80, Some("a")), target("::1", 8080, None)];
        let groups = vec![
            from_file("file", &targets, |_| ()),
            from_file("file-idle", &targets, |group| group.attributes.in_use = false),
            from_file("file-fast", &targets, |group| {
                group.health_check.enabled = false;
                group.health_check.interval = Duration::from_millis(1_500);
                group.health_check.timeout = Duration::from_millis(200);
            }),
        ];
        writer.file(Desired { groups, ..Desired::default() }).await.unwrap();
        let api = Api::new(Arc::clone(&view), writer, TARGETS_PER_TARGET_GROUP);
        Self { api, view, disk, fleet }
    }

    async fn send(&self, request: Request, caller: &Caller) -> (StatusCode, HeaderMap, String) {
        let call = Call::read(request, self.view.clock).await.unwrap();
        let (parts, body) = elbv2::answer(&self.api, &call, caller).await.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    /// One call of a caller that may do anything.
    async fn call(&self, params: &str) -> (StatusCode, String) {
        let caller = Caller { region: None, writes: true };
        let request = Request::post("/").body(Body::from(format!("{params}&Version=2015-12-01"))).unwrap();
        let (status, _, body) = self.send(request, &caller).await;
        (status, body)
    }
}

/// What stands between the first `<name>` and `</name>`.
fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// Has the calls of a conversation answered anew.
async fn hold(server: &Server, conversation: &str) -> String {
    let mut arns: BTreeMap<String, String> = BTreeMap::new();
    let mut told = String::new();
    for line in conversation.lines() {
        if line.is_empty() || line.starts_with('#') {
            writeln!(told, "{line}").unwrap();
        }
        let Some(mut call) = line.strip_prefix("> ").map(str::to_owned) else { continue };
        writeln!(told, "{line}").unwrap();
        for (name, arn) in &arns {
            call = call.replace(&format!("{{arn:{name}}}"), arn);
        }
        let mut caller = Caller { region: None, writes: true };
        let (words, params) = call.rsplit_once(' ').unwrap_or(("", &call));
        let mut params = params.replace("{many}", &"x".repeat(300));
        if !params.contains("Version=") {
            params.push_str("&Version=2015-12-01");
        }
        let mut request = Request::post("/").body(Body::from(params.clone())).unwrap();
        for word in words.split(' ').filter(|word| !word.is_empty()) {
            match word {
                "!" => caller.writes = false,
                "GET" => request = Request::get(format!("/?{params}")).body(Body::empty()).unwrap(),
                region => caller.region = Some(region.strip_prefix('@').unwrap().to_owned()),
            }
        }
        let (status, headers, body) = server.send(request, &caller).await;
        let id = element(&body, "RequestId").unwrap().to_owned();
        assert_eq!((&headers["content-type"], &headers["x-amzn-requestid"]), (&"text/xml", &id.as_str()));
        if let (Some(name), Some(arn)) = (element(&body, "TargetGroupName"), element(&body, "TargetGroupArn")) {
            if params.starts_with("Action=CreateTargetGroup&") {
                arns.insert(name.to_owned(), arn.to_owned());
            }
        }
        let mut body = body.replace(&id, "{id}").replace("><", ">\n<");
        for (name, arn) in &arns {
            body = body.replace(arn, &format!("{{arn:{name}}}"));
        }
        writeln!(told, "{}\n{body}", status.as_u16()).unwrap();
    }
    told
}

/// `UPDATE=1` writes the answers anew.
#[tokio::test]
async fn every_answer_and_error_is_as_agreed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/elbv2");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for path in files {
        let agreed = fs::read_to_string(&path).unwrap();
        let told = hold(&Server::start().await, &agreed).await;
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &told).unwrap();
        } else {
            assert_eq!(told, agreed, "{} differs; UPDATE=1 writes it anew", path.display());
        }
    }
}
