//! `benches/versus` and `benches/elbv2`: the witness counts right, and the comparisons run from end to end. No number is
//! judged here.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Result, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// Where Cargo put tgprobe; the examples are in a folder beside it.
fn programs() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_tgprobe")).parent().unwrap().to_path_buf();
    let witness = folder.join("examples/witness");
    assert!(witness.exists(), "{} is missing: `cargo build --examples`", witness.display());
    folder
}

/// A running witness, ended with the test.
struct Witness {
    child: Child,
    port: u16,
    control: BufReader<TcpStream>,
}

impl Witness {
    fn start() -> Self {
        let program = programs().join("examples/witness");
        let mut child =
            Command::new(program).args(["--targets", "100"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ports: Value = serde_json::from_str(&line).unwrap();
        let port = |name: &str| u16::try_from(ports[name].as_u64().unwrap()).unwrap();
        let control = TcpStream::connect((Ipv4Addr::LOCALHOST, port("control"))).unwrap();
        Self { child, port: port("port"), control: BufReader::new(control) }
    }

    fn tell(&mut self, command: &str) -> Value {
        writeln!(self.control.get_mut(), "{command}").unwrap();
        let mut line = String::new();
        self.control.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Sends one request to a target, in so many pieces, and reads the answer to its end.
    fn ask(&self, target: u8, pieces: &[&str]) -> Result<String> {
        self.ask_for(PATIENCE, target, pieces)
    }

    /// Whether a target is silent about this, and keeps the connection.
    fn is_silent(&self, target: u8, text: &str) -> bool {
        let answer = self.ask_for(SILENCE, target, &[text]);
        answer.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    fn ask_for(&self, patience: Duration, target: u8, pieces: &[&str]) -> Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::new(127, 1, 0, target), self.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        for piece in pieces {
            stream.write_all(piece.as_bytes())?;
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long an answer that must come may take on a busy machine, and how long one that must not come is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_millis(200);

const REQUEST: &str = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn the_witness_counts_whole_requests_of_its_targets() {
    let mut witness = Witness::start();
    witness.tell("start 1000");
    witness.tell("log 3 4");
    for target in [3, 3, 4, 99] {
        assert!(witness.ask(target, &[REQUEST]).unwrap().starts_with("HTTP/1.1 200 "));
    }
    // In two pieces, and half a one; the address after the last target is none.
    assert!(witness.ask(4, &REQUEST.split_inclusive("1.1\r\n").collect::<Vec<_>>()).is_ok());
    assert!(witness.is_silent(5, "GET / HTTP/1.1\r\n"));
    assert!(witness.ask(100, &[REQUEST]).is_ok());

    let seen = witness.tell("seen");
    assert_eq!([&seen["seen"], &seen["arrivals"], &seen["elsewhere"]], [3, 5, 1]);
    let report = witness.tell("report");
    assert_eq!([&report["arrivals"], &report["targets"], &report["intervals"]], [5, 3, 2]);
    assert_eq!([&report["least"], &report["most"]], [1, 2]);
    let log = witness.tell("logged");
    let order: Vec<_> = log["log"].as_array().unwrap().iter().map(|entry| entry[0].clone()).collect();
    assert_eq!(order, [3, 3, 4, 4].map(|target| json!(target)));
    assert_eq!(witness.tell("firsts 1000")["seen"], 3);

    witness.tell("start 1000 4");
    assert!(witness.ask(3, &[REQUEST]).is_ok() && witness.ask(4, &[REQUEST]).is_ok());
    let report = witness.tell("report");
    assert_eq!([&report["arrivals"], &report["intervals"]], [2, 1]);

    witness.tell("reset");
    assert_eq!(witness.tell("seen")["seen"], 0);
    assert!(witness.tell("sing")["error"].is_string());
}

#[test]
fn a_target_of_the_witness_behaves_as_told() {
    let mut witness = Witness::start();
    for (target, mode) in [(1, "500"), (2, "never"), (3, "reset"), (4, "slow 20"), (5, "endless 5")] {
        assert!(witness.tell(&format!("mode {target} {target} {mode}"))["now"].is_u64());
    }
    assert!(witness.ask(1, &[REQUEST]).unwrap().starts_with("HTTP/1.1 500 "));
    assert!(witness.is_silent(2, REQUEST));
    assert_eq!(witness.ask(3, &[REQUEST]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(witness.ask(4, &[REQUEST]).unwrap().starts_with("HTTP/1.1 200 "));
    let mut endless = TcpStream::connect((Ipv4Addr::new(127, 1, 0, 5), witness.port)).unwrap();
    endless.write_all(REQUEST.as_bytes()).unwrap();
    let lines: Vec<_> = BufReader::new(endless).lines().take(4).collect::<Result<_>>().unwrap();
    assert_eq!(lines[2], lines[3]);
    assert!(witness.tell("mode 1 100 ok")["error"].is_string(), "there are 100 targets, 0 to 99");
    assert!(witness.tell("mode 1 99 ok")["now"].is_u64());
    assert!(witness.ask(1, &[REQUEST]).unwrap().starts_with("HTTP/1.1 200 "));
}

#[test]
fn the_witness_ends_with_whoever_controls_it() {
    let mut witness = Witness::start();
    let mut checked = TcpStream::connect((Ipv4Addr::new(127, 1, 0, 1), witness.port)).unwrap();
    checked.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(witness.tell("seen")["seen"], 0);
    witness.control.get_ref().shutdown(Shutdown::Both).unwrap();
    // Its connections close when it ends; reading from one waits for that and not for ever.
    assert_eq!(checked.read(&mut [0]).unwrap(), 0);
    assert!(witness.child.wait().unwrap().success());
}

#[test]
fn the_comparison_runs_from_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results.jsonl");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/versus/run");
    let done = Command::new(script)
        .args(["--smoke", "--bin"])
        .arg(programs())
        .arg("--out")
        .arg(&results)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    let rows: Vec<Value> = std::fs::read_to_string(&results)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for prober in ["floor", "tgprobe"] {
        let row = rows.iter().find(|row| row["prober"] == prober).unwrap();
        assert_eq!(row["error"], Value::Null);
        assert_eq!(row["targets"], 200);
        assert!(row["arrivals"].as_u64().unwrap() > 0 && row["cpu_us"].as_f64().unwrap() > 0.0, "{row}");
        let told = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        // `200@200 round 1 floor 41.5 µs/check ...`
        let told = told.filter(|words| words.get(3) == Some(&prober) && words.get(5) == Some(&"µs/check"));
        assert_eq!(told.count(), 1, "{prober}: {said}");
    }
}

#[test]
fn the_comparison_of_the_api_runs_from_end_to_end() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/elbv2/run");
    let done = Command::new(script).args(["--smoke", "--bin"]).arg(programs()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    for what in ["describe x1", "describe x16", "register x1", "register x16"] {
        assert!(
            said.lines().any(|line| line.starts_with(what) && line.contains("checks late p99")),
            "{said}"
        );
    }
}
