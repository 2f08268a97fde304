"""What only tgprobe is asked to do with many targets: reload, metrics, a million of them."""

import pathlib
import statistics
import time

from . import api
from .point import Failed, begin, settle, window
from .probers import Point
from .witness import index, running

HUNDRED_THOUSAND = Point(100_000, 5000)
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
        kept = [at for at in range(point.targets) if at % 100]
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
        unchanged = set(kept)
        moved = [event for _, event in list(events.seen) if index(event["target"]) in unchanged]
        return {
            "kind": "reload", "prober": prober.name, "seconds": took, "seen": witness("seen")["seen"],
            "error_max": during["error_max"], "error_p99": during["error_p99"], "calm_error_max": calm["error_max"],
            "moved": len(moved), "memory": process.memory(),
        }
    finally:
        process.stop()


def scrape(prober, limit, times, witness, folder):
    """Asks for the metrics while all targets are checked; on both cores, as where somebody scrapes."""
    point = HUNDRED_THOUSAND
    before, prober.metrics_target_limit = prober.metrics_target_limit, limit
    process, _ = begin(prober, point, witness, folder, core=None)
    try:
        settle(process, point, witness)
        time.sleep(point.interval / 1000)
        witness("start", point.interval)
        took, size = [], 0
        for _ in range(times):
            status, body, seconds = api.call(prober, "GET", "/metrics")
            if status != 200:
                raise Failed(f"/metrics: {status}")
            took.append(seconds)
            size = len(body)
            time.sleep(1)
        seen = witness("report")
        return {
            "kind": "scrape", "prober": prober.name, "limit": limit, "seconds": statistics.median(took),
            "slowest": max(took), "bytes": size, "error_p99": seen["error_p99"], "error_max": seen["error_max"],
            "memory": process.memory(),
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
