//! Containers of a real Docker engine, through the library.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "docker/dockerd.rs"]
mod dockerd;

use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dockerd::{Dockerd, IMAGE, own, shared, until};
use tgprobe::engine::ecs::action::{ContainerKey, Probe, Report, StartContainer, StartError, StartErrorKind};
use tgprobe::model::ecs::check::{CheckCommand, ContainerCheck};
use tgprobe::model::ecs::definition::{
    Blueprint, ContainerDefinition, DefinitionId, NetworkMode, TaskDefinition,
};
use tgprobe::model::ecs::health::{CheckResult, OUTPUT_LIMIT};
use tgprobe::model::ecs::task::Task;
use tgprobe::model::failure::Failure;
use tgprobe::model::outcome::Outcome;
use tgprobe::model::tick::Tick;
use tgprobe::runtime::clock::Clock;
use tgprobe::runtime::containers::docker::Docker;
use tgprobe::runtime::containers::{Runtime as _, Started};

const OWNER: &str = "0123456789abcdef";

/// Ends at SIGTERM with exit code 0.
const OBEDIENT: &str = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";

/// An instance of which there is no other: the first look of one ends the checks of all with its name.
fn docker(dockerd: &Dockerd) -> Docker {
    static INSTANCES: AtomicU64 = AtomicU64::new(0);
    let owner = format!("{OWNER}{}", INSTANCES.fetch_add(1, Ordering::Relaxed));
    Docker::new(dockerd.socket(), &owner, false, Clock::start())
}

fn words(words: &[&str]) -> Vec<Box<str>> {
    words.iter().map(|word| Box::from(*word)).collect()
}

/// A container that runs `script`, of a task of its own.
fn container(script: &str, definition: ContainerDefinition) -> StartContainer {
    static TASKS: AtomicU64 = AtomicU64::new(0);
    let task: Box<str> = format!("{:032x}", TASKS.fetch_add(1, Ordering::Relaxed)).into();
    let command =
        if definition.command.is_empty() { words(&["/bin/sh", "-c", script]) } else { definition.command };
    let image = if definition.image.is_empty() { IMAGE.into() } else { definition.image };
    let containers = vec![ContainerDefinition { name: "app".into(), image, command, ..definition }];
    let blueprint = Blueprint { containers, network_mode: NetworkMode::Host, ..Blueprint::default() };
    let id = DefinitionId { family: "web".into(), revision: 1 };
    let definition =
        TaskDefinition { id, registered: Tick(0), deregistered: None, blueprint, tags: BTreeMap::new() };
    StartContainer {
        key: ContainerKey { task, index: 0, run: 0 },
        task: Arc::new(Task::default()),
        definition: Arc::new(definition),
    }
}

async fn started(docker: &Docker, container: &StartContainer) -> Started {
    docker.start(container, |_| {}).await.unwrap().unwrap()
}

fn probe(container: &StartContainer, started: &Started, command: CheckCommand, timeout: Duration) -> Probe {
    Probe {
        key: container.key.clone(),
        runtime_id: started.runtime_id.clone(),
        check: ContainerCheck {
            command,
            interval: Duration::from_secs(1),
            timeout,
            retries: NonZeroU8::MIN,
            start_period: Duration::ZERO,
        },
        task: Arc::clone(&container.task),
        definition: Arc::clone(&container.definition),
    }
}

fn shell(script: &str) -> CheckCommand {
    CheckCommand::Shell([script.into()].into())
}

/// A container that only waits, and the engine it runs on.
struct Waiting {
    docker: Docker,
    container: StartContainer,
    started: Started,
}

impl Waiting {
    async fn new(dockerd: &Dockerd, definition: ContainerDefinition) -> Self {
        let (docker, container) = (docker(dockerd), container(OBEDIENT, definition));
        let started = started(&docker, &container).await;
        Self { docker, container, started }
    }

    async fn run(&self, command: CheckCommand, timeout: Duration) -> (Outcome, CheckResult) {
        self.docker.probe(&probe(&self.container, &self.started, command, timeout)).await.unwrap()
    }

    async fn check(&self, command: CheckCommand) -> (Outcome, i32, String) {
        let (outcome, result) = self.run(command, Duration::from_secs(20)).await;
        (outcome, result.exit_code, result.output.into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_passes_or_fails_by_its_exit_code_and_its_output_is_kept() {
    let Some(dockerd) = shared() else { return };
    let environment = BTreeMap::from([("WHO".into(), "me".into())]);
    let definition = ContainerDefinition {
        environment,
        user: Some("1234".into()),
        working_directory: Some("/tmp".into()),
        ..ContainerDefinition::default()
    };
    let waiting = Waiting::new(&dockerd, definition).await;
    let pass = |output: &str| (Outcome::Pass, 0, output.to_owned());
    let fail = |code: u8, output: &str| {
        (Outcome::Fail(Failure::CommandExit(code)), i32::from(code), output.to_owned())
    };
    assert_eq!(waiting.check(shell("test -f /tmp/ok")).await, fail(1, ""));
    assert_eq!(waiting.check(shell("touch /tmp/ok")).await, pass(""));
    assert_eq!(waiting.check(shell("test -f /tmp/ok")).await, pass(""));
    // The engine copies two pipes, so what was written to both at once may come either way round.
    let (outcome, _, output) = waiting.check(shell("echo one; echo two >&2; echo three; exit 3")).await;
    assert_eq!(outcome, fail(3, "").0);
    assert!(["one\ntwo\nthree\n", "one\nthree\ntwo\n", "two\none\nthree\n"].contains(&&*output), "{output}");
    let seen = shell("echo $WHO $TGPROBE_TASK_ADDRESS $(id -u) $(pwd)");
    assert_eq!(waiting.check(seen).await, pass("me 127.0.0.1 1234 /tmp\n"));
    let words = CheckCommand::Shell(["echo $0 $1".into(), "a".into(), "b".into()].into());
    assert_eq!(waiting.check(words).await, pass("a b\n"));
    assert_eq!(waiting.check(shell("nosuch")).await, fail(127, "/bin/sh: nosuch: not found\n"));

    let missing = CheckCommand::Exec(["nosuch".into()].into());
    let (outcome, code, output) = waiting.check(missing).await;
    assert_eq!((outcome, code), (Outcome::Fail(Failure::CommandNotStarted), -1));
    assert!(output.starts_with("OCI runtime exec failed: ") && output.contains("nosuch"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_hangs_is_killed_with_all_it_has_started() {
    let Some(dockerd) = shared() else { return };
    let waiting = Waiting::new(&dockerd, ContainerDefinition::default()).await;
    let hang = "trap '' TERM; echo begun; sleep 971 & setsid sleep 972 & env -i sleep 973 & sleep 974";
    let (outcome, result) = waiting.run(shell(hang), Duration::from_millis(500)).await;
    assert_eq!((outcome, result.exit_code), (Outcome::Fail(Failure::CommandTimeout), -1));
    assert_eq!(&*result.output, "Health check exceeded timeout (500ms): begun\n");
    let took = result.ended.since(result.started);
    assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(5), "{took:?}");
    let left = dockerd.processes(&waiting.started.runtime_id, "sleep 97");
    assert_eq!(left, Vec::<String>::new());
    // The container's own processes are none of a check's.
    assert!(!dockerd.processes(&waiting.started.runtime_id, "trap").is_empty());
    assert_eq!(waiting.check(shell("true")).await.0, Outcome::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_check_leaves_in_the_background_is_killed_and_not_waited_for() {
    let Some(dockerd) = shared() else { return };
    let waiting = Waiting::new(&dockerd, ContainerDefinition::default()).await;
    let (outcome, result) = waiting.run(shell("echo done; sleep 961 &"), Duration::from_secs(20)).await;
    assert_eq!((outcome, &*result.output), (Outcome::Pass, "done\n"));
    assert!(result.ended.since(result.started) < Duration::from_secs(10));
    assert_eq!(dockerd.processes(&waiting.started.runtime_id, "sleep 96"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_nobody_waits_for_any_more_is_killed() {
    let Some(dockerd) = shared() else { return };
    let waiting = Waiting::new(&dockerd, ContainerDefinition::default()).await;
    let id = waiting.started.runtime_id.clone();
    let check = tokio::spawn(async move { waiting.run(shell("sleep 951"), Duration::from_secs(60)).await });
    until("the check runs", || (!dockerd.processes(&id, "sleep 951").is_empty()).then_some(()));
    check.abort();
    until("it is killed", || dockerd.processes(&id, "sleep 951").is_empty().then_some(()));
}

#[test]
fn checks_that_were_under_way_when_we_were_ended_are_ended_by_the_next_start() {
    let Some(dockerd) = shared() else { return };
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let instance = || Docker::new(dockerd.socket(), "fedcba9876543210", false, Clock::start());
    let former = runtime();
    let (docker, container) = (instance(), container(OBEDIENT, ContainerDefinition::default()));
    let started = former.block_on(started(&docker, &container));
    let hang = probe(&container, &started, shell("setsid sleep 941 & sleep 942"), Duration::from_secs(60));
    former.spawn(async move { docker.probe(&hang).await });
    let id = &*started.runtime_id;
    until("the check runs", || (dockerd.processes(id, "sleep 94").len() >= 2).then_some(()));
    former.shutdown_background();
    let next = instance();
    let found = runtime().block_on(next.inventory()).unwrap();
    assert_eq!((found.len(), found[0].ended.as_ref()), (1, None));
    assert_eq!(dockerd.processes(id, "sleep 94"), Vec::<String>::new());
    runtime().block_on(next.kill(id)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_beginning_of_a_flood_is_kept_and_the_rest_is_let_by() {
    let Some(dockerd) = shared() else { return };
    let waiting = Waiting::new(&dockerd, ContainerDefinition::default()).await;
    let (outcome, result) = waiting.run(shell("yes"), Duration::from_millis(500)).await;
    assert_eq!(outcome, Outcome::Fail(Failure::CommandTimeout));
    let kept = result.output.strip_prefix("Health check exceeded timeout (500ms): ").unwrap();
    assert_eq!(kept, format!("{}...", "y\n".repeat(OUTPUT_LIMIT / 2)));
    assert!(result.ended.since(result.started) < Duration::from_secs(5));
    let binary = shell(r"printf '\377\376a\000b'");
    assert_eq!(waiting.check(binary).await, (Outcome::Pass, 0, "\u{fffd}\u{fffd}a\0b".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_heeds_sigterm_ends_with_its_own_code_and_one_that_does_not_is_killed() {
    let Some(dockerd) = shared() else { return };
    let docker = docker(&dockerd);
    let obedient = started(&docker, &container(OBEDIENT, ContainerDefinition::default())).await;
    let deaf = container("trap '' TERM; echo; while :; do sleep 1; done", ContainerDefinition::default());
    let deaf = started(&docker, &deaf).await;
    docker.terminate(&obedient.runtime_id).await.unwrap();
    assert_eq!(docker.ended(&obedient.runtime_id).await, Ok((Some(0), None)));
    docker.terminate(&deaf.runtime_id).await.unwrap();
    let found = docker.inventory().await.unwrap();
    let ended = |id: &str| found.iter().find(|found| &*found.runtime_id == id).unwrap().ended.clone();
    assert_eq!((ended(&obedient.runtime_id), ended(&deaf.runtime_id)), (Some((Some(0), None)), None));
    docker.kill(&deaf.runtime_id).await.unwrap();
    assert_eq!(docker.ended(&deaf.runtime_id).await, Ok((Some(137), None)));
    // Neither to what has ended, nor to what is not there, is there anything to be said.
    for id in [&*obedient.runtime_id, "nosuch"] {
        assert_eq!((docker.terminate(id).await, docker.kill(id).await), (Ok(()), Ok(())));
    }
    docker.remove(&obedient.runtime_id).await.unwrap();
    docker.remove(&obedient.runtime_id).await.unwrap();
    let (code, reason) = docker.ended(&obedient.runtime_id).await.unwrap();
    assert_eq!((code, reason.as_deref()), (None, Some("The container is no longer there")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_uses_too_much_memory_says_so() {
    let Some(dockerd) = shared() else { return };
    let docker = docker(&dockerd);
    let definition = ContainerDefinition { memory: Some(16), ..ContainerDefinition::default() };
    let started = started(&docker, &container("tail /dev/zero", definition)).await;
    let (code, reason) = docker.ended(&started.runtime_id).await.unwrap();
    assert_eq!(code, Some(137));
    assert_eq!(reason.as_deref(), Some("OutOfMemoryError: Container killed due to memory usage"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_a_container_from_starting_is_told_by_its_kind() {
    let Some(dockerd) = shared() else { return };
    let docker = docker(&dockerd);
    let refused = async |definition: ContainerDefinition| -> StartError {
        docker.start(&container("", definition), |_| {}).await.unwrap().unwrap_err()
    };
    let plain = ContainerDefinition::default;
    let image = refused(ContainerDefinition { image: "localhost:1/nosuch:1".into(), ..plain() }).await;
    assert_eq!(image.kind, StartErrorKind::CannotPull, "{}", image.message);
    assert!(image.message.contains("localhost:1"), "{}", image.message);
    let command = refused(ContainerDefinition { command: words(&["/nosuch"]), ..plain() }).await;
    assert_eq!(command.kind, StartErrorKind::CannotStart, "{}", command.message);
    assert!(command.message.contains("no such file or directory"), "{}", command.message);
    let created = refused(ContainerDefinition { memory: Some(1), ..plain() }).await;
    assert_eq!(created.kind, StartErrorKind::CannotCreate, "{}", created.message);
    let files = vec!["/nosuch.env".into()];
    let initial = refused(ContainerDefinition { environment_files: files, ..plain() }).await;
    assert_eq!(initial.kind, StartErrorKind::ResourceInitialization, "{}", initial.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_image_that_is_not_there_is_pulled() {
    let Some(dockerd) = shared() else { return };
    let docker = docker(&dockerd);
    for (image, expected) in [(IMAGE, 0), ("localhost:1/nosuch", 1)] {
        let reports = Mutex::new(Vec::new());
        let definition = ContainerDefinition { image: image.into(), ..ContainerDefinition::default() };
        let told = |report: Report| reports.lock().unwrap().push(report);
        _ = docker.start(&container("", definition), told).await.unwrap();
        let reports = reports.into_inner().unwrap();
        assert_eq!(reports.iter().filter(|report| matches!(report, Report::Pulling(_))).count(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_what_has_started_already_finds_it_and_a_restart_replaces_it() {
    let Some(dockerd) = shared() else { return };
    let docker = docker(&dockerd);
    let first = container(OBEDIENT, ContainerDefinition::default());
    let one = started(&docker, &first).await;
    assert_eq!(started(&docker, &first).await, one);
    docker.kill(&one.runtime_id).await.unwrap();
    docker.ended(&one.runtime_id).await.unwrap();
    let second = StartContainer { key: ContainerKey { run: 1, ..first.key.clone() }, ..first.clone() };
    let other = started(&docker, &second).await;
    let found = docker.inventory().await.unwrap();
    let of_task = found.iter().filter(|found| found.key.task == first.key.task).collect::<Vec<_>>();
    assert_eq!(of_task.len(), 1);
    assert_eq!((&of_task[0].key, &of_task[0].runtime_id), (&second.key, &other.runtime_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engines_own_check_is_heard_where_it_is_trusted() {
    let Some(dockerd) = shared() else { return };
    let docker = Docker::new(dockerd.socket(), OWNER, true, Clock::start());
    let check = ContainerCheck {
        command: shell("echo looked; test -f /tmp/ok"),
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(5),
        retries: NonZeroU8::MIN,
        start_period: Duration::ZERO,
    };
    let definition = ContainerDefinition { check: Some(check.clone()), ..ContainerDefinition::default() };
    let container = container(OBEDIENT, definition);
    let started = started(&docker, &container).await;
    let probe = probe(&container, &started, check.command.clone(), check.timeout);
    let (outcome, result) = docker.probe(&probe).await.unwrap();
    assert_eq!((outcome, &*result.output), (Outcome::Fail(Failure::CommandExit(1)), "looked\n"));
    let (_, next) = docker.probe(&probe).await.unwrap();
    assert!(next.started >= result.ended, "the same result twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_crashes_is_unreachable_and_its_containers_are_found_when_it_is_back() {
    let Some(mut dockerd) = own() else { return };
    let waiting = Waiting::new(&dockerd, ContainerDefinition::default()).await;
    let id = waiting.started.runtime_id.clone();
    let (docker, watched) = (waiting.docker.clone(), id.clone());
    let ended = tokio::spawn(async move { docker.ended(&watched).await });
    let foreign = Docker::new(dockerd.socket(), "fedcba9876543210", false, Clock::start());
    assert_eq!(foreign.inventory().await, Ok(Vec::new()));

    dockerd.crash();
    let why = ended.await.unwrap().unwrap_err().to_string();
    assert!(why.contains("cannot be reached"), "{why}");
    assert!(waiting.docker.inventory().await.is_err() && waiting.docker.terminate(&id).await.is_err());
    assert!(waiting.docker.start(&waiting.container, |_| {}).await.is_err());
    assert!(!dockerd.processes(&id, "trap").is_empty(), "the container ended with the engine");

    dockerd.restart();
    let found = waiting.docker.inventory().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].key, &found[0].runtime_id), (&waiting.container.key, &id));
    assert!(found[0].ended.is_none() && found[0].started_at.is_some(), "{:?}", found[0]);
    assert_eq!(waiting.check(shell("true")).await.0, Outcome::Pass);
}
