"""A real PostgreSQL in a network of a test's own, with the two users of the founding story."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pg8000.native

from .client import inside
from .process import Process, eventually

PORT = 5432


def _program(name):
    """Debian keeps the server's programs beside each other, by version, and out of the way."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    assert found, f"{name} is not installed: the package is `postgresql`"
    return str(found[-1])


class Postgres(Process):
    """Listens on 127.0.0.1:5432 of `network`; anyone may connect."""

    def __init__(self, network, log):
        self._network = network
        # Below the folders of pytest, which are root's alone, the server's own user would see nothing.
        self._folder = Path(tempfile.mkdtemp(prefix="tgprobe-postgres-"))
        shutil.chown(self._folder, "postgres", "postgres")
        self._folder.chmod(0o700)
        data, as_postgres = self._folder / "data", ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        make = [*as_postgres, _program("initdb"), "-D", str(data), "-A", "trust", "-U", "app", "--no-sync", "-E", "UTF8"]
        done = subprocess.run(make, capture_output=True, text=True, timeout=60, cwd="/", env={**os.environ, "LC_ALL": "C"})
        assert done.returncode == 0, done.stderr
        serve = [_program("postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(PORT), "-k", "", "-c", "fsync=off"]
        super().__init__([*network.enter, *as_postgres, *serve], log)
        eventually(self._is_there, within=30)
        with self.connect() as connection:
            connection.run("CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)")
            connection.run("INSERT INTO users VALUES (1, 'Ada'), (2, 'Grace')")

    def connect(self):
        make = lambda: pg8000.native.Connection("app", host="127.0.0.1", port=PORT, database="postgres", timeout=5)
        return inside(self._network.pid, make)

    def _is_there(self):
        try:
            self.connect().close()
        except pg8000.exceptions.InterfaceError:
            assert self.popen.poll() is None, self.errors()
            return False
        except pg8000.exceptions.DatabaseError:
            return False
        return True

    def stop(self):
        if self.popen.poll() is None:
            # A fast end: SIGTERM would wait for clients, and some of them hang behind a packet filter.
            self.popen.send_signal(signal.SIGINT)
            try:
                self.popen.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        super().stop()
        shutil.rmtree(self._folder, ignore_errors=True)
