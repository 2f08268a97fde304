"""What `deploy/` starts: its command lines run, and keep what must survive in the directory they name."""

import json
import re
from pathlib import Path

import pytest
from support.server import Server, config, group

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
STATE = "/var/lib/tgprobe"


def unit():
    """The arguments of the service, and the whole unit."""
    text = (DEPLOY / "tgprobe.service").read_text()
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    return line.split()[1:], text


def image():
    """The arguments of the container's process, and the whole file."""
    text = (DEPLOY / "Containerfile").read_text()
    (line,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    return json.loads(line), text


@pytest.mark.parametrize("of", [unit, image])
def test_what_is_registered_survives_in_the_directory_that_a_deployment_keeps(start, binary, folder, of):
    arguments, text = of()
    assert arguments[:3] == ["serve", "--config", "/etc/tgprobe/tgprobe.toml"]
    options, state = arguments[3:], folder("state")
    assert options.count(STATE) == 1
    options[options.index(STATE)] = str(state)
    # The helper of the tests says how to log itself.
    place = options.index("--log-format")
    assert options[place : place + 2] == ["--log-format", "json"]
    options = options[:place] + options[place + 2 :]
    path = "/api/v1/target-groups/web/targets/10.0.0.1:80"
    settings = config(group("web", []))
    server = start(Server, binary, folder("server"), settings, options=options)
    assert server.http.request("PUT", path).status == 200
    server.stop()
    server = start(Server, binary, folder("server"), settings, options=options)
    assert set(server.targets("web")) == {"10.0.0.1:80"}
    # Only the server is to end with its service: its tasks are taken up by the next one.
    assert of is image or "\nKillMode=process\n" in text
    kept = {unit: "\nStateDirectory=tgprobe\n", image: f"\nVOLUME {STATE}\n"}
    assert kept[of] in text
