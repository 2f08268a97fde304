"""`tgprobe wait`, the gate of a deployment."""

import subprocess

from support.server import config, group


def test_an_empty_group_never_passes(serve):
    server = serve(config(group("web", [])))
    assert server.command("wait", "web", "--timeout", "1s").returncode == 1


def test_a_share_of_healthy_targets_can_be_enough(serve, plain):
    good, bad = plain(200), plain(500)
    server = serve(config(group("web", [good.target, bad.target])))
    server.wait_for("web", bad.target, state="unhealthy")
    assert server.command("wait", "web", "--min-healthy", "50%", "--timeout", "20s").returncode == 0
    assert server.command("wait", "web", "--min-healthy", "2", "--timeout", "2s").returncode == 1
    assert server.command("wait", "web", "--targets", good.target, "--timeout", "20s").returncode == 0
    assert server.command("wait", "web", "--targets", bad.target, "--for", "unhealthy", "--timeout", "20s").returncode == 0


def test_a_draining_target_does_not_block_and_its_end_can_be_waited_for(serve, plain):
    stays, goes = plain(), plain()
    server = serve(config(group("web", [stays.target, goes.target], deregistration_delay="3s")))
    server.wait_for("web", goes.target, state="healthy")
    server.write(config(group("web", [stays.target], deregistration_delay="3s")))
    assert server.http.post("/-/reload").status == 200
    assert server.command("wait", "web", "--timeout", "20s").returncode == 0
    assert server.command("wait", "web", "--targets", goes.target, "--for", "gone", "--timeout", "20s").returncode == 0


def test_a_verdict_from_before_the_gate_does_not_pass_it(serve, plain):
    backend = plain()
    server = serve(config(group("web", [backend.target], {"interval": "60s", "timeout": "300ms"})))
    server.wait_for("web", backend.target, state="healthy")
    # The second check comes at least half an interval after the first.
    assert server.command("wait", "web", "--timeout", "2s").returncode == 1
    assert server.command("wait", "web", "--accept-current", "--timeout", "5s").returncode == 0


def test_a_server_lost_on_the_way_is_waited_for_until_the_deadline(serve, plain, binary):
    backend = plain(500)
    server = serve(config(group("web", [backend.target])))
    server.wait_for("web", backend.target, state="unhealthy")
    command = [binary, "wait", "web", "--timeout", "4s", "--server", server.url]
    gate = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        # Off a terminal the gate prints a line per change, so its first line says that it follows the group.
        assert gate.stdout.readline()
        server.stop()
        assert gate.wait(timeout=20) == 3, gate.stdout.read()
    finally:
        gate.kill()
        gate.wait()
        gate.stdout.close()
