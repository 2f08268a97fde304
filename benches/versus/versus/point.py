"""One prober at one point: started, waited for, watched for a window, ended."""

import os
import time

from . import machine
from .processes import Process

CORES = sorted(os.sched_getaffinity(0))
#: The first core is the targets', the second the prober's; where there is only one, they share it.
WITNESS_CORE, PROBER_CORE = CORES[0], CORES[1 % len(CORES)]


class Failed(Exception):
    """A prober that did not do what was asked, with what it said."""


def begin(prober, point, witness, folder, core=PROBER_CORE):
    """Starts the prober over a witness that knows nothing yet. Returns the process and the moment of its start."""
    argv = prober.command(point, witness.port, folder)
    witness("reset")
    start = time.monotonic_ns()
    return Process(argv, folder / f"{prober.name}.out", core), start


def settle(process, point, witness, patience=30):
    """Waits until every target was checked once, at most an interval and `patience` seconds."""
    until = time.monotonic() + point.interval / 1000 + patience
    while (seen := witness("seen")["seen"]) < point.targets:
        if ended := process.ended():
            raise Failed(ended)
        if time.monotonic() > until:
            raise Failed(f"checked {seen} of {point.targets} targets within {patience} s and an interval")
        time.sleep(0.05)


def window(process, point, witness, seconds):
    """What the witness saw in so many seconds, and what the prober used meanwhile."""
    began, machine_busy = time.monotonic(), machine.busy()
    witness_cpu, cpu = witness.process.cpu(), process.cpu()
    witness("start", point.interval)
    time.sleep(seconds)
    row = witness("report")
    used, witness_used = process.cpu() - cpu, witness.process.cpu() - witness_cpu
    took, others = time.monotonic() - began, machine.busy() - machine_busy - used - witness_used
    if ended := process.ended():
        raise Failed(ended)
    row["cpu_us"] = used * 1e6 / max(1, row["arrivals"])
    row["witness_share"] = witness_used / took
    row["witness_us"] = witness_used * 1e6 / max(1, row["arrivals"])
    row["share"] = row["rate"] / point.rate
    row["memory"] = process.memory()
    row["others"] = max(0.0, others / took)
    return row


def measure(prober, point, witness, folder, seconds):
    """A whole measurement; a row with an `error` where the prober failed."""
    process, start = begin(prober, point, witness, folder)
    row = {"prober": prober.name, "point": str(point), "targets": point.targets, "offered": point.rate}
    try:
        settle(process, point, witness)
        # The first targets are checked early, ahead of their places; an interval later all have found them.
        time.sleep(max(1.0, min(point.interval / 1000, 10)))
        row |= window(process, point, witness, seconds)
        firsts = witness("firsts", point.interval)
        row |= {
            "first_s": (firsts["first"] - start) / 1e9,
            "every_s": (firsts["every"] - start) / 1e9,
            "first_burst": firsts["burst"],
        }
    except Failed as failed:
        row["error"] = str(failed)
    finally:
        process.stop()
    return row
