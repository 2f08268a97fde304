"""Processes that are started by a test and ended with it, by their own id."""

import queue
import subprocess
import threading
import time


class Process:
    """A running command. Its lines on stdout are kept; stderr goes to `log`, unless another place for it is given."""

    def __init__(self, command, log, env=None, stderr=None):
        self.log = log
        with open(log, "ab") as file:
            self.popen = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr or file, env=env, text=True
            )
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.popen.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    @property
    def pid(self):
        return self.popen.pid

    def line(self, prefix="", within=10):
        """The next line on stdout that begins with `prefix`. Without one the process is of no use, and is ended."""
        deadline = time.monotonic() + within
        while True:
            try:
                line = self._lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                self.stop()
                raise AssertionError(f"no line {prefix!r} within {within} s\n{self.errors()}") from None
            if line is None:
                self.stop()
                raise AssertionError(f"ended before printing {prefix!r}: {self.popen.wait()}\n{self.errors()}")
            if line.startswith(prefix):
                return line

    def errors(self):
        """What it wrote to stderr so far."""
        return self.log.read_text(errors="replace")

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, within):
        """The exit code; fails if the process has not ended within so many seconds."""
        try:
            return self.popen.wait(timeout=within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {within} s\n{self.errors()}") from None

    def stop(self):
        """Ends it if it still runs. Safe to call twice."""
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(timeout=3)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        self._reader.join(timeout=3)
        self.popen.stdin.close()
        self.popen.stdout.close()


def eventually(what, within=10):
    """Calls `what` until it returns something true, and returns that. The last answer is shown on failure."""
    deadline = time.monotonic() + within
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; the last answer was {answer!r}")
        time.sleep(0.05)
