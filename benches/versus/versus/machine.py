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
    path = pathlib.Path("/proc/sys") / name.replace(".", "/")
    try:
        if value is not None:
            path.write_text(str(value))
        return path.read_text().strip()
    except OSError:
        return None


@contextlib.contextmanager
def alone(smoke=False):
    """Waits until nobody else measures, raises the backlog of listeners meanwhile, and puts it back.

    One listener stands for all targets here, so its backlog has to hold what those of thousands of machines would. A
    smoke test measures nothing: it waits for nobody and leaves the kernel as it is.
    """
    if smoke:
        yield
        return
    with open(pathlib.Path(tempfile.gettempdir()) / "tgprobe-versus.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("another run measures on this machine; waiting for it to end", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        before = sysctl("net.core.somaxconn")
        if sysctl("net.core.somaxconn", 65535) != "65535":
            print(f"somaxconn stays at {before} (raising it needs root): bursts may be refused", flush=True)
        try:
            yield
        finally:
            if before is not None:
                sysctl("net.core.somaxconn", before)


def busy():
    """Seconds all cores together were busy since the machine started."""
    ticks = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq = map(int, ticks[:7])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
