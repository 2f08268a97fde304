//! Containers as plain processes, run for real: their start, their end, and their being found again.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "processes/adoption.rs"]
mod adoption;
#[path = "processes/life.rs"]
mod life;

use std::fs;
use std::future::Future;
use std::num::NonZeroU8;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tgprobe::engine::ecs::action::{ContainerKey, Probe, StartContainer, StartError};
use tgprobe::model::ecs::check::{CheckCommand, ContainerCheck};
use tgprobe::model::ecs::definition::{Blueprint, ContainerDefinition, TaskDefinition};
use tgprobe::model::ecs::task::Task;
use tgprobe::model::tick::Tick;
use tgprobe::runtime::clock::Clock;
use tgprobe::runtime::containers::process::Processes;
use tgprobe::runtime::containers::{Runtime as _, Started};

/// Long enough for any machine; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// A folder, and whose containers are in it.
struct Place {
    folder: TempDir,
    owner: String,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // No other test's containers are ours.
        let owner = folder.path().file_name().unwrap().to_str().unwrap().to_owned();
        Self { folder, owner }
    }

    fn processes(&self) -> Processes {
        Processes::new(&self.owner, self.folder.path().join("tasks"), Clock::start())
    }

    /// A path in the folder, for a script.
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// What is in a file of the folder, once it is there and whole.
    async fn contents(&self, name: &str) -> String {
        let path = self.path(name);
        until(name, || fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n'))).await
    }
}

impl Drop for Place {
    /// A test that has failed leaves nothing behind either.
    fn drop(&mut self) {
        for pid in marked(&self.owner) {
            let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
            _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Waits until there is something to give.
async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let clock = Clock::start();
    let deadline = clock.now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(clock.now() < deadline, "{what} has not come about");
        clock.sleep(LOOK).await;
    }
}

/// The processes that carry a mark of `owner` and are not dead.
fn marked(owner: &str) -> Vec<String> {
    let mark = format!("={owner}/");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let (environ, stat) = (fs::read(entry.path().join("environ")), entry.path().join("stat"));
        let text = String::from_utf8_lossy(&environ.unwrap_or_default()).into_owned();
        if text.split('\0').any(|pair| pair.starts_with("TGPROBE_C") && pair.contains(&mark))
            && is_alive(&stat)
        {
            found.push(entry.file_name().to_str().unwrap().to_owned());
        }
    }
    found
}

fn is_alive(stat: &Path) -> bool {
    fs::read_to_string(stat).is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}

fn words(words: &[&str]) -> Vec<Box<str>> {
    words.iter().map(|word| Box::from(*word)).collect()
}

/// A container that is a shell with a script.
fn shell(script: &str) -> ContainerDefinition {
    ContainerDefinition {
        name: "app".into(),
        entry_point: words(&["/bin/sh", "-c"]),
        command: words(&[script]),
        ..ContainerDefinition::default()
    }
}

fn key(run: u32) -> ContainerKey {
    ContainerKey { task: "0123456789abcdef".into(), index: 0, run }
}

fn wish_of(container: ContainerDefinition, task: Task) -> StartContainer {
    let definition = TaskDefinition {
        id: Default::default(),
        registered: Tick(0),
        deregistered: None,
        blueprint: Blueprint { containers: vec![container], ..Blueprint::default() },
        tags: Default::default(),
    };
    StartContainer { key: key(0), task: Arc::new(task), definition: Arc::new(definition) }
}

fn wish(container: ContainerDefinition) -> StartContainer {
    wish_of(container, Task::default())
}

async fn try_start(processes: &Processes, container: ContainerDefinition) -> Result<Started, StartError> {
    processes.start(&wish(container), |_| {}).await.unwrap()
}

async fn start(processes: &Processes, script: &str) -> Started {
    try_start(processes, shell(script)).await.unwrap()
}

fn probe(started: &Started, wish: &StartContainer, script: &str, timeout: Duration) -> Probe {
    let check = ContainerCheck {
        command: CheckCommand::Shell(words(&[script]).into()),
        interval: Duration::from_secs(30),
        timeout,
        retries: NonZeroU8::MIN,
        start_period: Duration::ZERO,
    };
    Probe {
        key: wish.key.clone(),
        runtime_id: started.runtime_id.clone(),
        check,
        task: Arc::clone(&wish.task),
        definition: Arc::clone(&wish.definition),
    }
}
