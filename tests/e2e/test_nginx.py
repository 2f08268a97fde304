"""nginx as backends: what each of its answers makes of a target."""

import pytest
from support.server import config, group

FAILED = ("Target.FailedHealthChecks", "Health checks failed")


def mismatch(code):
    return "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{code}]"


@pytest.mark.parametrize(
    ("kind", "check", "state", "why"),
    [
        ("ok", {}, "healthy", (None, None)),
        ("redirect", {}, "unhealthy", mismatch(301)),
        ("redirect", {"matcher": "200-399"}, "healthy", (None, None)),
        ("missing", {}, "unhealthy", mismatch(404)),
        ("missing", {"matcher": "200,404"}, "healthy", (None, None)),
        ("error", {}, "unhealthy", mismatch(500)),
        ("tls", {"protocol": "HTTPS", "timeout": "390ms"}, "healthy", (None, None)),
        # nginx tells a plain client of a TLS port so by an answer in plain HTTP.
        ("tls", {}, "unhealthy", mismatch(400)),
        ("ok", {"protocol": "HTTPS"}, "unhealthy", FAILED),
    ],
)
def test_an_answer_decides_the_state(serve, nginx, kind, check, state, why):
    server = serve(config(group("web", [nginx.target(kind)], check)))
    target = server.wait_for("web", nginx.target(kind), state=state)
    assert (target["reason"], target["description"]) == why


@pytest.mark.parametrize(
    ("kind", "name", "state", "failure"),
    [
        ("signed", "backend.test", "healthy", None),
        ("signed", "other.test", "unhealthy", "tls_certificate"),
        ("tls", "backend.test", "unhealthy", "tls_certificate"),
    ],
)
def test_a_certificate_is_verified_where_asked_for(serve, nginx, kind, name, state, failure):
    verify = {"ca_file": str(nginx.certificates.authority), "server_name": name}
    server = serve(config(group("web", [nginx.target(kind)], {"protocol": "HTTPS", "verify": verify})))
    target = server.wait_for("web", nginx.target(kind), state=state)
    assert target["last_check"]["failure"] == failure


def test_a_health_check_port_of_its_own_is_the_one_checked(serve, nginx):
    text = group("web", ["127.0.0.1"], {"port": nginx.ports["ok"]}, port=nginx.ports["error"])
    server = serve(config(text))
    target = server.wait_for("web", nginx.target("error"), state="healthy")
    assert target["health_check_port"] == nginx.ports["ok"]
    assert target["port"] == nginx.ports["error"]
