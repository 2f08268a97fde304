"""Disks that are full or may only be read: writes are refused, the rest goes on, and it heals by itself."""

import json
import os
import signal
import subprocess
from urllib.parse import quote

import pytest
from support.process import eventually
from support.server import config, group, run


class Disk:
    """A small file system in memory, mounted on a folder while the test lasts."""

    def __init__(self, folder, size):
        if os.geteuid() != 0:
            pytest.fail("mounting needs root: run `tests/all`, which uses sudo")
        self.folder, self.filler = folder, folder / "filler"
        self._mount("-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs")

    def _mount(self, *arguments):
        subprocess.run(["mount", *arguments, str(self.folder)], check=True, timeout=10)

    def fill(self):
        """Leaves not one byte."""
        with open(self.filler, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass

    def empty(self):
        self.filler.unlink()

    def read_only(self, yes):
        self._mount("-o", "remount,ro" if yes else "remount,rw")

    def stop(self):
        # Lazily: a file may be open still, and it is gone with its last user.
        subprocess.run(["umount", "-l", str(self.folder)], check=True, timeout=10)


@pytest.fixture
def disk(start, folder):
    return start(Disk, folder("disk"), "4m")


def put(server, target, method="PUT"):
    path = f"/api/v1/target-groups/web/targets/{quote(target, safe='')}"
    return server.http.request(method, path, body=json.dumps({}) if method == "PUT" else None)


def logged(server, words):
    return [line for line in server.logged() if words in line["message"]]


def test_a_full_disk_refuses_writes_and_heals_while_checks_go_on(serve, plain, disk):
    backend, other = plain(), plain()
    text = config(group("web", [backend.target]), data_dir=str(disk.folder / "data"))
    server = serve(text)
    server.wait_for("web", backend.target, state="healthy")
    assert put(server, "10.0.0.1:80").status == 200
    assert server.metric("tgprobe_store_healthy") == 1
    assert server.metric("tgprobe_store_writes_total") > 0

    disk.fill()
    refused = put(server, other.target)
    assert refused.status == 503, refused.text
    assert server.metric("tgprobe_store_healthy") == 0
    assert server.metric("tgprobe_store_failures_total") > 0
    assert "the disk is full" in refused.text
    answer = server.http.request(
        "POST",
        "/",
        {"Content-Type": "application/x-www-form-urlencoded"},
        body="Action=CreateTargetGroup&Version=2015-12-01&Name=new&Protocol=HTTP&Port=80&VpcId=vpc-0a&TargetType=ip",
    )
    assert answer.status == 500 and "<Code>InternalFailure</Code>" in answer.text, answer.text
    assert len(logged(server, "The store cannot be written")) == 1
    # Nothing of what was refused is there, and checks and reading go on.
    assert other.target not in server.targets("web")
    backend.status = 500
    server.wait_for("web", backend.target, state="unhealthy")

    disk.empty()
    # Nobody asks for anything: it is noticed all the same, and what was seen meanwhile is written.
    eventually(lambda: logged(server, "The store can be written again"), within=15)
    history = "/api/v1/target-groups/web/transitions"
    eventually(lambda: [one["to"] for one in server.http.get(history).json()["transitions"]][:1] == ["unhealthy"])
    assert put(server, other.target).status == 200
    assert server.metric("tgprobe_store_healthy") == 1
    assert server.metric("tgprobe_store_transitions_lost_total") == 0

    server.signal(signal.SIGKILL)
    server.wait(10)
    server = serve(text)
    assert server.target("web", backend.target)["state"] == "unhealthy"
    assert set(server.targets("web")) == {backend.target, other.target, "10.0.0.1:80"}


def test_a_disk_that_may_only_be_read_is_read_and_written_once_it_may_be(serve, plain, disk):
    backend = plain()
    text = config(group("web", [backend.target]), data_dir=str(disk.folder / "data"))
    server = serve(text)
    since = server.wait_for("web", backend.target, state="healthy")["since"]
    assert put(server, "10.0.0.1:80").status == 200
    server.stop()

    disk.read_only(True)
    server = serve(text)
    found = server.targets("web")
    assert (found[backend.target]["state"], found[backend.target]["since"]) == ("healthy", since)
    assert "10.0.0.1:80" in found
    assert put(server, "10.0.0.2:80").status == 503
    assert put(server, "10.0.0.1:80", "DELETE").status == 503
    assert len(logged(server, "The store cannot be written")) == 1
    assert set(server.targets("web")) == set(found)

    disk.read_only(False)
    eventually(lambda: logged(server, "The store can be written again"), within=15)
    assert put(server, "10.0.0.2:80").status == 200


def test_a_data_directory_that_cannot_be_made_is_refused_with_its_name(serve, binary, disk, folder):
    disk.read_only(True)
    file = folder("config") / "tgprobe.toml"
    file.write_text(config(data_dir=str(disk.folder / "data")))
    done = run(binary, "serve", "-c", str(file))
    assert done.returncode == 2, done
    assert str(disk.folder / "data") in done.stderr and "Read-only file system" in done.stderr, done


def test_a_damaged_database_is_refused_and_left_as_it_is(serve, binary, folder):
    data = folder("data")
    server = serve(config(group("web", []), data_dir=str(data)))
    assert put(server, "10.0.0.1:80").status == 200
    server.stop()
    database = data / "tgprobe.db"
    database.write_bytes(database.read_bytes()[:6_000])
    before = database.read_bytes()
    done = run(binary, "serve", "-c", str(server.file))
    assert done.returncode == 2 and str(database) in done.stderr and "is damaged" in done.stderr, done
    assert database.read_bytes() == before
