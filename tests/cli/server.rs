//! A server that says what the test wants, when the test wants it, and the program under test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// A test that waits longer than this for the program has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Listens on loopback and hands every request to the test.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Receiver<Request>,
}

/// A request whose answer the test writes.
pub(crate) struct Request {
    pub(crate) path: String,
    stream: TcpStream,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        thread::spawn(move || {
            // Ends with the test, which drops the receiver, at the next connection or with the process.
            for stream in listener.incoming().flatten() {
                if read_head(stream).is_some_and(|request| sender.send(request).is_err()) {
                    break;
                }
            }
        });
        Self { url, requests }
    }

    /// The next request, which must be for `path`.
    #[track_caller]
    pub(crate) fn expect(&self, path: &str) -> Request {
        match self.requests.recv_timeout(PATIENCE) {
            Ok(request) => {
                assert_eq!(request.path, path);
                request
            }
            Err(RecvTimeoutError::Timeout) => panic!("no request for {path}"),
            Err(RecvTimeoutError::Disconnected) => panic!("the server ended before {path}"),
        }
    }

    /// The next request, which must be for the stream of `web`'s targets; sends the list of `targets`.
    #[track_caller]
    pub(crate) fn follow(&self, time: &str, targets: &[String]) -> Request {
        let mut request = self.expect("/api/v1/target-groups/web/targets?watch=true");
        request.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n");
        request.event("sync", &list(time, targets));
        request
    }
}

fn read_head(stream: TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let path = first.split(' ').nth(1)?.to_owned();
    Some(Request { path, stream: reader.into_inner() })
}

impl Request {
    /// Writes raw bytes. A program that has already gone does not matter.
    pub(crate) fn write(&mut self, text: &str) {
        _ = self.stream.write_all(text.as_bytes());
    }

    /// Sends an event.
    pub(crate) fn event(&mut self, event: &str, data: &str) {
        self.write(&format!("event: {event}\ndata: {data}\n\n"));
    }

    /// Answers and closes.
    pub(crate) fn answer(mut self, status: &str, body: &str) {
        let length = body.len();
        self.write(&format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ));
    }

    /// Answers that the group is not there.
    pub(crate) fn not_found(self) {
        self.answer(
            "404 Not Found",
            r#"{"error":{"code":"target_group_not_found","message":"no such group"}}"#,
        );
    }
}

/// The URL of a port nobody listens on, and nobody will while the test runs.
pub(crate) fn nobody() -> String {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    // Bound and not listening: connections are refused, and the port is given to no one else.
    std::mem::forget(socket);
    format!("http://{address}")
}

/// A list of targets told at second `time` of the test's minute.
pub(crate) fn list(time: &str, targets: &[String]) -> String {
    format!(r#"{{"time":"2030-01-01T00:00:{time}Z","targets":[{}]}}"#, targets.join(","))
}

/// A target in `state` whose latest check started at second `checked`, and passed if the target is healthy.
pub(crate) fn target(id: &str, state: &str, checked: &str) -> String {
    let (passes, fails, reason, check) = match state {
        "healthy" => (1, 0, "null", r#""result":"pass","status":200"#),
        _ => (
            0,
            2,
            r#""Target.ResponseCodeMismatch""#,
            r#""result":"fail","status":500,"failure":"status_mismatch","hint":"Look at the matcher.""#,
        ),
    };
    let description = if fails > 0 { r#""Health checks failed with these codes: [500]""# } else { "null" };
    let time = format!("2030-01-01T00:00:{checked}Z");
    format!(
        r#"{{"target_group":"web","target":"{id}:80","id":"{id}","port":80,"zone":"a","state":"{state}","reason":{reason},"description":{description},"since":"2030-01-01T00:00:00.123Z","last_check":{{"time":"{time}","duration":0.0012,"phases":{{"connect":0.0004,"tls":null,"response":0.0008}},{check}}},"last_conclusive_check":"{time}","last_conclusive_state":"{state}","passes_in_a_row":{passes},"failures_in_a_row":{fails},"next_check":"2030-01-01T00:00:40Z","drain_ends":null}}"#
    )
}

/// The program with `line` as its arguments, asking `server`.
pub(crate) fn command(server: &str, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tgprobe"));
    command.args(line.split_whitespace()).env("TGPROBE_SERVER", server).env_remove("COLUMNS");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts the program.
pub(crate) fn start(server: &str, line: &str) -> Child {
    command(server, line).spawn().unwrap()
}

/// Waits for the program and checks its exit code; gives what it said on standard output and standard error.
#[track_caller]
pub(crate) fn end(child: Child, code: i32) -> (String, String) {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(code), "stdout: {out}\nstderr: {err}");
    assert!(!err.contains("panicked"), "{err}");
    (out, err)
}

/// Runs the program to its end.
#[track_caller]
pub(crate) fn run(server: &str, line: &str, code: i32) -> (String, String) {
    end(start(server, line), code)
}
