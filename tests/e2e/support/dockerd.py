"""A Docker engine of the test's own, started by hand in a folder of its own, and gone without a trace afterwards."""

import glob
import http.client
import io
import json
import os
import shutil
import socket
import struct
import subprocess
import tarfile
import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest

from .process import eventually

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
IMAGE = "tiny:1"
APPLETS = ("sh", "sleep", "httpd", "test", "touch", "rm", "cat", "mkdir")


def _static(path):
    """Whether an ELF file names no interpreter, a program header of type 3."""
    data = Path(path).read_bytes()
    table, size, count = *struct.unpack_from("<Q", data, 0x20), *struct.unpack_from("<HH", data, 0x36)
    return all(struct.unpack_from("<I", data, table + index * size)[0] != 3 for index in range(count))


def missing():
    """Why there can be no engine here; where there can be one, it must start."""
    if os.geteuid() != 0:
        return "this is not root"
    for program, package in (("dockerd", "docker.io"), ("busybox", "busybox-static")):
        if not shutil.which(program, path=PATH):
            return f"{program} is not installed (Debian's package {package})"
    if not _static(shutil.which("busybox", path=PATH)):
        return "busybox is not linked statically (Debian's package busybox-static)"
    return None


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        # `close` closes it, whatever becomes of this.
        self.sock.connect(self.path)


class Dockerd:
    """The engine, and what can be asked of it."""

    def __init__(self):
        if why := missing():
            pytest.skip(f"no Docker engine, since {why}")
        # Not in pytest's folders: the path of a Unix socket is short.
        self.folder = Path(tempfile.mkdtemp(prefix="tgprobe-docker-"))
        self.socket = str(self.folder / "docker.sock")
        self.process = None
        self.start()
        self._import()

    def start(self):
        """Starts it, also over what an earlier life has kept."""
        # A machine that nobody collects dead processes on would have them taken for running.
        for stale in ("dockerd.pid", "exec/containerd/containerd.pid"):
            (self.folder / stale).unlink(missing_ok=True)
        options = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"]
        options += ["--userland-proxy=false", "--oom-score-adjust=0", "--default-ulimit=nofile=20000:20000"]
        options += ["--live-restore", f"--host=unix://{self.socket}", f"--data-root={self.folder}/data"]
        options += [f"--exec-root={self.folder}/exec", f"--pidfile={self.folder}/dockerd.pid"]
        with open(self.folder / "log", "ab") as log:
            command = [shutil.which("dockerd", path=PATH), *options]
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": PATH}
            )
        eventually(self._answers, within=60)

    def _answers(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            return self.call("GET", "/_ping")[0] == 200
        except OSError:
            return False

    def crash(self):
        """Kills it; containers live on."""
        self.process.kill()
        self.process.wait()

    def call(self, method, path, body=None):
        """The status of an answer and what it says."""
        kind = "application/x-tar" if isinstance(body, bytes) else "application/json"
        data = json.dumps(body) if isinstance(body, dict) else body
        connection = _Connection(self.socket)
        try:
            connection.request(method, path, data, {"Content-Type": kind})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text.decode(errors="replace")

    def ask(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        assert status < 300, (method, path, status, answer)
        return answer

    def _import(self):
        """An image of one program, without a registry."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            for name, mode in (("bin", 0o755), ("tmp", 0o1777), ("www", 0o755), ("proc", 0o755), ("sys", 0o755)):
                folder = tarfile.TarInfo(name)
                folder.type, folder.mode = tarfile.DIRTYPE, mode
                tar.addfile(folder)
            tar.add(shutil.which("busybox", path=PATH), "bin/busybox")
            for applet in APPLETS:
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        self.ask("POST", "/images/create?fromSrc=-&repo=tiny&tag=1", data.getvalue())

    def run(self, name, script, check=None, **more):
        """Starts a container on the host's network that runs a script, with the engine's own check each second."""
        body = {"Image": IMAGE, "Cmd": ["/bin/sh", "-c", script], "HostConfig": {"NetworkMode": "host"}, **more}
        if check:
            second = 1_000_000_000
            test = ["CMD-SHELL", check]
            body["Healthcheck"] = {"Test": test, "Interval": second, "Timeout": 5 * second, "Retries": 1}
        made = self.ask("POST", f"/containers/create?name={name}", body)["Id"]
        self.ask("POST", f"/containers/{made}/start")
        return made

    def inspect(self, name):
        return self.ask("GET", f"/containers/{name}/json")

    def all(self, **filters):
        return self.ask("GET", f"/containers/json?all=1&filters={quote(json.dumps(filters))}")

    def execute(self, name, *command):
        """Runs a command in a container to its end."""
        made = self.ask("POST", f"/containers/{name}/exec", {"Cmd": command, "AttachStdout": True})["Id"]
        self.ask("POST", f"/exec/{made}/start", {"Detach": False})
        assert self.ask("GET", f"/exec/{made}/json")["ExitCode"] == 0

    def processes(self, name, words):
        """The command lines in a container that have these words."""
        identity, found = self.inspect(name)["Id"], []
        for process in glob.glob("/proc/[0-9]*"):
            try:
                line = Path(process, "cmdline").read_text(errors="replace").replace("\0", " ")
                if words in line and identity in Path(process, "cgroup").read_text():
                    found.append(line)
            except OSError:
                # It has ended meanwhile.
                pass
        return found

    def stop(self):
        """Ends it with all its containers."""
        try:
            for one in self.all():
                self.call("DELETE", f"/containers/{one['Id']}?force=1&v=1")
        except OSError:
            pass
        self.process.terminate()
        self.process.wait()
        for mounted in (*glob.glob(f"{self.folder}/data/overlay2/*/merged"), "exec/netns/default", "data"):
            subprocess.run(["umount", self.folder / mounted], capture_output=True)
        # Engines share the control group above those of their containers; one that is used stays.
        for group in glob.glob("/sys/fs/cgroup/*/docker"):
            try:
                os.rmdir(group)
            except OSError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)
