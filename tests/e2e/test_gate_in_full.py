"""Every promise of `tgprobe wait`, against the real server."""

import json
import os
import subprocess
import time

import pytest
from support.misbehaving import Misbehaving, silent
from support.process import eventually
from support.server import config, group, run


class Gate:
    """A gate in the background; a context manager that ends it."""

    def __init__(self, server, *arguments):
        command = [server.binary, "wait", "web", "--server", server.url, *arguments]
        pipe = subprocess.PIPE
        self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)
        self.begin = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.popen.kill()
        self.popen.communicate()

    def line(self):
        """The next line of progress: it follows the group."""
        return self.popen.stderr.readline()

    def end(self, within=30):
        """Its exit code, what it printed, and how long it took."""
        out, err = self.popen.communicate(timeout=within)
        return self.popen.returncode, out, err, time.monotonic() - self.begin


def reload(server, text):
    server.write(text)
    answer = server.http.post("/-/reload")
    assert answer.status == 200, answer.text


def test_a_target_that_flaps_is_not_stable(serve, plain):
    backend = plain()
    text = config(group("web", [backend.target], {"healthy_threshold": 1, "unhealthy_threshold": 1}))
    server = serve(text)
    server.wait_for("web", backend.target, state="healthy")
    with Gate(server, "--stable-for", "3s", "--timeout", "60s") as gate:
        gate.line()
        # It falls before it has been stable for long enough, and the time begins again when it is back.
        backend.status = 500
        server.wait_for("web", backend.target, state="unhealthy")
        backend.status = 200
        server.wait_for("web", backend.target, state="healthy")
        back = time.monotonic()
        code, out, err, _ = gate.end()
        stood = time.monotonic() - back
    assert code == 0, err
    assert stood >= 2.5, stood
    assert "unhealthy" in err


def test_a_flap_shorter_than_the_time_left_ends_at_the_deadline(serve, plain):
    backend = plain()
    server = serve(config(group("web", [backend.target])))
    server.wait_for("web", backend.target, state="healthy")
    done = server.command("wait", "web", "--stable-for", "30s", "--timeout", "2s")
    assert done.returncode == 1
    assert "30s" in done.stderr


@pytest.mark.parametrize(("share", "code"), [("1", 0), ("2", 0), ("3", 1), ("50%", 0), ("51%", 1), ("66%", 1), ("100%", 1)])
def test_a_share_is_rounded_up(serve, plain, share, code):
    backends = [plain(200), plain(200), plain(500), plain(500)]
    server = serve(config(group("web", [backend.target for backend in backends])))
    for backend in backends:
        server.wait_for("web", backend.target, state="healthy" if backend.status == 200 else "unhealthy")
    done = server.command("wait", "web", "--min-healthy", share, "--timeout", "10s" if code == 0 else "1500ms")
    assert done.returncode == code, done


def test_a_named_target_is_waited_for_until_it_is_registered(serve, plain):
    first, second = plain(), plain()
    server = serve(config(group("web", [first.target])))
    server.wait_for("web", first.target, state="healthy")
    with Gate(server, "--targets", second.target, "--timeout", "30s") as gate:
        assert second.target in gate.line()
        reload(server, config(group("web", [first.target, second.target])))
        code, out, err, _ = gate.end()
    assert code == 0, err


def test_a_named_target_that_goes_ends_the_gate_early(serve, plain):
    first, second = plain(), plain(500)
    server = serve(config(group("web", [first.target, second.target])))
    server.wait_for("web", second.target, state="unhealthy")
    with Gate(server, "--targets", second.target, "--timeout", "60s") as gate:
        gate.line()
        reload(server, config(group("web", [first.target])))
        code, out, err, took = gate.end()
    assert code == 1
    assert took < 30, took
    assert second.target in err, err


def test_a_group_that_goes_ends_the_gate_early(serve, plain):
    backend = plain(500)
    other = group("other", [backend.target])
    server = serve(config(group("web", [backend.target]), other))
    server.wait_for("web", backend.target, state="unhealthy")
    with Gate(server, "--timeout", "60s") as gate:
        gate.line()
        reload(server, config(other))
        code, out, err, took = gate.end()
    assert code == 1
    assert took < 30, took
    assert "gone" in err, err
    assert server.command("wait", "web").returncode == 2


def test_the_end_of_all_targets_can_be_waited_for(serve, plain):
    backend = plain()
    server = serve(config(group("web", [backend.target])))
    server.wait_for("web", backend.target, state="healthy")
    assert server.command("wait", "web", "--for", "gone", "--timeout", "1s").returncode == 1
    with Gate(server, "--for", "gone", "--timeout", "30s") as gate:
        gate.line()
        reload(server, config(group("web", [])))
        code, out, err, _ = gate.end()
    assert code == 0, err
    assert server.targets("web") == {}


def test_a_group_whose_targets_all_drain_never_passes(serve, plain):
    backend = plain()
    slow = {"deregistration_delay": "60s"}
    server = serve(config(group("web", [backend.target], **slow)))
    server.wait_for("web", backend.target, state="healthy")
    reload(server, config(group("web", [], **slow)))
    done = server.command("wait", "web", "--accept-current", "--timeout", "1s")
    assert done.returncode == 1
    assert "draining" in done.stderr, done.stderr


@pytest.mark.parametrize(("key", "state"), [("enabled", "unavailable"), ("in_use", "unused")])
def test_what_is_not_checked_is_not_healthy(serve, plain, key, state):
    backend = plain()
    off = {key: False}
    text = group("web", [backend.target], off) if key == "enabled" else group("web", [backend.target], **off)
    server = serve(config(text))
    server.wait_for("web", backend.target, state=state)
    assert server.command("wait", "web", "--accept-current", "--timeout", "1s").returncode == 1
    assert backend.requests == []


def test_only_a_check_that_started_later_counts(serve, plain):
    """A deploy replaces the backend behind the prober's back; the verdict about the old one must not pass it."""
    backend = plain()
    check = {"interval": "3s", "timeout": "300ms", "unhealthy_threshold": 1}
    server = serve(config(group("web", [backend.target], check)))
    server.wait_for("web", backend.target, state="healthy")
    asked = len(backend.requests)
    done = server.command("wait", "web", "--timeout", "20s")
    assert done.returncode == 0, done
    assert len(backend.requests) > asked
    backend.status = 500
    assert server.command("wait", "web", "--accept-current", "--timeout", "5s").returncode == 0
    done = server.command("wait", "web", "--timeout", "6s")
    assert done.returncode == 1, done


def test_the_result_as_json(serve, plain):
    good, bad = plain(200), plain(500)
    server = serve(config(group("web", [good.target, bad.target])))
    server.wait_for("web", bad.target, state="unhealthy")
    done = server.command("wait", "web", "-o", "json", "--timeout", "1500ms")
    result = json.loads(done.stdout)
    assert (done.returncode, result["exit"], result["result"]) == (1, 1, "timeout")
    assert (result["target_group"], result["healthy"], result["needed"]) == ("web", 1, 2)
    (blocker,) = result["blockers"]
    wanted = {
        "target": bad.target,
        "state": "unhealthy",
        "reason": "Target.ResponseCodeMismatch",
        "description": "Health checks failed with these codes: [500]",
        "failure": "status_mismatch",
    }
    assert {key: blocker[key] for key in wanted} == wanted
    assert 1.4 < result["elapsed"] < 10

    done = server.command("wait", "web", "-o", "json", "--targets", good.target, "--timeout", "20s")
    result = json.loads(done.stdout)
    assert (done.returncode, result["exit"], result["result"]) == (0, 0, "reached")
    assert (result["healthy"], result["needed"], result["blockers"]) == (1, 1, [])

    done = server.command("wait", "nobody", "-o", "json")
    assert (done.returncode, json.loads(done.stdout)["result"]) == (2, "wrong_usage")


def test_progress_is_told_a_line_a_change_off_a_terminal(serve, plain):
    backend = plain(500)
    server = serve(config(group("web", [backend.target])))
    server.wait_for("web", backend.target, state="unhealthy")
    with Gate(server, "--timeout", "30s") as gate:
        first = gate.line()
        for word in ("0", "1", backend.target, "unhealthy", "Target.ResponseCodeMismatch"):
            assert word in first
        backend.status = 200
        code, out, err, _ = gate.end()
    assert code == 0, err
    # Many checks, few changes; and nothing that only a terminal understands.
    assert len(err.splitlines()) < 8, err
    assert "\x1b" not in first + err and "\r" not in first + err


def test_the_server_may_be_named_by_the_environment(serve, plain, binary):
    backend = plain()
    server = serve(config(group("web", [backend.target])))
    env = {**os.environ, "TGPROBE_SERVER": server.url}
    done = subprocess.run([binary, "wait", "web", "--timeout", "20s"], env=env, capture_output=True, timeout=30)
    assert done.returncode == 0, done


def test_status_shows_groups_and_targets(serve, plain):
    good, bad = plain(200), plain(503)
    server = serve(config(group("web", [good.target, bad.target]), group("idle", [])))
    server.wait_for("web", good.target, state="healthy")
    server.wait_for("web", bad.target, state="unhealthy")
    groups = server.command("status").stdout.splitlines()
    assert [line.split()[:6] for line in groups[1:]] == [["idle", "HTTP", "80", "0", "0", "0"], ["web", "HTTP", "80", "2", "1", "1"]]
    targets = {line.split()[0]: line for line in server.command("status", "web").stdout.splitlines()[1:]}
    assert targets[good.target].split()[1] == "healthy"
    assert "Target.ResponseCodeMismatch" in targets[bad.target]
    wide = server.command("status", "web", "-o", "wide").stdout
    assert "fail 503 status_mismatch" in wide
    listed = json.loads(server.command("status", "web", "-o", "json").stdout)["targets"]
    assert {target["target"] for target in listed} == {good.target, bad.target}
    assert server.command("status", "nobody").returncode == 2


def test_a_status_that_watches_tells_what_changes(serve, plain):
    backend = plain()
    server = serve(config(group("web", [backend.target])))
    server.wait_for("web", backend.target, state="healthy")
    command = [server.binary, "status", "web", "--watch", "--server", server.url]
    watch = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        seen = []
        backend.status = 500
        while not any(backend.target in line and "unhealthy" in line for line in seen):
            line = watch.stdout.readline()
            assert line, seen
            seen.append(line)
    finally:
        watch.kill()
        watch.communicate()


def test_a_file_is_checked_once_without_a_server(serve, plain, binary, folder):
    good, bad = plain(200), plain(500)
    file = folder() / "tgprobe.toml"
    file.write_text(config(group("web", [good.target])))
    assert run(binary, "check", str(file)).returncode == 0
    file.write_text(config(group("web", [good.target]), group("other", [bad.target])))
    done = run(binary, "check", str(file), "-o", "json")
    assert done.returncode == 1
    results = {check["target"]: check for check in json.loads(done.stdout)["checks"]}
    assert results[good.target]["result"] == "pass"
    assert (results[bad.target]["status"], results[bad.target]["failure"]) == (500, "status_mismatch")
    before = len(good.requests)
    assert run(binary, "check", f"http://{good.target}/x").returncode == 0
    assert len(good.requests) == before + 1


def test_the_server_is_ready_only_after_the_first_checks(serve, start):
    """A target that does not answer holds readiness up for one interval at most."""
    backend = start(Misbehaving, silent)
    server = serve(config(group("web", [backend.target], {"interval": "4s", "timeout": "3s"})))
    assert server.http.get("/-/ready").status == 503
    assert server.command("healthcheck").returncode == 1
    eventually(lambda: server.http.get("/-/ready").status == 200, within=15)
    assert server.command("healthcheck").returncode == 0
