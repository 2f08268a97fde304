//! The commands as a user sees them: exit codes, standard output, standard error, help.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::panic, reason = "a panic is a failed test")]

#[path = "cli/check.rs"]
mod check;
#[path = "cli/gate.rs"]
mod gate;
#[path = "cli/server.rs"]
mod server;
#[path = "cli/services.rs"]
mod services;
#[path = "cli/status.rs"]
mod status;

use std::io::BufRead as _;
use std::path::Path;

/// Every command; the empty one is the program's own help.
const COMMANDS: [&str; 11] = [
    "",
    "serve",
    "demo",
    "check",
    "status",
    "wait",
    "register",
    "deregister",
    "healthcheck",
    "run-task",
    "validate",
];

#[test]
fn the_help_of_every_command_is_as_reviewed() {
    for command in COMMANDS {
        let (help, err) = server::run("", &format!("{command} --help"), 0);
        assert_eq!(err, "");
        let name = if command.is_empty() { "tgprobe" } else { command };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/help-{name}.txt"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &help).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(help, expected, "run with UPDATE=1 and review the difference: {}", path.display());
        assert!(name == "tgprobe" || help.contains("\nExamples:\n"), "{name} shows examples");
    }
}

#[test]
fn no_command_of_the_program_is_without_a_reviewed_help() {
    let (help, _) = server::run("", "--help", 0);
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let listed = listed.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    let mut listed: Vec<_> = listed.collect();
    let mut known = COMMANDS[1..].to_vec();
    listed.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, known);
}

#[test]
fn wrong_usage_exits_with_2() {
    for line in
        ["", "frobnicate", "serve", "serve -c a -t http://b/", "serve -c a --interval 5s", "status -o xml"]
    {
        server::run("", line, 2);
    }
}

#[test]
fn a_server_whose_log_cannot_be_written_runs_on() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let line = "serve --target http://127.0.0.1:1/ --interval 200ms --timeout 100ms --listen 127.0.0.1:0 --log-level trace";
    let mut child = server::command("", line).stderr(full).spawn().unwrap();
    let mut first = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let url = first.trim().strip_prefix("tgprobe listening on ").unwrap().to_owned();
    server::run(&url, "wait default --for unhealthy --timeout 60s", 0);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    server::end(child, 0);
}

#[test]
fn help_for_a_reader_that_hung_up_is_no_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = server::command("", "--help").stdout(writer).spawn().unwrap();
    let (_, err) = server::end(child, 0);
    assert_eq!(err, "");
}
