//! `tgprobe wait` against a server that plays a part.

use crate::server::{Server, end, list, nobody, run, start, target};

#[test]
fn a_deploy_passes_once_every_target_has_passed_a_new_check() {
    let server = Server::start();
    let gate = start(&server.url, "wait web");
    let mut stream =
        server.follow("10", &[target("10.0.0.5", "healthy", "09"), target("10.0.0.6", "unhealthy", "11")]);
    stream.event("target", &target("10.0.0.5", "healthy", "12"));
    stream.event("target", &target("10.0.0.6", "healthy", "13"));
    let (out, err) = end(gate, 0);
    assert!(out.starts_with("web: 2 healthy, 2 needed, after "), "{out}");
    let lines: Vec<_> = err.lines().collect();
    assert_eq!(
        lines,
        [
            "web: 0/2 healthy, waiting for 10.0.0.5:80 healthy (not checked since this command began), \
             10.0.0.6:80 unhealthy Target.ResponseCodeMismatch",
            "web: 1/2 healthy, waiting for 10.0.0.6:80 unhealthy Target.ResponseCodeMismatch",
        ]
    );
}

#[test]
fn a_verdict_from_before_counts_only_when_asked() {
    let server = Server::start();
    let gate = start(&server.url, "wait web --accept-current");
    let _stream = server.follow("10", &[target("10.0.0.5", "healthy", "09")]);
    end(gate, 0);
    let gate = start(&server.url, "wait web --timeout 300ms");
    let _stream = server.follow("10", &[target("10.0.0.5", "healthy", "09")]);
    end(gate, 1);
}

#[test]
fn the_deadline_names_who_blocks_and_why() {
    let server = Server::start();
    let gate = start(&server.url, "wait web --timeout 300ms");
    let _stream =
        server.follow("10", &[target("10.0.0.6", "unhealthy", "11"), target("10.0.0.5", "healthy", "11")]);
    let (out, err) = end(gate, 1);
    assert_eq!(out, "");
    let tail = "error: web: the timeout of 300ms passed (1 of 2 healthy)\n  10.0.0.6:80 unhealthy \
                Target.ResponseCodeMismatch: Health checks failed with these codes: [500]; status_mismatch; \
                Look at the matcher.\n";
    assert!(err.ends_with(tail), "{err}");
}

#[test]
fn an_empty_group_never_passes() {
    let server = Server::start();
    let gate = start(&server.url, "wait web --timeout 300ms");
    let _stream = server.follow("10", &[]);
    let (_, err) = end(gate, 1);
    assert!(err.contains("the timeout of 300ms passed: no target is registered (0 of 1 healthy)"), "{err}");
}

#[test]
fn an_unknown_group_is_wrong_usage_and_the_known_ones_are_named() {
    let server = Server::start();
    let gate = start(&server.url, "wait wbe -o json");
    server.expect("/api/v1/target-groups/wbe/targets?watch=true").not_found();
    server.expect("/api/v1/target-groups").answer("200 OK", crate::status::GROUPS);
    let (out, err) = end(gate, 2);
    assert_eq!(err, "error: unknown target group `wbe` (known: api, web)\n");
    let result: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(result["exit"], 2);
    assert_eq!(result["healthy"], serde_json::Value::Null);
}

#[test]
fn a_server_unreachable_at_the_start_ends_the_gate_at_once() {
    let (out, err) = run(&nobody(), "wait web --timeout 1h", 3);
    assert_eq!(out, "");
    assert!(err.starts_with("error: cannot reach the server http://127.0.0.1:"), "{err}");
}

#[test]
fn a_server_lost_is_reconnected_to_with_the_first_baseline() {
    let server = Server::start();
    let gate = start(&server.url, "wait web");
    drop(server.follow("10", &[target("10.0.0.5", "healthy", "09")]));
    // Every stream that ends is taken up again, however often.
    server
        .expect("/api/v1/target-groups/web/targets?watch=true")
        .answer("503 Service Unavailable", "not yet");
    drop(server.follow("20", &[target("10.0.0.5", "healthy", "09")]));
    // The check started before this list but after the first one, so it is fresh.
    let _stream = server.follow("30", &[target("10.0.0.5", "healthy", "15")]);
    let (_, err) = end(gate, 0);
    assert_eq!(err.matches("lost the server, reconnecting").count(), 2, "{err}");
}

#[test]
fn a_server_that_stays_lost_is_unreachable_at_the_deadline() {
    let server = Server::start();
    let gate = start(&server.url, "wait web --timeout 1s");
    let stream = server.follow("10", &[target("10.0.0.5", "unhealthy", "11")]);
    drop(server);
    drop(stream);
    let (_, err) = end(gate, 3);
    assert!(err.contains("the server was lost and did not come back in time"), "{err}");
}

#[test]
fn a_group_that_goes_ends_the_gate() {
    let server = Server::start();
    let gate = start(&server.url, "wait web");
    let mut stream = server.follow("10", &[target("10.0.0.5", "unhealthy", "11")]);
    stream.event("target_group_gone", r#"{"target_group":"web"}"#);
    let (_, err) = end(gate, 1);
    assert!(err.contains("web: the target group is gone"), "{err}");

    let gate = start(&server.url, "wait web");
    drop(server.follow("10", &[target("10.0.0.5", "unhealthy", "11")]));
    server.expect("/api/v1/target-groups/web/targets?watch=true").not_found();
    end(gate, 1);
}

#[test]
fn a_named_target_that_goes_ends_the_gate() {
    let server = Server::start();
    let gate = start(&server.url, "wait web --targets 10.0.0.5,10.0.0.7");
    let mut stream = server.follow("10", &[target("10.0.0.5", "unhealthy", "11")]);
    stream.event("gone", r#"{"target":"10.0.0.5:80","id":"10.0.0.5","port":80}"#);
    let (_, err) = end(gate, 1);
    assert!(err.contains("web: target 10.0.0.5 is gone"), "{err}");
}

#[test]
fn gone_can_be_waited_for() {
    let server = Server::start();
    let gate = start(&server.url, "wait web --for gone --targets 10.0.0.5:80");
    let mut stream =
        server.follow("10", &[target("10.0.0.5", "draining", "09"), target("10.0.0.6", "healthy", "09")]);
    stream.event("gone", r#"{"target":"10.0.0.5:80","id":"10.0.0.5","port":80}"#);
    let (out, _) = end(gate, 0);
    assert!(out.starts_with("web: 1 of 1 gone after "), "{out}");

    let gate = start(&server.url, "wait web --for gone");
    drop(server.follow("10", &[target("10.0.0.5", "draining", "09")]));
    server.expect("/api/v1/target-groups/web/targets?watch=true").not_found();
    end(gate, 0);
}

#[test]
fn unhealthy_can_be_waited_for() {
    let server = Server::start();
    let gate = start(&server.url, "wait web --for unhealthy");
    let mut stream = server.follow("10", &[target("10.0.0.5", "healthy", "09")]);
    stream.event("target", &target("10.0.0.5", "unhealthy", "11"));
    end(gate, 0);
}

#[test]
fn a_stable_goal_is_asked_for_once_more() {
    let server = Server::start();
    let gate = start(&server.url, "wait web --stable-for 50ms");
    let mut stream = server.follow("10", &[target("10.0.0.5", "healthy", "11")]);
    // The stream has kept silent about a relapse.
    let relapse = list("12", &[target("10.0.0.5", "unhealthy", "12")]);
    server.expect("/api/v1/target-groups/web/targets").answer("200 OK", &relapse);
    stream.event("target", &target("10.0.0.5", "healthy", "13"));
    // No answer means that nobody knows: the stream is taken up again and the time starts again.
    drop(server.expect("/api/v1/target-groups/web/targets"));
    let good = [target("10.0.0.5", "healthy", "14")];
    let _second = server.follow("14", &good);
    server.expect("/api/v1/target-groups/web/targets").answer("200 OK", &list("15", &good));
    end(gate, 0);
}

#[test]
fn a_goal_that_has_not_held_long_enough_is_late() {
    let server = Server::start();
    let gate = start(&server.url, "wait web --stable-for 1h --timeout 300ms");
    let _stream = server.follow("10", &[target("10.0.0.5", "healthy", "11")]);
    let (_, err) = end(gate, 1);
    assert!(err.contains("passed before the goal had held for 1h (1 of 1 healthy)"), "{err}");
}

#[test]
fn json_is_one_object_whatever_the_end() {
    let server = Server::start();
    let json = |child, code| -> serde_json::Value { serde_json::from_str(&end(child, code).0).unwrap() };
    let gate = start(&server.url, "wait web -o json");
    let _first = server.follow("10", &[target("10.0.0.5", "healthy", "11")]);
    let result = json(gate, 0);
    assert_eq!(
        (&result["result"], &result["exit"], &result["healthy"]),
        (&"reached".into(), &0.into(), &1.into())
    );
    assert!(result["elapsed"].as_f64().is_some_and(|seconds| seconds > 0.0));

    let gate = start(&server.url, "wait web -o json --timeout 300ms");
    let _second = server.follow("10", &[target("10.0.0.5", "unhealthy", "11")]);
    let result = json(gate, 1);
    assert_eq!(
        (&result["result"], &result["exit"], &result["needed"]),
        (&"timeout".into(), &1.into(), &1.into())
    );
    assert_eq!(result["blockers"][0]["target"], "10.0.0.5:80");
    assert_eq!(result["blockers"][0]["reason"], "Target.ResponseCodeMismatch");

    let result = json(start(&nobody(), "wait web -o json"), 3);
    assert_eq!((&result["result"], &result["exit"]), (&"unreachable".into(), &3.into()));
}

#[test]
fn a_server_that_talks_nonsense_counts_as_not_reached() {
    let server = Server::start();
    let path = "/api/v1/target-groups/web/targets?watch=true";
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: sync\ndata: {\"targets\":3}\n\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n\0\u{fffd}\n\n\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 500 Oh\r\nContent-Length: 9999\r\n\r\n",
        "",
    ] {
        let gate = start(&server.url, "wait web");
        server.expect(path).write(answer);
        let (_, err) = end(gate, 3);
        assert!(err.starts_with("error: "), "{answer:?}: {err}");
    }
}

#[test]
fn options_that_contradict_are_wrong_usage() {
    for line in [
        "wait web --min-healthy 1 --for gone",
        "wait web --min-healthy 0",
        "wait web --min-healthy 101%",
        "wait web --targets a,,b",
        "wait web --for better",
        "wait web --timeout 5",
        "wait we_b",
        "wait",
    ] {
        run(&nobody(), line, 2);
    }
}
