"""What others build on: the exact shape of the metrics and of the JSON, reviewed in `golden/`.

With UPDATE=1 the files are written anew; review the difference, it is what users will notice.
"""

import json
import os
import re
from pathlib import Path

import pytest
from support.backends import Closed
from support.process import eventually
from support.server import config, group

GOLDEN = Path(__file__).with_name("golden")


def hold(name, text):
    """Holds `text` against a reviewed file."""
    file = GOLDEN / name
    if os.environ.get("UPDATE"):
        file.write_text(text)
    assert text == file.read_text(), f"run with UPDATE=1 and review the difference: {file}"


def started(serve, plain, start):
    """A server over two groups with a target of each kind, and how to name their ports."""
    good, bad, closed = plain(200), plain(500), start(Closed)
    targets = [good.target, {"id": "127.0.0.1", "port": bad.port, "zone": "a"}, closed.target]
    server = serve(config(group("web", targets), group("idle", [], deregistration_delay="0s"), shards=1))
    server.wait_for("web", good.target, state="healthy", passes_in_a_row=3)
    server.wait_for("web", bad.target, state="unhealthy")
    server.wait_for("web", closed.target, state="unhealthy")
    ports = {good.port: "GOOD", bad.port: "BAD", closed.port: "CLOSED"}
    return server, ports, good, bad


def without_ports(text, ports):
    for port, name in ports.items():
        text = text.replace(str(port), name)
    return text


def test_the_metrics_have_the_names_types_and_labels_reviewed(serve, plain, start):
    server, ports, _, _ = started(serve, plain, start)
    change = {"target_group": "web", "from": "initial", "to": "unhealthy"}
    eventually(lambda: server.metric("tgprobe_transitions_total", **change) == 2)
    lines, series = [], []
    for line in server.http.get("/metrics").text.splitlines():
        # The process's own metrics are those of the library; the version changes with every release.
        if line.startswith(("process_", "# HELP process_", "# TYPE process_")):
            continue
        if line.startswith("#"):
            lines += [*sorted(series), line]
            series = []
        else:
            line = re.sub(r'version="[^"]*"', 'version="VERSION"', line.rsplit(" ", 1)[0])
            series.append(without_ports(line, ports))
    hold("metrics.txt", "\n".join([*lines, *sorted(series)]) + "\n")


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def masked(value, key=None):
    """A value with what differs from run to run taken out."""
    if isinstance(value, dict):
        return {name: masked(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    if isinstance(value, str):
        return TIME.sub("TIME", value)
    if isinstance(value, float) and key in ("duration", "connect", "tls", "response"):
        assert 0 <= value < 10
        return "SECONDS"
    if key in ("passes_in_a_row", "failures_in_a_row") and value > 0:
        return "COUNT"
    return value


def shown(answer, ports):
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    return without_ports(json.dumps(masked(answer.json()), indent=2) + "\n", ports)


def test_the_json_of_targets_and_groups_is_as_reviewed(serve, plain, start):
    server, ports, good, _ = started(serve, plain, start)
    names = "&".join(f"target=127.0.0.1:{port}" for port in ports)

    answer = server.http.get(f"/api/v1/target-groups/web/targets?target=127.0.0.2:9&{names}")
    hold("targets.json", shown(answer, ports))
    hold("target-group.json", shown(server.http.get("/api/v1/target-groups/web"), ports))
    hold("target-groups.json", shown(server.http.get("/api/v1/target-groups"), ports))


def test_the_events_are_as_reviewed(serve, plain, start):
    server, ports, good, bad = started(serve, plain, start)
    with server.events(target_group="web") as events:
        bad.status = 200
        event = events.until(lambda event: event.data["target"] == bad.target and event.data["to"] == "healthy")
    data = {**masked(event.data), "id": re.sub(r"^\w+-\d+$", "ID", event.data["id"])}
    hold("event.json", without_ports(json.dumps(data, indent=2) + "\n", ports))


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "in a data directory"])
def test_history_is_as_reviewed_wherever_it_is_kept(serve, plain, folder, kept):
    backend = plain(200)
    place = {"data_dir": str(folder("data") / "kept")} if kept else {}
    server = serve(config(group("web", [backend.target], deregistration_delay="0s"), **place))
    server.wait_for("web", backend.target, state="healthy")
    backend.status = 500
    server.wait_for("web", backend.target, state="unhealthy")
    server.write(config(group("web", [], deregistration_delay="0s"), **place))
    assert server.http.post("/-/reload").status == 200
    history = "/api/v1/target-groups/web/transitions"
    eventually(lambda: len(server.http.get(history).json()["transitions"]) == 4)
    hold("transitions.json", shown(server.http.get(f"{history}?limit=3"), {backend.port: "PORT"}))


def test_the_answer_to_a_registration_is_as_reviewed(serve, plain):
    backend = plain(200)
    # Of a target that is checked, what is known at that moment is chance.
    server = serve(config(group("web", [], in_use=False)))
    path = f"/api/v1/target-groups/web/targets/127.0.0.1:{backend.port}"
    server.http.request("PUT", path)
    eventually(lambda: server.target("web", backend.target)["since"])
    answer = server.http.request("PUT", path, body='{"zone": "a"}')
    hold("registered.json", shown(answer, {backend.port: "PORT"}))


def test_a_page_for_people_has_links_to_the_rest(serve):
    server = serve(config(group("web", [])))
    answer = server.http.get("/")
    assert answer.headers["Content-Type"].startswith("text/html")
    links = re.findall(r'href="([^"]+)"', answer.text)
    assert {"/metrics", "/-/ready", "/api/v1/target-groups"} <= set(links)
    for link in links:
        if link.startswith("/") and "events" not in link and "watch" not in link:
            assert server.http.get(link).status in (200, 503), link
