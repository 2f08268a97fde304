"""A network, and a view of `/etc`, of a test's own. It is gone when the process that holds it ends."""

import json
import subprocess
import sys
from pathlib import Path

from .process import Process

# The holder reads its standard input, which ends with the test run at the latest.
HOLD = """
set -e
mount --make-rprivate /
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
ip link set lo up
echo ready
exec cat
"""


class Network(Process):
    """A network namespace with only a loopback interface, and a mount namespace with a resolver of ours."""

    def __init__(self, folder):
        (folder / "resolv.conf").write_text("search .\nnameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        (folder / "nsswitch.conf").write_text("hosts: files dns\n")
        hold = ["unshare", "--net", "--mount", "sh", "-c", HOLD, "hold", str(folder)]
        super().__init__(hold, folder / "network.log")
        self.line("ready")

    @property
    def enter(self):
        """What to put before a command to run it here."""
        return ["nsenter", "--target", str(self.pid), "--net", "--mount", "--"]

    def run(self, *command):
        done = subprocess.run([*self.enter, *command], capture_output=True, text=True, timeout=10)
        assert done.returncode == 0, f"{command}: {done.stderr}"

    def drop(self, port):
        """A packet filter that swallows what is sent to a port, as a security group does."""
        self.run("nft", "add table inet filter")
        self.run("nft", "add chain inet filter input { type filter hook input priority 0; }")
        self.run("nft", f"add rule inet filter input tcp dport {port} drop")

    def undrop(self):
        self.run("nft", "delete table inet filter")


class Resolver(Process):
    """A name server on port 53 of a network of our own."""

    def __init__(self, network, folder, zone):
        self.zone = folder / "zone.json"
        self.change(zone)
        script = Path(__file__).with_name("nameserver.py")
        super().__init__([*network.enter, sys.executable, str(script), str(self.zone)], folder / "dns.log")
        self.line("ready")

    def change(self, zone):
        """From now on answers by `zone`: name to a list of addresses, `NXDOMAIN`, `SERVFAIL` or `SILENT`."""
        new = self.zone.with_suffix(".new")
        new.write_text(json.dumps(zone))
        new.rename(self.zone)
