"""The machine: what it is, its kernel settings, and that only one run at a time measures on it."""

import contextlib
import fcntl
import os
import pathlib
import platform
import resource
import tempfile

#: Names and limits of the kernel that bear on the numbers.
SETTINGS = (
    "net.core.somaxconn",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_max_tw_buckets",
)

#: Most connections that wait to be accepted: what is set while we measure, and the kernel's own default.
BACKLOG, RAISED, USUAL = "net.core.somaxconn", "65535", "4096"


def facts():
    """What has to stand beside a number to be worth anything."""
    model = "unknown"
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "kernel": platform.release(),
        "open_files": [soft, hard],
        "load": list(os.getloadavg()),
        "settings": {name: sysctl(name) for name in SETTINGS},
    }


def describe(found):
    """The facts as lines for people."""
    return (
        f"{found['cpu']}, {found['cores']} cores, {found['memory_gib']} GiB, Linux {found['kernel']}, "
        f"load {found['load'][0]:.2f} before the first round\n"
        f"open files: at most {found['open_files'][1]} a process"
        + (", so no prober can hold more sockets than that\n" if found["open_files"][1] < 100_000 else "\n")
    )


def sysctl(name, value=None):
    """A kernel setting; sets it first where there is a value. None where it cannot be had."""
    try:
        if value is not None:
            _file(name).write_text(value)
        return _file(name).read_text().strip()
    except OSError:
        return None


def _file(name):
    return pathlib.Path("/proc/sys") / name.replace(".", "/")


@contextlib.contextmanager
def alone(smoke=False):
    """Waits until nobody else measures, raises the backlog of listeners meanwhile, and puts it back.

    One listener stands for all targets here, so its backlog has to hold what those of thousands of machines would. The
    lock file holds the value to put back while it is raised, so that the next run mends what a killed one left. A smoke
    test measures nothing: it waits for nobody and leaves the kernel as it is.
    """
    if smoke:
        yield
        return
    with open(pathlib.Path(tempfile.gettempdir()) / "tgprobe-versus.lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("another run measures on this machine; waiting for it to end", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        found = sysctl(BACKLOG)
        if not os.access(_file(BACKLOG), os.W_OK):
            print(f"{BACKLOG} stays at {found} (raising it needs root): bursts may be refused", flush=True)
            yield
            return
        lock.seek(0)
        before = _original(found, lock.read().strip())
        _hold(lock, before)
        try:
            sysctl(BACKLOG, RAISED)
            yield
        finally:
            sysctl(BACKLOG, before)
            _hold(lock, "")


def _original(found, held):
    """The backlog from before anybody raised it: what is set, or what the lock file holds where a run left it raised."""
    if found != RAISED:
        return found
    if held.isdecimal():
        return held
    print(f"{BACKLOG} is {RAISED} and no lock file tells since when; it will be {USUAL} afterwards", flush=True)
    return USUAL


def _hold(lock, value):
    """Makes the value all that stands in the lock file."""
    lock.truncate(0)
    lock.write(value)
    lock.flush()


def busy():
    """Seconds all cores together were busy since the machine started."""
    ticks = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq = map(int, ticks[:7])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
