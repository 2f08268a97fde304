"""The founding story: a backend whose health check answers 500, the fix, and a port that is blocked."""

from support.backends import Closed
from support.server import config, group


def web(*targets, **check):
    return config(group("web", list(targets), {"path": "/api/health-check", **check}))


def test_a_service_answering_500_is_unhealthy_until_it_is_fixed_and_the_gate_follows(serve, story):
    service = story()
    server = serve(web(service.target, healthy_threshold=3))

    target = server.wait_for("web", service.target, state="unhealthy")
    assert target["reason"] == "Target.ResponseCodeMismatch"
    assert target["description"] == "Health checks failed with these codes: [500]"
    assert target["health_check_port"] == service.port
    assert target["last_check"]["status"] == 500
    assert target["last_check"]["failure"] == "status_mismatch"

    gate = server.command("wait", "web", "--timeout", "2s")
    assert gate.returncode == 1, gate

    with server.events(target_group="web") as events:
        service.fix()
        event = events.until(lambda event: event.data.get("to") == "healthy")
    assert (event.data["target"], event.data["from"]) == (service.target, "unhealthy")

    target = server.target("web", service.target)
    assert target["state"] == "healthy"
    assert target["reason"] is None and target["description"] is None
    assert target["passes_in_a_row"] >= 3

    gate = server.command("wait", "web", "--timeout", "20s")
    assert gate.returncode == 0, gate


def test_a_fixed_service_needs_the_healthy_threshold_of_passes(serve, plain):
    backend = plain(500)
    server = serve(web(backend.target, healthy_threshold=4))
    server.wait_for("web", backend.target, state="unhealthy")
    with server.watch("web") as stream:
        stream.next()
        backend.status = 200
        streaks = {}
        while "healthy" not in streaks:
            data = stream.until(lambda event: event.kind == "target").data
            streaks.setdefault(data["state"], []).append(data["passes_in_a_row"])
    assert max(streaks["unhealthy"]) == 3
    assert streaks["healthy"] == [4]


def test_a_new_target_is_healthy_after_one_pass(serve, plain):
    backend = plain(200)
    server = serve(web(backend.target, healthy_threshold=10, interval="5s"))
    target = server.wait_for("web", backend.target, within=3, state="healthy")
    assert target["passes_in_a_row"] == 1


def test_a_blocked_port_is_a_timeout_and_opening_it_heals(serve, story, network):
    service = story(network.enter)
    service.fix()
    server = serve(web(service.target), network)
    server.wait_for("web", service.target, state="healthy")

    network.drop(service.port)
    target = server.wait_for("web", service.target, state="unhealthy")
    assert target["reason"] == "Target.Timeout"
    assert target["description"] == "Request timed out"
    assert target["last_check"]["failure"] == "connect_timeout"

    network.undrop()
    server.wait_for("web", service.target, state="healthy")


def test_nothing_listening_is_a_failed_health_check(serve, start):
    target = start(Closed).target
    server = serve(web(target))
    found = server.wait_for("web", target, state="unhealthy")
    assert found["reason"] == "Target.FailedHealthChecks"
    assert found["description"] == "Health checks failed"
    assert found["last_check"]["failure"] == "connect_refused"


def test_the_request_is_what_a_load_balancer_sends(serve, plain):
    backend = plain(200)
    server = serve(web(backend.target))
    server.wait_for("web", backend.target, state="healthy")
    line, *headers = backend.requests[0].rstrip("\r\n").split("\r\n")
    assert line == "GET /api/health-check HTTP/1.1"
    headers = {name.lower(): value for name, value in (header.split(": ", 1) for header in headers)}
    assert headers["host"] == backend.target
    assert headers["user-agent"] == "ELB-HealthChecker/2.0"
    assert headers["connection"] == "close"
