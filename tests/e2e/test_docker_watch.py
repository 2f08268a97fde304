"""Containers of a real Docker engine that somebody else started: watched, registered, restarted, replaced."""

from datetime import datetime

import pytest
from support.backends import free_port
from support.dockerd import Dockerd
from support.process import eventually
from support.server import config, group

LABELS = {"com.example.app": "shop"}

# What makes it fail is gone when it is started again.
CHECK = "test ! -f /dev/shm/bad"


@pytest.fixture(scope="module")
def engine():
    dockerd = Dockerd()
    yield dockerd
    dockerd.stop()


def served(port):
    """Answers at a port, and heeds SIGTERM."""
    return f"trap 'exit 0' TERM; echo ok >/www/index.html; httpd -f -p 127.0.0.1:{port} -h /www & wait"


def watching(engine, port=None, **keys):
    """A configuration that watches the containers of these tests."""
    keys = {"first_wait": "1s", "longest_wait": "2s", "stop_timeout": "5s", **keys}
    if port:
        keys |= {"target_group": "web", "port": port}
    lines = ["[[docker]]", 'name = "shop"', f'socket = "{engine.socket}"', 'labels = { "com.example.app" = "shop" }']
    lines += [f"{key} = {value if isinstance(value, int) else chr(34) + value + chr(34)}" for key, value in keys.items()]
    return config(group("web", [], deregistration_delay="2s")) + "\n" + "\n".join(lines) + "\n"


def container(server, name):
    told = server.http.get("/api/v1/containers").json()
    return next((one for one in told["containers"] if one["name"] == name), None)


def when(server, name, within=60, **wanted):
    """The container once it is as wanted."""

    def fits():
        one = container(server, name)
        return one if one and all(one[key] == value for key, value in wanted.items()) else None

    return eventually(fits, within)


def moment(text):
    return datetime.fromisoformat(text[:23].rstrip("Z") + "+00:00")


def end(engine, *names):
    for name in names:
        engine.call("DELETE", f"/containers/{name}?force=1")


def test_an_unhealthy_container_is_drained_restarted_and_registered_again(engine, serve):
    port = free_port()
    engine.run("one", served(port), CHECK, Labels=LABELS)
    engine.run("other", served(free_port()), CHECK, Labels={"com.example.app": "other"})
    target = f"127.0.0.1:{port}"
    server = serve(watching(engine, port, on_unhealthy="restart"))
    told = when(server, "one", health="HEALTHY", registered=True)
    assert (told["target"], told["status"], told["doing"]) == (target, "running", "watched")
    server.wait_for("web", target, state="healthy")
    assert server.metric("tgprobe_watched_containers", watch="shop", health="HEALTHY") == 1

    engine.execute("one", "touch", "/dev/shm/bad")
    with server.events(target_group="web", last="0-0") as stream:
        draining = stream.until(lambda event: event.data.get("to") == "draining", within=30)
    told = when(server, "one", restarts=1, health="HEALTHY", registered=True)
    assert (told["doing"], told["gave_up"], told["trouble"]) == ("watched", False, None)
    # It was not touched before its target had drained.
    finished = moment(engine.inspect("one")["State"]["FinishedAt"])
    assert (finished - moment(draining.data["time"])).total_seconds() >= 2
    assert engine.inspect("one")["State"]["ExitCode"] == 0
    server.wait_for("web", target, state="healthy")
    assert container(server, "other") is None
    assert server.metric("tgprobe_watched_restarts_total", watch="shop") == 1
    end(engine, "one", "other")
    eventually(lambda: container(server, "one") is None and target not in server.targets("web"), within=20)


def test_another_container_takes_the_place_of_an_unhealthy_one(engine, serve):
    port = free_port()
    old = engine.run("two", served(port), CHECK, Labels=LABELS, Env=["A=1"], StopSignal="SIGTERM")
    server = serve(watching(engine, port, on_unhealthy="replace"))
    assert when(server, "two", health="HEALTHY")["id"] == old
    engine.execute("two", "touch", "/dev/shm/bad")
    told = when(server, "two", restarts=1, health="HEALTHY", registered=True)
    assert told["id"] != old
    new = engine.inspect("two")
    assert (new["Id"], new["Config"]["Env"], new["Config"]["Labels"]) == (told["id"], ["A=1"], LABELS)
    (only,) = engine.all(label=["com.example.app=shop"])
    assert only["Id"] == told["id"]
    server.wait_for("web", f"127.0.0.1:{port}", state="healthy")
    end(engine, "two")


def test_one_that_stays_unhealthy_is_left_alone_after_too_many_restarts(engine, serve):
    port = free_port()
    engine.run("three", served(port), "echo broken; exit 1", Labels=LABELS)
    server = serve(watching(engine, port, on_unhealthy="restart", max_restarts=2, within="1h"))
    told = when(server, "three", gave_up=True)
    assert (told["restarts"], told["health"], told["registered"]) == (2, "UNHEALTHY", True)
    assert told["last_check"]["output"] == "broken\n" and told["last_check"]["exit_code"] == 1
    started = engine.inspect("three")["State"]["StartedAt"]
    assert server.metric("tgprobe_watched_gave_up", watch="shop") == 1
    # Its target answers, so the target group sends it requests.
    server.wait_for("web", f"127.0.0.1:{port}", state="healthy")
    assert engine.inspect("three")["State"]["StartedAt"] == started
    assert any("too often" in line["message"] for line in server.logged())
    end(engine, "three")


def test_a_check_of_our_own_is_run_in_a_container_without_one(engine, serve):
    engine.run("four", "echo fine >/tmp/a; trap 'exit 0' TERM; while :; do sleep 1; done", Labels=LABELS)
    check = '{ command = "CMD-SHELL,cat /tmp/a", interval = "5s", timeout = "2s", retries = 1 }'
    text = watching(engine).rstrip("\n") + f"\nhealth_check = {check}\n"
    server = serve(text)
    told = when(server, "four", health="HEALTHY")
    assert (told["last_check"]["output"], told["registered"], told["target"]) == ("fine\n", False, None)
    engine.execute("four", "rm", "/tmp/a")
    told = when(server, "four", health="UNHEALTHY")
    assert "No such file" in told["last_check"]["output"]
    end(engine, "four")


def test_a_check_that_cannot_be_killed_is_the_only_one_of_its_container(engine, serve):
    script = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"
    engine.run("six", script, Labels=LABELS, User="1234")
    check = '{ command = "CMD-SHELL,exec sleep 51", interval = "5s", timeout = "2s", retries = 2 }'
    # Root without the right to signal whom it likes, as anybody else is who may only use the engine's socket.
    prefix = ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill"]
    server = serve(watching(engine).rstrip("\n") + f"\nhealth_check = {check}\n", prefix=prefix)
    said = []

    def twice():
        one = container(server, "six")
        if one and one["last_check"] and one["last_check"]["output"] not in said:
            said.append(one["last_check"]["output"])
        return len(said) == 2

    eventually(twice, within=60)
    assert said[0] == (
        "Health check exceeded timeout (2s) and could not be killed, "
        "since this program may not send signals to processes of the container"
    )
    assert said[1].startswith("The command of an earlier check still runs"), said
    assert container(server, "six")["health"] == "UNHEALTHY"
    assert len(engine.processes("six", "sleep 51")) == 1
    end(engine, "six")


def test_while_the_engine_is_gone_all_stays_as_it_was_heard_last(serve, start):
    engine = start(Dockerd)
    port = free_port()
    engine.run("five", served(port), CHECK, Labels=LABELS)
    # The engine's own check does not go on once it is back.
    check = f'{{ command = "CMD-SHELL,{CHECK}", interval = "5s", timeout = "2s", retries = 1 }}'
    server = serve(watching(engine, port, on_unhealthy="restart").rstrip("\n") + f"\nhealth_check = {check}\n")
    when(server, "five", health="HEALTHY", registered=True)
    server.wait_for("web", f"127.0.0.1:{port}", state="healthy")

    def watch():
        (one,) = server.http.get("/api/v1/containers").json()["watches"]
        return one

    engine.crash()
    told = eventually(lambda: watch() if watch()["connectivity"] == "DISCONNECTED" else None)
    assert "cannot be reached" in told["trouble"]
    assert server.metric("tgprobe_watch_connected", watch="shop") == 0
    told = container(server, "five")
    assert (told["health"], told["registered"], told["restarts"]) == ("HEALTHY", True, 0)
    assert server.target("web", f"127.0.0.1:{port}")["state"] == "healthy"
    engine.start()
    eventually(lambda: watch()["connectivity"] == "CONNECTED", within=45)
    # It is watched again.
    engine.execute("five", "touch", "/dev/shm/bad")
    when(server, "five", restarts=1, health="HEALTHY")
