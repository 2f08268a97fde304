//! A Docker engine of the test's own: started by hand in a folder of its own, and gone without a trace afterwards.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tgprobe::runtime::clock::Clock;

/// The image every container is made of.
pub(crate) const IMAGE: &str = "tiny:1";

/// How long anything that is waited for may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running engine.
pub(crate) struct Dockerd {
    folder: tempfile::TempDir,
    child: Child,
}

/// Why there can be no engine here, if so. Where there can be one, it must start.
fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("this is not root".to_owned());
    }
    for (program, package) in [("dockerd", "docker.io"), ("busybox", "busybox-static")] {
        if find(program).is_none() {
            return Some(format!("{program} is not installed (Debian's package {package})"));
        }
    }
    let busybox = fs::read(find("busybox").unwrap()).unwrap();
    is_dynamic(&busybox)
        .then(|| "busybox is not linked statically (Debian's package busybox-static)".to_owned())
}

/// Whether a 64-bit ELF file names an interpreter, a program header of type 3.
fn is_dynamic(elf: &[u8]) -> bool {
    let number = |at: usize, length: usize| {
        elf[at..at + length].iter().rev().fold(0_usize, |sum, byte| sum * 256 + usize::from(*byte))
    };
    let (table, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    (0..count).any(|index| number(table + index * size, 4) == 3)
}

fn find(program: &str) -> Option<PathBuf> {
    ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.exists())
}

/// The engine that tests share while any of them runs; `None`, with the reason printed, where there can be none.
pub(crate) fn shared() -> Option<Arc<Dockerd>> {
    static SHARED: Mutex<Weak<Dockerd>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(running) = shared.upgrade() {
        return Some(running);
    }
    let started = Arc::new(own()?);
    *shared = Arc::downgrade(&started);
    Some(started)
}

/// An engine of one test's own.
pub(crate) fn own() -> Option<Dockerd> {
    if let Some(why) = missing() {
        // Past the harness, which swallows what a test that passes prints.
        let line = format!("skipped: no Docker engine, since {why}\n");
        _ = std::io::stderr().write_all(line.as_bytes());
        return None;
    }
    let folder = tempfile::Builder::new().prefix("tgprobe-docker-").tempdir().unwrap();
    let child = start(folder.path());
    let dockerd = Dockerd { folder, child };
    dockerd.wait();
    dockerd.import();
    Some(dockerd)
}

fn start(folder: &Path) -> Child {
    let path = |name: &str| format!("{}/{name}", folder.display());
    let log = File::options().append(true).create(true).open(path("log")).unwrap();
    // The host's network is left alone, limits are not raised above what this machine may give, and containers outlive
    // the engine.
    Command::new(find("dockerd").unwrap())
        .arg(format!("--host=unix://{}", path("docker.sock")))
        .arg(format!("--data-root={}", path("data")))
        .arg(format!("--exec-root={}", path("exec")))
        .arg(format!("--pidfile={}", path("dockerd.pid")))
        .args(["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false"])
        .args(["--ip-forward=false", "--userland-proxy=false", "--oom-score-adjust=0"])
        .args(["--default-ulimit=nofile=20000:20000", "--live-restore"])
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// What `found` finds, looked for until it does.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let clock = Clock::start();
    let end = clock.now() + PATIENCE;
    tokio::task::block_in_place(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        loop {
            if let Some(found) = found() {
                return found;
            }
            assert!(clock.now() < end, "{what}: not within {PATIENCE:?}");
            runtime.block_on(clock.sleep(Duration::from_millis(20)));
        }
    })
}

impl Dockerd {
    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// The status and body of an answer.
    pub(crate) fn call(&self, method: &str, path: &str, body: &[u8]) -> Option<(u16, String)> {
        let mut stream = UnixStream::connect(self.socket()).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    fn wait(&self) {
        until("the engine answers", || self.call("GET", "/_ping", b"").filter(|(status, _)| *status == 200));
    }

    /// Makes the image of one program, without a registry.
    fn import(&self) {
        let root = self.folder.path().join("rootfs");
        for folder in ["bin", "etc", "tmp", "proc", "sys", "dev"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        fs::copy(find("busybox").unwrap(), root.join("bin/busybox")).unwrap();
        for name in
            ["sh", "sleep", "setsid", "yes", "id", "pwd", "httpd", "cat", "touch", "rm", "tail", "true"]
        {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).unwrap();
        }
        fs::write(root.join("etc/passwd"), "nobody:x:1234:1234:nobody:/tmp:/bin/sh\n").unwrap();
        let tar = Command::new("tar").arg("-C").arg(&root).args(["-c", "."]).output().unwrap().stdout;
        let path = "/images/create?fromSrc=-&repo=tiny&tag=1&changes=CMD%20%5B%22sleep%22%2C%223600%22%5D";
        let (status, body) = self.call("POST", path, &tar).unwrap();
        assert_eq!(status, 200, "{body}");
    }

    /// Kills the engine as a crash would. Containers live on.
    pub(crate) fn crash(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it anew over what it has kept.
    pub(crate) fn restart(&mut self) {
        // A machine that nobody collects dead processes on would have them taken for running.
        for stale in ["dockerd.pid", "exec/containerd/containerd.pid"] {
            _ = fs::remove_file(self.folder.path().join(stale));
        }
        self.child = start(self.folder.path());
        self.wait();
    }

    /// The host's numbers of the processes in a container whose command line has `words`.
    pub(crate) fn processes(&self, container: &str, words: &str) -> Vec<String> {
        let numbers = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let read = |path: PathBuf| fs::read(path).unwrap_or_default();
        let found = numbers.filter(|path| {
            let line = String::from_utf8_lossy(&read(path.join("cmdline"))).replace('\0', " ");
            let groups = read(path.join("cgroup"));
            line.contains(words) && String::from_utf8_lossy(&groups).contains(container)
        });
        found.map(|path| path.display().to_string()).collect()
    }

    fn containers(&self) -> Vec<String> {
        let (_, body) = self.call("GET", "/containers/json?all=1", b"").unwrap_or_default();
        let listed: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap_or_default();
        listed.iter().filter_map(|one| Some(one["Id"].as_str()?.to_owned())).collect()
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        for id in self.containers() {
            self.call("DELETE", &format!("/containers/{id}?force=1&v=1"), b"");
        }
        // One that has crashed, as it was told to, has no number any more.
        if matches!(self.child.try_wait(), Ok(None))
            && let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw)
        {
            _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        _ = self.child.wait();
        let quiet = |command: &mut Command| _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        for mounted in ["exec/netns/default", "data"] {
            quiet(Command::new("umount").arg(self.folder.path().join(mounted)));
        }
        // The control groups above those of containers are shared by the engines of a host; one that is used stays.
        for group in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            _ = fs::remove_dir(group.path().join("docker"));
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let tail = log.lines().rev().take(20).collect::<Vec<_>>();
            _ = writeln!(std::io::stderr(), "the engine's log, the newest line first:\n{}", tail.join("\n"));
        }
    }
}
