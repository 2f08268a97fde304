"""The witness, from our side of its control channel (witness/control.rs has the commands)."""

import contextlib
import ipaddress
import json
import socket
import time

from .processes import Process

#: Address of the first target.
FIRST = int(ipaddress.IPv4Address("127.1.0.0"))


def address(index):
    """The address of a target."""
    return str(ipaddress.IPv4Address(FIRST + index))


def index(text):
    """The index of the target at an address, with a port or without."""
    return int(ipaddress.IPv4Address(text.split(":")[0])) - FIRST


class Witness:
    """A running witness. Call it with a command; the answer is what it said."""

    def __init__(self, binary, folder, targets, core):
        argv = [str(binary), "--targets", str(targets)]
        self.process = Process(argv, folder / "witness.out", core)
        until = time.monotonic() + 10
        while "}" not in (said := self.process.output.read_text()):
            if (ended := self.process.ended()) or time.monotonic() > until:
                raise SystemExit(f"the witness does not start: {ended or said}")
            time.sleep(0.01)
        ports = json.loads(said)
        self.port = ports["port"]
        self.socket = socket.create_connection(("127.0.0.1", ports["control"]), timeout=60)
        self.lines = self.socket.makefile("rw")

    def __call__(self, *words):
        self.lines.write(" ".join(map(str, words)) + "\n")
        self.lines.flush()
        answer = json.loads(self.lines.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer

    def stop(self):
        """Ends it."""
        with contextlib.suppress(OSError):
            self.lines.close()
            self.socket.close()
        self.process.stop()


@contextlib.contextmanager
def running(binary, folder, targets, core):
    """A witness for as long as the block lasts."""
    witness = Witness(binary, folder, targets, core)
    try:
        yield witness
    finally:
        witness.stop()
