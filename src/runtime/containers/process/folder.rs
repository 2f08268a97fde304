//! The folder of containers that are plain processes: what they print, and which of them runs where.
//!
//! ```text
//! FOLDER/TASK/NAME.log         what a container prints, the newest
//! FOLDER/TASK/NAME.log.1       what it printed before
//! FOLDER/TASK/INDEX.json       which process the container is, so that it is found again
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Uid, fchown};
use serde::{Deserialize, Serialize};

use crate::model::ecs::task::Binding;
use crate::model::tick::Tick;
use crate::runtime::containers::process::user::User;

/// Bytes a log may have before it is moved away: enough for hours of an ordinary application, and two of them for each
/// container are nothing to a disk.
pub(super) const LONGEST_LOG: u64 = 10 * 1024 * 1024;

/// Tasks that are over and whose logs are kept.
const LOGS_KEPT: usize = 100;

/// The longest record that is read, in bytes.
const LONGEST_RECORD: u64 = 64 * 1024;

/// Which process a container is.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Whose it is.
    pub(super) owner: Box<str>,
    /// The start of this machine in which it was started: a number and a time name another process after the next one.
    pub(super) boot: Box<str>,
    /// Its task.
    pub(super) task: Box<str>,
    /// Its place in the task's definition.
    pub(super) index: usize,
    /// How often it had been started again before.
    pub(super) run: u32,
    /// What it is called there.
    pub(super) name: Box<str>,
    /// Its process.
    pub(super) runtime_id: Box<str>,
    /// When it was started.
    pub(super) started: Tick,
    /// Where it is reached.
    pub(super) address: IpAddr,
    /// Its ports.
    pub(super) bindings: Vec<Binding>,
}

/// The name of this start of the machine; empty where the kernel does not say.
pub(super) fn boot() -> Box<str> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().into()
}

/// The folder.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn log_path(&self, task: &str, name: &str) -> PathBuf {
        self.0.join(task).join(format!("{name}.log"))
    }

    fn record_path(&self, task: &str, index: usize) -> PathBuf {
        self.0.join(task).join(format!("{index}.json"))
    }

    /// Opens the log of a container for appending. Nobody but `user` and us may read it.
    pub(super) fn open_log(&self, task: &str, name: &str, user: Option<&User>) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.0.join(task))?;
        let path = self.log_path(task, name);
        let log = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        if let Some(user) = user {
            // A program may open its own standard output again, by /dev/stdout.
            fchown(&log, Some(Uid::from_raw(user.user)), Some(Gid::from_raw(user.group)))?;
        }
        Ok(log)
    }

    /// Writes down which process a container is.
    pub(super) fn write(&self, record: &Record) -> io::Result<()> {
        let path = self.record_path(&record.task, record.index);
        let new = path.with_extension("json.new");
        fs::write(&new, serde_json::to_vec(record)?)?;
        fs::rename(new, path)
    }

    /// Every record there is. What is no record is passed over.
    pub(super) fn records(&self) -> Vec<Record> {
        let list = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let files = list(&self.0).flat_map(|task| list(&task).collect::<Vec<_>>());
        files
            .filter(|file| file.extension().is_some_and(|end| end == "json"))
            .filter_map(|file| read(&file))
            .collect()
    }

    /// Takes a container's record away, unless it is of a later start of it. The logs of the latest tasks are kept.
    pub(super) fn remove(&self, task: &str, index: usize, runtime_id: &str) {
        let path = self.record_path(task, index);
        if read(&path).is_some_and(|record| *record.runtime_id == *runtime_id) {
            _ = fs::remove_file(path);
            self.prune();
        }
    }

    /// Removes the logs of all tasks that are over but the latest.
    fn prune(&self) {
        let tasks = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut over: Vec<_> = tasks
            .filter(|task| {
                let files = fs::read_dir(task.path()).into_iter().flatten().flatten();
                files.map(|file| file.path()).all(|file| file.extension().is_none_or(|end| end != "json"))
            })
            .filter_map(|task| Some((task.metadata().ok()?.modified().ok()?, task.path())))
            .collect();
        over.sort();
        let too_many = over.len().saturating_sub(LOGS_KEPT);
        for (_, path) in over.into_iter().take(too_many) {
            _ = fs::remove_dir_all(path);
        }
    }
}

fn read(path: &Path) -> Option<Record> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LONGEST_RECORD).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Moves what is in a log that is longer than `longest` to a second file, as much of it as `longest` says, and says
/// whether it was longer. Its container goes on writing into the first; what it writes at this very moment may be lost.
pub(super) fn rotate(log: &Path, longest: u64) -> io::Result<bool> {
    let length = log.metadata()?.len();
    if length <= longest {
        return Ok(false);
    }
    let mut from = File::open(log)?;
    from.seek(SeekFrom::Start(length - longest))?;
    let mut old = log.as_os_str().to_owned();
    old.push(".1");
    let mut to = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(old)?;
    io::copy(&mut from.take(longest), &mut to)?;
    OpenOptions::new().write(true).open(log)?.set_len(0)?;
    Ok(true)
}

/// The last lines of a log, for people: at most `bytes` of it.
pub(super) fn tail(log: &Path, bytes: u64) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
    let mut last = Vec::new();
    file.take(bytes).read_to_end(&mut last)?;
    Ok(String::from_utf8_lossy(&last).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::Ipv4Addr;

    use super::*;

    fn record(task: &str, run: u32) -> Record {
        Record {
            owner: "o".into(),
            boot: boot(),
            task: task.into(),
            index: 1,
            run,
            name: "app".into(),
            runtime_id: format!("7-{run}").into(),
            started: Tick(5),
            address: Ipv4Addr::LOCALHOST.into(),
            bindings: vec![],
        }
    }

    #[test]
    fn records_are_found_again_until_they_are_removed() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().join("tasks"));
        assert_eq!(folder.records(), []);
        folder.open_log("t1", "app", None).unwrap();
        fs::write(place.path().join("tasks/t1/bad.json"), "no record").unwrap();
        folder.write(&record("t1", 0)).unwrap();
        folder.write(&record("t1", 1)).unwrap();
        assert_eq!(folder.records(), [record("t1", 1)], "a container is one process at a time");
        folder.remove("t1", 1, "7-0");
        assert_eq!(folder.records(), [record("t1", 1)]);
        folder.remove("t1", 1, "7-1");
        assert_eq!(folder.records(), []);
        assert!(folder.log_path("t1", "app").exists(), "what a task has printed can still be read");
    }

    #[test]
    fn the_logs_of_the_latest_tasks_are_kept() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().to_owned());
        for task in 0..=LOGS_KEPT {
            folder.open_log(&format!("t{task}"), "app", None).unwrap();
        }
        folder.write(&record("t0", 0)).unwrap();
        folder.prune();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), LOGS_KEPT + 1, "one of them runs");
        folder.remove("t0", 1, "7-0");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), LOGS_KEPT);
    }

    #[test]
    fn a_log_that_is_too_long_is_moved_away() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().to_owned());
        let mut log = folder.open_log("t", "app", None).unwrap();
        let path = folder.log_path("t", "app");
        log.write_all(b"0123456789").unwrap();
        assert!(!rotate(&path, 10).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "0123456789");
        log.write_all(b"ab").unwrap();
        assert!(rotate(&path, 10).unwrap());
        log.write_all(b"c").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "c");
        assert_eq!(fs::read_to_string(place.path().join("t/app.log.1")).unwrap(), "23456789ab");
        assert_eq!(tail(&place.path().join("t/app.log.1"), 3).unwrap(), "9ab");
    }
}
