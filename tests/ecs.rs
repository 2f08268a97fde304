//! The ECS API, word for word: the conversations of `tests/golden/ecs`.
//!
//! A line `> ` is a call: an action and its parameters; what is behind it is the answer. Before a call may stand `!` for a
//! caller that may only read. `{arn:web}` is a target group. Ids, times and tokens are told by a name that stays the same within a conversation. The
//! conversations `read-*.txt` are about what `ecs/scene.rs` has set up; the others begin with nothing, and whatever runs
//! containers there cannot be reached yet, so that no task moves by itself.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "ecs/calls.rs"]
mod calls;
#[path = "ecs/names.rs"]
mod names;
#[path = "ecs/scene.rs"]
mod scene;
#[path = "ecs/server.rs"]
mod server;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use names::Names;
use serde_json::Value;
use server::Server;

/// Has the calls of a conversation answered anew.
async fn hold(server: &Server, conversation: &str) -> String {
    let (mut names, arn) = (Names::default(), server.arn("web"));
    let mut told = String::new();
    for line in conversation.lines() {
        if line.is_empty() || line.starts_with('#') {
            writeln!(told, "{line}").unwrap();
        }
        let Some(call) = line.strip_prefix("> ") else { continue };
        writeln!(told, "{line}").unwrap();
        let (writes, call) = call.strip_prefix("! ").map_or((true, call), |call| (false, call));
        let (action, parameters) = call.split_once(' ').unwrap_or((call, ""));
        let (status, answer) =
            server.call(action, &names.given(&parameters.replace("{arn:web}", &arn)), writes).await;
        let answer = serde_json::to_string_pretty(&names.told(answer)).unwrap();
        writeln!(told, "{status}\n{answer}").unwrap();
    }
    told
}

/// `UPDATE=1` writes the answers anew.
#[tokio::test]
async fn every_answer_and_error_is_as_agreed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ecs");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for path in files {
        let agreed = fs::read_to_string(&path).unwrap();
        let about = path.file_stem().unwrap().to_str().unwrap();
        let server = match about {
            _ if about.starts_with("read-") => Server::with_scene().await,
            "without-table" => Server::without_agent().await,
            _ => Server::start().await,
        };
        let told = hold(&server, &agreed).await;
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &told).unwrap();
        } else {
            assert_eq!(told, agreed, "{} differs; UPDATE=1 writes it anew", path.display());
        }
    }
}

/// The code and the message of a call that must be refused.
async fn refused(server: &Server, action: &str, parameters: &str) -> (String, String) {
    let (status, answer) = server.call(action, parameters, true).await;
    assert_eq!(status, 400, "{action} {parameters}: {answer}");
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap().to_owned();
    (text("__type"), text("message"))
}
