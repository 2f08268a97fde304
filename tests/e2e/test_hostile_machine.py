"""A machine that gives little: a stopped process, few descriptors, a log nobody reads, a full disk."""

import fcntl
import os
import signal
import subprocess
import time

import pytest
from support.backends import free_port
from support.client import Client
from support.misbehaving import BlackHoles
from support.process import eventually
from support.server import config, group

F_SETPIPE_SZ = 1031


def test_a_process_that_was_stopped_blames_no_target(serve, plain):
    backends = [plain() for _ in range(5)]
    targets = [backend.target for backend in backends]
    begin = time.monotonic()
    # One failed check would be enough, and a stop is several timeouts long.
    server = serve(config(group("web", targets, {"unhealthy_threshold": 1})))
    for target in targets:
        server.wait_for("web", target, state="healthy")
    for _ in range(3):
        server.signal(signal.SIGSTOP)
        # Nothing to wait for: that nothing happens for so long is the test.
        time.sleep(1.2)
        server.signal(signal.SIGCONT)
        checks = server.metric("tgprobe_checks_total", target_group="web")
        eventually(lambda: server.metric("tgprobe_checks_total", target_group="web") >= checks + 2 * len(targets))
    changes = [line for line in server.logged() if line.get("to") == "unhealthy"]
    assert changes == []
    # What was missed is skipped: had it been made up for, there would be nine more.
    most = (time.monotonic() - begin - 3 * 1.2) / 0.4 + 5
    assert [len(backend.requests) for backend in backends if len(backend.requests) > most] == [], most


def test_few_descriptors_and_many_black_holes_leave_good_targets_healthy(serve, plain, start):
    holes = start(BlackHoles, 300)
    good = [plain() for _ in range(5)]
    bad = group("bad", holes.targets, {"interval": "2s", "timeout": "1s", "unhealthy_threshold": 1})
    web = group("web", [backend.target for backend in good], {"interval": "1s", "timeout": "900ms", "unhealthy_threshold": 1})
    server = serve(config(bad, web), prefix=["prlimit", "--nofile=128:128"])

    def all_timed_out():
        counts = server.metric("tgprobe_targets", target_group="bad", state="unhealthy")
        assert server.metric("tgprobe_targets", target_group="bad", state="healthy") == 0
        return counts == 300

    eventually(all_timed_out, within=60)
    limit = server.metric("tgprobe_checks_in_flight_limit", shard="0")
    assert 0 < limit < 128
    # More was due than could be made at once. It shows as lateness or places skipped, and with no target.
    assert server.metric("tgprobe_check_lateness_seconds_bucket", shard="0", le="0.25") < server.metric(
        "tgprobe_check_lateness_seconds_count", shard="0"
    )
    (one, *_) = server.targets("bad").values()
    assert (one["reason"], one["last_check"]["failure"]) == ("Target.Timeout", "response_timeout")
    changes = [(line["target"], line["to"]) for line in server.logged() if line.get("target_group") == "web" and "to" in line]
    assert sorted(changes) == sorted((backend.target, "healthy") for backend in good)
    assert server.metric("tgprobe_targets", target_group="web", state="healthy") == len(good)


def test_a_route_this_machine_does_not_have_is_blamed_on_no_target(serve, network):
    # A network with nothing but loopback: no route leads anywhere, over IPv4 or IPv6.
    targets = ["192.0.2.1:80", "192.0.2.2:80", "[2001:db8::1]:80"]
    server = serve(config(group("web", targets, {"unhealthy_threshold": 1, "stale_after": "2s"})), network)
    for target in targets:
        found = server.wait_for("web", target, state="unavailable")
        assert found["reason"] == "Elb.InternalError"
        assert (found["last_check"]["result"], found["last_check"]["cause"]) == ("inconclusive", "not_permitted")
    assert server.metric("tgprobe_transitions_total", **{"from": "initial", "to": "unavailable"}) == len(targets)
    assert not server.metric("tgprobe_transitions_total", **{"from": "initial", "to": "unhealthy"})
    labels = {"target_group": "web", "cause": "not_permitted"}
    assert server.metric("tgprobe_checks_inconclusive_total", **labels) >= len(targets)
    assert server.metric("tgprobe_check_failures_total", target_group="web", failure="connect_unreachable") == 0

    network.run("ip", "route", "add", "unreachable", "192.0.2.0/24")
    before = server.metric("tgprobe_checks_inconclusive_total", **labels)
    eventually(lambda: server.metric("tgprobe_checks_inconclusive_total", **labels) >= before + 9)
    assert {target["state"] for target in server.targets("web").values()} == {"unavailable"}


def flapping(serve, plain, **how):
    """A server whose log grows quickly: every check changes the state of its one target."""
    backend = plain()
    thresholds = {"interval": "20ms", "timeout": "19ms", "healthy_threshold": 1, "unhealthy_threshold": 1}
    server = serve(config(group("web", [backend.target], {**thresholds, "stale_after": "60s"})), **how)

    def changes(count):
        """Waits for so many more changes of state, by turning the backend over after each."""
        seen = lambda: sum(  # noqa: E731
            server.metric("tgprobe_transitions_total", **{"from": one, "to": other}) or 0
            for one, other in (("healthy", "unhealthy"), ("unhealthy", "healthy"))
        )
        until = seen() + count
        while seen() < until:
            before = seen()
            backend.status = 700 - backend.status
            eventually(lambda before=before: seen() > before)

    return server, changes


def test_a_log_nobody_reads_holds_nothing_up(serve, plain):
    reading, writing = os.pipe()
    fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
    try:
        server, changes = flapping(serve, plain, stderr=writing)
    finally:
        os.close(writing)
    try:
        # The pipe holds some twenty lines.
        changes(80)
        with server.events() as events:
            changes(2)
            assert events.next().kind == "transition"
        assert server.http.post("/-/reload").status == 200
        server.signal(signal.SIGTERM)
        assert server.wait(3) == 0
    finally:
        os.close(reading)


def test_a_log_on_a_full_disk_holds_nothing_up(serve, plain):
    with open("/dev/full", "wb") as full:
        server, changes = flapping(serve, plain, stderr=full)
    changes(10)
    assert server.http.post("/-/reload").status == 200
    server.signal(signal.SIGTERM)
    assert server.wait(3) == 0


def test_a_greeting_that_cannot_be_printed_keeps_no_server_from_its_work(binary, folder, plain):
    backend, port = plain(), free_port()
    file = folder() / "tgprobe.toml"
    file.write_text(config(group("web", [backend.target]), listen=f"127.0.0.1:{port}"))
    with open("/dev/full", "wb") as full:
        server = subprocess.Popen([binary, "serve", "-c", str(file)], stdin=subprocess.DEVNULL, stdout=full, stderr=full)
    try:
        eventually(lambda: server.poll() is not None or len(backend.requests) > 3)
        assert server.poll() is None
        assert Client("127.0.0.1", port).get("/-/ready").status == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=3) == 0
    finally:
        server.kill()
        server.wait()


def test_a_log_that_is_read_late_is_complete(serve, plain):
    reading, writing = os.pipe()
    fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
    try:
        server, changes = flapping(serve, plain, stderr=writing)
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as log:
        changes(30)
        server.signal(signal.SIGTERM)
        lines = log.read().splitlines()
        assert server.wait(3) == 0
    # What was waiting is written in order and in full when it is read in time.
    assert sum(b'"to":"unhealthy"' in line for line in lines) >= 15
    assert b"Stopped." in lines[-1]


@pytest.mark.parametrize("level", ["info", "debug"])
def test_the_log_is_json_and_tells_every_change_of_state(serve, plain, level):
    backend = plain(500)
    server = serve(config(group("web", [backend.target])), options=["--log-level", level])
    server.wait_for("web", backend.target, state="unhealthy")
    change = eventually(lambda: [line for line in server.logged() if line.get("to") == "unhealthy"])[0]
    assert change["level"] == "INFO"
    wanted = {
        "target_group": "web",
        "target": backend.target,
        "from": "initial",
        "to": "unhealthy",
        "reason": "Target.ResponseCodeMismatch",
        "description": "Health checks failed with these codes: [500]",
        "failure": "status_mismatch",
    }
    assert {key: change.get(key) for key in wanted} == wanted
    assert change["timestamp"]
    checks = [line for line in server.logged() if line["level"] == "DEBUG" and line.get("target") == backend.target]
    assert bool(checks) == (level == "debug")
