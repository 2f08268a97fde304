//! The ELBv2 API, word for word: the conversations of `tests/golden/elbv2`, held over a view without checks.
//!
//! A line `> ` is a call, whose `Version` need not be written; the lines behind it are the answer, a line for each
//! element. `{arn:NAME}` is the ARN of a group that the conversation has made, `{id}` the id of the request. Before a
//! call may stand `@REGION` for the region of its signature, `!` for a caller that may only read, and `GET`.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "elbv2/anew.rs"]
mod anew;

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
use proptest::prelude::*;
use tgprobe::engine::registry::Registry;
use tgprobe::model::arn::Account;
use tgprobe::model::change::Change;
use tgprobe::model::description::Description;
use tgprobe::model::desired::{Desired, DesiredGroup};
use tgprobe::model::protocol::{IpAddressType, Protocol};
use tgprobe::model::target::TargetDescription;
use tgprobe::model::target_group::{GroupName, TargetGroup};
use tgprobe::model::tick::Tick;
use tgprobe::output::body::LIMIT;
use tgprobe::output::elbv2::{self, Api, Call, Caller};
use tgprobe::output::guard::is_aws_call;
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
        registry.promise(apply.drains);
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
    TargetDescription::new(id, port).in_zone(zone.map(Box::from))
}

struct Server {
    api: Api,
    view: Arc<View>,
    disk: Disk,
    writer: Writer,
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
        let api = Api::new(Arc::clone(&view), writer.clone(), 1_000);
        Self { api, view, disk, writer, fleet }
    }

    async fn send(&self, request: Request, caller: &Caller) -> (StatusCode, HeaderMap, String) {
        let call = Call::read(request, &self.view).await.unwrap();
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
        if !params.split('&').any(|param| param.starts_with("Version=")) {
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
        assert_eq!(headers["content-type"], "text/xml");
        assert_eq!(headers["x-amzn-requestid"], id.as_str());
        if params.starts_with("Action=CreateTargetGroup&")
            && let (Some(name), Some(arn)) =
                (element(&body, "TargetGroupName"), element(&body, "TargetGroupArn"))
        {
            arns.insert(name.to_owned(), arn.to_owned());
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

/// Makes a group for addresses and gives its ARN.
async fn make(server: &Server, name: &str) -> String {
    let params = "Action=CreateTargetGroup&Protocol=HTTP&Port=80&VpcId=vpc-0a1b2c3d&TargetType=ip&Name=";
    let (status, body) = server.call(&format!("{params}{name}")).await;
    assert_eq!(status, 200, "{body}");
    element(&body, "TargetGroupArn").unwrap().to_owned()
}

/// The parameters that name these targets, by their numbers.
fn targets(numbers: std::ops::Range<u32>) -> String {
    let one = |(index, number)| format!("&Targets.member.{}.Id=host-{number:05}", index + 1);
    (0_u32..).zip(numbers).map(one).collect()
}

#[tokio::test]
async fn a_long_list_in_pieces_is_the_same_as_a_short_one() {
    let server = Server::start().await;
    let arn = make(&server, "web").await;
    let one = "<member><Target><Id>host-NUMBER</Id><Port>80</Port></Target><HealthCheckPort>80</HealthCheckPort>\
        <TargetHealth><State>initial</State><Reason>Elb.RegistrationInProgress</Reason>\
        <Description>Target registration is in progress</Description></TargetHealth><AdministrativeOverride>\
        <State>no_override</State><Reason>AdministrativeOverride.NoOverride</Reason>\
        <Description>No override is currently active on target</Description></AdministrativeOverride></member>";
    for (registered, count) in [(0..1, 1), (1..256, 256), (256..257, 257), (257..1_000, 1_000)] {
        let call = format!("Action=RegisterTargets&TargetGroupArn={arn}{}", targets(registered));
        let (status, body) = server.call(&call).await;
        assert_eq!(status, 200, "{body}");
        let (status, body) = server.call(&format!("Action=DescribeTargetHealth&TargetGroupArn={arn}")).await;
        let all: String = (0..count).map(|number| one.replace("NUMBER", &format!("{number:05}"))).collect();
        assert_eq!((status, element(&body, "TargetHealthDescriptions")), (StatusCode::OK, Some(&*all)));
        let metadata = body.split_once("</DescribeTargetHealthResult>").unwrap().1;
        assert!(metadata.starts_with("<ResponseMetadata><RequestId>"), "{metadata}");
        assert!(metadata.ends_with("</RequestId></ResponseMetadata></DescribeTargetHealthResponse>"));
    }
}

#[tokio::test]
async fn a_group_takes_as_many_targets_as_allowed_and_again_those_it_has() {
    let server = Server::start().await;
    let arn = make(&server, "web").await;
    let register = |numbers| format!("Action=RegisterTargets&TargetGroupArn={arn}{}", targets(numbers));
    let (status, body) = server.call(&register(0..1_001)).await;
    assert_eq!((status.as_u16(), element(&body, "Code")), (400, Some("TooManyTargets")));
    assert_eq!(server.call(&register(0..1_000)).await.0, 200);
    assert_eq!(server.call(&register(10..20)).await.0, 200);
    assert_eq!(server.call(&register(999..1_001)).await.0, 400);
    let leave = format!("Action=DeregisterTargets&TargetGroupArn={arn}{}", targets(0..1));
    assert_eq!(server.call(&leave).await.0, 200);
    assert_eq!(server.call(&register(1_000..1_001)).await.0, 200);
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_done_and_reading_goes_on() {
    let server = Server::start().await;
    let arn = make(&server, "web").await;
    server.disk.0.store(true, Relaxed);
    let register = format!("Action=RegisterTargets&TargetGroupArn={arn}{}", targets(0..1));
    let (status, body) = server.call(&register).await;
    assert_eq!((status.as_u16(), element(&body, "Code")), (500, Some("InternalFailure")));
    assert_eq!(element(&body, "Type"), Some("Receiver"));
    assert!(body.contains("could not be made durable: no space left on device"), "{body}");
    let describe = format!("Action=DescribeTargetHealth&TargetGroupArn={arn}");
    let (status, body) = server.call(&describe).await;
    assert!(status == 200 && body.contains("<TargetHealthDescriptions/>"), "{body}");
    server.disk.0.store(false, Relaxed);
    assert_eq!(server.call(&register).await.0, 200);
}

#[tokio::test]
async fn a_call_while_the_server_stops_is_told_to_come_again() {
    let server = Server::start().await;
    let arn = make(&server, "web").await;
    server.fleet.abort();
    let (status, body) =
        server.call(&format!("Action=RegisterTargets&TargetGroupArn={arn}{}", targets(0..1))).await;
    assert_eq!((status.as_u16(), element(&body, "Code")), (503, Some("ServiceUnavailable")));
    assert_eq!(element(&body, "Type"), Some("Receiver"));
}

#[tokio::test]
async fn a_group_made_anew_is_another_one() {
    let server = Server::start().await;
    let first = make(&server, "web").await;
    assert_eq!(server.call(&format!("Action=DeleteTargetGroup&TargetGroupArn={first}")).await.0, 200);
    // Until the clock has moved on: the ARN holds the moment to the millisecond.
    let before = server.view.clock.now();
    while server.view.clock.now() == before {
        tokio::task::yield_now().await;
    }
    let second = make(&server, "web").await;
    assert_ne!(first, second);
    let (status, body) = server.call(&format!("Action=DescribeTargetHealth&TargetGroupArn={first}")).await;
    assert_eq!((status.as_u16(), element(&body, "Code")), (400, Some("TargetGroupNotFound")));
}

#[tokio::test]
async fn a_body_beyond_the_limit_or_cut_off_is_refused() {
    let view = View::new(Clock::start(), 1);
    let read = async |body| Call::read(Request::post("/").body(body).unwrap(), &view).await;
    let whole = read(Body::from(vec![b'a'; LIMIT])).await.unwrap();
    assert_eq!(whole.body.len(), LIMIT);
    let error = read(Body::from(vec![b'a'; LIMIT + 1])).await.unwrap_err();
    assert_eq!((error.code, error.status.as_u16()), ("RequestEntityTooLarge", 413));
    let cut = futures_util::stream::iter([Ok("Action="), Err(std::io::Error::other("cut off"))]);
    let error = read(Body::from_stream(cut)).await.unwrap_err();
    assert_eq!((error.code, error.status.as_u16()), ("RequestTimeout", 408));
}

#[test]
fn a_call_is_told_from_a_look_at_the_console() {
    use axum::http::{Method, Uri};
    let is = |method: &Method, uri: &'static str| is_aws_call(method, &Uri::from_static(uri));
    assert!(is(&Method::POST, "/") && is(&Method::GET, "/?Version=2015-12-01&Action=DescribeTags"));
    assert!(!is(&Method::GET, "/") && !is(&Method::GET, "/?x=Action=") && !is(&Method::HEAD, "/?Action=A"));
}

#[tokio::test]
async fn a_foreign_page_cannot_change_anything_by_an_image() {
    let server = Server::start().await;
    let arn = make(&server, "web").await;
    let caller = Caller { region: None, writes: true };
    let get = |action: &str, site: &str| {
        let uri = format!("/?Action={action}&Version=2015-12-01&TargetGroupArn={arn}");
        Request::get(uri).header("sec-fetch-site", site).body(Body::empty()).unwrap()
    };
    let (status, _, body) = server.send(get("DeleteTargetGroup", "cross-site"), &caller).await;
    assert_eq!((status.as_u16(), element(&body, "Code")), (403, Some("AccessDenied")));
    assert_eq!(server.send(get("DescribeTargetHealth", "cross-site"), &caller).await.0, 200);
    assert_eq!(server.send(get("DeleteTargetGroup", "none"), &caller).await.0, 200);
}

#[tokio::test]
async fn concurrent_calls_make_one_group() {
    let server = Server::start().await;
    let made = futures_util::future::join_all((0..20).map(|_| make(&server, "web"))).await;
    let arns: std::collections::BTreeSet<String> = made.into_iter().collect();
    assert_eq!(arns.len(), 1);
}

/// Names of parameters, and values that mean something to one of them.
fn parameter() -> impl Strategy<Value = String> {
    let names = [
        "TargetGroupArn",
        "TargetGroupArns.member.1",
        "ResourceArns.member.1",
        "Names.member.1",
        "Name",
        "Protocol",
        "Port",
        "VpcId",
        "TargetType",
        "HealthCheckIntervalSeconds",
        "Matcher.HttpCode",
        "Targets.member.1.Id",
        "Targets.member.1.Port",
        "Attributes.member.1.Key",
        "Attributes.member.1.Value",
        "Tags.member.1.Key",
        "TagKeys.member.1",
        "PageSize",
        "Marker",
    ];
    let arn = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/file/1f171517b2d69a16";
    let values =
        ["HTTP", "80", "web", "ip", "vpc-0a1b2c3d", "10.0.0.1", "deregistration_delay.timeout_seconds", arn];
    let value =
        prop_oneof![3 => prop::sample::select(values.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,20}"];
    (prop::sample::select(names.to_vec()), value).prop_map(|(name, value)| format!("&{name}={value}"))
}

proptest! {
    #[test]
    fn every_call_is_answered_in_xml_with_an_id(
        action in prop::sample::select(&[
            "CreateTargetGroup", "DescribeTargetGroups", "ModifyTargetGroup", "DeleteTargetGroup", "RegisterTargets",
            "DeregisterTargets", "DescribeTargetHealth", "ModifyTargetGroupAttributes", "DescribeTags", "AddTags",
            "DescribeTargetGroupAttributes", "RemoveTags", "DescribeAccountLimits",
        ][..]),
        parameters in prop::collection::vec(parameter(), 0..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (status, body) = runtime.block_on(async {
            Server::start().await.call(&format!("Action={action}{}", parameters.concat())).await
        });
        let root = if status == 200 { format!("<{action}Response xmlns=") } else { "<ErrorResponse xmlns=".to_owned() };
        prop_assert!(status == 200 || status == 400, "{}: {}", status, body);
        prop_assert!(body.starts_with(&root), "{}", body);
        prop_assert_eq!(element(&body, "RequestId").map(str::len), Some(36));
    }
}
