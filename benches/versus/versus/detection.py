"""How late a target that turned bad is reported, against the schedule it was checked on before.

Ideal is the second check after the turn, each an interval after the one before, and the timeout where a target is
silent.
"""

import math
import re
import socket
import threading
import time

from . import api
from .point import Failed, begin, settle
from .probers import HAProxy, Point
from .witness import index

TARGETS, TURNING = 10_000, 200
INTERVAL, TIMEOUT, FALL = 5000, 2000, 2


class Log:
    """HAProxy's log over UDP: `seen` has pairs of monotonic nanoseconds and the index of a target that went down."""

    DOWN = re.compile(rb"Server group\d+/target(\d+) is DOWN")

    def __init__(self):
        self.seen = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        while True:
            text = self.socket.recv(4096)
            if found := self.DOWN.search(text):
                self.seen.append((time.monotonic_ns(), int(found[1])))


def measure(prober, mode, witness, folder):
    """Turns some targets bad and waits until all of them were reported."""
    point = Point(TARGETS, INTERVAL, TIMEOUT)
    row = {"kind": "detection", "prober": prober.name, "mode": mode}
    log = Log() if isinstance(prober, HAProxy) else None
    if log:
        prober.log_port = log.port
    process, _ = begin(prober, point, witness, folder)
    try:
        settle(process, point, witness)
        time.sleep(INTERVAL / 1000)
        events = None if log else api.Events(prober)
        witness("log", 0, TARGETS - 1)
        time.sleep(INTERVAL / 1000 + 1)
        turned = {}
        for at in range(0, TARGETS, TARGETS // TURNING):
            turned[at] = witness("mode", at, at, mode)["now"]
        until = time.monotonic() + (FALL * INTERVAL + FALL * TIMEOUT) / 1000 + 3
        reported = {}
        while len(reported) < len(turned) and time.monotonic() < until:
            time.sleep(0.2)
            told = log.seen if log else [
                (now, index(event["target"])) for now, event in events.seen if event["to"] == "unhealthy"
            ]
            for now, at in list(told):
                reported.setdefault(at, now)
        arrivals = {}
        for at, now in witness("logged")["log"]:
            arrivals.setdefault(at, []).append(now)
    finally:
        process.stop()
        if log:
            prober.log_port = None
    if events and events.lost:
        raise Failed("the event stream lost events")
    return row | judge(turned, reported, arrivals, TIMEOUT if mode == "never" else 0)


def judge(turned, reported, arrivals, silent):
    """Lags in milliseconds, from what was turned, reported and seen."""
    lags, delays = [], []
    for at, when in turned.items():
        before = [now for now in arrivals.get(at, []) if now <= when]
        after = [now for now in arrivals.get(at, []) if now > when]
        if not before or at not in reported:
            continue
        ideal = before[-1] + FALL * INTERVAL * 1_000_000 + silent * 1_000_000
        lags.append((reported[at] - ideal) / 1e6)
        if len(after) >= FALL:
            delays.append((reported[at] - after[FALL - 1]) / 1e6 - silent)
    told = reported.keys() & turned.keys()
    return {
        "turned": len(turned), "reported": len(told), "missing": len(turned) - len(told),
        "false": len(reported) - len(told), "unjudged": len(told) - len(lags),
        **{f"lag_{name}": spot(lags, share) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1))},
        **{f"delay_{name}": spot(delays, share) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1))},
    }


def spot(values, share):
    """The value at a share of the list, the nearest rank; None of an empty one."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else None


def run(chosen, witness, folder, rounds, note):
    """Rows of the probers named, for targets that answer 500 and for silent ones."""
    for turn in range(rounds):
        for mode in ("500", "never"):
            for prober in chosen:
                try:
                    row = measure(prober, mode, witness, folder)
                except (Failed, OSError) as error:
                    row = {"kind": "detection", "prober": prober.name, "mode": mode, "error": str(error)}
                note(row | {"round": turn})
                if "error" in row:
                    print(f"  detection {mode:<5} round {turn + 1}  {prober.name:<18} {row['error']}", flush=True)
                    continue
                told = f"{row['reported']} of {row['turned']} reported, {row['false']} without cause"
                if row["unjudged"]:
                    told += f", {row['unjudged']} not checked before"
                if row["lag_p99"] is not None:
                    told += f", lag p50 {row['lag_p50']:.1f} p99 {row['lag_p99']:.1f} ms"
                if row["delay_p99"] is not None:
                    told += f", after the deciding check p99 {row['delay_p99']:.1f} ms"
                print(f"  detection {mode:<5} round {turn + 1}  {prober.name:<18} {told}", flush=True)
