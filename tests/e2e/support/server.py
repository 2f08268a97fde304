"""The program under test: a configuration, a running server, and what can be asked of it."""

import json
import os
import re
import subprocess
from urllib.parse import quote, urlsplit

from .client import Client
from .process import Process

# Short enough for a test, long enough for a busy machine.
CHECK = {"interval": "400ms", "timeout": "300ms", "healthy_threshold": 2, "unhealthy_threshold": 2}


def _value(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    # A JSON string, number or boolean is a TOML one too.
    return json.dumps(value)


def group(name, targets, check=None, **keys):
    """One `[[target_group]]` with the short check of the tests, changed by `check`."""
    keys = {"name": name, "protocol": "HTTP", "port": 80, "deregistration_delay": "1s", **keys, "targets": targets}
    lines = ["[[target_group]]", *(f"{key} = {_value(value)}" for key, value in keys.items())]
    lines += ["[target_group.health_check]"]
    lines += [f"{key} = {_value(value)}" for key, value in {**CHECK, **(check or {})}.items()]
    return "\n".join(lines) + "\n"


def config(*groups, **server):
    """A whole file; `server` holds the keys of its `[server]` table."""
    server = {"listen": "127.0.0.1:0", **server}
    return "\n".join(["[server]", *(f"{key} = {_value(value)}" for key, value in server.items()), *groups])


class Server(Process):
    """`tgprobe serve` over a file in a folder of the test's own.

    `prefix` is put before the command and `options` after it, `stderr` is where the log goes, `environment` is added to
    ours, and `context` is what to ask it with over TLS.
    """

    def __init__(
        self,
        binary,
        folder,
        text,
        namespace=None,
        prefix=(),
        stderr=None,
        options=(),
        environment=None,
        context=None,
    ):
        self.binary, self.file, self.namespace = binary, folder / "tgprobe.toml", namespace
        self.file.write_text(text)
        prefix = [*(namespace.enter if namespace else []), *prefix]
        env = {key: value for key, value in os.environ.items() if not key.startswith(("TGPROBE_", "RUST_LOG"))}
        env |= environment or {}
        command = [*prefix, binary, "serve", "-c", str(self.file), "--log-format", "json", *options]
        super().__init__(command, folder / "server.log", env, stderr)
        greeting = self.line("tgprobe listening on ")
        address = urlsplit(greeting.removeprefix("tgprobe listening on "))
        host = "127.0.0.1" if address.hostname == "0.0.0.0" else address.hostname
        self.url = f"{address.scheme}://{host}:{address.port}"
        self.port = address.port
        self.http = Client(host, address.port, namespace.pid if namespace else None, context)

    def write(self, text):
        """Replaces the file in one step, as editors and configuration tools do."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.rename(self.file)

    def targets(self, name):
        """The targets of a group by `id:port`."""
        answer = self.http.get(f"/api/v1/target-groups/{name}/targets")
        assert answer.status == 200, answer.text
        return {target["target"]: target for target in answer.json()["targets"]}

    def target(self, name, target):
        """One target asked for by name."""
        answer = self.http.get(f"/api/v1/target-groups/{name}/targets?target={quote(target)}")
        assert answer.status == 200, answer.text
        (only,) = answer.json()["targets"]
        return only

    def watch(self, name):
        return self.http.stream(f"/api/v1/target-groups/{name}/targets?watch=true")

    def events(self, last=None, **query):
        query = "&".join(f"{key}={value}" for key, value in query.items())
        return self.http.stream(f"/api/v1/events?{query}", {"Last-Event-ID": last} if last else None)

    def logged(self):
        """What it has logged so far, an object a line."""
        return [json.loads(line) for line in self.errors().splitlines()]

    def wait_for(self, name, target, within=20, **wanted):
        """Follows a group until the fields of one target are as wanted, and returns the target."""

        def fits(event):
            seen = event.data.get("targets", []) if event.kind == "sync" else [event.data]
            return any(
                found.get("target") == target and all(found.get(key) == value for key, value in wanted.items())
                for found in seen
            )

        with self.watch(name) as stream:
            event = stream.until(fits, within)
        seen = event.data["targets"] if event.kind == "sync" else [event.data]
        return next(found for found in seen if found["target"] == target)

    def metric(self, name, **labels):
        """The value of the one series with these labels, or `None`."""
        for line in self.http.get("/metrics").text.splitlines():
            match = re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)", line)
            if match and dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[1] or "")).items() >= labels.items():
                return float(match[2])
        return None

    def command(self, *arguments, within=30, environment=None):
        """Runs a client command against this server to its end."""
        prefix = self.namespace.enter if self.namespace else []
        arguments = [*arguments, "--server", self.url]
        return run(self.binary, *arguments, within=within, prefix=prefix, environment=environment)


def run(binary, *arguments, within=30, prefix=(), environment=None):
    """Runs `tgprobe` to its end and returns what it printed and its exit code."""
    return subprocess.run(
        [*prefix, binary, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within,
        env={**os.environ, **environment} if environment else None,
    )
