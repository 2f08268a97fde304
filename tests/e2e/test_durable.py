"""What survives a SIGKILL: everything that was answered, and how every target fared."""

import datetime
import os
import signal
import time

from support.aws import create, elbv2, health
from support.backends import Plain
from support.server import config, group


def kept(folder, *groups, **server):
    return config(*groups, data_dir=str(folder("data") / "kept"), **server)


def kill(server):
    os.kill(server.pid, signal.SIGKILL)
    server.wait(10)


def past(server, name="web"):
    return server.http.get(f"/api/v1/target-groups/{name}/transitions?limit=1000").json()["transitions"]


def test_a_kill_loses_nothing_that_was_answered(serve, plain, folder):
    good, bad = plain(200), plain(503)
    text = kept(folder)
    server = serve(text)
    client = elbv2(server.url)
    arn = create(client, Tags=[{"Key": "a", "Value": "ü"}], HealthCheckPath="/x?y=1", Matcher={"HttpCode": "200-299"})
    client.register_targets(
        TargetGroupArn=arn,
        Targets=[{"Id": "127.0.0.1", "Port": good.port, "AvailabilityZone": "z"}, {"Id": "127.0.0.1", "Port": bad.port}],
    )
    server.wait_for("web", good.target, state="healthy")
    before = server.wait_for("web", bad.target, state="unhealthy")
    since = server.target("web", good.target)["since"]
    described = client.describe_target_groups()["TargetGroups"]
    attributes = client.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    story = past(server)
    # A transition is in the store 200 ms after it was seen, and those above were seen before the last answers.
    time.sleep(0.25)
    kill(server)

    server = serve(text)
    client = elbv2(server.url)
    assert client.describe_target_groups()["TargetGroups"] == described
    assert client.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"] == attributes
    (tags,) = client.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    assert tags["Tags"] == [{"Key": "a", "Value": "ü"}]
    target = server.target("web", good.target)
    assert (target["state"], target["since"], target["zone"]) == ("healthy", since, "z")
    target = server.target("web", bad.target)
    assert (target["state"], target["since"]) == ("unhealthy", before["since"])
    assert target["description"] == "Health checks failed with these codes: [503]"
    assert [(one["target"], one["to"], one["time"]) for one in past(server)] == [
        (one["target"], one["to"], one["time"]) for one in story
    ]


def test_a_drain_ends_when_it_would_have(serve, plain, folder):
    backend = plain(200)
    text = kept(folder)
    server = serve(text)
    client = elbv2(server.url)
    arn = create(client)
    target = {"Id": "127.0.0.1", "Port": backend.port}
    client.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "6"}]
    )
    client.register_targets(TargetGroupArn=arn, Targets=[target])
    server.wait_for("web", backend.target, state="healthy")
    client.deregister_targets(TargetGroupArn=arn, Targets=[target])
    ends = datetime.datetime.fromisoformat(server.target("web", backend.target)["drain_ends"])
    kill(server)
    server = serve(text)
    client = elbv2(server.url)
    again = server.target("web", backend.target)
    assert again["state"] == "draining"
    assert abs((datetime.datetime.fromisoformat(again["drain_ends"]) - ends).total_seconds()) < 0.5
    with server.watch("web") as stream:
        stream.until(lambda event: event.kind == "gone")
    late = (datetime.datetime.now(datetime.timezone.utc) - ends).total_seconds()
    assert -0.5 < late < 3
    assert health(client, arn) == {}


def test_restored_targets_are_not_checked_all_at_once(serve, start, folder):
    backend = start(Plain, 200, 0, "0.0.0.0")
    ids = [f"127.0.{number // 100}.{number % 100 + 1}" for number in range(300)]
    targets = [f"{one}:{backend.port}" for one in ids]
    text = kept(folder, group("web", targets, {"interval": "3s", "timeout": "1s", "port": backend.port}))
    server = serve(text)

    def healthy():
        return server.metric("tgprobe_targets", target_group="web", state="healthy")

    assert server.command("wait", "web", "--min-healthy", "300").returncode == 0
    time.sleep(0.25)
    kill(server)
    server = serve(text)
    assert healthy() == 300, "from the first moment on"
    assert server.http.get("/-/ready").status in (200, 503)
    began = time.monotonic()
    checks = []
    while time.monotonic() - began < 1.5:
        checks.append(server.metric("tgprobe_checks_total", target_group="web"))
        time.sleep(0.1)
    # A third of an interval holds a third of the targets, give or take.
    assert checks[0] < 60 and checks[-1] > 75, checks
    assert healthy() == 300
    transitions = server.metric("tgprobe_transitions_total", target_group="web", **{"from": "initial"}) or 0
    assert transitions == 0


def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(serve, binary, folder, start):
    from support.server import run

    data = folder("data")
    text = config(data_dir=str(data))
    server = serve(text)
    other = folder("other") / "tgprobe.toml"
    other.write_text(text)
    done = run(binary, "serve", "-c", str(other), within=20)
    assert done.returncode == 2 and str(data) in done.stderr, done
    kill(server)
    serve(text)


def test_a_damaged_or_newer_database_is_refused_and_stays_as_it_is(serve, binary, folder):
    from support.server import run

    for damage in [b"not a database, and long enough to be looked at" * 100, b""]:
        data = folder("data")
        text = config(data_dir=str(data))
        server = serve(text)
        kill(server)
        database = data / "tgprobe.db"
        for extra in data.glob("tgprobe.db-*"):
            extra.unlink()
        if damage:
            database.write_bytes(damage)
        else:
            import sqlite3

            connection = sqlite3.connect(database)
            connection.execute("PRAGMA user_version = 9999")
            connection.commit()
            connection.close()
        before = database.read_bytes()
        other = folder("other") / "tgprobe.toml"
        other.write_text(text)
        done = run(binary, "serve", "-c", str(other), within=20)
        assert done.returncode == 2 and "tgprobe.db" in done.stderr, done
        assert database.read_bytes() == before


def test_registrations_in_a_group_of_the_file_survive(serve, plain, folder):
    backend = plain(200)
    text = kept(folder, group("web", []))
    server = serve(text)
    client = elbv2(server.url)
    arn = client.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    client.register_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.1", "Port": backend.port}])
    kill(server)
    server = serve(text)
    assert elbv2(server.url).describe_target_groups()["TargetGroups"][0]["TargetGroupArn"] == arn
    server.wait_for("web", backend.target, state="healthy")
    client = elbv2(server.url)
    client.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.1", "Port": backend.port}])
    server.stop()
    server = serve(text)
    assert health(client := elbv2(server.url), arn).keys() <= {backend.target}
