"""The metrics, read by Prometheus itself."""

import json
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from support.backends import free_port
from support.client import Client
from support.ecs import ecs, register, waiting, with_ecs
from support.process import Process, eventually
from support.server import config, group

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"

CONFIG = """
global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs:
  - job_name: tgprobe
    static_configs: [{{ targets: ["127.0.0.1:{port}"] }}]
"""


class Prometheus(Process):
    def __init__(self, folder, port):
        (folder / "prometheus.yml").write_text(CONFIG.format(port=port))
        self.http = Client("127.0.0.1", free_port())
        super().__init__(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.http.port}",
            ],
            folder / "prometheus.log",
        )

    def query(self, text):
        """The labels of what a query finds; nothing while Prometheus still starts."""
        try:
            answer = self.http.get(f"/api/v1/query?query={quote(text)}")
        except OSError:
            assert self.popen.poll() is None, self.errors()
            return []
        if answer.status != 200:
            return []
        return [result["metric"] for result in answer.json()["data"]["result"]]


def promtool(*arguments, text=None):
    return subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, timeout=60)


def test_prometheus_finds_the_unhealthy_target(serve, plain, start, folder):
    good, bad = plain(200), plain(503)
    server = serve(config(group("web", [good.target, bad.target])))
    server.wait_for("web", bad.target, state="unhealthy")
    prometheus = start(Prometheus, folder("prometheus"), server.port)
    found = eventually(lambda: prometheus.query("tgprobe_target_healthy == 0"), within=30)
    assert [(series["target_group"], series["target"]) for series in found] == [("web", bad.target)]
    assert [series["target"] for series in prometheus.query("tgprobe_target_healthy == 1")] == [good.target]
    (info,) = prometheus.query(f'tgprobe_target_state_info{{target="{bad.target}"}}')
    assert (info["state"], info["reason"]) == ("unhealthy", "Target.ResponseCodeMismatch")


def test_promtool_has_nothing_to_say_about_the_metrics(serve, plain):
    good, bad = plain(200), plain(500)
    server = serve(config(group("web", [good.target, bad.target]), group("empty", [])))
    server.wait_for("web", bad.target, state="unhealthy")
    done = promtool("check", "metrics", text=server.http.get("/metrics").text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_state_is_counted_zeros_included(serve, plain):
    backend = plain(500)
    server = serve(config(group("web", [backend.target])))
    server.wait_for("web", backend.target, state="unhealthy")
    states = ("initial", "healthy", "unhealthy", "unhealthy.draining", "unused", "draining", "unavailable")
    counted = eventually(
        lambda: server.metric("tgprobe_targets", target_group="web", state="unhealthy") == 1
        and [server.metric("tgprobe_targets", target_group="web", state=state) for state in states]
    )
    assert counted == [0, 0, 1, 0, 0, 0, 0]
    assert server.metric("tgprobe_target_group_fail_open", target_group="web") == 1
    change = {"target_group": "web", "from": "initial", "to": "unhealthy"}
    assert eventually(lambda: server.metric("tgprobe_transitions_total", **change)) == 1
    assert server.metric("tgprobe_check_failures_total", target_group="web", failure="status_mismatch") >= 2
    assert server.metric("tgprobe_build_info") == 1


def test_targets_beyond_the_limit_have_no_series_of_their_own(serve, plain):
    backends = [plain(200) for _ in range(5)]
    targets = [backend.target for backend in backends]
    # A group that does not fit is left out whole, and one after it that fits is not.
    groups = [group("a", targets[:1]), group("b", targets[:4]), group("c", targets[4:])]
    server = serve(config(*groups, metrics_target_limit=3))
    for name, target in [("a", targets[0]), *(("b", target) for target in targets[:4]), ("c", targets[4])]:
        server.wait_for(name, target, state="healthy")
    assert server.metric("tgprobe_target_series_dropped") == 4
    series = [line for line in server.http.get("/metrics").text.splitlines() if line.startswith("tgprobe_target_healthy{")]
    assert len(series) == 2
    assert not any('target_group="b"' in line for line in series), series
    assert server.metric("tgprobe_targets", target_group="b", state="healthy") == 4


@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml"), ("check", "config", "prometheus.yml")],
    ids=" ".join,
)
def test_the_shipped_rules_and_configuration_are_good(arguments):
    *command, file = arguments
    done = promtool(*command, str(DEPLOY / file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_shipped_rules_use_only_metrics_there_are(serve, plain, folder):
    """A rule over a metric that does not exist never fires and nobody notices."""
    backend = plain(500)
    server = serve(with_ecs(group("web", [backend.target]), data_dir=str(folder("data") / "kept")))
    server.wait_for("web", backend.target, state="unhealthy")
    client = ecs(server.url)
    client.create_service(serviceName="web", taskDefinition=register(client, waiting()), desiredCount=0)
    # Changes of state are counted right after they are shown.
    eventually(lambda: server.metric("tgprobe_transitions_total", target_group="web"))
    names = {line.split()[2] for line in server.http.get("/metrics").text.splitlines() if line.startswith("# TYPE")}
    names |= {f"{name}_{end}" for name in set(names) for end in ("bucket", "sum", "count")}
    text = json.dumps((DEPLOY / "rules.yml").read_text())
    used = {word for word in text.replace("(", " ").replace("{", " ").replace("[", " ").split() if word.startswith("tgprobe_")}
    assert used and used <= names, used - names
