"""Backends that misbehave: each has the reason an ALB gives, our finer word for it, and delays nobody."""

from datetime import datetime

import pytest
from support import misbehaving as how
from support.backends import Certificates, free_port
from support.process import eventually
from support.server import config, group

FAILED = ("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
TIMEOUT = ("unhealthy", "Target.Timeout", "Request timed out")
HEALTHY = ("healthy", None, None)
RESETS = {"connect_reset", "send_reset", "response_reset"}


def mismatch(code):
    return "unhealthy", "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{code}]"


PLAIN = {
    "endless header": (how.flood(b"HTTP/1.1 200 OK\r\nEndless: ", b"a" * 1000), FAILED, {"response_too_large"}),
    "endless headers": (how.flood(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 100), FAILED, {"response_too_large"}),
    "1xx flood": (how.flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10), FAILED, {"response_too_large"}),
    "garbage": (how.answer(b"\x00\x01\x02garbage"), FAILED, {"response_malformed"}),
    "HTTP/0.9": (how.answer(b"<html>hello</html>\n"), FAILED, {"response_malformed"}),
    "HTTP/2": (how.raw(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"), FAILED, {"response_malformed"}),
    "status 99": (how.answer(b"HTTP/1.1 099 Low\r\n\r\n"), FAILED, {"response_malformed"}),
    "status 777": (how.answer(b"HTTP/1.1 777 Lucky\r\n\r\n"), mismatch(777), {"status_mismatch"}),
    "one byte per second": (how.trickle(1), TIMEOUT, {"response_timeout"}),
    "silent": (how.silent, TIMEOUT, {"response_timeout"}),
    "reset after accept": (how.reset_at_once, FAILED, RESETS),
    "reset before the head": (how.answer_and_reset(b""), FAILED, {"response_reset"}),
    "reset in the head": (how.answer_and_reset(b"HTTP/1.1 200 OK\r\nContent-"), FAILED, {"response_reset"}),
    "closed before the head": (how.answer_and_close(b""), FAILED, {"response_closed"}),
    "closed in the head": (how.answer_and_close(b"HTTP/1.1 200 OK\r\nContent-"), FAILED, {"response_closed"}),
    "TLS on a plain port": (how.raw(how.ALERT + b"\x0a"), FAILED, {"response_tls"}),
    "interim": (how.answer(b"HTTP/1.1 100 Continue\r\n\r\n" + how.GOOD), HEALTHY, {None}),
    "HTTP/1.0": (how.answer_and_close(b"HTTP/1.0 200 OK\r\n\r\nold"), HEALTHY, {None}),
    "bare LF": (how.answer(b"HTTP/1.1 200 OK\nBare: line feeds\n\n"), HEALTHY, {None}),
    "gigabyte body": (
        how.flood(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", b"b" * 65536),
        HEALTHY,
        {None},
    ),
    "an answer, then a reset": (how.answer_and_reset(how.GOOD), HEALTHY, {None}),
}


def judged(server, name, states):
    """The targets of a group by port, once each is in the state wanted."""

    def all_there():
        targets = {target["port"]: target for target in server.targets(name).values()}
        return all(targets[port]["state"] == state for port, state in states.items()) and targets

    return eventually(all_there, within=30)


def hold(server, name, backends):
    """Holds each target of a group against what is expected of its backend."""
    found = judged(server, name, {backend.port: expected[0] for backend, expected, _ in backends.values()})
    for kind, (backend, expected, failures) in backends.items():
        target = found[backend.port]
        assert (target["state"], target["reason"], target["description"]) == expected, kind
        assert target["last_check"]["failure"] in failures, kind


def test_each_has_its_reason_and_none_delays_another(serve, plain, start):
    backends = {kind: (start(how.Misbehaving, play), *rest) for kind, (play, *rest) in PLAIN.items()}
    good = plain()
    bad = group("bad", [backend.target for backend, _, _ in backends.values()], {"timeout": "390ms"})
    # On one thread all of them are in each other's way, if ever.
    server = serve(config(bad, group("good", [good.target]), shards=1))
    hold(server, "bad", backends)
    server.wait_for("good", good.target, state="healthy")

    with server.watch("good") as stream:
        times = set()
        while len(times) < 12:
            event = stream.until(lambda event: event.kind == "target").data
            assert (event["state"], event["last_check"]["result"]) == ("healthy", "pass")
            times.add(datetime.fromisoformat(event["last_check"]["time"]).timestamp())
    # The interval is 400 ms, and a place on the grid is kept. A check that had waited for another one's timeout would
    # be hundreds of milliseconds off; the machine itself may be a little late.
    times = sorted(times)
    off = [(time - times[0] + 0.2) % 0.4 - 0.2 for time in times]
    assert max(off) - min(off) < 0.15, off
    assert (times[-1] - times[0]) / 0.4 < 14, times
    # Every failure is counted under its own word.
    for failure in ("response_too_large", "response_malformed", "response_timeout", "response_reset", "response_closed"):
        assert server.metric("tgprobe_check_failures_total", target_group="bad", failure=failure) >= 2, failure
    assert server.metric("tgprobe_check_failures_total", target_group="good", failure="response_timeout") == 0


@pytest.fixture
def certificates(folder):
    return Certificates(folder("certificates"))


def test_what_goes_wrong_with_tls_has_its_own_words(serve, start, certificates):
    behind = lambda play: how.over_tls(certificates, play)  # noqa: E731
    kinds = {
        "good": (behind(how.answer(how.GOOD)), HEALTHY, {None}),
        "500": (behind(how.answer(b"HTTP/1.1 500 Oh\r\n\r\n")), mismatch(500), {"status_mismatch"}),
        "closed in the head": (behind(how.answer_and_close(b"HTTP/1.1 2")), FAILED, {"response_closed"}),
        "silent behind TLS": (behind(how.silent), TIMEOUT, {"response_timeout"}),
        "plain on a TLS port": (how.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), FAILED, {"tls_not_spoken"}),
        "silent": (how.silent, TIMEOUT, {"tls_timeout"}),
        "reset": (how.raw_reset, FAILED, {"tls_reset"}),
        "closed": (how.raw_close, FAILED, {"tls_closed"}),
        "handshake_failure": (how.raw(how.ALERT + bytes([40])), FAILED, {"tls_alert"}),
        "protocol_version": (how.raw(how.ALERT + bytes([70])), FAILED, {"tls_incompatible"}),
    }
    backends = {kind: (start(how.Misbehaving, play), *rest) for kind, (play, *rest) in kinds.items()}
    check = {"protocol": "HTTPS", "interval": "1s", "timeout": "900ms"}
    server = serve(config(group("web", [backend.target for backend, _, _ in backends.values()], check)))
    hold(server, "web", backends)


def test_a_tls_server_checked_in_plain_is_not_healthy(serve, start, certificates):
    backend = start(how.Misbehaving, how.over_tls(certificates, how.answer(how.GOOD)))
    server = serve(config(group("web", [backend.target])))
    target = server.wait_for("web", backend.target, state="unhealthy")
    assert target["reason"] == "Target.FailedHealthChecks"
    # Whether the library there still sends an alert before it hangs up is its affair.
    assert target["last_check"]["failure"] in {"response_tls", "response_closed", "response_reset"}


def test_a_port_that_opens_heals_and_one_that_closes_fails(serve, plain):
    port = free_port()
    server = serve(config(group("web", [f"127.0.0.1:{port}"])))
    target = server.wait_for("web", f"127.0.0.1:{port}", state="unhealthy")
    assert target["last_check"]["failure"] == "connect_refused"
    backend = plain(port=port)
    server.wait_for("web", backend.target, state="healthy")
    backend.stop()
    target = server.wait_for("web", backend.target, state="unhealthy")
    assert target["reason"] == "Target.FailedHealthChecks"
