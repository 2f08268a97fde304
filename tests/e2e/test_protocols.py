"""HTTP/2, gRPC and TCP checks of real servers: nginx, and gRPC's own."""

import json

import pytest
from support.server import config, group, run

HEALTH = "/grpc.health.v1.Health/Check"


def over(version, check=None, **keys):
    """A group of this protocol version, on a machine that may be busy."""
    return {"protocol_version": version, "check": {"timeout": "390ms", **(check or {})}, **keys}


def judged(serve, target, state, keys):
    """The target of a group of its own, once it is in `state`."""
    server = serve(config(group("web", [target], **keys)))
    return server.wait_for("web", target, state=state)


@pytest.mark.parametrize(
    ("kind", "check", "state", "failure"),
    [
        ("h2c", {}, "healthy", None),
        ("h2c", {"path": "/gone"}, "unhealthy", "status_mismatch"),
        ("h2c", {"path": "/gone", "matcher": "404"}, "healthy", None),
        ("h2c", {"body_match": "fine"}, "healthy", None),
        ("h2c", {"body_match": "finer"}, "unhealthy", "body_mismatch"),
        ("h2c", {"host": "app.test", "headers": {"X-Api-Key": "secret"}}, "healthy", None),
        ("h2", {"protocol": "HTTPS"}, "healthy", None),
        ("h2", {"protocol": "HTTPS", "body_match": "fine"}, "healthy", None),
        ("h2", {"protocol": "HTTPS", "tls_resumption": True}, "healthy", None),
        ("tls", {"protocol": "HTTPS"}, "unhealthy", "tls_no_http2"),
        ("ok", {}, "unhealthy", "response_http1"),
    ],
)
def test_http2_is_spoken_with_nginx(serve, nginx, kind, check, state, failure):
    target = judged(serve, nginx.target(kind), state, over("HTTP2", check))
    assert target["last_check"]["failure"] == failure


@pytest.mark.parametrize("secured", [False, True])
def test_a_grpc_server_is_checked_by_any_method_and_by_its_health_service(serve, grpc, nginx, secured):
    backend = grpc(nginx.certificates if secured else None)
    protocol = {"protocol": "HTTPS"} if secured else {}
    target = judged(serve, backend.target, "healthy", over("GRPC", protocol))
    assert target["last_check"]["status"] == 12

    text = config(group("web", [backend.target], **over("GRPC", {"path": HEALTH, "matcher": "0", **protocol})))
    server = serve(text)
    assert server.wait_for("web", backend.target, state="healthy")["last_check"]["status"] == 0
    backend.say("NOT_SERVING")
    target = server.wait_for("web", backend.target, state="unhealthy")
    assert (target["reason"], target["description"]) == ("Target.FailedHealthChecks", "Health checks failed")
    assert target["last_check"]["failure"] == "grpc_not_serving"
    backend.say("SERVING")
    server.wait_for("web", backend.target, state="healthy")


def test_a_grpc_status_that_does_not_match_is_told_like_a_status(serve, grpc, nginx):
    backend = grpc()
    target = judged(serve, backend.target, "unhealthy", over("GRPC", {"matcher": "0"}))
    assert target["reason"] == "Target.ResponseCodeMismatch"
    assert target["description"] == "Health checks failed with these codes: [12]"
    target = judged(serve, nginx.target("h2c"), "unhealthy", over("GRPC", {"path": "/gone"}))
    assert target["description"] == "Health checks failed with these codes: [404]"
    target = judged(serve, nginx.target("h2c"), "unhealthy", over("GRPC", {"path": "/"}))
    assert target["last_check"]["failure"] in ("grpc_status_missing", "grpc_http_status")


def test_a_tcp_check_only_connects(serve, plain):
    backend = plain(status=500)
    server = serve(config(group("db", [backend.target], {"protocol": "TCP"}, protocol="TCP")))
    target = server.wait_for("db", backend.target, state="healthy")
    assert (target["last_check"]["status"], backend.requests) == (None, [])
    backend.stop()
    target = server.wait_for("db", backend.target, state="unhealthy")
    assert target["last_check"]["failure"] == "connect_refused"


def test_the_request_says_what_the_file_says(serve, plain):
    backend = plain()
    check = {"host": "app.test", "headers": {"X-Api-Key": "secret"}, "body_match": '"status": 200'}
    server = serve(config(group("web", [backend.target], check)))
    server.wait_for("web", backend.target, state="healthy")
    head = backend.requests[0].split("\r\n")
    assert head[1] == "Host: app.test"
    assert {"X-Api-Key: secret", "Accept-Encoding: identity"} <= set(head)


def test_one_check_speaks_every_protocol(binary, folder, grpc, nginx):
    groups = [
        group("call", [grpc().target], **over("GRPC")),
        group("two", [nginx.target("h2c")], **over("HTTP2")),
        group("connection", [nginx.target("ok")], {"protocol": "TCP"}, protocol="TCP"),
    ]
    file = folder() / "all.toml"
    file.write_text(config(*groups))
    done = run(binary, "check", str(file), "-o", "json")
    checks = {check["target_group"]: check for check in json.loads(done.stdout)["checks"]}
    assert {name: check["status"] for name, check in checks.items()} == {"call": 12, "two": 200, "connection": None}
    assert {check["result"] for check in checks.values()} == {"pass"}
    assert done.returncode == 0
