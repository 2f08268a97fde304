"""Processes we start: pinned, accounted to the nanosecond, and ended by their id."""

import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import time

#: The C library, loaded before anything is forked.
LIBC = ctypes.CDLL(None, use_errno=True)
#: prctl(2): the signal a process gets when whoever started it is gone.
PR_SET_PDEATHSIG = 1


class Process:
    """One process and its children, pinned to a core where one is given; its output goes to a file."""

    def __init__(self, argv, output, core=None):
        self.argv = argv
        self.output = pathlib.Path(output)
        parent = os.getpid()

        def before():
            # Even where we are killed and can end nothing any more, nothing stays behind.
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)
            if core is not None:
                os.sched_setaffinity(0, {core})

        with open(self.output, "wb") as sink:
            self.child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, preexec_fn=before
            )

    def family(self):
        """The ids of the process and all that descend from it."""
        return _family(self.child.pid)

    def cpu(self):
        """Seconds on a core since the start, all threads together."""
        total = 0
        for pid in self.family():
            for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError):
                    total += int(stat.read_text().split()[0])
        return total / 1e9

    def memory(self):
        """Resident bytes."""
        pages = 0
        for pid in self.family():
            with contextlib.suppress(OSError):
                pages += int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def ended(self):
        """What it wrote last, if it is no longer there; else None."""
        if self.child.poll() is None:
            return None
        last = self.output.read_text(errors="replace").splitlines()[-2:]
        return f"ended with {self.child.returncode}: " + " | ".join(line[:160] for line in last)

    def stop(self):
        """Ends the process and its children: asks first, insists after three seconds."""
        family = self.family()
        for pid in family:
            _signal(pid, signal.SIGTERM)
        until = time.monotonic() + 3
        while self.child.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        if self.child.poll() is None:
            for pid in family:
                _signal(pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(timeout=5)


def _signal(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _family(pid):
    found, at = [pid], 0
    while at < len(found):
        for children in pathlib.Path(f"/proc/{found[at]}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in children.read_text().split()]
        at += 1
    return found
