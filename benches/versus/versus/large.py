"""What only tgprobe is asked to do with many targets: reload, metrics, a million of them."""

import pathlib
import statistics
import time

from . import api, machine
from .point import Failed, begin, settle, window
from .probers import Point
from .witness import index, running

HUNDRED_THOUSAND = Point(100_000, 5000)
#: While it is scraped: the rate for which the interval error has a goal.
SCRAPED = Point(100_000, 10_000)
MILLION = Point(1_000_000, 60_000, shards=2)


def reload(prober, witness, folder):
    """Changes 1 % of the targets: until that is live, and what the others noticed."""
    point = HUNDRED_THOUSAND
    process, _ = begin(prober, point, witness, folder)
    try:
        settle(process, point, witness)
        time.sleep(point.interval / 1000)
        calm = window(process, point, witness, point.interval / 1000 + 1)
        events = api.Events(prober)
        targets = [at if at % 100 else point.targets + at // 100 for at in range(point.targets)]
        (folder / "tgprobe.toml").write_text(prober.config(point, witness.port, targets))
        # The second check of a new target comes after half an interval at the earliest: only the old ones are judged.
        witness("start", point.interval, point.targets)
        time.sleep(0.5)
        status, body, took = api.call(prober, "POST", "/-/reload")
        time.sleep(point.interval / 1000 + 1)
        during = witness("report")
        if status != 200:
            raise Failed(f"reload: {status} {body[:200]!r}")
        seen = witness("seen")["seen"]
        moved = told_of_change(point, events, seen)
        return {
            "kind": "reload", "prober": prober.name, "seconds": took, "seen": seen,
            "error_max": during["error_max"], "error_p99": during["error_p99"], "calm_error_max": calm["error_max"],
            "moved": moved, "memory": process.memory(),
        }
    finally:
        process.stop()


def told_of_change(point, events, seen):
    """How many targets moved that were not changed. Silence proves nothing: what has to be told must have been."""
    heard = list(events.seen)
    gone = {index(event["target"]) for _, event in heard if event["to"] == "draining"}
    removed = set(range(0, point.targets, 100))
    if events.lost:
        raise Failed("the event stream lost events")
    if missing := removed - gone:
        raise Failed(f"the event stream told of {len(removed) - len(missing)} of {len(removed)} targets that they drain")
    if seen < point.targets + len(removed):
        raise Failed(f"{seen} targets were checked, of {point.targets + len(removed)} there were before and after")
    unchanged = set(range(point.targets)) - removed
    return sum(index(event["target"]) in unchanged for _, event in heard)


def scrape(prober, limit, witness, folder):
    """Asks for the metrics every second for an interval; on both cores, as where somebody scrapes."""
    point = SCRAPED
    before, prober.metrics_target_limit = prober.metrics_target_limit, limit
    process, _ = begin(prober, point, witness, folder, core=None)
    try:
        settle(process, point, witness)
        time.sleep(point.interval / 1000)
        calm = window(process, point, witness, point.interval / 1000)
        witness("start", point.interval)
        took, size = [], 0
        began, busy = time.monotonic(), machine.busy()
        while time.monotonic() < began + point.interval / 1000:
            status, body, seconds = api.call(prober, "GET", "/metrics")
            if status != 200:
                raise Failed(f"/metrics: {status}")
            took.append(seconds)
            size = len(body)
            time.sleep(max(0.0, 1.0 - seconds))
        seen = witness("report")
        busy = (machine.busy() - busy) / (time.monotonic() - began)
        return {
            "kind": "scrape", "prober": prober.name, "limit": limit, "seconds": statistics.median(took),
            "slowest": max(took), "scrapes": len(took), "bytes": size, "error_p99": seen["error_p99"],
            "error_max": seen["error_max"], "calm_error_p99": calm["error_p99"], "share": seen["rate"] / point.rate,
            "busy": busy, "memory": process.memory(),
        }
    finally:
        process.stop()
        prober.metrics_target_limit = before


def million(prober, binaries, folder):
    """A million targets every minute, on all cores, the witness beside it."""
    with running(pathlib.Path(binaries) / "examples" / "witness", folder, MILLION.targets, core=None) as witness:
        process, start = begin(prober, MILLION, witness, folder, core=None)
        try:
            settle(process, MILLION, witness, patience=120)
            firsts = witness("firsts", MILLION.interval)
            # The first targets are checked early, ahead of their places; by then all have found them.
            time.sleep(0.6 * MILLION.interval / 1000)
            row = window(process, MILLION, witness, MILLION.interval / 1000)
            status = pathlib.Path(f"/proc/{process.child.pid}/status").read_text()
            peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        finally:
            process.stop()
    return {
        "kind": "million", "prober": prober.name, "first_s": (firsts["first"] - start) / 1e9,
        "every_s": (firsts["every"] - start) / 1e9, "peak": peak * 1024, **row,
    }
