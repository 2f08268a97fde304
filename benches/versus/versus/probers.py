"""The probers: how each is told to check so many targets, in the way its own documents advise.

All send `GET /health` over a new connection each, take 200 for good, fall after 2 failures and rise after 5 passes. Their
headers differ a little, as each has a form of its own:

- tgprobe: `Host` with the port, `User-Agent`, `Accept-Encoding`, `Connection: close`;
- HAProxy: `host` without a port, `user-agent`, `connection: close`;
- Envoy: `host` without a port and a `user-agent` of its own;
- the floor: tgprobe's, with a `Host` without a port.
"""

import json
import re
import resource
import socket
import subprocess

from . import install
from .witness import address

#: Targets of one target group, AWS's own default limit; HAProxy loads a longer backend in quadratic time.
GROUP = 1000
PATH = "/health"
AGENT = "ELB-HealthChecker/2.0"


class Point:
    """What to check: so many targets, so often. Times in milliseconds."""

    def __init__(self, targets, interval, timeout=None, tls=False, shards=1):
        self.targets = targets
        self.interval = interval
        # A timeout has to end before the next check; AWS's default is 5 s.
        self.timeout = min(timeout or 5000, interval - 1)
        self.tls = tls
        self.shards = shards

    @property
    def rate(self):
        """Checks a second."""
        return self.targets * 1000 / self.interval

    def __str__(self):
        def short(number):
            return f"{number / 1000:.3g}k" if number >= 1000 else f"{number:.3g}"

        return f"{short(self.targets)}@{short(round(self.rate))}" + (f"+{self.tls}" if self.tls else "")


def point(text):
    """`10k@5k` is ten thousand targets at five thousand checks a second."""
    def number(part):
        return float(part[:-1]) * 1000 if part.endswith("k") else float(part)

    targets, rate = map(number, text.split("@"))
    if targets < 1 or rate <= 0 or targets / rate < 0.01:
        raise ValueError(f"`{text}` is no point: at least one target, and an interval of at least 10 ms")
    return Point(int(targets), round(targets * 1000 / rate))


class HAProxy:
    """HAProxy with `option httpchk`, one backend a target group."""

    def __init__(self, name):
        self.name = name
        self.log_port = None
        self.program = install.rival(name)

    def version(self):
        return re.search(r"version (\S+)", _said(self.program, "-v"))[1]

    def command(self, point, port, folder):
        seconds = f"{point.timeout}ms"
        lines = ["global", f"    nbthread {point.shards}", "    maxconn 100"]
        # It refuses to start without a listener of any kind; nobody asks this one anything.
        lines += [f"    stats socket {folder / 'haproxy.sock'} mode 600"]
        if self.log_port:
            lines += [f"    log 127.0.0.1:{self.log_port} local0 notice"]
        if point.targets + 300 > resource.getrlimit(resource.RLIMIT_NOFILE)[1]:
            # It sets a descriptor aside for every server and refuses to start without as many.
            lines += ["    no strict-limits"]
        lines += ["defaults", "    mode http"] + (["    log global"] if self.log_port else [])
        lines += [f"    timeout {what} {seconds}" for what in ("connect", "server", "client", "check")]
        tls = " check-ssl verify none no-ssl-reuse no-tls-tickets" if point.tls else ""
        for at in range(point.targets):
            if at % GROUP == 0:
                lines += [
                    f"backend group{at // GROUP}",
                    "    option httpchk",
                    f"    http-check send meth GET uri {PATH} ver HTTP/1.1 hdr Host 127.0.0.1 hdr User-Agent {AGENT}",
                    "    http-check expect status 200",
                    f"    default-server check{tls} inter {point.interval}ms fall 2 rise 5",
                ]
            lines.append(f"    server target{at} {address(at)}:{port}")
        config = folder / "haproxy.cfg"
        config.write_text("\n".join(lines) + "\n")
        return [str(self.program), "-f", str(config), "-db"]


class Envoy:
    """Envoy with active health checks on one static cluster, their start spread over an interval."""

    def __init__(self, name):
        self.name = name
        self.program = install.rival(name)

    def version(self):
        return re.search(r"/(\d+\.\d+\.\d+)", _said(self.program, "--version"))[1]

    def command(self, point, port, folder):
        every = f"{point.interval / 1000:.3f}s"
        check = {
            "timeout": f"{point.timeout / 1000:.3f}s",
            "interval": every,
            "no_traffic_interval": every,
            "no_traffic_healthy_interval": every,
            "initial_jitter": every,
            "unhealthy_threshold": 2,
            "healthy_threshold": 5,
            "reuse_connection": False,
            "http_health_check": {
                "path": PATH,
                "host": "127.0.0.1",
                "expected_statuses": [{"start": 200, "end": 201}],
                # Any other status ejects a target at once, whatever the threshold, unless it is named here.
                "retriable_statuses": [{"start": 201, "end": 600}],
            },
        }
        sockets = ({"address": address(at), "port_value": port} for at in range(point.targets))
        cluster = {
            "name": "targets",
            "type": "STATIC",
            "connect_timeout": check["timeout"],
            "health_checks": [check],
            "load_assignment": {
                "cluster_name": "targets",
                "endpoints": [
                    {"lb_endpoints": [{"endpoint": {"address": {"socket_address": one}}} for one in sockets]}
                ],
            },
        }
        config = folder / "envoy.json"
        node = {"id": "versus", "cluster": "versus"}
        config.write_text(json.dumps({"node": node, "static_resources": {"clusters": [cluster]}}))
        return [
            str(self.program), "-c", str(config), "--concurrency", str(point.shards), "--log-level", "error",
            "--disable-hot-restart",
        ]


class Floor:
    """Our floor; `floor-recycle-5ms` recycles sockets and starts checks in groups of 5 ms."""

    FORM = re.compile(r"floor(?P<recycle>-recycle)?(?P<eager>-eager)?(?:-(?P<group>\d+)ms)?")

    def __init__(self, name, program):
        self.name = name
        self.program = program
        form = self.FORM.fullmatch(name)
        self.options = ["--group-ms", form["group"] or "1"]
        self.options += ["--recycle"] if form["recycle"] else []
        self.options += ["--eager"] if form["eager"] else []

    def version(self):
        return "ours"

    def command(self, point, port, folder):
        rate = ["--targets", str(point.targets), "--rate", str(round(point.rate))]
        return [str(self.program), "--port", str(port), *rate, *self.options]


class Tgprobe:
    """tgprobe itself, or another build of it."""

    def __init__(self, name, program):
        self.name = name
        self.program = program
        self.listen = None
        self.metrics_target_limit = 10_000

    def version(self):
        return _said(self.program, "--version").split()[-1]

    def command(self, point, port, folder):
        self.listen = self.listen or f"127.0.0.1:{free_port()}"
        config = folder / "tgprobe.toml"
        config.write_text(self.config(point, port, range(point.targets)))
        return [str(self.program), "serve", "--log-level", "error", "--config", str(config)]

    def config(self, point, port, targets):
        """The file for these targets, a group for each thousand of them."""
        text = [
            "[server]", f'listen = "{self.listen}"', f"shards = {point.shards}",
            f"metrics_target_limit = {self.metrics_target_limit}", "",
        ]
        protocol = "HTTPS" if point.tls else "HTTP"
        for first in range(0, len(targets), GROUP):
            group = ", ".join(f'"{address(at)}"' for at in targets[first : first + GROUP])
            text += [
                "[[target_group]]", f'name = "group{first // GROUP}"', f"port = {port}", f"targets = [{group}]",
                "[target_group.health_check]", f'protocol = "{protocol}"', f'path = "{PATH}"',
                f'interval = "{point.interval}ms"', f'timeout = "{point.timeout}ms"',
                "healthy_threshold = 5", "unhealthy_threshold = 2", "",
            ]
        return "\n".join(text)


def free_port():
    """A port nobody has at this moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _said(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20).stdout


def named(name, programs):
    """The prober of a name, None where it cannot be had. `old=/path/tgprobe` is another build of ours."""
    if "=" in name:
        return Tgprobe(*name.split("=", 1))
    if name == "tgprobe":
        return Tgprobe(name, programs / "tgprobe")
    if Floor.FORM.fullmatch(name):
        return Floor(name, programs / "examples" / "floor")
    kinds = {"haproxy26": HAProxy, "haproxy28": HAProxy, "envoy": Envoy}
    if name not in kinds:
        forms = [*kinds, "floor[-recycle][-eager][-Nms]", "tgprobe", "NAME=PATH"]
        raise SystemExit(f"`{name}` is no prober; there are {', '.join(forms)}")
    prober = kinds[name](name)
    return prober if prober.program else None
