"""Fixtures. Everything a test starts is ended, by its own process id, when the test is over."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from support.backends import Grpc, Nginx, Plain, Story
from support.network import Network, Resolver
from support.server import Server

ROOT = Path(__file__).resolve().parents[2]


def _target_folder():
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    metadata = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Path(json.loads(metadata.stdout)["target_directory"])


@pytest.fixture(scope="session")
def binary():
    """The program: `TGPROBE_BIN`, or what `cargo build` makes."""
    path = os.environ.get("TGPROBE_BIN") or str(_target_folder() / "debug" / "tgprobe")
    assert os.access(path, os.X_OK), f"{path} is not there: run `cargo build` or `tests/all`"
    return path


@pytest.fixture
def start(request, tmp_path_factory):
    """Starts anything with a `stop`, in a folder of its own, and stops it at the end, last started first."""

    def begin(make, *arguments, **named):
        thing = make(*arguments, **named)
        request.addfinalizer(thing.stop)
        return thing

    return begin


@pytest.fixture
def folder(tmp_path_factory):
    """Makes a new folder at each call."""
    return lambda name="d": tmp_path_factory.mktemp(name)


@pytest.fixture
def serve(start, binary, folder):
    """Starts a server over a configuration."""
    return lambda text, namespace=None, **how: start(Server, binary, folder("server"), text, namespace, **how)


@pytest.fixture
def plain(start):
    """Starts a backend in this process."""
    return lambda status=200, port=0: start(Plain, status, port)


@pytest.fixture
def story(start, folder):
    """Starts the service of the founding story."""
    return lambda prefix=(): start(Story, folder("story"), prefix)


@pytest.fixture
def grpc(start, folder):
    """Starts a gRPC server, over TLS where certificates are given."""
    return lambda certificates=None: start(Grpc, folder("grpc"), certificates)


@pytest.fixture(scope="session")
def nginx(tmp_path_factory):
    running = Nginx(tmp_path_factory.mktemp("nginx"))
    yield running
    running.stop()


@pytest.fixture
def network(start, folder):
    """A network namespace of the test's own."""
    if os.geteuid() != 0:
        pytest.fail("network namespaces need root: run `tests/all`, which uses sudo")
    return start(Network, folder("network"))


@pytest.fixture
def resolver(start, folder, network):
    """Starts a name server inside the test's network."""
    return lambda zone: start(Resolver, network, folder("dns"), zone)
