//! The API over a view and an agent, without checks of targets and without anything that runs.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use serde_json::Value;
use tgprobe::engine::ecs::Ecs;
use tgprobe::engine::ecs::action::{Found, Probe, Report, StartContainer, StartError};
use tgprobe::engine::registry::Registry;
use tgprobe::model::arn::Account;
use tgprobe::model::description::Description;
use tgprobe::model::desired::{Desired, DesiredGroup};
use tgprobe::model::ecs::health::CheckResult;
use tgprobe::model::ecs::settings::Settings;
use tgprobe::model::ecs::state::State;
use tgprobe::model::outcome::Outcome;
use tgprobe::model::protocol::{Protocol, TargetType};
use tgprobe::model::target_group::{GroupName, TargetGroup};
use tgprobe::model::tick::Tick;
use tgprobe::output::ecs::{self, Api, Call};
use tgprobe::runtime::agent::Agent;
use tgprobe::runtime::clock::Clock;
use tgprobe::runtime::containers::{End, Runtime, Started, Unreachable};
use tgprobe::runtime::fleet::Apply;
use tgprobe::runtime::view::View;
use tgprobe::runtime::writer::{Catalog, InMemory, Writer};
use tokio::sync::mpsc;

use super::scene;

/// Has not answered yet, and never will.
struct Silent;

impl Runtime for Silent {
    async fn start(
        &self,
        _: &StartContainer,
        _: impl Fn(Report) + Send + Sync,
    ) -> Result<Result<Started, StartError>, Unreachable> {
        std::future::pending().await
    }

    async fn terminate(&self, _: &str) -> Result<(), Unreachable> {
        std::future::pending().await
    }

    async fn kill(&self, _: &str) -> Result<(), Unreachable> {
        std::future::pending().await
    }

    async fn probe(&self, _: &Probe) -> Result<(Outcome, CheckResult), Unreachable> {
        std::future::pending().await
    }

    async fn ended(&self, _: &str) -> Result<End, Unreachable> {
        std::future::pending().await
    }

    async fn remove(&self, _: &str) -> Result<(), Unreachable> {
        std::future::pending().await
    }

    async fn inventory(&self) -> Result<Vec<Found>, Unreachable> {
        std::future::pending().await
    }
}

/// Shows what is registered, as the fleet does, and checks nothing.
async fn stand_in(view: Arc<View>, mut applies: mpsc::Receiver<Apply>) {
    let mut registry = Registry::new(1);
    while let Some(apply) = applies.recv().await {
        let changes = registry.apply_some(apply.groups, &apply.gone);
        registry.take_commands();
        view.publish_listings(registry.listings());
        _ = apply.done.send(changes);
    }
}

fn group(name: &str, target_type: TargetType) -> DesiredGroup {
    let name = GroupName::parse(name).unwrap();
    let arn = Account::default().arn("us-east-1", &name, Tick(0));
    let description = Arc::new(Description { arn, region: "us-east-1".into(), ..Description::default() });
    let group = TargetGroup { target_type, description, ..TargetGroup::new(name, Protocol::Http, 80) };
    DesiredGroup { group: Arc::new(group), targets: Vec::new() }
}

pub(super) struct Server {
    api: Api,
    pub(super) view: Arc<View>,
}

impl Server {
    /// One whose agent knows nothing yet.
    pub(super) async fn start() -> Self {
        let (view, writer) = Self::groups().await;
        let (settings, account) = (Settings::default(), Account::default());
        let ecs = Ecs::new(settings.clone(), account.clone(), State::default(), 1, view.clock.now());
        let agent = Agent::start(ecs, settings, (Silent, InMemory), writer, Arc::clone(&view));
        Self { api: Api::new(Arc::clone(&view), account, Some(agent)), view }
    }

    /// One that shows what `scene` has set up.
    pub(super) async fn with_scene() -> Self {
        let server = Self::without_agent().await;
        server.view.publish_ecs(Arc::new(scene::state()));
        server
    }

    /// One that runs no tasks.
    pub(super) async fn without_agent() -> Self {
        let (view, _) = Self::groups().await;
        Self { api: Api::new(Arc::clone(&view), Account::default(), None), view }
    }

    /// Two target groups: `web` of addresses and `vms` of instances.
    async fn groups() -> (Arc<View>, Writer) {
        let view = View::new(Clock::start(), 1);
        let (applies, applied) = mpsc::channel(1);
        tokio::spawn(stand_in(Arc::clone(&view), applied));
        let writer = Writer::start(Account::default(), Catalog::default(), InMemory, view.clock, applies);
        let groups = vec![group("web", TargetType::Ip), group("vms", TargetType::Instance)];
        writer.file(Desired { groups, ..Desired::default() }).await.unwrap();
        (view, writer)
    }

    /// The ARN of a target group.
    pub(super) fn arn(&self, name: &str) -> String {
        let snapshot = self.view.snapshot();
        let listing = &snapshot.groups[&GroupName::parse(name).unwrap()];
        String::from(&*listing.group.description.arn)
    }

    /// One call, of a caller that may write or not: the status of the answer and what it says.
    pub(super) async fn call(&self, action: &str, parameters: &str, writes: bool) -> (u16, Value) {
        let target = format!("AmazonEC2ContainerServiceV20141113.{action}");
        let request = Request::post("/").header("x-amz-target", target);
        self.send(request.body(Body::from(parameters.to_owned())).unwrap(), writes).await
    }

    pub(super) async fn send(&self, request: Request, writes: bool) -> (u16, Value) {
        let call = Call::read(request, &self.view).await.unwrap();
        let (parts, body) = ecs::answer(&self.api, &call, writes).await.into_parts();
        assert_eq!(parts.headers["content-type"], "application/x-amz-json-1.1");
        assert_eq!(parts.headers["x-amzn-requestid"].len(), 36);
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status.as_u16(), serde_json::from_slice(&body).unwrap())
    }
}
