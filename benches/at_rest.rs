//! What the real server costs at rest, and how well it keeps its intervals, seen by the targets themselves.
//!
//! Starts `tgprobe serve` over many targets that are all this process: it believes no number of the prober's own.
//! `cargo bench --bench at_rest [-- TARGETS INTERVAL_SECONDS INTERVALS]`, 1,000 targets at 5 s for 6 intervals by
//! default. Every target is an address of its own in 127.0.0.0/8, on one port.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed benchmark")]
#![expect(clippy::print_stdout, reason = "this benchmark prints its own table")]
#![expect(
    clippy::disallowed_methods,
    reason = "the witness reads its own clock and sleeps between two readings"
)]
#![expect(clippy::cast_precision_loss, reason = "percentages need no more than 53 bits")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

type Arrivals = Arc<Mutex<BTreeMap<IpAddr, Vec<Instant>>>>;

fn main() {
    // Cargo passes `--bench`; numbers are ours.
    let numbers: Vec<u64> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let [targets, seconds, intervals] =
        [(0, 1_000), (1, 5), (2, 6)].map(|(n, default)| *numbers.get(n).unwrap_or(&default));
    let (port, arrivals) = witness();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("at_rest.toml");
    fs::write(&path, config(targets, seconds, port)).unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_tgprobe"))
        .args(["serve", "--log-level", "warn", "--config"])
        .arg(&path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // The first interval is the start; what follows is rest.
    thread::sleep(Duration::from_secs(seconds + 1));
    arrivals.lock().unwrap().clear();
    let (began, cpu) = (Instant::now(), cpu_seconds(&server));
    thread::sleep(Duration::from_secs(seconds * intervals));
    let (took, used) = (began.elapsed().as_secs_f64(), cpu_seconds(&server) - cpu);
    let memory = resident_kib(&server) as f64 / 1_024.0;
    server.kill().unwrap();
    server.wait().unwrap();
    report(&arrivals.lock().unwrap(), seconds, took, used, memory);
}

/// Answers every connection to any loopback address with 200 and notes when which address was asked.
fn witness() -> (u16, Arrivals) {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let arrivals = Arrivals::default();
    let noted = Arc::clone(&arrivals);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (at, address) = (Instant::now(), stream.local_addr().unwrap().ip());
            noted.lock().unwrap().entry(address).or_default().push(at);
            let mut request = [0; 1_024];
            if stream.read(&mut request).is_ok_and(|length| length > 0) {
                _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        }
    });
    (port, arrivals)
}

fn config(targets: u64, seconds: u64, port: u16) -> String {
    let address = |n: u64| format!("\"127.{}.{}.{}\"", 1 + n / 62_500, n / 250 % 250, 1 + n % 250);
    let list: Vec<String> = (0..targets).map(address).collect();
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[[target_group]]\nname = \"rest\"\nport = {port}\ntargets = [{}]\n\
         [target_group.health_check]\ninterval = \"{seconds}s\"\ntimeout = \"{}ms\"\n",
        list.join(","),
        seconds * 500
    )
}

/// User and system time of a process, from the fields 14 and 15 of its `stat`.
fn cpu_seconds(child: &Child) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    // The kernel counts in hundredths of a second for user space on every Linux this runs on.
    ticks as f64 / 100.0
}

fn resident_kib(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn report(arrivals: &BTreeMap<IpAddr, Vec<Instant>>, seconds: u64, took: f64, used: f64, memory: f64) {
    let interval = Duration::from_secs(seconds);
    let mut errors: Vec<Duration> = Vec::new();
    for times in arrivals.values() {
        errors.extend(times.windows(2).map(|pair| (pair[1] - pair[0]).abs_diff(interval)));
    }
    errors.sort_unstable();
    let checks: usize = arrivals.values().map(Vec::len).sum();
    let at = |share: usize| errors[(errors.len() - 1) * share / 1_000].as_secs_f64() * 1_000.0;
    println!("targets seen               {}", arrivals.len());
    println!("checks seen                {checks} in {took:.1} s");
    println!("processor, of one core     {:.2} %", used / took * 100.0);
    println!("processor per check        {:.0} µs", used / checks as f64 * 1e6);
    println!("memory, highest            {memory:.1} MiB");
    println!("interval error p50         {:.2} ms", at(500));
    println!("interval error p99         {:.2} ms", at(990));
    println!("interval error max         {:.2} ms", at(1_000));
}
