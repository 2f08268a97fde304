"""Starting, ending, and being ended."""

import re
import signal
import socket
import time
from urllib.parse import urlsplit

import pytest
from support.client import Client
from support.process import Process, eventually
from support.server import config, group, run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_within_a_second(serve, plain, number):
    backend = plain()
    # A listener nobody accepts from: its checks are under way when the signal comes.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hangs = f"127.0.0.1:{silent.getsockname()[1]}"
        server = serve(config(group("web", [backend.target, hangs], {"interval": "30s", "timeout": "20s"})))
        server.wait_for("web", backend.target, state="healthy")
        with server.watch("web") as stream, server.events() as events:
            stream.next()
            begin = time.monotonic()
            server.signal(number)
            code = server.wait(5)
            took = time.monotonic() - begin
            with pytest.raises((EOFError, ConnectionError)):
                events.next(5)
    assert code == 0, server.errors()
    assert took < 1, f"took {took:.3f} s"


def test_after_a_kill_it_starts_again_from_nothing(serve, plain):
    backend = plain()
    text = config(group("web", [backend.target]))
    server = serve(text)
    # From the first event on, however long ago that was.
    with server.events(last="0-0") as events:
        old = events.until(lambda event: event.kind == "transition")
    server.signal(signal.SIGKILL)
    assert server.wait(5) == -signal.SIGKILL

    again = serve(text)
    again.wait_for("web", backend.target, state="healthy")
    with again.events(last=old.id) as events:
        assert events.next().kind == "reset"


def test_it_is_ready_once_every_target_was_checked(serve, plain):
    backend = plain()
    server = serve(config(group("web", [backend.target])))
    server.wait_for("web", backend.target, state="healthy")
    assert server.http.get("/-/healthy").status == 200
    assert server.http.get("/-/ready").status == 200
    assert server.metric("tgprobe_ready") == 1
    assert server.command("healthcheck").returncode == 0


def test_a_file_without_any_group_is_served(serve):
    server = serve(config())
    assert server.http.get("/api/v1/target-groups").status == 200
    assert server.http.get("/-/ready").status == 200
    assert server.metric("tgprobe_target_groups") == 0


def test_a_bad_file_is_refused_with_every_error(binary, folder):
    file = folder() / "bad.toml"
    file.write_text(config(group("web", ["nonsense!"], {"intervall": "30s", "matcher": "1000"})))
    for command in (["validate", str(file)], ["serve", "-c", str(file)]):
        done = run(binary, *command)
        assert done.returncode == 2, done
        for word in ("nonsense!", "intervall", "interval", "1000"):
            assert word in done.stderr, done.stderr


def test_a_good_file_is_summed_up_with_the_time_to_detect(binary, folder):
    file = folder() / "good.toml"
    defaults = '[[target_group]]\nname = "web"\nprotocol = "HTTP"\nport = 80\ntargets = ["10.0.0.5"]\n'
    file.write_text(defaults)
    done = run(binary, "validate", str(file))
    assert done.returncode == 0, done
    for word in ("web", "30s", "45s", "1m5s", "2m", "2m15s", "2m35s"):
        assert word in done.stdout, done.stdout


def test_urls_are_checked_once_without_a_server(binary, plain):
    good, bad = plain(200), plain(500)
    assert run(binary, "check", f"http://{good.target}/").returncode == 0
    done = run(binary, "check", f"http://{good.target}/", f"http://{bad.target}/")
    assert done.returncode == 1, done
    assert "500" in done.stdout


def test_commands_tell_an_absent_server_from_a_wrong_question(serve, binary):
    server = serve(config())
    assert server.command("wait", "nobody", "--timeout", "5s").returncode == 2
    assert server.command("status").returncode == 0
    url, _ = server.url, server.stop()
    for command in (["status"], ["wait", "web", "--timeout", "1s"], ["healthcheck"]):
        done = run(binary, *command, "--server", url)
        assert done.returncode == 3, done


def test_serving_urls_makes_a_group_named_default(binary, plain, start, folder):
    good, bad = plain(200), plain(500)
    urls = ["--target", f"http://{good.target}/here", "--target", f"http://{bad.target}/here"]
    flags = ["--interval", "400ms", "--timeout", "300ms", "--unhealthy-threshold", "2", "--listen", "127.0.0.1:0"]
    process = start(Process, [binary, "serve", *urls, *flags], folder() / "log")
    url = process.line("tgprobe listening on ").removeprefix("tgprobe listening on ")
    done = run(binary, "wait", "default", "--targets", good.target, "--timeout", "20s", "--server", url)
    assert done.returncode == 0, done
    aim = ["--for", "unhealthy", "--timeout", "20s"]
    done = run(binary, "wait", "default", "--targets", bad.target, *aim, "--server", url)
    assert done.returncode == 0, done
    assert good.requests[0].startswith("GET /here HTTP/1.1")


def test_the_demo_shows_states_within_three_seconds(binary, start, folder):
    begin = time.monotonic()
    demo = start(Process, [binary, "demo", "--listen", "127.0.0.1:0"], folder() / "log")
    text = demo.line()
    while "http://127.0.0.1:" not in text:
        text = demo.line()
    url = re.search(r"http://127\.0\.0\.1:\d+", text)[0]
    client = Client("127.0.0.1", urlsplit(url).port)

    def states():
        groups = client.get("/api/v1/target-groups").json()["target_groups"]
        names = [group["name"] for group in groups]
        lists = [client.get(f"/api/v1/target-groups/{name}/targets").json()["targets"] for name in names]
        seen = {target["state"] for targets in lists for target in targets}
        return {"healthy", "unhealthy"} <= seen

    eventually(states, within=3)
    # The promise is made for the release build; this one is slower.
    assert time.monotonic() - begin < 6
    demo.signal(signal.SIGINT)
    assert demo.wait(5) == 0


def test_the_demo_ends_by_itself_and_tells_every_change_off_a_terminal(binary):
    begin = time.monotonic()
    done = run(binary, "demo", "--listen", "127.0.0.1:0", "--duration", "4s")
    took = time.monotonic() - begin
    assert done.returncode == 0, done
    assert 4 <= took < 8, took
    assert "\x1b" not in done.stdout
    for words in (
        ["good", "healthy"],
        ["flapping", "healthy"],
        ["not listening", "unhealthy", "Health checks failed"],
        ["failing with 500", "unhealthy", "Health checks failed with these codes: [500]"],
        ["too slow", "unhealthy", "Request timed out"],
    ):
        assert any(line.startswith(words[0]) and all(f" {word}" in line for word in words[1:]) for line in done.stdout.splitlines()), words
