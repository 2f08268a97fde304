//! `tgprobe status` and `tgprobe healthcheck` against a server that plays a part.

use std::io::{BufRead as _, BufReader};

use crate::server::{Server, end, list, nobody, run, start, target};

/// Two groups, not in the order of their names.
pub(crate) const GROUPS: &str = r#"{"target_groups":[{"name":"web","protocol":"HTTP","port":4567,"health_check":{"enabled":true,"protocol":"HTTP","port":"traffic-port","path":"/api/health-check","interval":30.0,"timeout":5.0,"healthy_threshold":5,"unhealthy_threshold":2,"initial_healthy_threshold":1,"matcher":"200","stale_after":300.0},"attributes":{"deregistration_delay":300.0},"targets":{"initial":0,"healthy":2,"unhealthy":1,"unhealthy.draining":0,"unused":0,"draining":1,"unavailable":0},"fail_open":false},{"name":"api","protocol":"HTTPS","port":443,"health_check":{"enabled":true,"protocol":"HTTP","port":"9000","path":"/","interval":0.5,"timeout":0.2,"healthy_threshold":5,"unhealthy_threshold":2,"initial_healthy_threshold":1,"matcher":"200-299","stale_after":5.0},"attributes":{},"targets":{"initial":0,"healthy":0,"unhealthy":3,"unhealthy.draining":0,"unused":0,"draining":0,"unavailable":0},"fail_open":true}]}"#;

#[test]
fn groups_are_rows_by_name() {
    let server = Server::start();
    let status = start(&server.url, "status");
    server.expect("/api/v1/target-groups").answer("200 OK", GROUPS);
    let (out, err) = end(status, 0);
    assert_eq!(err, "");
    assert_eq!(
        out,
        "TARGET GROUP  PROTOCOL  PORT  TARGETS  HEALTHY  UNHEALTHY  INITIAL  DRAINING  UNAVAILABLE  UNUSED  FAIL OPEN\n\
         api           HTTPS     443   3        0        3          0        0         0            0       yes\n\
         web           HTTP      4567  4        2        1          0        1         0            0       no\n"
    );
}

#[test]
fn targets_are_rows_by_address() {
    let server = Server::start();
    let targets = [target("10.0.0.10", "unhealthy", "30"), target("10.0.0.9", "healthy", "30")];
    let status = start(&server.url, "status web");
    server.expect("/api/v1/target-groups/web/targets").answer("200 OK", &list("31", &targets));
    let (out, _) = end(status, 0);
    assert_eq!(
        out,
        "TARGET        STATE      REASON                       DESCRIPTION\n\
         10.0.0.9:80   healthy    -                            -\n\
         10.0.0.10:80  unhealthy  Target.ResponseCodeMismatch  Health checks failed with these codes: [500]\n"
    );
}

#[test]
fn wide_rows_have_every_column() {
    let server = Server::start();
    let status = start(&server.url, "status web -o wide");
    let targets = [target("10.0.0.9", "unhealthy", "30")];
    server.expect("/api/v1/target-groups/web/targets").answer("200 OK", &list("31", &targets));
    let (out, _) = end(status, 0);
    let row = out.lines().nth(1).unwrap();
    for cell in [
        "  a  ",
        "2030-01-01T00:00:00Z",
        "2030-01-01T00:00:30Z",
        "fail 500 status_mismatch",
        "1.2ms  0.4ms  ",
        "  -  ",
        "0.8ms",
        "2 fail",
        "2030-01-01T00:00:40Z",
    ] {
        assert!(row.contains(cell), "{cell:?} in {row}");
    }
}

#[test]
fn json_is_what_the_server_says() {
    let server = Server::start();
    let status = start(&server.url, "status -o json");
    server.expect("/api/v1/target-groups").answer("200 OK", GROUPS);
    assert_eq!(end(status, 0).0.trim_end(), GROUPS);
}

#[test]
fn an_unknown_group_and_an_unreachable_server_are_told_apart() {
    let server = Server::start();
    let status = start(&server.url, "status wbe");
    server.expect("/api/v1/target-groups/wbe/targets").not_found();
    server.expect("/api/v1/target-groups").answer("200 OK", GROUPS);
    assert_eq!(end(status, 2).1, "error: unknown target group `wbe` (known: api, web)\n");
    run(&nobody(), "status", 3);
    run(&nobody(), "status web --watch", 3);
    run(&nobody(), "status --watch", 3);
}

#[test]
fn what_a_server_says_cannot_steer_the_terminal() {
    let server = Server::start();
    let status = start(&server.url, "status web");
    let evil = target("10.0.0.9", "unhealthy", "30").replace("Health checks failed", r"\u001b[2Jgotcha");
    server.expect("/api/v1/target-groups/web/targets").answer("200 OK", &list("31", &[evil]));
    let (out, _) = end(status, 0);
    assert!(out.contains("gotcha") && !out.contains('\x1b'), "{out:?}");
}

#[test]
fn watching_prints_a_line_per_change_off_a_terminal() {
    let server = Server::start();
    let mut status = start(&server.url, "status web --watch");
    let mut lines = BufReader::new(status.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    let mut stream = server.follow("10", &[target("10.0.0.9", "healthy", "09")]);
    assert_eq!(next(), "2030-01-01T00:00:00.123Z 10.0.0.9:80 healthy");
    // A further check with the same verdict is no change.
    stream.event("target", &target("10.0.0.9", "healthy", "11"));
    stream.event("target", &target("10.0.0.9", "unhealthy", "12"));
    let unhealthy = "2030-01-01T00:00:00.123Z 10.0.0.9:80 unhealthy Target.ResponseCodeMismatch \
                     Health checks failed with these codes: [500]";
    assert_eq!(next(), unhealthy);
    stream.event("gone", r#"{"target":"10.0.0.9:80","id":"10.0.0.9","port":80}"#);
    assert_eq!(next(), "10.0.0.9:80 gone");
    drop(stream);
    let mut stream = server.follow("20", &[target("10.0.0.8", "healthy", "19")]);
    assert_eq!(next(), "2030-01-01T00:00:00.123Z 10.0.0.8:80 healthy");
    stream.event("target_group_gone", r#"{"target_group":"web"}"#);
    let (_, err) = end(status, 1);
    assert!(err.ends_with("error: the target group web is gone\n"), "{err}");
}

#[test]
fn watching_groups_reads_them_again_after_every_event() {
    let server = Server::start();
    let mut status = start(&server.url, "status --watch");
    let mut lines = BufReader::new(status.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    let mut stream = server.expect("/api/v1/events");
    stream.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    server.expect("/api/v1/target-groups").answer("200 OK", GROUPS);
    let shown = [next(), next(), next()];
    assert!(shown[1].starts_with("api ") && shown[2].starts_with("web "), "{shown:?}");
    stream.event("transition", "{}");
    let changed = GROUPS.replace(r#""healthy":2"#, r#""healthy":3"#);
    server.expect("/api/v1/target-groups").answer("200 OK", &changed);
    let line = next();
    assert!(line.starts_with("web ") && line.contains(" 5        3  "), "{line}");
    status.kill().unwrap();
    status.wait().unwrap();
}

#[test]
fn a_reader_that_hangs_up_ends_watching_quietly() {
    let server = Server::start();
    let mut status = start(&server.url, "status web --watch");
    drop(status.stdout.take());
    let _stream = server.follow("10", &[target("10.0.0.9", "healthy", "09")]);
    assert_eq!(end(status, 0).1, "");
}

#[test]
fn healthcheck_asks_whether_the_server_is_ready() {
    let server = Server::start();
    for (status, code) in [("200 OK", 0), ("503 Service Unavailable", 1), ("404 Not Found", 1)] {
        let healthcheck = start(&server.url, "healthcheck");
        server.expect("/-/ready").answer(status, "");
        end(healthcheck, code);
    }
    run(&nobody(), "healthcheck", 3);
}

#[test]
fn the_server_may_stand_behind_a_path() {
    let server = Server::start();
    let healthcheck = start(&nobody(), &format!("healthcheck --server {}/tgprobe/", server.url));
    server.expect("/tgprobe/-/ready").answer("200 OK", "");
    end(healthcheck, 0);
}

#[test]
fn a_server_that_is_no_http_url_is_wrong_usage() {
    let (_, err) = run("http://127.0.0.1:1", "status --server ftp://127.0.0.1:9911", 2);
    assert!(err.contains("`ftp://`"), "{err}");
    run("127.0.0.1:9911", "status", 2);
}
