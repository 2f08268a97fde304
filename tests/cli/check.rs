//! `tgprobe check` against backends on loopback.

use std::io::Write as _;

use crate::server::{Server, end, nobody, run, start};

#[test]
fn a_url_that_passes_is_done() {
    let backend = Server::start();
    let check = start("", &format!("check {}/health?deep=1", backend.url));
    backend.expect("/health?deep=1").answer("200 OK", "fine");
    let (out, err) = end(check, 0);
    assert_eq!(err, "");
    assert!(out.starts_with("TARGET ") && out.contains("/health?deep=1  pass    200     "), "{out}");
}

#[test]
fn one_failure_is_enough_to_fail() {
    let (good, bad, refusing) = (Server::start(), Server::start(), nobody());
    let line = format!("check {}/a {}/b {refusing}/c -o json", good.url, bad.url);
    let check = start("", &line);
    good.expect("/a").answer("200 OK", "");
    bad.expect("/b").answer("500 Oh", "");
    let (out, _) = end(check, 1);
    let result: serde_json::Value = serde_json::from_str(&out).unwrap();
    let told = |index: usize| {
        let check = &result["checks"][index];
        (check["result"].as_str().unwrap(), check["status"].as_u64(), check["failure"].as_str())
    };
    assert_eq!(told(0), ("pass", Some(200), None));
    assert_eq!(told(1), ("fail", Some(500), Some("status_mismatch")));
    assert_eq!(told(2), ("fail", None, Some("connect_refused")));
    assert_eq!(result["checks"][1]["target"], format!("{}/b", bad.url));
}

#[test]
fn timeout_and_matcher_can_be_given() {
    let backend = Server::start();
    let check = start("", &format!("check --matcher 404 --timeout 40s {}/", backend.url));
    backend.expect("/").answer("404 Not Found", "");
    end(check, 0);
    let check = start("", &format!("check --timeout 100ms {}/", backend.url));
    // The request is kept without an answer.
    let _kept = backend.expect("/");
    let (out, _) = end(check, 1);
    assert!(out.contains("response_timeout"), "{out}");
}

#[test]
fn every_target_of_a_file_is_checked() {
    let (one, two) = (Server::start(), Server::start());
    let host = |server: &Server| server.url.replace("http://", "");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = format!(
        "[[target_group]]\nname = \"web\"\nprotocol = \"HTTP\"\nport = 80\ntargets = [\"{}\", \"{}\"]\n\
         [target_group.health_check]\npath = \"/up\"\n",
        host(&one),
        host(&two)
    );
    file.write_all(text.as_bytes()).unwrap();
    let check = start("", &format!("check {} -o wide", file.path().display()));
    one.expect("/up").answer("200 OK", "");
    two.expect("/up").answer("200 OK", "");
    let (out, _) = end(check, 0);
    assert_eq!(out.lines().count(), 3, "{out}");
    assert!(out.contains(&host(&one)) && out.contains(" web "), "{out}");
}

#[test]
fn nothing_to_check_does_not_pass() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (_, err) = run("", &format!("check {}", file.path().display()), 1);
    assert_eq!(err, "error: there is no target to check\n");
}

#[test]
fn what_cannot_be_checked_is_wrong_usage() {
    let (_, err) = run("", "check localhost:8080", 2);
    assert!(err.contains("a URL begins with http:// or https://"), "{err}");
    run("", "check ftp://localhost/", 2);
    run("", "check --matcher 2oo http://localhost/", 2);
    run("", "check", 2);
}
